"""services/record.py and services/quality.py: what happened, found again, and how well done."""

from datetime import timedelta

import pytest
from sqlalchemy import event as sqlalchemy_event

from bot.database import Database, create
from models import Membership, Report, ReportEvent, Vote, clock
from models.workflow import DESK_STATES, UNDECIDED_STATES, Actor, State
from services import chats, people, quality, record, reports
from services.record import Wanted
from tests.scene import HERE, NEXT_DOOR

DESK = -1001
LIN, CHEN, WU = 7, 8, 9
FOUND = record.FOUND


def happened(session, report, kind, by, *, source=None, target=None, reason=None, role=None):
    """An event as services.workflow writes it."""
    state = report.state
    session.add(
        ReportEvent(
            report_id=report.id,
            at=clock.now(),
            actor_id=by,
            actor_role=role or (Actor.SYSTEM if by is None else Actor.REVIEWER),
            kind=kind,
            from_state=source or state,
            to_state=target or state,
            reason=reason,
        )
    )
    if target is not None:
        report.state = target
    session.flush()


class TestHistory:
    def test_is_told_in_order_and_paged(self, database, scene, midday):
        with database.transaction() as session:
            report, other = scene.report(session), scene.report(session)
            for number in range(record.EVENTS + 1):
                happened(session, report, "claimed", number)
                happened(session, other, "claimed", number)
            first, page, pages = record.history(session, report_id=report.id, page=0)
            last, _, _ = record.history(session, report_id=report.id, page=1)
            assert [event.kind for event in first][:2] == ["submitted", "claimed"]
            assert (page, pages, len(first)) == (0, 2, record.EVENTS)
            told = [event.actor_id for event in (*first, *last)][1:]
            assert told == list(range(record.EVENTS + 1))

    @pytest.mark.parametrize(("asked", "given"), [(-1, 0), (1, 0), (2**60, 0)])
    def test_a_page_too_far_is_the_last(self, database, scene, asked, given):
        with database.transaction() as session:
            report = scene.report(session)
            events, page, pages = record.history(session, report_id=report.id, page=asked)
            assert (page, pages, len(events)) == (given, 1, 1)

    def test_everybody_has_a_part_by_role(self, database, scene, midday):
        with database.transaction() as session:
            report = scene.report(session)
            others = [scene.person(session) for _ in range(record.NAMED + 2)]
            for person in others:
                reports.join(session, report=report, person=person)
            happened(session, report, "claimed", CHEN)
            happened(session, report, "approved", LIN, role=Actor.CHIEF)
            happened(session, report, "claim_released", CHEN)
            happened(session, report, "claim_released", None)
            involved = record.parties(session, report=report)
            assert involved.rider.id == report.reporter_id
            assert [person.id for person in involved.joiners] == [
                person.id for person in others[: record.NAMED]
            ]
            assert involved.joined == len(others)
            assert (involved.reviewers, involved.chiefs) == ([CHEN, LIN], {LIN})

    def test_reviewers_go_by_the_names_colleagues_know(self, database, scene, midday):
        with database.transaction() as session:
            chats.register(
                session, chat_id=DESK, title="", purpose="moderators", name=None, language="en"
            )
            chats.member(session, chat_id=DESK, person_id=LIN, status="member", name="林")
            # Elsewhere people may go by their names of there.
            chats.member(session, chat_id=-55, person_id=CHEN, status="member", name="小陈")
            report = scene.report(session)
            report.decided_by, report.decided_by_name = CHEN, "陈审核"
            session.add(
                Vote(
                    report_id=report.id,
                    reviewer_id=WU,
                    reviewer_name="吴审核",
                    verdict="reject",
                    at=clock.now(),
                )
            )
            session.flush()
            wanted = [LIN, CHEN, WU, 99]
            names = record.reviewer_names(session, person_ids=wanted, report=report)
            assert names == {LIN: "林", CHEN: "陈审核", WU: "吴审核"}
            assert record.reviewer_names(session, person_ids=[99], report=report) == {}

    def test_votes_are_kept_from_who_may_have_to_vote(self):
        told = {state for state in State if record.shows_votes(Report(state=state))}
        assert told == set(State) - UNDECIDED_STATES | {State.DISPUTED, State.APPEALED}


