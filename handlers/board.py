"""The pinned message of a review desk: how much waits there, and what was decided today."""

from handlers.context import Turn
from handlers.views import sentences
from locales import Words
from models import Chat, clock
from services import boards, chats
from services.boards import Standing


def bring_up_to_date(turn: Turn, desk: Chat) -> None:
    """Have the board of a desk tell how it stands, if it does not yet and there is room for it."""
    area = chats.area_of(turn.session, chat=desk)
    found = boards.standing(turn.session, area=area, policy=turn.policy)
    boards.post(
        turn.session,
        chat=desk,
        text=text(found, turn.words_of(desk.language)),
        per_minute=turn.house.group_per_minute,
    )


def text(standing: Standing, words: Words) -> str:
    """What a board says: it changes only when something happens, ages grow by themselves."""
    today = words.tr(
        "Today: {approved} approved, {rejected} rejected, {merged} merged",
        approved=words.number(standing.approved),
        rejected=words.number(standing.rejected),
        merged=words.number(standing.merged),
    )
    held = ""
    if standing.held:
        held = "\n" + words.tr("⏸ On hold: {count}", count=words.number(standing.held))
    if not standing.waiting or standing.oldest is None:
        return sentences(words.tr("☕ Nothing waits."), today, words=words) + held
    waiting = words.trn("📋 {count} waiting", "📋 {count} waiting", standing.waiting)
    if standing.dangers:
        dangers = words.number(standing.dangers)
        waiting += " · " + words.tr("dangers: {count}", count=dangers)
    moment = standing.oldest
    shown = words.clock(moment)
    if not words.is_today(moment, now=clock.now()):
        shown = f"{words.day(moment)} {shown}"
    oldest = words.tr("the oldest")
    age = f'<tg-time unix="{int(moment.timestamp())}" format="r">{shown}</tg-time>'
    return f"{waiting} · {oldest} ⏱ {age}\n{today}{held}"
