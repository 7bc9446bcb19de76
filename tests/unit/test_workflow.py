"""The life of a report: only allowed moves, one at a time, each with its event."""

import pytest
from sqlalchemy import select, update

from models import Report, ReportEvent
from models.workflow import DESK_STATES, OPEN_STATES, TRANSITIONS, UNDECIDED_STATES, Actor, State
from services import workflow
from services.refusals import AlreadyDecided


def events(session, report):
    return session.scalars(
        select(ReportEvent).where(ReportEvent.report_id == report.id).order_by(ReportEvent.id)
    ).all()


def test_the_table_is_sound():
    moves = [(step.name, step.source, step.target) for step in TRANSITIONS]
    assert len(moves) == len(set(moves))
    assert {step.target for step in TRANSITIONS} == set(State)
    assert [step.name for step in TRANSITIONS if step.source is None] == ["submitted"]
    assert DESK_STATES < UNDECIDED_STATES < OPEN_STATES


def test_every_state_can_be_left_or_is_an_end():
    ends = set(State) - {step.source for step in TRANSITIONS}
    assert ends == {State.WITHDRAWN}


def put_into(session, report, state):
    """As if it had come there by itself."""
    session.execute(update(Report).where(Report.id == report.id).values(state=state))
    session.refresh(report)


def test_every_move_changes_the_state_and_leaves_one_event(database, scene, midday):
    for step in TRANSITIONS:
        if step.source is None:
            continue
        with database.transaction() as session:
            report = scene.report(session)
            put_into(session, report, step.source)
            report.claimed_by, report.claimed_until = 8, midday
            session.flush()
            workflow.move(
                session,
                report=report,
                transition=step.name,
                actor=step.actor,
                actor_id=9,
                reason="unclear",
                target=step.target,
            )
            assert report.state == step.target

        with database.transaction() as session:
            moved = session.get(Report, report.id)
            assert (moved.state, moved.claimed_by, moved.claimed_until) == (step.target, None, None)
            event = events(session, moved)[-1]
            assert (event.kind, event.from_state, event.to_state) == (
                step.name,
                step.source,
                step.target,
            )
            assert (event.actor_id, event.actor_role, event.reason, event.at) == (
                9,
                step.actor,
                "unclear",
                midday,
            )


def test_what_a_reviewer_may_a_chief_may_and_not_the_other_way_round(database, scene):
    with database.transaction() as session:
        first, second = scene.report(session), scene.report(session)
        workflow.move(session, report=first, transition="approved", actor=Actor.CHIEF, actor_id=9)
        put_into(session, second, State.DISPUTED)
        with pytest.raises(AlreadyDecided):
            workflow.move(
                session, report=second, transition="approved", actor=Actor.REVIEWER, actor_id=9
            )
        assert (first.state, second.state) == (State.APPROVED, State.DISPUTED)


NOT_IN_THE_TABLE = [
    (name, state)
    for name in sorted({step.name for step in TRANSITIONS if step.source})
    for state in State
    if all((step.name, step.source) != (name, state) for step in TRANSITIONS)
]


def test_no_other_state_is_left_by_a_move(database, scene):
    with database.transaction() as session:
        report = scene.report(session)
        for name, state in NOT_IN_THE_TABLE:
            step = next(step for step in TRANSITIONS if step.name == name)
            put_into(session, report, state)
            with pytest.raises(AlreadyDecided):
                workflow.move(
                    session,
                    report=report,
                    transition=name,
                    actor=step.actor,
                    actor_id=9,
                    reason="r",
                )
            assert report.state == state
        assert len(events(session, report)) == 1


@pytest.mark.parametrize("first", ["approved", "rejected", "withdrawn"])
@pytest.mark.parametrize("second", ["approved", "rejected", "withdrawn"])
def test_what_is_decided_stays_decided(database, scene, first, second):
    actors = {t.name: t.actor for t in TRANSITIONS}
    with database.transaction() as session:
        report = scene.report(session)
        workflow.move(
            session,
            report=report,
            transition=first,
            actor=actors[first],
            actor_id=9,
            reason="r",
            decided_by_name="林审核",
        )
        with pytest.raises(AlreadyDecided) as refused:
            workflow.move(
                session,
                report=report,
                transition=second,
                actor=actors[second],
                actor_id=10,
                reason="r",
                decided_by_name="陈审核",
            )
        assert (refused.value.state, refused.value.by) == (first, "林审核")
        assert [event.kind for event in events(session, report)] == ["submitted", first]
        assert report.decided_by_name == "林审核"


@pytest.mark.parametrize(
    ("move", "message"),
    [
        (("mended", Actor.REVIEWER, "r"), "no such transition"),
        (("approved", Actor.RIDER, "r"), "not for a rider"),
        (("withdrawn", Actor.REVIEWER, "r"), "not for a reviewer"),
        (("rejected", Actor.REVIEWER, None), "needs a reason"),
        (("rejected", Actor.REVIEWER, ""), "needs a reason"),
    ],
)
def test_a_move_that_is_not_in_the_table_is_a_bug(database, scene, move, message):
    name, actor, reason = move
    with database.transaction() as session:
        report = scene.report(session)
        with pytest.raises(ValueError, match=message):
            workflow.move(
                session, report=report, transition=name, actor=actor, actor_id=1, reason=reason
            )
        assert report.state == State.SUBMITTED
        assert len(events(session, report)) == 1


def test_the_changes_of_a_move_are_written_in_the_same_breath(database, scene):
    with database.transaction() as session:
        report = scene.report(session)
        workflow.move(
            session,
            report=report,
            transition="approved",
            actor=Actor.REVIEWER,
            actor_id=1,
            grade=3,
        )
        assert report.grade == 3


def test_a_note_in_the_history_moves_nothing(database, scene):
    with database.transaction() as session:
        report = scene.report(session)
        workflow.record(
            session, report=report, kind="joined", actor=Actor.SYSTEM, actor_id=None, reason="why"
        )
        session.flush()
        event = events(session, report)[-1]
        assert (event.kind, event.from_state, event.to_state) == (
            "joined",
            "submitted",
            "submitted",
        )
        assert event.actor_id is None
