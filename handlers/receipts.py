"""A report where its rider sees it: one message, brought up to date as the report moves on."""

from handlers import rider_views
from handlers.context import Turn
from handlers.rider_views import Earned
from locales import Words
from models import Card, Report
from models.cards import CardPurpose
from models.workflow import UNDECIDED_STATES
from services import appeals, cards, desk, ledger, payments, people, reports


def tell_riders(turn: Turn, report: Report) -> None:
    """Bring the receipts of the reporter and of all who joined up to date."""
    for person_id in (report.reporter_id, *reports.joiners(turn.session, report_id=report.id)):
        show_receipt(turn, report, person_id=person_id)


def show_receipt(turn: Turn, report: Report, *, person_id: int) -> Card:
    """Show a rider where a report stands, on the one message they have of it."""
    person = people.find(turn.session, person_id=person_id)
    words = turn.words_of(person.language if person else None)
    card, is_new = cards.find_or_make(
        turn.session, report_id=report.id, chat_id=person_id, purpose=CardPurpose.RECEIPT
    )
    district = turn.house.districts.by_code(report.district)
    if person_id != report.reporter_id:
        earned = _joiners_earnings(turn, report, person_id)
        is_news = card.message_id is not None or earned.points
        view = (
            rider_views.outcome(report, earned=earned, words=words)
            if report.state not in UNDECIDED_STATES and is_news
            else rider_views.joined(report, district=district, words=words)
        )
    elif report.state in UNDECIDED_STATES:
        wait = desk.usual_wait_minutes(turn.session)
        view = rider_views.receipt(report, district=district, wait_minutes=wait, words=words)
    else:
        may_appeal = appeals.is_open(report, policy=turn.policy)
        earned = _earnings(turn, report)
        view = rider_views.outcome(report, earned=earned, may_appeal=may_appeal, words=words)
    turn.show(card, view, is_new=is_new)
    return card


def ask(turn: Turn, report: Report) -> None:
    """Put the reviewer's question to the rider, beside what their receipt says."""
    show_receipt(turn, report, person_id=report.reporter_id)
    turn.say(report.reporter_id, rider_views.question(report, _words(turn, report)))


def close_unanswered(turn: Turn, report: Report) -> None:
    """Tell a rider that their report was closed for want of an answer."""
    for person_id in reports.joiners(turn.session, report_id=report.id):
        show_receipt(turn, report, person_id=person_id)
    show_receipt(turn, report, person_id=report.reporter_id)
    turn.say(report.reporter_id, rider_views.unanswered(report, _words(turn, report)))


def _earnings(turn: Turn, report: Report) -> Earned:
    """What the reporter was paid for a report."""
    session, rider = turn.session, report.reporter_id
    return Earned(
        points=report.points or 0,
        balance=ledger.balance(session, person_id=rider),
        less=payments.why_less(session, report_id=report.id, person_id=rider)
        if report.points is not None
        else [],
        is_reporter=True,
    )


def _joiners_earnings(turn: Turn, report: Report, person_id: int) -> Earned:
    """What somebody who joined a report was paid for it."""
    points = payments.earned(turn.session, report_id=report.id, person_id=person_id)
    return Earned(
        points=points or 0,
        balance=ledger.balance(turn.session, person_id=person_id),
        less=[],
        is_reporter=False,
    )


def _words(turn: Turn, report: Report) -> Words:
    rider = people.find(turn.session, person_id=report.reporter_id)
    return turn.words_of(rider.language if rider else None)
