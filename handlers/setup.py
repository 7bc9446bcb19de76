"""How the bot learns its place: the first admin's code, /here in a group, comings and goings.

one-time code in private ──▶ the sender is admin
/here moderators [districts] in a group, by an admin ──▶ that chat reviews them, or all the others;
    waiting reports come; whichever chat reviewed them is told
/here topic [districts or categories] in a topic of a forum ──▶ their cards go there
put into a group by somebody else, or one that gets no purpose within a day ──▶ left again
my_chat_member, chat_member, members joining or leaving, a group's upgrade ──▶ noted
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from html import escape
from typing import Any

from telegram import Chat as TelegramChat
from telegram import ChatMember, Update, User
from telegram.ext import ChatMemberHandler, CommandHandler, MessageHandler, filters

from handlers import cards, timers
from handlers.context import Context, Turn, current_turn
from handlers.views import TEXT_LIMIT, View, sentences
from locales import N_, Words
from models import Chat
from models.errands import ErrandKind
from services import chats, errands, people
from services.refusals import NotForYou

HOW = N_(
    "Write it like this:\n"
    "/here moderators – all districts no other desk has\n"
    "/here moderators shanyao fengwei – these districts\n"
    "/here topic pothole – in a topic: these cards come here"
)
# So many districts are named that have no desk.
NAMED = 20
CODE = r"(?i)^\s*[A-Z2-9]{4}-[A-Z2-9]{4}-[A-Z2-9]{4}\s*$"


async def claim(update: Update, context: Context) -> None:
    """Become the first admin with the one-time code."""
    turn, message = context.turn, update.effective_message
    assert message is not None
    people.claim_setup_code(
        turn.session, person=turn.me, text=message.text or "", policy=turn.policy
    )
    turn.tell(
        View(
            turn.words.tr(
                "You are the admin now. Put me into the moderators' group as an administrator, "
                "then write /here moderators in it."
            )
        )
    )


async def here(update: Update, context: Context) -> None:
    """Give the group this is written in its purpose."""
    turn, chat, message = context.turn, update.effective_chat, update.effective_message
    assert chat is not None
    assert message is not None
    topic = message.message_thread_id if message.is_topic_message else None
    if turn.person is None:
        # An anonymous administrator writes as the group itself: nobody knows who it is.
        text = turn.words.tr("Please write that as yourself, not anonymously.")
        turn.say(chat.id, View(text), topic=topic)
        return
    if not people.is_admin(turn.session, person_id=turn.me.id):
        text = turn.words.tr("Only an admin of this bot can do that.")
        turn.say(chat.id, View(text), topic=topic)
        return
    match context.args or []:
        case [chats.MODERATORS, *named]:
            _make_desk(turn, chat, named, topic)
        case ["topic", *named]:
            _use_topic(turn, chat, named, topic)
        case _:
            turn.say(chat.id, View(turn.words.tr(HOW)), topic=topic)


def _make_desk(turn: Turn, chat: TelegramChat, named: Sequence[str], topic: int | None) -> None:
    if chat.username:
        # Strangers read along there, and could press the buttons.
        text = turn.words.tr("This group is public. Make it private first.")
        turn.say(chat.id, View(text), topic=topic)
        return
    found, unknown = _meant(" ".join(named), _districts(turn))
    if unknown:
        _say_unknown(turn, chat.id, unknown, _districts(turn), topic)
        return
    row = chats.register(
        turn.session,
        chat_id=chat.id,
        title=chat.title or "",
        purpose=chats.MODERATORS,
        name=None,
        language=turn.policy.languages.moderators,
    )
    take_over(turn, row, districts=found or None)
    # Without districts a topic of the forum takes all that has none of its own.
    chats.set_topics(turn.session, chat=row, codes=found or (chats.ANY,), topic=topic)
    words = turn.words_of(row.language)
    text = words.tr("This is the review desk now. New reports come here.")
    if found:
        text = words.tr(
            "This is the review desk for {districts} now. New reports from there come here.",
            districts=_listed(turn, found, words),
        )
    turn.say(row.id, View(sentences(text, _left_out(turn, words), words=words)), topic=topic)
    # What the bot may do here only Telegram knows: asked after the commit, told in a message.
    errands.ask(turn.session, kind=ErrandKind.RIGHTS, payload={"chat_id": row.id})
    cards.deal_waiting(turn, row)


def _left_out(turn: Turn, words: Words) -> str:
    """The sentence that there are districts nobody reviews; empty if there are none."""
    bare = chats.without_desk(turn.session, codes=_districts(turn))
    if not bare:
        return ""
    return words.tr(
        "Nobody reviews {districts} yet; reports from there wait.",
        districts=_listed(turn, bare[:NAMED], words) + ("…" if len(bare) > NAMED else ""),
    )


def take_over(turn: Turn, desk: Chat, *, districts: Collection[str] | None) -> None:
    """Have a desk review some districts, or all others, and tell the desks that had them.

    Args:
        turn: the transaction.
        desk: a moderator chat.
        districts: codes; None: all that no other desk reviews.
    """
    for handover in chats.assign(turn.session, chat=desk, districts=districts):
        words = turn.words_of(handover.chat.language)
        where = escape(desk.title) or words.tr("another group")
        if handover.codes is None:
            text = words.tr("From now on {group} reviews what no other desk does.", group=where)
        else:
            text = words.tr(
                "From now on {group} reviews {districts}.",
                group=where,
                districts=_listed(turn, handover.codes, words),
            )
        kept = words.tr("Cards that are here already still work.")
        turn.say(handover.chat.id, View(sentences(text, kept, words=words)))


def _use_topic(turn: Turn, chat: TelegramChat, named: Sequence[str], topic: int | None) -> None:
    row = chats.current(turn.session, chat_id=chat.id)
    if row is None or row.purpose != chats.MODERATORS:
        text = turn.words.tr("This is no review desk yet. Write /here moderators first.")
        turn.say(chat.id, View(text), topic=topic)
        return
    choices = _districts(turn) | _categories(turn)
    found, unknown = _meant(" ".join(named), choices)
    if unknown:
        _say_unknown(turn, chat.id, unknown, choices, topic)
        return
    words = turn.words_of(row.language)
    chats.set_topics(turn.session, chat=row, codes=found or (chats.ANY,), topic=topic)
    what = ", ".join(words.choose(*choices[code]) for code in found) or words.tr("all others")
    text = words.tr("New cards come here: {what}.", what=escape(what))
    if topic is None:
        text = words.tr("New cards come to no topic of their own: {what}.", what=escape(what))
    turn.say(row.id, View(text), topic=topic)


# What may be named after /here: a code, with its Chinese and its English name.
Choices = Mapping[str, tuple[str, str]]


def _districts(turn: Turn) -> dict[str, tuple[str, str]]:
    return {place.code: (place.name_zh, place.name_en) for place in turn.house.districts}


def _categories(turn: Turn) -> dict[str, tuple[str, str]]:
    return {kind.code: (kind.name.zh, kind.name.en) for kind in turn.policy.categories}


def _meant(text: str, choices: Choices) -> tuple[list[str], list[str]]:
    """The codes somebody names by codes or names in either language; and what is none of them.

    Names of several words are understood where commas stand between them, or alone.
    """
    known = {name.casefold(): code for code, pair in choices.items() for name in (code, *pair)}
    pieces = re.split(r"[,，、;；]", text)
    if len(pieces) == 1 and text.strip().casefold() not in known:
        pieces = text.split()
    wanted = [piece.strip() for piece in pieces if piece.strip()]
    found = [known[piece.casefold()] for piece in wanted if piece.casefold() in known]
    return list(dict.fromkeys(found)), [one for one in wanted if one.casefold() not in known]


def _listed(turn: Turn, codes: Iterable[str], words: Words) -> str:
    names = _districts(turn)
    # One that has left the configuration since has its code only.
    shown = [words.choose(*names.get(code, (code, code))) for code in codes]
    return escape(words.choose("、", ", ").join(shown))


def _say_unknown(
    turn: Turn, chat_id: int, unknown: Sequence[str], choices: Choices, topic: int | None
) -> None:
    words = turn.words
    there = "\n".join(f"{code} – {words.choose(*pair)}" for code, pair in choices.items())
    text = words.tr("I do not know: {names}. There are:", names=", ".join(unknown)[:200])
    turn.say(chat_id, View(escape(f"{text}\n{there}"[: TEXT_LIMIT - 100])), topic=topic)


async def bot_moved(update: Update, context: Context) -> None:
    """Note what becomes of the bot: blocked, unblocked, put into a group or out of it."""
    turn, change = context.turn, update.my_chat_member
    assert change is not None
    new = change.new_chat_member
    if change.chat.type == "private":
        if new.status in (ChatMember.BANNED, ChatMember.LEFT):
            people.unreachable(turn.session, person_id=change.chat.id)
        else:
            since = turn.me.unreachable_since
            people.reachable(turn.session, person_id=change.chat.id)
            if since is not None:
                timers.catch_up(turn, turn.me, since)
        return
    before = chats.find(turn.session, chat_id=change.chat.id)
    was_in = before is not None and before.bot_status not in (None, *chats.GONE)
    chat = chats.bot_standing(
        turn.session,
        chat_id=change.chat.id,
        title=change.chat.title or "",
        status=new.status,
    )
    if new.status in chats.GONE:
        if chat.purpose is not None:
            timers.alarm(
                turn,
                key=f"desk_lost:{chat.id}",
                text=turn.words_of(None).tr(
                    "I was taken out of the review desk. Reports wait; put me back in to go on."
                ),
            )
        return
    if was_in:
        return
    if chat.purpose is not None:
        # Somebody may have removed its board meanwhile.
        chat.board_text = None
        cards.deal_waiting(turn, chat)
    elif _may_add(turn, change.from_user.id):
        _greet(turn, chat)
    else:
        _decline(turn, chat, change.from_user.language_code)


def _may_add(turn: Turn, person_id: int) -> bool:
    # While there is no admin yet, whoever sets the bot up may begin with the group.
    return people.is_admin(turn.session, person_id=person_id) or not people.admins(turn.session)


def _greet(turn: Turn, chat: Chat) -> None:
    words = turn.words
    text = words.tr(
        "Hello. To review reports in this group, an admin of mine writes /here moderators in it."
    )
    turn.say(chat.id, View(text))


def _decline(turn: Turn, chat: Chat, language_code: str | None) -> None:
    # In the language of who put the bot there: the group has none of ours.
    words = turn.words_of(people.language_for(language_code, policy=turn.policy))
    text = words.tr(
        "I only work in groups an admin of mine adds me to, so I am leaving.\n"
        "To report a hazard, write to me directly: @{name}",
        name=turn.house.bot_username,
    )
    timers.leave(turn, chat, View(text))


async def member_moved(update: Update, context: Context) -> None:
    """Note who joins, leaves, or changes rank in a group of ours."""
    turn, change = context.turn, update.chat_member
    assert change is not None
    new = change.new_chat_member
    # Only who is restricted may be in or out.
    is_member = bool(getattr(new, "is_member", True))
    _note(turn, change.chat.id, new.user, chats.place(new.status, is_member=is_member))


async def members_told(update: Update, context: Context) -> None:
    """The same from the group's own service messages, where the bot is no administrator."""
    turn, message = context.turn, update.effective_message
    assert message is not None
    for user in message.new_chat_members:
        _note(turn, message.chat.id, user, ChatMember.MEMBER)
    if message.left_chat_member is not None:
        _note(turn, message.chat.id, message.left_chat_member, ChatMember.LEFT)


