"""What an operator books by hand, and takes back: the account of corrections is the other side."""

from sqlalchemy.orm import Session

from models import LedgerTransaction, clock
from services import ledger, people
from services.ledger import ADJUSTMENT, CORRECTIONS


def adjust(session: Session, *, person_id: int, points: int, why: str) -> int | None:
    """Give a rider points, or take some, whatever the rules say.

    Args:
        session: the transaction.
        person_id: whose.
        points: how many; below zero to take. The balance may fall below zero.
        why: the rider reads it beside the booking.

    Returns:
        The number of the transaction; None if nobody has that id, or there are no points.
    """
    if not points or people.find(session, person_id=person_id) is None:
        return None
    rider = ledger.rider(person_id)
    subject = f"person:{person_id}:{clock.now().isoformat()}"
    ledger.move(
        session,
        points=abs(points),
        source=CORRECTIONS if points > 0 else rider,
        to=rider if points > 0 else CORRECTIONS,
        rule=ADJUSTMENT,
        subject=subject,
        terms={"why": why},
    )
    return ledger.find(session, rule=ADJUSTMENT, subject=subject)


def take_back(session: Session, *, transaction_id: int, why: str) -> bool:
    """Take back what was booked by hand, once.

    Returns:
        False if it was taken back before, or is nothing that was booked by hand.
    """
    booking = session.get(LedgerTransaction, transaction_id)
    if booking is None or booking.rule != ADJUSTMENT:
        return False
    return ledger.reverse(session, transaction_id=transaction_id, why=why)
