"""Duplicates: riders follow, no chain forms, and undoing leads back exactly."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.settings import load
from models import Joiner, Report, ReportEvent, Vote, clock
from models.workflow import OPEN_STATES, State
from services import appeals, claims, clarifications, merges, reports, review
from services.refusals import (
    AlreadyDecided,
    ChiefOnly,
    Claimed,
    DecidedBefore,
    MovedOn,
    NoSuchReport,
    NotYourDecision,
    OwnReport,
    TooLateToUndo,
    VotedBefore,
)
from services.reviewers import Reviewer
from tests import desk
from tests.scene import HERE, NEXT_DOOR, UP_THE_ROAD

LIN = Reviewer(7, "林", is_chief=False)
CHEN = Reviewer(8, "陈", is_chief=False)
WANG = Reviewer(9, "王", is_chief=True)
ZHAO = Reviewer(10, "赵", is_chief=False)
POLICY = load().policy


def merge(session, report, into, reviewer=LIN):
    into = getattr(into, "id", into)
    return review.merge(session, report=report, into=into, reviewer=reviewer, policy=POLICY)


def undo(session, report, scene, reviewer=LIN):
    review.undo(session, report=report, reviewer=reviewer, policy=scene.policy)


def approve(session, report, scene, reviewer=LIN, *, grade=2):
    review.approve(
        session,
        report=report,
        reviewer=reviewer,
        grade=grade,
        policy=desk.strict(scene.policy),
        desk_size=3,
    )


def reject(session, report, scene, reviewer=LIN):
    review.reject(
        session,
        report=report,
        reviewer=reviewer,
        reason=review.own_words("看不清"),
        policy=desk.strict(scene.policy),
        desk_size=3,
    )


def joiners(session, report):
    return list(reports.joiners(session, report_id=report.id))


def test_the_rider_of_a_duplicate_follows_the_other_and_is_not_paid(database, scene, midday):
    with database.transaction() as session:
        first, second = scene.report(session), scene.report(session)
        follower = scene.person(session)
        reports.join(session, report=second, person=follower)
        assert merge(session, second, first).id == first.id

    with database.transaction() as session:
        merged = session.get(Report, second.id)
        assert (merged.state, merged.duplicate_of, merged.merged_into) == (
            "duplicate",
            first.id,
            first.id,
        )
        assert (merged.decided_by, merged.decided_by_name, merged.decided_from) == (
            7,
            "林",
            "submitted",
        )
        assert (merged.decided_at, merged.points) == (midday, None)
        assert joiners(session, first) == [second.reporter_id, follower.id]
        last = select(ReportEvent).order_by(ReportEvent.id.desc()).limit(1)
        event = session.scalars(last).one()
        assert (event.report_id, event.kind, event.reason) == (second.id, "merged", f"#{first.id}")


def test_no_chain_forms_and_undoing_leads_back(database, scene):
    with database.transaction() as session:
        a, b, c = (scene.report(session) for _ in range(3))
        merge(session, a, b)
        merge(session, b, c)
        assert (a.duplicate_of, a.merged_into) == (c.id, b.id)
        assert joiners(session, c) == [b.reporter_id, a.reporter_id]
        with pytest.raises(MovedOn):
            undo(session, a, scene)
        undo(session, b, scene)
        assert (b.state, b.duplicate_of, b.merged_into) == ("submitted", None, None)
        session.refresh(a)
        assert (a.duplicate_of, a.merged_into) == (b.id, b.id)
        assert joiners(session, c) == []
        assert joiners(session, b) == [a.reporter_id]
        undo(session, a, scene)
        assert joiners(session, b) == []
        assert (a.state, a.duplicate_of) == ("submitted", None)


def test_undoing_leaves_who_came_with_another_duplicate(database, scene):
    with database.transaction() as session:
        root, rider = scene.report(session), scene.person(session)
        one, two = scene.report(session, rider), scene.report(session, rider)
        merge(session, one, root)
        merge(session, two, root)
        undo(session, one, scene)
        assert joiners(session, root) == [rider.id]
        undo(session, two, scene)
        assert joiners(session, root) == []


def test_undoing_leaves_who_joined_by_themselves_before(database, scene):
    with database.transaction() as session:
        root, rider = scene.report(session), scene.person(session)
        reports.join(session, report=root, person=rider)
        other = scene.report(session, rider)
        merge(session, other, root)
        undo(session, other, scene)
        assert joiners(session, root) == [rider.id]


def test_undoing_leaves_who_joined_by_themselves_after(database, scene):
    with database.transaction() as session:
        root, rider = scene.report(session), scene.person(session)
        other = scene.report(session, rider)
        merge(session, other, root)
        # They follow it already; from now on of their own will.
        assert not reports.join(session, report=root, person=rider)
        undo(session, other, scene)
        assert joiners(session, root) == [rider.id]
        kinds = select(ReportEvent.kind).where(ReportEvent.report_id == root.id)
        assert session.scalars(kinds.order_by(ReportEvent.id)).all() == ["submitted", "joined"]
        assert session.scalars(select(Joiner.merged_from)).all() == [None]


def test_the_rider_of_both_does_not_follow_themselves(database, scene):
    with database.transaction() as session:
        rider = scene.person(session)
        one, two = scene.report(session, rider), scene.report(session, rider)
        merge(session, two, one)
        assert joiners(session, one) == []
        undo(session, two, scene)
        assert (joiners(session, one), two.state) == ([], "submitted")


def test_only_open_reports_take_a_duplicate(database, scene):
    with database.transaction() as session:
        for state in [state for state in State if state not in OPEN_STATES]:
            report, other = scene.report(session), scene.report(session)
            other.state = state
            session.flush()
            with pytest.raises(NoSuchReport) as refused:
                merge(session, report, other)
            assert refused.value.number == other.id
            assert (report.state, joiners(session, other)) == ("submitted", [])


def test_no_report_is_a_duplicate_of_itself_or_of_none(database, scene):
    with database.transaction() as session:
        report = scene.report(session)
        for number in (report.id, report.id + 1):
            with pytest.raises(NoSuchReport) as refused:
                merge(session, report, number)
            assert refused.value.number == number
        assert report.state == "submitted"


@pytest.mark.parametrize("party", ["rider", "joiner"])
@pytest.mark.parametrize("which", ["duplicate", "other"])
def test_nobody_merges_what_is_their_own_on_either_side(database, scene, party, which):
    with database.transaction() as session:
        report, other = scene.report(session), scene.report(session)
        touched = report if which == "duplicate" else other
        person = scene.person(session)
        reports.join(session, report=touched, person=person)
        who = touched.reporter_id if party == "rider" else person.id
        with pytest.raises(OwnReport):
            merge(session, report, other, Reviewer(who, "自己", is_chief=True))
        assert report.state == "submitted"


def test_a_colleagues_claim_keeps_the_card_from_being_merged(database, scene, midday):
    with database.transaction() as session:
        report, other = scene.report(session), scene.report(session)
        claims.take(session, report=report, reviewer=CHEN, policy=scene.policy)
        for reviewer in (LIN, WANG):
            with pytest.raises(Claimed):
                merge(session, report, other, reviewer)
        merge(session, report, other, CHEN)
        assert (report.claimed_by, report.claimed_until) == (None, None)


def test_what_is_asked_about_or_decided_is_not_merged(database, scene):
    with database.transaction() as session:
        for state in [State.ASKED, State.APPROVED, State.REJECTED, State.DUPLICATE]:
            report, other = scene.report(session), scene.report(session)
            report.state = state
            session.flush()
            with pytest.raises(AlreadyDecided):
                merge(session, report, other)
            assert (report.state, report.duplicate_of, joiners(session, other)) == (state, None, [])


def test_who_voted_does_not_end_the_vote_by_merging(database, scene):
    with database.transaction() as session:
        report, other = scene.report(session), scene.report(session)
        approve(session, report, scene, LIN)
        with pytest.raises(VotedBefore):
            merge(session, report, other, LIN)
        reject(session, report, scene, CHEN)
        for voter in (LIN, CHEN):
            with pytest.raises(ChiefOnly):
                merge(session, report, other, voter)
        assert report.state == "disputed"
        merge(session, report, other, ZHAO)
        assert report.state == "duplicate"


def test_undoing_a_merger_leads_back_to_the_vote_that_was(database, scene):
    with database.transaction() as session:
        report, other = scene.report(session), scene.report(session)
        approve(session, report, scene, LIN)
        merge(session, report, other, CHEN)
        undo(session, report, scene, CHEN)
        votes = session.scalars(select(Vote.reviewer_id).where(Vote.report_id == report.id)).all()
        assert (report.state, votes) == ("second", [7])
        approve(session, report, scene, CHEN)
        assert (report.state, report.decided_by_name) == ("approved", "林 + 陈")


def test_who_had_a_say_in_a_rejection_does_not_merge_the_appeal_away(database, scene):
    with database.transaction() as session:
        report, other = scene.report(session), scene.report(session)
        reject(session, report, scene, LIN)
        reject(session, report, scene, CHEN)
        appeals.appeal(session, report=report, text="看得清", policy=scene.policy)
        for before in (LIN, CHEN):
            with pytest.raises(DecidedBefore):
                merge(session, report, other, before)
        merge(session, report, other, WANG)
        undo(session, report, scene, WANG)
        assert report.state == "appealed"


def test_a_merger_is_undone_by_who_made_it_and_in_time(database, scene, midday):
    with database.transaction() as session:
        report, other = scene.report(session), scene.report(session)
        merge(session, report, other, LIN)
        with pytest.raises(NotYourDecision):
            undo(session, report, scene, WANG)
        clock.advance(timedelta(minutes=10, seconds=1))
        with pytest.raises(TooLateToUndo) as refused:
            undo(session, report, scene, LIN)
        assert refused.value.minutes == 10
        assert (report.state, joiners(session, other)) == ("duplicate", [report.reporter_id])


def test_undoing_leads_back_on_hold(database, scene):
    with database.transaction() as session:
        report, other = scene.report(session), scene.report(session)
        review.hold(session, report=report, reviewer=LIN, reason="等回复")
        merge(session, report, other)
        undo(session, report, scene)
        assert (report.state, report.held_because) == ("held", "等回复")


def test_candidates_are_open_near_and_the_nearest_first(database, scene, midday):
    with database.transaction() as session:
        far = scene.report(session, place=UP_THE_ROAD)
        near = scene.report(session, place=NEXT_DOOR, category="light")
        gone = scene.report(session, place=HERE)
        reports.withdraw(session, report=gone)
        asked = scene.report(session, place=HERE)
        clarifications.ask(session, report=asked, reviewer=LIN, text="在哪？")
        report = scene.report(session, place=HERE)
        found = merges.candidates(session, report=report, policy=scene.policy)
        assert [candidate.report.id for candidate in found] == [asked.id, near.id]
        assert far.id not in {candidate.report.id for candidate in found}
        assert round(found[1].distance_m) == 15
        clock.advance(timedelta(days=31))
        assert merges.candidates(session, report=report, policy=scene.policy) == []


def test_only_so_many_candidates_are_offered(database, scene):
    with database.transaction() as session:
        for _ in range(merges.MOST + 2):
            scene.report(session)
        found = merges.candidates(session, report=scene.report(session), policy=scene.policy)
        assert len(found) == merges.MOST


def test_what_is_let_go_begins_without_the_vote_it_had(database, scene):
    with database.transaction() as session:
        report, other = scene.report(session), scene.report(session)
        approve(session, report, scene, LIN)
        merge(session, report, other, CHEN)
        reports.withdraw(session, report=other)
        assert merges.let_go(session, report=other) == [report]
        assert (report.state, review.votes(session, report_id=report.id)) == ("submitted", [])
        approve(session, report, scene, LIN)
        approve(session, report, scene, CHEN)
        assert report.state == "approved"