def _note(turn: Turn, chat_id: int, user: User, status: str) -> None:
    if user.is_bot:
        # No bot is a reviewer, least of all this one.
        return
    chat = chats.current(turn.session, chat_id=chat_id)
    if chat is None or chat.purpose is None:
        # Not one of ours: nobody's comings and goings there are any business of ours.
        return
    chats.member(
        turn.session, chat_id=chat.id, person_id=user.id, status=status, name=user.first_name
    )


async def group_upgraded(update: Update, context: Context) -> None:
    """A group became a supergroup: everything of ours goes with it, open cards are dealt anew."""
    turn, message = context.turn, update.effective_message
    assert message is not None
    if message.migrate_to_chat_id is not None:
        old_id, new_id = message.chat.id, message.migrate_to_chat_id
    else:
        assert message.migrate_from_chat_id is not None
        old_id, new_id = message.migrate_from_chat_id, message.chat.id
    chats.migrate(turn.session, old_id=old_id, new_id=new_id)
    cards.deal_anew(turn, chat_id=new_id)


async def group_language(update: Update, context: Context) -> None:
    """Let an admin change the language of a group of ours."""
    turn, chat = context.turn, update.effective_chat
    assert chat is not None
    row = chats.current(turn.session, chat_id=chat.id)
    if row is None or row.purpose is None:
        return
    if turn.person is None or not people.is_admin(turn.session, person_id=turn.me.id):
        raise NotForYou
    wanted = {"zh": "zh_Hans", "en": "en"}.get((context.args or [""])[0].lower())
    if wanted is None:
        turn.say(row.id, View(escape("/language zh · /language en")))
        return
    row.language = wanted
    turn.say(row.id, View(turn.words_of(wanted).tr("We speak English now.")))


class SetupCodeHandler(MessageHandler[Context, None]):
    """Takes what looks like the one-time code, while one is open; else it is a note like others."""

    def check_update(self, update: object) -> bool | dict[str, list[Any]] | None:
        """Ask PTB's filters first: they cost nothing, the database does."""
        fits = super().check_update(update)
        return fits if fits and people.setup_code_open(current_turn().session) else None


GROUP = filters.UpdateType.MESSAGE & filters.ChatType.GROUPS
HANDLERS = (
    ChatMemberHandler(bot_moved, ChatMemberHandler.MY_CHAT_MEMBER),
    ChatMemberHandler(member_moved, ChatMemberHandler.CHAT_MEMBER),
    MessageHandler(filters.StatusUpdate.MIGRATE, group_upgraded),
    MessageHandler(
        filters.StatusUpdate.NEW_CHAT_MEMBERS | filters.StatusUpdate.LEFT_CHAT_MEMBER, members_told
    ),
    CommandHandler("here", here, filters=GROUP),
    CommandHandler("language", group_language, filters=GROUP),
    SetupCodeHandler(
        filters.UpdateType.MESSAGE & filters.ChatType.PRIVATE & filters.Regex(CODE), claim
    ),
)
