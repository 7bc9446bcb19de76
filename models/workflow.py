"""The life of a report as data: its states, and who may move it from which to which.

The one table of allowed moves is `TRANSITIONS`; services.workflow carries a move out, and nothing
else writes `Report.state`.
"""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a report stands."""

    SUBMITTED = "submitted"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class Actor(StrEnum):
    """In what capacity somebody acts."""

    RIDER = "rider"
    REVIEWER = "reviewer"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Transition:
    """One allowed move.

    Attributes:
        name: what the event of it is called.
        source: the state it leads from; None: the report begins with it.
        target: the state it leads to.
        actor: who may make it.
        reason_required: it must say why.
    """

    name: str
    source: State | None
    target: State
    actor: Actor
    reason_required: bool = False


TRANSITIONS: tuple[Transition, ...] = (
    Transition("submitted", None, State.SUBMITTED, Actor.RIDER),
    Transition("approved", State.SUBMITTED, State.APPROVED, Actor.REVIEWER),
    Transition("rejected", State.SUBMITTED, State.REJECTED, Actor.REVIEWER, reason_required=True),
    Transition("withdrawn", State.SUBMITTED, State.WITHDRAWN, Actor.RIDER),
)

# A hazard that still lies in the street as far as we know: what a newcomer may join.
OPEN_STATES: frozenset[State] = frozenset({State.SUBMITTED, State.APPROVED})
UNDECIDED_STATES: frozenset[State] = frozenset({State.SUBMITTED})
