"""The private names of python-telegram-bot that handlers/conversation.py stands on."""

import inspect
from types import SimpleNamespace

import telegram
from telegram import Chat, Message, Update, User
from telegram.ext import ConversationHandler

from handlers.context import taking_turn
from handlers.conversation import REPORT, StoredConversation
from models import clock
from services import conversations

KEY = (5, 5)


def conversation():
    return StoredConversation(name=REPORT, entry_points=[], states={"place": []}, fallbacks=[])


def update(chat_type="private"):
    user = User(5, "Bo", is_bot=False)
    message = Message(1, clock.now(), Chat(5, chat_type), from_user=user, text="hello")
    return Update(1, message=message)


def test_the_release_is_one_the_pins_were_read_in():
    assert telegram.__version__.split(".")[:2] == ["22", "8"]


def test_states_are_kept_in_a_dict_by_key():
    assert conversation()._conversations == {}


def test_the_key_is_chat_and_person():
    assert conversation()._get_key(update()) == KEY


def test_a_state_is_written_by_the_method_we_replace():
    replaced = inspect.signature(ConversationHandler._update_state)
    assert list(replaced.parameters) == ["self", "new_state", "key", "handler"]
    source = inspect.getsource(ConversationHandler.handle_update)
    assert "self._update_state(" in source


def in_turn(session):
    return taking_turn(SimpleNamespace(session=session, conversations=None))


def test_what_another_process_wrote_is_what_counts(database):
    table = conversation()
    with database.transaction() as session:
        conversations.set_state(session, name=REPORT, key=KEY, state="place")
    with database.transaction() as session, in_turn(session):
        table.check_update(update())
    assert table._conversations == {KEY: "place"}
    with database.transaction() as session:
        conversations.forget(session, name=REPORT, key=KEY)
    with database.transaction() as session, in_turn(session):
        table.check_update(update())
    assert table._conversations == {}


def test_a_state_goes_into_its_row_and_the_end_takes_it_away(database):
    table = conversation()
    with database.transaction() as session, in_turn(session):
        table._update_state("place", KEY)
        table._update_state(None, KEY)
    with database.transaction() as session:
        assert conversations.states(session, key=KEY) == {REPORT: "place"}
    with database.transaction() as session, in_turn(session):
        table._update_state(ConversationHandler.END, KEY)
    with database.transaction() as session:
        assert conversations.states(session, key=KEY) == {}


def test_groups_have_no_conversations(database):
    with database.transaction() as session, in_turn(session):
        assert conversation().check_update(update("group")) is None
