"""Who sits at the desk, and which reports are not theirs to work on."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from models import Report
from models.workflow import Actor
from services import reports
from services.refusals import OwnReport


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Who sits at the desk.

    Attributes:
        id: Telegram's.
        name: as colleagues know them.
        is_chief: they may settle what reviewers cannot agree on.
    """

    id: int
    name: str
    is_chief: bool

    @property
    def actor(self) -> Actor:
        """In what capacity they act."""
        return Actor.CHIEF if self.is_chief else Actor.REVIEWER


def refuse_own(session: Session, *, report: Report, reviewer: Reviewer) -> None:
    """Stop somebody from working on a report of their own.

    Raises:
        OwnReport: they made or joined it, so they would be paid for it or have a say in it.
    """
    if reviewer.id == report.reporter_id or reviewer.id in reports.joiners(
        session, report_id=report.id
    ):
        raise OwnReport
