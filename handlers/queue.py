"""/queue: a reviewer asks for work, and is dealt the next reports in private.

/queue in a desk or in private, by somebody of a desk
  └──▶ up to five reports, oldest danger first, each with its card and claimed for them
         └──[the card's buttons]──▶ as in the desk (handlers/review.py)
/queue by anybody else ──▶ refused
by somebody the bot may not write to ──▶ told in the desk how that is changed

A private chat spends nothing of a group's budget: so what waits at a busy desk is worked off faster
than the group could take the cards.
"""

from collections.abc import Sequence

from telegram import Message, Update, User
from telegram.ext import CommandHandler, filters

from handlers import cards, standing
from handlers.context import Context, Turn
from handlers.views import View
from models import Chat, Report
from services import cards as card_rows
from services import chats, claims, people
from services.refusals import StandingInDoubt
from services.reviewers import Reviewer

# So many reports somebody has in hand at most.
IN_HAND = 5


async def asked(update: Update, context: Context) -> None:
    """Deal the next reports to who asks for them.

    Raises:
        NotForYou: they are not in that desk any more.
    """
    turn, user, message = context.turn, update.effective_user, update.effective_message
    assert user is not None
    assert message is not None
    try:
        take(turn, message, user)
    except StandingInDoubt as doubt:
        standing.ask_about(turn, doubt, user, reply=message)


def is_asked(message: Message) -> bool:
    """Whether a message asks for work."""
    return (message.text or "").startswith("/queue")


def take(turn: Turn, message: Message, user: User) -> None:
    """Deal the next reports to who asks for them: of one desk, or in private of all of theirs.

    Args:
        turn: the transaction.
        message: in which they ask.
        user: who.

    Raises:
        NotForYou: they are not in that desk any more.
        StandingInDoubt: whether they are has to be asked first.
    """
    if message.chat.type == "private":
        desks = chats.desks_of(turn.session, person_id=turn.me.id)
        if not desks:
            text = turn.words.tr("That is for reviewers: write /queue in your review desk.")
            turn.tell(View(text))
            return
        for desk in desks:
            chats.require_member(turn.session, chat=desk, person_id=turn.me.id)
        _deal(turn, desks, _reviewer(turn, user.first_name))
        return
    desk_here = chats.current(turn.session, chat_id=message.chat.id)
    if desk_here is None or desk_here.purpose != chats.MODERATORS:
        return
    topic = message.message_thread_id if message.is_topic_message else None
    if turn.person is None:
        text = turn.words_of(desk_here.language).tr(
            "Please write that as yourself, not anonymously."
        )
        turn.say(desk_here.id, View(text), topic=topic)
        return
    chats.require_member(turn.session, chat=desk_here, person_id=turn.me.id)
    if turn.me.unreachable_since is not None:
        cards.say_start_first(turn, desk_here, name=user.first_name, topic=topic)
        return
    _deal(turn, [desk_here], _reviewer(turn, user.first_name))


def _reviewer(turn: Turn, name: str) -> Reviewer:
    chief = people.is_chief(turn.session, person_id=turn.me.id)
    return Reviewer(id=turn.me.id, name=name[:128], is_chief=chief)


def _deal(turn: Turn, desks: Sequence[Chat], reviewer: Reviewer) -> None:
    words = turn.words
    room = IN_HAND - len(claims.held_by(turn.session, person_id=reviewer.id))
    if room <= 0:
        text = words.tr("You have {count} in hand. Decide on those first.", count=IN_HAND)
        turn.tell(View(text))
        return
    found = _next(turn, desks, reviewer, room)
    if not found:
        turn.tell(View(words.tr("Nothing waits for you.")))
        return
    for report in found:
        claims.take(turn.session, report=report, reviewer=reviewer, policy=turn.policy)
    until = found[0].claimed_until
    assert until is not None
    turn.tell(
        View(
            words.trn(
                "{count} report for you, reserved until {clock}.",
                "{count} reports for you, reserved until {clock}.",
                len(found),
                clock=words.clock(until),
            )
        )
    )
    for report in found:
        cards.deal_in_private(turn, report, person=turn.me)
        # Colleagues see on its card, where it has one, that somebody works on it.
        cards.refresh_review_cards(turn, report)


def _next(turn: Turn, desks: Sequence[Chat], reviewer: Reviewer, room: int) -> list[Report]:
    found = [
        report
        for desk in desks
        for report in card_rows.to_review(
            turn.session,
            area=chats.area_of(turn.session, chat=desk),
            reviewer=reviewer,
            limit=room,
        )
    ]
    # Each desk has given its own first; dangers first, then the oldest of all.
    return sorted(found, key=lambda report: (not report.danger, report.id))[:room]


NEW = filters.UpdateType.MESSAGE
HANDLERS = (
    CommandHandler(
        "queue", asked, filters=NEW & (filters.ChatType.PRIVATE | filters.ChatType.GROUPS)
    ),
)
