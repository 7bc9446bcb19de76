"""The life of a report as data: its states, and who may move it from which to which.

The one table of allowed moves is `TRANSITIONS`; services.workflow carries a move out, and nothing
else writes `Report.state`. The picture of it in docs/reviewing.md is drawn from this table.
"""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a report stands."""

    SUBMITTED = "submitted"
    # One reviewer has voted, another has to.
    SECOND = "second"
    # Two votes differ; a chief decides.
    DISPUTED = "disputed"
    ASKED = "asked"
    HELD = "held"
    # The rider objects to a rejection; another reviewer decides.
    APPEALED = "appealed"
    APPROVED = "approved"
    REJECTED = "rejected"
    DUPLICATE = "duplicate"
    # The reviewer's question stayed open too long.
    UNANSWERED = "unanswered"
    WITHDRAWN = "withdrawn"


class Actor(StrEnum):
    """In what capacity somebody acts."""

    RIDER = "rider"
    REVIEWER = "reviewer"
    CHIEF = "chief"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Transition:
    """One allowed move.

    Attributes:
        name: what the event of it is called.
        source: the state it leads from; None: the report begins with it.
        target: the state it leads to.
        actor: who may make it. What a reviewer may, a chief may as well.
        reason_required: it must say why.
    """

    name: str
    source: State | None
    target: State
    actor: Actor
    reason_required: bool = False


# A hazard that still lies in the street as far as we know: what a newcomer may join.
OPEN_STATES: frozenset[State] = frozenset(
    {
        State.SUBMITTED,
        State.SECOND,
        State.DISPUTED,
        State.ASKED,
        State.HELD,
        State.APPEALED,
        State.APPROVED,
    }
)
UNDECIDED_STATES: frozenset[State] = OPEN_STATES - {State.APPROVED}
# It is the desk's turn: the card carries the decisions, and the report counts as waiting.
DESK_STATES: frozenset[State] = UNDECIDED_STATES - {State.ASKED, State.HELD}
# What a decision leads to; the reviewer who made it may undo it for a while.
DECIDED_STATES: frozenset[State] = frozenset({State.APPROVED, State.REJECTED, State.DUPLICATE})
# Where a rider may still take a report back. Who has appealed has had their answer.
WITHDRAWABLE_STATES: frozenset[State] = UNDECIDED_STATES - {State.APPEALED}
# From here a report may be found to be one that is there already.
_MERGEABLE = (
    State.SUBMITTED,
    State.SECOND,
    State.DISPUTED,
    State.HELD,
    State.APPEALED,
)


def _decisions() -> tuple[Transition, ...]:
    """To decide, and to take the decision back, wherever a decision may be made."""
    moves = []
    for source in (State.SUBMITTED, State.SECOND, State.DISPUTED, State.APPEALED):
        who = Actor.CHIEF if source is State.DISPUTED else Actor.REVIEWER
        moves += [
            Transition("approved", source, State.APPROVED, who),
            Transition("rejected", source, State.REJECTED, who, reason_required=True),
            Transition("undone", State.APPROVED, source, who),
            Transition("undone", State.REJECTED, source, who),
        ]
    return tuple(moves)


TRANSITIONS: tuple[Transition, ...] = (
    Transition("submitted", None, State.SUBMITTED, Actor.RIDER),
    *_decisions(),
    *(
        Transition("merged", source, State.DUPLICATE, Actor.REVIEWER, reason_required=True)
        for source in _MERGEABLE
    ),
    *(Transition("undone", State.DUPLICATE, source, Actor.REVIEWER) for source in _MERGEABLE),
    # What it was merged into was taken back or closed: it has to be looked at by itself again.
    Transition("reopened", State.DUPLICATE, State.SUBMITTED, Actor.SYSTEM),
    Transition("reopened", State.DUPLICATE, State.APPEALED, Actor.SYSTEM),
    Transition("voted", State.SUBMITTED, State.SECOND, Actor.REVIEWER, reason_required=True),
    Transition("disputed", State.SECOND, State.DISPUTED, Actor.REVIEWER, reason_required=True),
    Transition("vote_undone", State.SECOND, State.SUBMITTED, Actor.REVIEWER),
    Transition("asked", State.SUBMITTED, State.ASKED, Actor.REVIEWER, reason_required=True),
    Transition("recalled", State.ASKED, State.SUBMITTED, Actor.REVIEWER),
    Transition("answered", State.ASKED, State.SUBMITTED, Actor.RIDER),
    Transition("unanswered", State.ASKED, State.UNANSWERED, Actor.SYSTEM),
    Transition("resumed", State.UNANSWERED, State.SUBMITTED, Actor.RIDER),
    Transition("held", State.SUBMITTED, State.HELD, Actor.REVIEWER, reason_required=True),
    Transition("released", State.HELD, State.SUBMITTED, Actor.REVIEWER),
    Transition("appealed", State.REJECTED, State.APPEALED, Actor.RIDER, reason_required=True),
    *(
        Transition("withdrawn", source, State.WITHDRAWN, Actor.RIDER)
        for source in State
        if source in WITHDRAWABLE_STATES
    ),
)
