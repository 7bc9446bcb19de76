"""Somebody at the desk whose place in its chat is not known: Telegram is asked, then they go on."""

from typing import Any

from telegram import CallbackQuery, Message, User

from handlers.context import Turn
from models.errands import ErrandKind
from services import errands
from services.refusals import StandingInDoubt


def ask_about(
    turn: Turn,
    doubt: StandingInDoubt,
    user: User,
    *,
    press: CallbackQuery | None = None,
    reply: Message | None = None,
) -> None:
    """Have Telegram asked after the commit; what they wanted is done then, if they are in.

    Args:
        turn: the transaction.
        doubt: in which chat they would have to be.
        user: who is in doubt.
        press: the button they pressed, which nobody has answered yet; it is answered then.
        reply: what they wrote in reply to a card.

    Raises:
        TypeError: what came is not what Telegram promises. It fails with its update, which is set
            aside once, and not later in the errand, which would be tried again and again.
    """
    if not isinstance(user.first_name, str) or not _is_told_right(reply):
        raise TypeError("no words where words belong")
    payload: dict[str, Any] = {
        "chat_id": doubt.chat_id,
        "person_id": user.id,
        "name": user.first_name,
        "press": None,
        "reply": None if reply is None else reply.to_dict(),
    }
    if press is not None:
        message = press.message
        payload["press"] = {
            "id": press.id,
            "data": press.data,
            "chat_id": user.id if message is None else message.chat.id,
            "message_id": None if message is None else message.message_id,
        }
    errands.ask(turn.session, kind=ErrandKind.MEMBER, payload=payload, first=True)


def _is_told_right(reply: Message | None) -> bool:
    return reply is None or isinstance(reply.text, str | None)
