"""What the bot says without being asked: reminders, late cards, apologies, alarms."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from html import escape

from handlers import board, cards, decided, questions, receipts, shop, vouchers
from handlers.context import Turn
from handlers.conversation import REPORT
from handlers.views import View
from models import Chat, Draft, Person, Report, Voucher
from services import (
    alarms,
    attempts,
    chats,
    claims,
    clarifications,
    conversations,
    decisions,
    drafts,
    outbox,
    people,
    photos,
    programme,
    shop_statements,
    shops,
    updates,
)
from services import cards as card_rows
from services.shop_statements import Due, Form


def remind(turn: Turn, draft: Draft) -> None:
    """Remind a rider of a draft they left lying, unless they cannot be reached."""
    turn.person = people.find(turn.session, person_id=draft.person_id)
    if turn.person is None or turn.person.unreachable_since is not None:
        return
    step = drafts.step(turn.session, draft=draft, policy=turn.policy)
    lead = turn.words.tr("Your report is not finished yet.")
    turn.tell(questions.question(turn, draft, step, lead=lead))


def expire(turn: Turn) -> None:
    """Throw away the drafts whose time is over."""
    for person_id in drafts.discard_expired(turn.session):
        conversations.forget(turn.session, name=REPORT, key=(person_id, person_id))


def expire_voucher(turn: Turn, voucher: Voucher) -> None:
    """Give the points of a voucher back whose time is over."""
    vouchers.expire(turn, voucher)


def watch_budget(turn: Turn) -> None:
    """Tell the admins, once a month each, that the budget is nearly and then wholly used up."""
    month = programme.this_month(turn.session, policy=turn.policy)
    if not month.nearly_used_up:
        return
    words = turn.words_of(None)
    paid, budget = words.number(month.paid), words.number(month.budget)
    if month.used_up:
        key = f"budget_used_up:{month.name}"
        text = words.tr(
            "The points of this month are used up: {paid} of {budget}. Approved reports earn "
            "none until the 1st, or until points.monthly_budget is raised.",
            paid=paid,
            budget=budget,
        )
    else:
        key = f"budget_nearly:{month.name}"
        text = words.tr(
            "The riders have earned {paid} of this month's {budget} points.",
            paid=paid,
            budget=budget,
        )
    if alarms.ring_once(turn.session, key=key):
        _tell_admins(turn, text)


def look_for_undealt(turn: Turn) -> None:
    """Find the desks where a report waits for its card, whoever should have dealt it."""
    for desk in chats.moderators(turn.session):
        area = chats.area_of(turn.session, chat=desk)
        if card_rows.undealt(turn.session, chat_id=desk.id, area=area, limit=1):
            chats.fall_behind(turn.session, chat=desk)


def waiting(turn: Turn) -> Iterator[Report]:
    """Reports there is room for by now, in order; whoever asks for them deals each."""
    for desk in chats.moderators(turn.session):
        if desk.behind:
            yield from cards.waiting(turn, desk)


def deal(turn: Turn, report: Report) -> None:
    """Deal a report there is room for."""
    cards.deal_now(turn, report)


def show_board(turn: Turn, desk: Chat) -> None:
    """Bring the board of a desk up to date."""
    board.bring_up_to_date(turn, desk)


def end_claim(turn: Turn, report: Report) -> None:
    """Show that nobody has a card any more whose claim has run out."""
    claims.end(turn.session, report=report)
    cards.refresh_review_cards(turn, report)


def close_unanswered(turn: Turn, report: Report) -> None:
    """Close a report whose rider has left a question open for too long."""
    clarifications.close(turn.session, report=report)
    decided.let_go(turn, report)
    cards.refresh_review_cards(turn, report)
    receipts.close_unanswered(turn, report)


def catch_up(turn: Turn, person: Person, since: datetime) -> None:
    """Tell somebody who can be reached again what was decided while they could not be.

    Args:
        turn: the transaction.
        person: who blocked the bot and came back.
        since: from when on they were known to be unreachable.
    """
    for report in decisions.missed(turn.session, person_id=person.id, since=since):
        receipts.show_receipt(turn, report, person_id=person.id)


def send_statement(turn: Turn, due: Due) -> None:
    """Send a statement to a shop's staff and the admins, once, whoever comes by it.

    A day's goes out as PDF, a month's as CSV, too.
    """
    row = shops.get(turn.session, shop_id=due.shop_id)
    if row is None or not shop_statements.write(
        turn.session, shop_id=due.shop_id, period=due.period
    ):
        return
    for person_id, language in shops.readers_of(turn.session, shop_id=row.id):
        for form in (Form.PDF, Form.CSV) if due.period.is_month else (Form.PDF,):
            shop.send(
                turn,
                person_id,
                shop=row,
                period=due.period,
                form=form,
                words=turn.words_of(language),
                bulk=True,
            )


def tidy(turn: Turn) -> None:
    """Once a day: forget what can no longer matter."""
    updates.forget_old(turn.session)
    photos.forget_unused(turn.session)
    attempts.forget_old(turn.session)


def leave(turn: Turn, chat: Chat, view: View) -> None:
    """Say a last word in a group or channel, then leave it."""
    outbox.queue(turn.session, chat_id=chat.id, method=outbox.LAST_WORD, payload=view.payload())
    turn.call(chat.id, "leaveChat")


def leave_unclaimed(turn: Turn, chat: Chat) -> None:
    """Leave a group nobody gave a purpose in time."""
    words = turn.words_of(chat.language)
    text = words.tr(
        "Nobody has told me what this group is for, so I am leaving.\n"
        "An admin of mine can add me again at any time."
    )
    leave(turn, chat, View(text))
    # Whatever Telegram says to it, it is not done again.
    chats.bot_standing(turn.session, chat_id=chat.id, title="", status="left")


def alarm_desks(turn: Turn, *, bare: Sequence[str], away: Sequence[int]) -> None:
    """Tell the admins which districts nobody reviews, and which desks the bot is not in.

    Args:
        turn: the transaction.
        bare: codes of districts without a desk.
        away: ids of moderator chats.
    """
    words = turn.words_of(None)
    if bare:
        districts = [turn.house.districts.by_code(code) for code in bare]
        named = (words.choose(one.name_zh, one.name_en) for one in districts if one)
        text = words.tr(
            "No review desk for {districts}. Reports from there wait; "
            "write /here moderators in the group that is to review them.",
            districts=words.choose("、", ", ").join(named),
        )
        alarm(turn, key=f"no_desk:{','.join(bare)}", text=text)
    for chat_id in away:
        chat = chats.find(turn.session, chat_id=chat_id)
        text = words.tr(
            "I am not in the review desk {group}. Its reports wait; put me in to go on.",
            group=(chat.title if chat else "") or str(chat_id),
        )
        alarm(turn, key=f"desk_away:{chat_id}", text=text)


def apologise(turn: Turn, *, chat_id: int) -> None:
    """Tell somebody whose message could not be handled that nothing of theirs is lost."""
    turn.say(
        chat_id,
        View(
            turn.words.tr(
                "Something broke on our side and we have been told. "
                "What you gave before is safe; please try that last step once more."
            )
        ),
    )


def alarm(turn: Turn, *, key: str, text: str) -> None:
    """Tell the admins of something that needs them, at most once an hour for the same cause.

    Args:
        turn: the transaction.
        key: the cause.
        text: what happened, for people who run the bot: names no rider and no place.
    """
    if alarms.ring(turn.session, key=key):
        _tell_admins(turn, text)


def _tell_admins(turn: Turn, text: str) -> None:
    for admin in people.admins(turn.session):
        turn.say(admin, View(f"🚨 {escape(text)}"))
