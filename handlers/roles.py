"""/role: admins say who is chief or admin, in a desk by replying, in private by a number.

/role                            ──▶ who holds which role
/role chief · admin · none       as a reply to a colleague's message, in the group of a desk
/role chief · admin · none 1234  in private, with a Telegram id

A role gives no seat at a desk: who acts there must be in its chat as well.
"""

from html import escape
from re import fullmatch

from telegram import Message, Update
from telegram.ext import CommandHandler, filters

from handlers.context import Context, Turn
from handlers.views import View
from locales import Words
from models import Chat
from services import chats, people

ROLES = {"chief": people.CHIEF, "admin": people.ADMIN, "none": None}
# Telegram's ids of people have at most 52 bits.
_ID = r"[1-9][0-9]{0,14}"


async def role_in_desk(update: Update, context: Context) -> None:
    """Change the role of whose message is replied to, or list the roles."""
    turn, message = context.turn, update.effective_message
    assert message is not None
    desk = chats.current(turn.session, chat_id=message.chat.id)
    if desk is None or desk.purpose != chats.MODERATORS:
        return
    words = turn.words_of(desk.language)

    def answer(text: str) -> None:
        turn.say(desk.id, View(text), reply_to=message.message_id)

    if turn.person is None:
        answer(words.tr("Please write that as yourself, not anonymously."))
        return
    people.require_admin(turn.session, person_id=turn.me.id)
    args = context.args or []
    if not args:
        answer(_list_by_name(turn, desk, words))
        return
    colleague = _replied_to(message)
    if len(args) != 1 or args[0] not in ROLES or colleague is None:
        text = words.tr(
            "Reply to a colleague's message with /role chief, /role admin or /role none"
        )
        answer(text)
        return
    person_id, name = colleague
    _set(turn, person_id, args[0])
    answer(escape(_said(args[0], name, words)))


async def role_in_private(update: Update, context: Context) -> None:
    """Change the role of whoever has a number, or list the roles by numbers."""
    turn, words, args = context.turn, context.turn.words, context.args or []
    people.require_admin(turn.session, person_id=turn.me.id)
    if not args:
        turn.tell(View(_list_by_number(turn, words)))
        return
    if len(args) != 2 or args[0] not in ROLES or not fullmatch(_ID, args[1]):
        turn.tell(View(words.tr("Write it like this: /role chief 123456, or admin, or none.")))
        return
    _set(turn, int(args[1]), args[0])
    turn.tell(View(_said(args[0], args[1], words)))


def _set(turn: Turn, person_id: int, wanted: str) -> None:
    people.set_role(turn.session, person_id=person_id, role=ROLES[wanted], policy=turn.policy)


def _replied_to(message: Message) -> tuple[int, str] | None:
    """Whose words are replied to: id and first name; None where they are no colleague's."""
    replied = message.reply_to_message
    if replied is None or replied.forum_topic_created is not None:
        # In a forum whatever answers nothing answers the message that opened the topic.
        return None
    author = replied.from_user
    if author is None or author.is_bot or replied.sender_chat is not None:
        # An anonymous administrator or a channel is nobody one could know again.
        return None
    return author.id, author.first_name


def _said(wanted: str, who: str, words: Words) -> str:
    match wanted:
        case "chief":
            return words.tr("Now chief: {name}", name=who)
        case "admin":
            return words.tr("Now admin: {name}", name=who)
    return words.tr("No role any more: {name}", name=who)


def _list_by_name(turn: Turn, desk: Chat, words: Words) -> str:
    held = people.roles(turn.session)
    names = chats.names(turn.session, chat_id=desk.id, person_ids=[one.person_id for one in held])
    lines = [
        _line(one.role, names[one.person_id], words) for one in held if names.get(one.person_id)
    ]
    others = len(held) - len(lines)
    if others:
        # Who is not of this desk has no name here.
        lines.append(words.trn("{count} elsewhere", "{count} elsewhere", others))
    return escape("\n".join(lines))


def _list_by_number(turn: Turn, words: Words) -> str:
    return "\n".join(
        _line(one.role, f"<code>{one.person_id}</code>", words)
        for one in people.roles(turn.session)
    )


def _line(role: str, who: str, words: Words) -> str:
    if role == people.ADMIN:
        return words.tr("Admin: {name}", name=who)
    return words.tr("Chief: {name}", name=who)


# What somebody forwards they have not said.
_SAID = filters.UpdateType.MESSAGE & ~filters.FORWARDED
HANDLERS = (
    CommandHandler("role", role_in_desk, filters=_SAID & filters.ChatType.GROUPS),
    CommandHandler("role", role_in_private, filters=_SAID & filters.ChatType.PRIVATE),
)
