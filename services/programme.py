"""The month's budget of the programme: what it may pay, and what it has paid."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models import MonthlyBudget, clock
from models.policy import Policy
from services.upserts import insert_new

# The admins hear of it when so much of the budget is used up.
ALARM_AT = 0.8


@dataclass(frozen=True, slots=True)
class Month:
    """A month of the programme.

    Attributes:
        name: 2026-11.
        paid: points so far, net of what was taken back.
        budget: points it may pay; 0: no limit.
    """

    name: str
    paid: int
    budget: int

    @property
    def left(self) -> int | None:
        """What may still be paid; None where there is no limit."""
        return max(0, self.budget - self.paid) if self.budget else None

    @property
    def used_up(self) -> bool:
        """Nothing can be paid any more."""
        return self.left == 0

    @property
    def nearly_used_up(self) -> bool:
        """It is time to tell the admins."""
        return bool(self.budget) and self.paid >= self.budget * ALARM_AT


def name_of(moment: datetime, *, policy: Policy) -> str:
    """The month a moment lies in, in the programme's zone."""
    return moment.astimezone(policy.zone).strftime("%Y-%m")


def this_month(session: Session, *, policy: Policy) -> Month:
    """How the month stands."""
    name = name_of(clock.now(), policy=policy)
    paid = session.scalar(select(MonthlyBudget.paid).where(MonthlyBudget.month == name))
    return Month(name, paid or 0, policy.points.monthly_budget)


def lock_month(session: Session, *, policy: Policy) -> Month:
    """How the month stands, with its row locked: whoever pays comes one after another.

    It is the last row to be locked, after people and reports.
    """
    name = name_of(clock.now(), policy=policy)
    insert_new(session, model=MonthlyBudget, values={"month": name, "paid": 0})
    paid = session.scalar(
        select(MonthlyBudget.paid).where(MonthlyBudget.month == name).with_for_update()
    )
    assert paid is not None
    return Month(name, paid, policy.points.monthly_budget)


def note_payment(session: Session, *, month: str, points: int) -> None:
    """Add to what a month has paid, or take from it what was taken back.

    Args:
        session: the transaction.
        month: in which it was paid.
        points: how many; below zero for what was taken back.
    """
    session.execute(
        update(MonthlyBudget)
        .where(MonthlyBudget.month == month)
        .values(paid=MonthlyBudget.paid + points)
    )