class TestSearch:
    def found(self, session, wanted, *, districts=None, page=0):
        rows, more = record.search(session, wanted=wanted, districts=districts, page=page)
        return [row.id for row in rows], more

    def test_by_rider_newest_first_and_paged(self, database, scene, midday):
        with database.transaction() as session:
            rider = scene.person(session)
            made = []
            for _ in range(2 * FOUND):
                made.insert(0, scene.report(session, rider).id)
                scene.report(session)
                clock.advance(timedelta(minutes=1))
            wanted = Wanted(rider_id=rider.id)
            assert self.found(session, wanted) == (made[:FOUND], True)
            assert self.found(session, wanted, page=1) == (made[FOUND:], False)
            assert self.found(session, wanted, page=2) == ([], False)
            assert self.found(session, wanted, districts=["nanpu"]) == ([], False)

    def test_by_state(self, database, scene, midday):
        with database.transaction() as session:
            by_state = {}
            for state in State:
                report = scene.report(session)
                report.state = state
                by_state[state] = report.id
            session.flush()
            for state in State:
                wanted = Wanted(states=frozenset({state}))
                assert self.found(session, wanted) == ([by_state[state]], False)
            waiting = sorted((by_state[state] for state in DESK_STATES), reverse=True)
            for districts in (None, ["shanyao"]):
                wanted = Wanted(states=DESK_STATES)
                assert self.found(session, wanted, districts=districts) == (waiting, False)
            assert self.found(session, wanted, districts=["nanpu"]) == ([], False)

    def test_by_district(self, database, scene, midday):
        with database.transaction() as session:
            here, there = scene.report(session), scene.report(session)
            there.district = "nanpu"
            session.flush()
            assert self.found(session, Wanted(districts=("shanyao",))) == ([here.id], False)
            both = Wanted(districts=("shanyao", "nanpu"))
            assert self.found(session, both) == ([there.id, here.id], False)
            assert self.found(session, both, districts=["nanpu"]) == ([there.id], False)

    def test_by_named_place(self, database, scene, midday):
        with database.transaction() as session:
            report, near = scene.report(session, place=HERE), scene.report(session, place=NEXT_DOOR)
            elsewhere = scene.report(session, place=HERE)
            elsewhere.place_name_zh = "别处"
            session.flush()
            place, _ = scene.districts.near_place(*HERE, 400)
            wanted = Wanted(near=(place,))
            assert self.found(session, wanted) == ([near.id, report.id], False)
            assert self.found(session, wanted, districts=["nanpu"]) == ([], False)
            # What lies in the district as well is found once.
            both = Wanted(near=(place,), districts=("shanyao",))
            assert self.found(session, both) == ([elsewhere.id, near.id, report.id], False)

    def test_looks_no_further_than_the_last_page(self, database, scene, midday):
        with database.transaction() as session:
            report = scene.report(session)
            wanted = Wanted(rider_id=report.reporter_id)
            assert self.found(session, wanted, page=2**60) == ([], False)

    def test_many_districts_are_asked_for_in_portions(self, database, scene, midday):
        with database.transaction() as session:
            report = scene.report(session)
            codes = [f"elsewhere{number}" for number in range(60)] + ["shanyao"]
            asked = []
            listen = (
                session.get_bind(),
                "before_cursor_execute",
                lambda *told: asked.append(told[2]),
            )
            sqlalchemy_event.listen(*listen)
            found = self.found(session, Wanted(districts=tuple(codes)))
            sqlalchemy_event.remove(*listen)
            assert found == ([report.id], False)
            assert max(sql.count("UNION ALL") for sql in asked) < record._AT_ONCE

    @pytest.mark.parametrize(
        ("wanted", "districts", "index"),
        [
            (Wanted(rider_id=1), None, "ix_report_reporter_id_created_at"),
            (Wanted(states=DESK_STATES), None, "ix_report_state_created_at"),
            (Wanted(states=DESK_STATES), ["a"], "ix_report_district_state_created_at"),
            (Wanted(districts=("a", "b")), None, "ix_report_district_state_created_at"),
        ],
    )
    def test_reads_an_index_in_its_order(self, sqlite_url, wanted, districts, index):
        database = Database(create(sqlite_url))
        with database.transaction() as session:
            for part in record._parts(wanted, districts or ()):
                statement = record._newest(part, 9).compile(
                    session.get_bind(), compile_kwargs={"literal_binds": True}
                )
                plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")
                told = " ".join(str(row) for row in plan)
                assert index in told
                assert "TEMP B-TREE" not in told
        database.close()

    def test_a_rider_is_found_by_pseudonym(self, database, scene):
        with database.transaction() as session:
            person = scene.person(session)
            called = record.rider_called(session, bird=person.bird, number=person.bird_number)
            assert called is person
            assert record.rider_called(session, bird=person.bird, number=10**5) is None


