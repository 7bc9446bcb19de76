"""bot/outbox.py: from Telegram's errors to what becomes of a message, row by row of the table."""

from datetime import timedelta

import aiohttp
import pytest
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TimedOut,
)

from bot.outbox import FIRST_WAIT, LONGEST_WAIT, TRIES_OF_A_BUG, outcome_of
from models import clock
from models.outgoing import Guarantee
from services import outbox
from services.outbox import Again, Dead, Moved, Pause, Sending, Sent, Unreachable

RIDER, GROUP = 5, -100


def sending(chat_id=RIDER, *, method=outbox.SAY, once=False, tries=0):
    return Sending(
        id=1,
        chat_id=chat_id,
        method=method,
        payload={"text": "x"},
        guarantee=Guarantee.AT_MOST_ONCE if once else Guarantee.AT_LEAST_ONCE,
        tries=tries,
        origin=None,
        message_id=None,
        has_photo=False,
        pictures=(),
    )


def caused(error, cause):
    error.__cause__ = cause
    return error


def not_connected():
    return aiohttp.ClientConnectorError(None, OSError(111, "refused"))


def later(seconds, error):
    return Again(1, at=clock.now() + timedelta(seconds=seconds), error=error)


@pytest.fixture(autouse=True)
def still(midday):
    """The clock stands, so that moments can be compared."""


@pytest.mark.parametrize("method", [outbox.BOARD, outbox.PIN])
@pytest.mark.parametrize("error", [BadRequest("not enough rights"), Forbidden("bot was kicked")])
def test_nobody_misses_a_board(method, error):
    assert outcome_of(error, sending(GROUP, method=method)) == Sent(1)


def test_asked_to_wait_the_chat_rests_and_no_other():
    until = clock.now() + timedelta(seconds=17)
    assert outcome_of(RetryAfter(17), sending()) == Pause(1, RIDER, until=until)
    assert outcome_of(RetryAfter(timedelta(seconds=17)), sending()) == Pause(1, RIDER, until=until)


@pytest.mark.parametrize("once", [False, True])
def test_what_was_certainly_not_sent_is_sent_again_whatever_was_promised(once):
    for error in (
        caused(NetworkError("x"), not_connected()),
        caused(TimedOut(), aiohttp.ConnectionTimeoutError()),
    ):
        outcome = outcome_of(error, sending(once=once))
        assert outcome == later(FIRST_WAIT, type(error).__name__)


@pytest.mark.parametrize(
    "cause",
    [aiohttp.SocketTimeoutError(), aiohttp.ServerDisconnectedError(), ConnectionResetError()],
)
def test_what_may_have_arrived_comes_again_if_it_must_and_never_if_only_once(cause):
    kind = TimedOut if isinstance(cause, TimeoutError) else NetworkError
    error = caused(kind("x") if kind is NetworkError else kind(), cause)
    assert outcome_of(error, sending()) == later(FIRST_WAIT, kind.__name__)
    assert outcome_of(error, sending(once=True)) == Dead(1, "nobody knows whether it arrived")


def test_a_server_error_may_have_had_its_effect():
    error = NetworkError("Bad Gateway")
    assert outcome_of(error, sending()) == later(FIRST_WAIT, "NetworkError")
    assert outcome_of(error, sending(once=True)) == Dead(1, "nobody knows whether it arrived")


@pytest.mark.parametrize(
    "words",
    ["bot was blocked by the user", "user is deactivated", "bot can't initiate conversation"],
)
def test_who_cannot_be_reached_is_noted(words):
    assert outcome_of(Forbidden(f"Forbidden: {words}"), sending()) == Unreachable(1, RIDER)


def test_a_group_that_threw_us_out_is_a_dead_letter():
    error = Forbidden("Forbidden: bot was kicked from the supergroup chat")
    assert outcome_of(error, sending(GROUP)) == Dead(1, error.message)


def test_a_group_that_moved_is_followed():
    assert outcome_of(ChatMigrated(-1001), sending(GROUP)) == Moved(1, old_id=GROUP, new_id=-1001)


def test_what_is_so_already_is_done():
    error = BadRequest("Message is not modified: specified new message content …")
    assert outcome_of(error, sending()) == Sent(1)


def test_buttons_of_a_message_that_is_gone_need_no_change():
    error = BadRequest("Message to edit not found")
    assert outcome_of(error, sending(method="editMessageReplyMarkup")) == Sent(1)


def test_out_of_a_chat_already_is_out():
    for error in (Forbidden("Forbidden: bot is not a member"), BadRequest("Chat not found")):
        assert outcome_of(error, sending(GROUP, method="leaveChat")) == Sent(1)


def test_any_other_refusal_is_a_dead_letter():
    assert outcome_of(BadRequest("Chat not found"), sending()) == Dead(1, "Chat not found")


def test_a_token_that_is_void_loses_nothing():
    assert outcome_of(InvalidToken(), sending()) == later(LONGEST_WAIT, "token")


def test_an_unexpected_refusal_is_tried_again():
    assert outcome_of(Conflict("x"), sending()) == later(FIRST_WAIT, "Conflict")


def test_what_breaks_on_our_side_does_not_hold_up_its_chat_for_ever():
    """PTB makes a NetworkError of anything that our own request raises."""
    error = caused(
        NetworkError("Unknown error in HTTP implementation: TypeError()"), TypeError("x")
    )
    assert outcome_of(error, sending(tries=TRIES_OF_A_BUG - 1)) == later(
        FIRST_WAIT * 2 ** (TRIES_OF_A_BUG - 1), "NetworkError"
    )
    assert outcome_of(error, sending(tries=TRIES_OF_A_BUG)) == Dead(1, "a bug on the way out")


def test_waits_double_up_to_the_longest():
    waits = [
        (outcome_of(NetworkError("x"), sending(tries=tries)).at - clock.now()).total_seconds()
        for tries in range(12)
    ]
    assert waits[:4] == [1, 2, 4, 8]
    assert waits[-1] == LONGEST_WAIT
