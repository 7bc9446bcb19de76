"""What a handler works with: one update's transaction, the one who sent it, and ways to answer.

Nothing here touches the network: answers become rows in the same transaction and are sent after
the commit. The answer to a button press is the exception; it is kept aside and sent, best effort,
once the commit is through.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Self

from telegram import Update
from telegram.ext import Application, CallbackContext, ExtBot

from handlers.views import View
from locales import Words
from models import Card, Person
from models.base import Session
from models.policy import Policy
from services import outbox
from services.districts import Districts
from services.refusals import OutOfDate


@dataclass(frozen=True, slots=True)
class House:
    """What is the same for every update while the process runs.

    Attributes:
        policy: the rules an operator tunes.
        districts: where we work.
        words: each language of ours.
        bot_username: for links and commands, without the @.
        map_url: a link to a map, with {latitude} and {longitude}.
        finds_addresses: a geocoder is configured.
        group_per_minute: messages and edits one group takes; 0: as many as come.
    """

    policy: Policy
    districts: Districts
    words: Mapping[str, Words]
    bot_username: str
    map_url: str
    finds_addresses: bool
    group_per_minute: int


@dataclass(frozen=True, slots=True)
class ButtonAnswer:
    """The answer to a button press, shown for a moment (or until closed, as an alert)."""

    callback_query_id: str
    text: str
    alert: bool


@dataclass(slots=True)
class Turn:
    """One transaction and what is said in it.

    Attributes:
        session: the transaction; handlers hand it to services.
        house: rules, districts, languages.
        person: who sent the update; None in a timer's turn or for a channel's update.
        button_answers: to be sent after the commit.
        conversations: states by name, once somebody asked.
        failure: what a handler raised that is no refusal: the transaction is rolled back.
        forged: somebody pressed a button they never had, or one nobody made; to be counted after
            the commit.
    """

    session: Session
    house: House
    person: Person | None = None
    button_answers: list[ButtonAnswer] = field(default_factory=list)
    failure: BaseException | None = None
    forged: bool = False
    conversations: dict[str, str] | None = None

    @property
    def me(self) -> Person:
        """Who sent the update, where somebody must have."""
        assert self.person is not None
        return self.person

    @property
    def policy(self) -> Policy:
        """The rules an operator tunes."""
        return self.house.policy

    @property
    def words(self) -> Words:
        """The language of who sent the update."""
        return self.words_of(self.person.language if self.person else None)

    def words_of(self, language: str | None) -> Words:
        """A language of ours; the default one for None or one we do not speak (any more)."""
        fallback = self.house.words[self.policy.languages.default]
        return self.house.words.get(language or "", fallback)

    def say(
        self, chat_id: int, view: View, *, reply_to: int | None = None, topic: int | None = None
    ) -> None:
        """Send something as a new message, after the commit; of a forum, into a topic."""
        payload = view.payload() | in_topic(topic)
        if reply_to is not None:
            payload["reply_to"] = reply_to
        outbox.queue(self.session, chat_id=chat_id, method=outbox.SAY, payload=payload)

    def tell(self, view: View) -> None:
        """Send something to who sent the update, in their private chat."""
        self.say(self.me.id, view)

    def show(
        self, card: Card, view: View, *, is_new: bool = False, topic: int | None = None
    ) -> None:
        """Show a view on a card: sent if it is nowhere yet, edited where it stands otherwise."""
        outbox.queue(
            self.session,
            chat_id=card.chat_id,
            method=outbox.SHOW,
            payload=view.payload() | in_topic(topic),
            card=card,
            card_is_new=is_new,
        )

    def edit(self, update: Update, view: View, *, chat_id: int | None = None) -> None:
        """Show something else on the message whose button was pressed, after the commit.

        Under a picture its caption is changed, and the picture stays.

        Args:
            update: the press.
            view: what to show instead.
            chat_id: where the message stands; None: in the private chat of who pressed. It is never
                taken from the press, which may be forged: what is shown must not reach a group.

        Raises:
            OutOfDate: it is too old to be changed.
        """
        message = update.effective_message
        if message is None:
            raise OutOfDate
        payload = view.payload()
        method, words = (
            ("editMessageCaption", "caption") if message.photo else ("editMessageText", "text")
        )
        self.call(
            self.me.id if chat_id is None else chat_id,
            method,
            message_id=message.message_id,
            parse_mode="HTML",
            reply_markup=payload.get("reply_markup"),
            **{words: payload["text"]},
        )

    def call(self, chat_id: int, method: str, **parameters: Any) -> None:
        """Call a method of the Bot API about a chat, after the commit."""
        outbox.queue(self.session, chat_id=chat_id, method=method, payload=parameters)

    def toast(self, update: Update, text: str = "", *, alert: bool = False) -> None:
        """Answer a button press; without text it only stops the button's spinner.

        Telegram takes one answer a press: a later one replaces an earlier one.
        """
        if update.callback_query is not None:
            self.answer(update.callback_query.id, text, alert=alert)

    def answer(self, query_id: str, text: str = "", *, alert: bool = False) -> None:
        """Answer a button press by its id, as `toast` does, where its update is over."""
        # 200 characters are Telegram's limit for these.
        self.button_answers[:] = [ButtonAnswer(query_id, text[:200], alert)]


def in_topic(topic: int | None) -> dict[str, int]:
    """The parameter that sends something into a topic of a forum; none for None."""
    return {} if topic is None else {"message_thread_id": topic}


_turn: ContextVar[Turn] = ContextVar("turn")


class Context(CallbackContext[ExtBot[None], dict[Any, Any], dict[Any, Any], dict[Any, Any]]):
    """PTB's context, with the turn its update belongs to."""

    turn: Turn

    @classmethod
    def from_update(
        cls, update: object, application: Application[Any, Any, Any, Any, Any, Any]
    ) -> Self:
        """Make the context of an update; the intake has set the turn before."""
        context = super().from_update(update, application)
        context.turn = _turn.get()
        return context


def current_turn() -> Turn:
    """The turn of the update being routed in this thread."""
    return _turn.get()


@contextmanager
def taking_turn(turn: Turn) -> Iterator[None]:
    """Make a turn the current one for the length of a `with` block."""
    token = _turn.set(turn)
    try:
        yield
    finally:
        _turn.reset(token)
