"""Corrections: what a reviewer puts right in a report that is still undecided."""

import pytest
from sqlalchemy import select

from models import Report, ReportEvent
from models.workflow import UNDECIDED_STATES, State
from services import claims, corrections, places, reports
from services.refusals import (
    AlreadyDecided,
    Claimed,
    OutsideDistricts,
    OwnReport,
    UnknownCode,
)
from services.reviewers import Reviewer
from tests.scene import UP_THE_ROAD

LIN = Reviewer(7, "林", is_chief=False)
CHEN = Reviewer(8, "陈", is_chief=False)
NOWHERE = (0.0, 0.0)


def category(session, report, scene, reviewer=LIN, code="light"):
    corrections.category(session, report=report, reviewer=reviewer, code=code, policy=scene.policy)


def district(session, report, scene, reviewer=LIN, code=None):
    corrections.district(
        session,
        report=report,
        reviewer=reviewer,
        code=code or another_district(scene, report),
        districts=scene.districts,
    )


def pin(session, report, scene, reviewer=LIN, place=UP_THE_ROAD):
    corrections.pin(
        session, report=report, reviewer=reviewer, place=place, districts=scene.districts
    )


def another_district(scene, report):
    around = scene.districts.around(report.latitude, report.longitude)
    return next(there.code for there in around if there.code != report.district)


def last_event(session, report):
    rows = select(ReportEvent).where(ReportEvent.report_id == report.id)
    return session.scalars(rows.order_by(ReportEvent.id.desc()).limit(1)).one()


ALL = pytest.mark.parametrize("correct", [category, district, pin])


def test_a_category_comes_with_its_words_and_deadline(database, scene):
    with database.transaction() as session:
        report = scene.report(session, category="manhole")
        category(session, report, scene)

    with database.transaction() as session:
        light = scene.policy.category("light")
        report = session.get(Report, report.id)
        assert (report.category, report.category_emoji) == ("light", light.emoji)
        assert (report.category_name_zh, report.category_name_en) == (light.name.zh, light.name.en)
        assert (report.danger, report.deadline_hours) == (light.danger, light.deadline_hours)
        event = last_event(session, report)
        assert (event.kind, event.reason) == ("corrected", "category: manhole → light")
        assert (event.from_state, event.to_state) == ("submitted", "submitted")


def test_a_district_is_another_one(database, scene):
    with database.transaction() as session:
        report = scene.report(session)
        before, wanted = report.district, another_district(scene, report)
        district(session, report, scene)

    with database.transaction() as session:
        report = session.get(Report, report.id)
        assert report.district == wanted
        assert last_event(session, report).reason == f"district: {before} → {wanted}"


def test_a_pin_takes_cell_district_and_name_along(database, scene):
    with database.transaction() as session:
        report = scene.report(session)
        report.accuracy_m = 80.0
        pin(session, report, scene)

    with database.transaction() as session:
        report = session.get(Report, report.id)
        assert (report.latitude, report.longitude) == UP_THE_ROAD
        assert (report.accuracy_m, report.cell) == (None, places.cell_of(*UP_THE_ROAD))
        assert report.district == scene.districts.locate(*UP_THE_ROAD).code
        assert last_event(session, report).reason == "pin: 200 m"


@ALL
def test_as_long_as_it_is_undecided(database, scene, correct):
    with database.transaction() as session:
        for state in sorted(UNDECIDED_STATES):
            report = scene.report(session)
            report.state = state
            session.flush()
            correct(session, report, scene)
            event = last_event(session, report)
            assert (event.kind, event.from_state, event.to_state) == ("corrected", state, state)


@ALL
def test_and_no_longer(database, scene, correct):
    with database.transaction() as session:
        for state in sorted(set(State) - UNDECIDED_STATES):
            report = scene.report(session)
            report.state = state
            session.flush()
            with pytest.raises(AlreadyDecided):
                correct(session, report, scene)
            assert last_event(session, report).kind == "submitted"


@ALL
def test_nobody_corrects_their_own(database, scene, correct):
    with database.transaction() as session:
        report, joiner = scene.report(session), scene.person(session)
        reports.join(session, report=report, person=joiner)
        for who in (report.reporter_id, joiner.id):
            with pytest.raises(OwnReport):
                correct(session, report, scene, Reviewer(who, "自己", is_chief=True))
        assert last_event(session, report).kind == "joined"


@ALL
def test_a_colleagues_card_is_left_alone(database, scene, midday, correct):
    with database.transaction() as session:
        report = scene.report(session)
        claims.take(session, report=report, reviewer=CHEN, policy=scene.policy)
        with pytest.raises(Claimed):
            correct(session, report, scene, LIN)
        correct(session, report, scene, CHEN)
        assert report.claimed_by == 8


@pytest.mark.parametrize("correct", [category, district])
def test_a_code_nobody_knows_changes_nothing(database, scene, correct):
    with database.transaction() as session:
        report = scene.report(session)
        before = (report.category, report.district)
        with pytest.raises(UnknownCode):
            correct(session, report, scene, code="atlantis")
        assert (report.category, report.district) == before


def test_a_pin_outside_the_districts_changes_nothing(database, scene):
    with database.transaction() as session:
        report = scene.report(session)
        before = (report.latitude, report.longitude, report.cell)
        with pytest.raises(OutsideDistricts) as refused:
            pin(session, report, scene, place=NOWHERE)
        assert not refused.value.draft_kept
        assert (report.latitude, report.longitude, report.cell) == before
