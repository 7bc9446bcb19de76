"""Reports: submitted whole, joined, added to while undecided, and found again."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from models import Draft, Report, ReportEvent, clock
from models.workflow import State
from services import desk, drafts, photos, reports, review
from services.refusals import (
    AlreadyDecided,
    NotForYou,
    OutOfDate,
    SamePhoto,
    TooManyPhotos,
    TooManyToday,
)
from services.reviewers import Reviewer
from tests.scene import HERE, NEXT_DOOR, UP_THE_ROAD


def kinds(session, report):
    return session.scalars(
        select(ReportEvent.kind).where(ReportEvent.report_id == report.id).order_by(ReportEvent.id)
    ).all()


def approve(session, report, scene):
    review.approve(
        session,
        report=report,
        reviewer=Reviewer(7, "林审核", is_chief=False),
        grade=1,
        policy=scene.policy,
        desk_size=1,
    )


def submit(session, draft, person, scene):
    return reports.submit(
        session, draft=draft, person=person, policy=scene.policy, districts=scene.districts
    )


def test_a_complete_draft_becomes_a_report_and_is_gone(database, scene, midday):
    with database.transaction() as session:
        rider = scene.person(session)
        draft = scene.draft(session, rider, pictures=2)
        drafts.add_note(draft, text="断了一截", message_id=8, policy=scene.policy)
        pictures = [photo.id for photo in scene.pictures_of(session, draft)]
        draft_id = draft.id
        report = submit(session, draft, rider, scene)

    with database.transaction() as session:
        kept = reports.get(session, report_id=report.id)
        assert (kept.reporter_id, kept.state, kept.draft_id) == (rider.id, "submitted", draft_id)
        assert (kept.category, kept.category_name_zh, kept.danger) == ("guardrail", "护栏", True)
        assert (kept.latitude, kept.longitude) == HERE
        assert (kept.district, kept.place_name_zh) == ("shanyao", "永嘉路/中兴街口")
        assert (kept.note, kept.note_parts) == ("断了一截", [[8, "断了一截"]])
        assert kept.created_at == midday
        shown = photos.of_report(session, report_id=report.id)
        assert [photo.id for photo in shown] == pictures
        assert photos.report_of(session, photo_id=pictures[0]) == report.id
        assert photos.draft_of(session, photo_id=pictures[0]) is None
        assert session.scalars(select(Draft)).all() == []
        assert kinds(session, kept) == ["submitted"]


@pytest.mark.parametrize("missing", [{"place": None}, {"category": None}])
def test_an_incomplete_draft_is_not_submitted(database, scene, missing):
    with database.transaction() as session:
        rider = scene.person(session)
        draft = scene.draft(session, rider, **missing)
        with pytest.raises(OutOfDate):
            submit(session, draft, rider, scene)
        assert drafts.current(session, person_id=rider.id) is draft


def test_the_day_has_a_limit_and_ends_at_midnight_in_quangang(database, scene, clock_at):
    # 23:00 in Quangang, where it is already tomorrow long before it is in UTC.
    clock_at(datetime(2026, 11, 24, 15, 0, tzinfo=UTC))
    with database.transaction() as session:
        rider = scene.person(session)
        for _ in range(scene.policy.limits.reports_per_day):
            scene.report(session, rider)
        draft = scene.draft(session, rider)
        with pytest.raises(TooManyToday) as refused:
            submit(session, draft, rider, scene)
        assert refused.value.limit == 20
        assert refused.value.again_at == datetime(2026, 11, 24, 16, 0, tzinfo=UTC)
        assert drafts.current(session, person_id=rider.id) is draft
        scene.report(session)

        clock.advance(timedelta(hours=1))
        assert submit(session, draft, rider, scene).state == State.SUBMITTED


def test_a_report_is_its_riders_own(database, scene):
    with database.transaction() as session:
        report, other = scene.report(session), scene.person(session)
        assert (
            reports.of_reporter(session, report_id=report.id, person_id=report.reporter_id)
            is report
        )
        with pytest.raises(NotForYou):
            reports.of_reporter(session, report_id=report.id, person_id=other.id)
        with pytest.raises(NotForYou):
            reports.of_reporter(session, report_id=2**40, person_id=other.id)
        assert reports.get(session, report_id=2**40) is None


def around(session, place=HERE, category="guardrail", since=None):
    found = reports.nearby(
        session,
        latitude=place[0],
        longitude=place[1],
        category=category,
        radius_m=30,
        since=since or clock.now() - timedelta(days=30),
    )
    return [near.report_id for near in found]


def test_what_is_near_is_found_the_nearest_first(database, scene):
    with database.transaction() as session:
        beside = scene.report(session, place=NEXT_DOOR)
        here = scene.report(session)
        scene.report(session, place=UP_THE_ROAD)
        scene.report(session, category="pothole")
        assert around(session) == [here.id, beside.id]
        near = reports.nearby(
            session,
            latitude=HERE[0],
            longitude=HERE[1],
            category="guardrail",
            radius_m=30,
            since=clock.now() - timedelta(days=30),
        )
        assert [round(one.distance_m) for one in near] == [0, 15]


def test_what_no_longer_lies_in_the_street_is_not_offered(database, scene, midday):
    with database.transaction() as session:
        approved, withdrawn, rejected = (scene.report(session) for _ in range(3))
        approve(session, approved, scene)
        reports.withdraw(session, report=withdrawn)
        review.reject(
            session,
            report=rejected,
            reviewer=Reviewer(7, "林", is_chief=False),
            reason=review.reason_of("unclear", policy=scene.policy),
            policy=scene.policy,
            desk_size=1,
        )
        assert around(session) == [approved.id]
        assert around(session, since=midday + timedelta(seconds=1)) == []


def test_the_nearby_question_follows_the_configured_limits(database, scene, midday):
    off = scene.policy.limits.model_copy(update={"nearby_m": 0})
    with database.transaction() as session:
        report = scene.report(session)
        draft = scene.draft(session, scene.person(session), place=NEXT_DOOR)
        near = reports.same_nearby(session, draft=draft, policy=scene.policy)
        assert near.report_id == report.id
        switched_off = scene.policy.model_copy(update={"limits": off})
        assert reports.same_nearby(session, draft=draft, policy=switched_off) is None
        clock.advance(timedelta(days=scene.policy.limits.nearby_days, seconds=1))
        assert reports.same_nearby(session, draft=draft, policy=scene.policy) is None


def test_without_place_or_category_nothing_is_near(database, scene):
    with database.transaction() as session:
        scene.report(session)
        for missing in ({"place": None}, {"category": None}):
            draft = scene.draft(session, scene.person(session), **missing)
            assert reports.same_nearby(session, draft=draft, policy=scene.policy) is None


def test_what_is_reported_around_here_most_is_likeliest(database, scene, midday):
    with database.transaction() as session:
        for category in ("light", "pothole", "pothole", "manhole"):
            scene.report(session, category=category)
        scene.report(session, category="other", place=(25.1399, 118.9050))
        found = reports.categories_around(session, latitude=HERE[0], longitude=HERE[1])
        assert found == ["pothole", "light", "manhole"]
        clock.advance(timedelta(days=91))
        assert reports.categories_around(session, latitude=HERE[0], longitude=HERE[1]) == []


def test_somebody_joins_once(database, scene):
    with database.transaction() as session:
        report, one, other = scene.report(session), scene.person(session), scene.person(session)
        assert reports.join(session, report=report, person=other)
        assert reports.join(session, report=report, person=one)
        assert not reports.join(session, report=report, person=other)
        assert reports.joiners(session, report_id=report.id) == [other.id, one.id]
        assert kinds(session, report) == ["submitted", "joined", "joined"]


def test_nobody_joins_their_own_report(database, scene):
    with database.transaction() as session:
        rider = scene.person(session)
        report = scene.report(session, rider)
        assert not reports.join(session, report=report, person=rider)


def test_an_approved_report_can_be_joined_and_a_withdrawn_one_cannot(database, scene):
    with database.transaction() as session:
        approved, withdrawn = scene.report(session), scene.report(session)
        approve(session, approved, scene)
        reports.withdraw(session, report=withdrawn)
        assert reports.join(session, report=approved, person=scene.person(session))
        with pytest.raises(AlreadyDecided):
            reports.join(session, report=withdrawn, person=scene.person(session))


def test_a_note_is_added_and_edited_while_undecided(database, scene):
    with database.transaction() as session:
        report = scene.report(session)

        def add(text, message_id):
            return reports.add_note(
                session, report=report, text=text, message_id=message_id, policy=scene.policy
            )

        def edit(person_id, message_id, text):
            return reports.edit_note(
                session,
                person_id=person_id,
                message_id=message_id,
                text=text,
                policy=scene.policy,
            )

        assert add(" 断了 ", 8) == "断了"
        assert add("小心", 9) == "小心"
        assert report.note == "断了\n小心"
        assert edit(report.reporter_id, 9, "断了一截") is report
        assert report.note == "断了\n断了一截"
        assert edit(report.reporter_id, 5, "?") is None
        assert edit(report.reporter_id + 1, 9, "?") is None
        room = scene.policy.limits.note_characters - len("断了\n断了一截\n")
        assert add("x" * 2000, 10) == "x" * room
        assert len(report.note) == scene.policy.limits.note_characters
        history = ["submitted", "note_added", "note_added", "note_edited", "note_added"]
        assert kinds(session, report) == history
        approve(session, report, scene)
        assert edit(report.reporter_id, 10, "?") is None


def test_photos_and_a_voice_are_added_while_undecided(database, scene):
    with database.transaction() as session:
        report, sent = scene.report(session), scene.photo()

        def add(one):
            return reports.add_photo(session, report=report, sent=one, policy=scene.policy)

        added = [add(one) for one in (sent, scene.photo(), scene.photo(), scene.photo())]
        reports.add_voice(session, report=report, file_id="voice-1")
        assert report.voice_file_id == "voice-1"
        with pytest.raises(SamePhoto):
            add(sent)
        with pytest.raises(TooManyPhotos):
            add(scene.photo())
        # What turned out to be no picture takes no room.
        photos.refuse(session, photo=added[0], why=photos.Refused.BROKEN)
        assert add(scene.photo()) is not None
        sent = photos.of_report(session, report_id=report.id)
        shown = [photo for photo in sent if photo.state != "refused"]
        assert len(shown) == 5
        assert added[0] not in shown


@pytest.mark.parametrize("decide", ["approved", "withdrawn"])
def test_after_the_decision_nothing_is_added(database, scene, decide):
    with database.transaction() as session:
        report = scene.report(session)
        if decide == "approved":
            approve(session, report, scene)
        else:
            reports.withdraw(session, report=report)
        before = kinds(session, report)
        for late in (
            lambda: reports.add_note(
                session, report=report, text="!", message_id=1, policy=scene.policy
            ),
            lambda: reports.add_voice(session, report=report, file_id="voice-1"),
            lambda: reports.add_photo(
                session, report=report, sent=scene.photo(), policy=scene.policy
            ),
            lambda: reports.withdraw(session, report=report),
            lambda: reports.require_undecided(report),
        ):
            with pytest.raises(AlreadyDecided) as refused:
                late()
            assert refused.value.state == decide
        assert kinds(session, report) == before


def test_a_withdrawn_report_knows_when(database, scene, midday):
    with database.transaction() as session:
        report = scene.report(session)
        reports.withdraw(session, report=report)
        assert (report.state, report.decided_at, report.decided_by) == ("withdrawn", midday, None)


def test_my_reports_come_in_pages_newest_first_with_those_i_joined(database, scene):
    with database.transaction() as session:
        rider = scene.person(session)
        assert reports.page_of(session, person_id=rider.id, page=0) == ([], 1)
        mine = [scene.report(session, rider).id for _ in range(5)]
        joined = scene.report(session)
        reports.join(session, report=joined, person=rider)
        scene.report(session)

        def page(number):
            rows, pages = reports.page_of(session, person_id=rider.id, page=number)
            return [row.id for row in rows], pages

        newest = [joined.id, *reversed(mine)]
        assert page(0) == (newest[:5], 2)
        assert page(1) == (newest[5:], 2)
        assert page(99) == (newest[5:], 2)
        assert page(-1) == (newest[:5], 2)


def test_a_late_part_of_an_album_finds_its_undecided_report(database, scene):
    with database.transaction() as session:
        rider = scene.person(session)
        draft = scene.draft(session, rider)
        draft.media_group_id = "album-1"
        report = submit(session, draft, rider, scene)

        def find(person_id=rider.id, album="album-1"):
            return reports.album_of(session, person_id=person_id, media_group_id=album)

        assert find() is report
        assert find(album="album-2") is None
        assert find(person_id=rider.id + 1) is None
        approve(session, report, scene)
        assert find() is None


def test_a_riders_record_counts_decisions_only(database, scene):
    with database.transaction() as session:
        rider = scene.person(session)
        assert reports.record_of(session, person_id=rider.id) == reports.Record(0, 0)
        one, two, three, _ = (scene.report(session, rider) for _ in range(4))
        approve(session, one, scene)
        reports.withdraw(session, report=three)
        review.reject(
            session,
            report=two,
            reviewer=Reviewer(7, "林", is_chief=False),
            reason=review.reason_of("unclear", policy=scene.policy),
            policy=scene.policy,
            desk_size=1,
        )
        assert reports.record_of(session, person_id=rider.id) == reports.Record(1, 2)


def decide_after(session, scene, minutes):
    report = scene.report(session)
    clock.advance(timedelta(minutes=minutes))
    approve(session, report, scene)


@pytest.mark.parametrize(
    ("waits", "promised"),
    [
        ([3, 3, 3, 3], None),
        ([3, 3, 3, 3, 3], 5),
        ([5, 5, 5, 5, 5], 5),
        ([1, 1, 6, 90, 90], 10),
        ([61] * 5, 120),
        ([60 * 24] * 5, 60 * 24),
        ([60 * 24 + 1] * 5, None),
    ],
)
def test_the_desk_promises_what_is_usual(database, scene, midday, waits, promised):
    with database.transaction() as session:
        for minutes in waits:
            decide_after(session, scene, minutes)
        assert desk.usual_wait_minutes(session) == promised


def test_the_desk_forgets_what_was_long_ago_and_what_was_withdrawn(database, scene, midday):
    with database.transaction() as session:
        for _ in range(5):
            decide_after(session, scene, 3)
        for _ in range(5):
            report = scene.report(session)
            clock.advance(timedelta(hours=3))
            reports.withdraw(session, report=report)
        assert desk.usual_wait_minutes(session) == 5
        clock.advance(timedelta(days=14))
        assert desk.usual_wait_minutes(session) is None


def test_numbers_are_never_given_twice(database, scene):
    with database.transaction() as session:
        first = scene.report(session)
        assert scene.report(session).id > first.id
        assert session.get(Report, first.id) is first
