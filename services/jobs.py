"""When the jobs of the timetable last did what they are for."""

from sqlalchemy.orm import Session

from models import JobRun, clock
from services.upserts import insert_or_update


def succeeded(session: Session, *, name: str) -> None:
    """Take note that a job has just succeeded, in whichever process.

    Args:
        session: the transaction in which it did.
        name: of the job.
    """
    insert_or_update(
        session, model=JobRun, values={"name": name, "succeeded_at": clock.now()}, key=("name",)
    )