class TestQuality:
    def judged(self, session, **told):
        figures = quality.of_desk(session, districts=None, **told)
        return {one.reviewer_id: (one.overturned, one.given) for one in figures.reviewers}

    def decided(self, session, scene, by, kind="approved", **told) -> Report:
        report = scene.report(session)
        happened(session, report, kind, by, target=quality._DECISIONS[kind], **told)
        return report

    def test_nothing_has_happened(self, database, scene, midday):
        with database.transaction() as session:
            figures = quality.of_desk(session, districts=None)
            assert [(pace.days, pace.decisions, pace.median) for pace in figures.paces] == [
                (7, 0, None),
                (30, 0, None),
            ]
            assert (figures.reviewers, figures.waiting, figures.oldest) == ([], 0, None)

    def test_time_to_the_first_decision(self, database, scene, midday):
        with database.transaction() as session:
            made = [scene.report(session) for _ in range(10)]
            for minutes, report in enumerate(made, start=1):
                clock.advance(timedelta(minutes=1))
                happened(session, report, "rejected", LIN, target=State.REJECTED)
                assert report.created_at == midday, minutes
            # That it is decided once more, on appeal, is nothing to the first time.
            clock.advance(timedelta(days=1))
            happened(session, made[0], "appealed", 1001, role=Actor.RIDER, target=State.APPEALED)
            happened(session, made[0], "approved", CHEN, target=State.APPROVED)
            (week, month) = quality.of_desk(session, districts=None).paces
            assert week.median == timedelta(minutes=5, seconds=30)
            assert week.p90 == timedelta(minutes=9)
            assert (week.decisions, month.decisions) == (11, 11)

    def test_only_the_days_asked_for_count(self, database, scene, midday):
        with database.transaction() as session:
            old = self.decided(session, scene, LIN)
            for _ in range(3):
                # Numbers that were given in vain.
                session.begin_nested().rollback()
            clock.advance(timedelta(days=20))
            self.decided(session, scene, LIN)
            clock.advance(timedelta(days=8))
            happened(session, old, "undone", CHEN, source=State.APPROVED, target=State.SUBMITTED)
            happened(session, old, "rejected", CHEN, target=State.REJECTED)
            week, month = quality.of_desk(session, districts=None).paces
            # The old one was decided before; its second decision says nothing of the first.
            assert (week.decisions, week.median) == (1, None)
            assert (month.decisions, month.median) == (3, timedelta())
            clock.advance(timedelta(days=3))
            assert self.judged(session) == {LIN: (0, 1), CHEN: (0, 1)}

    def test_undone_by_somebody_else_is_overturned(self, database, scene, midday):
        with database.transaction() as session:
            report = self.decided(session, scene, LIN)
            happened(session, report, "undone", CHEN, target=State.SUBMITTED)
            happened(session, report, "rejected", CHEN, target=State.REJECTED)
            assert self.judged(session) == {LIN: (1, 1), CHEN: (0, 1)}

    def test_taken_back_by_oneself_counts_for_nothing(self, database, scene, midday):
        with database.transaction() as session:
            report = self.decided(session, scene, LIN)
            happened(session, report, "undone", LIN, target=State.SUBMITTED)
            assert self.judged(session) == {}
            happened(session, report, "rejected", LIN, target=State.REJECTED)
            assert self.judged(session) == {LIN: (0, 1)}
            assert quality.of_desk(session, districts=None).paces[0].decisions == 1

    @pytest.mark.parametrize(("kind", "overturned"), [("approved", 1), ("rejected", 0)])
    def test_changed_on_appeal_is_overturned(self, database, scene, midday, kind, overturned):
        with database.transaction() as session:
            report = self.decided(session, scene, LIN, "rejected")
            happened(session, report, "appealed", 1001, role=Actor.RIDER, target=State.APPEALED)
            target = quality._DECISIONS[kind]
            happened(session, report, kind, CHEN, source=State.APPEALED, target=target)
            assert self.judged(session) == {LIN: (overturned, 1), CHEN: (0, 1)}
            # Taken back, the first decision holds again.
            happened(session, report, "undone", CHEN, source=target, target=State.APPEALED)
            assert self.judged(session) == {LIN: (0, 1)}

    def test_a_vote_that_lost_the_dispute_is_overturned(self, database, scene, midday):
        with database.transaction() as session:
            report = scene.report(session)
            happened(session, report, "voted", LIN, reason="approve:2", target=State.SECOND)
            happened(session, report, "disputed", CHEN, reason="reject", target=State.DISPUTED)
            assert self.judged(session) == {LIN: (0, 1), CHEN: (0, 1)}
            happened(
                session,
                report,
                "rejected",
                WU,
                source=State.DISPUTED,
                target=State.REJECTED,
                role=Actor.CHIEF,
            )
            assert self.judged(session) == {LIN: (1, 1), CHEN: (0, 1), WU: (0, 1)}

    def test_that_it_is_a_duplicate_says_nothing_of_the_votes(self, database, scene, midday):
        with database.transaction() as session:
            report = scene.report(session)
            happened(session, report, "voted", LIN, reason="approve:2", target=State.SECOND)
            happened(session, report, "disputed", CHEN, reason="reject", target=State.DISPUTED)
            target = State.DUPLICATE
            happened(session, report, "merged", WU, source=State.DISPUTED, target=target)
            assert self.judged(session) == {LIN: (0, 1), CHEN: (0, 1), WU: (0, 1)}

    def test_a_vote_taken_back_counts_for_nothing(self, database, scene, midday):
        with database.transaction() as session:
            report = scene.report(session)
            happened(session, report, "voted", LIN, reason="approve:2", target=State.SECOND)
            happened(session, report, "vote_undone", LIN, target=State.SUBMITTED)
            assert self.judged(session) == {}

    def test_what_waits(self, database, scene, midday):
        with database.transaction() as session:
            oldest = scene.report(session)
            clock.advance(timedelta(hours=1))
            for state in State:
                scene.report(session).state = state
            elsewhere = scene.report(session)
            elsewhere.district = "nanpu"
            session.flush()
            figures = quality.of_desk(session, districts=["shanyao"])
            assert figures.waiting == 1 + len(DESK_STATES)
            assert figures.oldest == oldest.created_at
            assert quality.of_desk(session, districts=None).waiting == 2 + len(DESK_STATES)

    def test_a_desk_answers_for_its_own_districts(self, database, scene, midday):
        with database.transaction() as session:
            elsewhere = self.decided(session, scene, LIN)
            elsewhere.district = "nanpu"
            self.decided(session, scene, CHEN)
            figures = quality.of_desk(session, districts=["shanyao"])
            assert [one.reviewer_id for one in figures.reviewers] == [CHEN]
            assert figures.paces[0].decisions == 1


def test_a_desk_that_lost_all_it_had_finds_nothing(database, scene, midday):
    with database.transaction() as session:
        report = scene.report(session)
        for wanted in (
            Wanted(rider_id=report.reporter_id),
            Wanted(states=frozenset({State.SUBMITTED})),
            Wanted(districts=("shanyao",)),
        ):
            assert record.search(session, wanted=wanted, districts=None, page=0)[0] == [report]
            assert record.search(session, wanted=wanted, districts=[], page=0)[0] == []
        assert quality.of_desk(session, districts=[]).waiting == 0


def test_a_desk_for_the_rest_looks_up_any(database, scene):
    with database.transaction() as session:
        row = chats.register(
            session, chat_id=DESK, title="", purpose="moderators", name=None, language="en"
        )
        assert record.covers(row, district="shanyao")
        row.districts = ["shanyao"]
        assert record.covers(row, district="shanyao")
        assert not record.covers(row, district="nanpu")
        row.districts = []
        assert not record.covers(row, district="shanyao")
        assert people.find(session, person_id=LIN) is None
        assert session.get(Membership, (DESK, LIN)) is None
