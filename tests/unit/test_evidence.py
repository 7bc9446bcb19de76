"""services/evidence.py and the card it is shown on: what is new, and room for all of it."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from handlers import desk_views, views
from locales import Words
from models import Person, Photo, Report, Sanction, clock
from models.photos import PhotoState
from services import evidence, photos, reports
from services.evidence import Evidence, OfPhotos, Ride, SamePhoto
from services.reports import Record
from tests.scene import HERE, UP_THE_ROAD

STRIPES = 0x5555_5555_0F0F_0F0F


def picture_of(session, report) -> Photo:
    (photo,) = photos.of_report(session, report_id=report.id)
    return photo


def found(session, photo, *, sha256="a" * 64, dhash=STRIPES, taken_at=None) -> None:
    photos.stored(
        session,
        photo=photo,
        found=photos.Found(
            sha256=sha256,
            dhash=dhash,
            width=320,
            height=240,
            size=1000,
            taken_at=taken_at,
            place=None,
            exif_fault=None,
        ),
    )


def gathered(session, scene, report) -> Evidence:
    return evidence.gather(
        session,
        report=report,
        pictures=photos.of_report(session, report_id=report.id),
        policy=scene.policy,
    )


class TestSamePhoto:
    @pytest.mark.parametrize("by", ["file_unique_id", "sha256", "dhash"])
    @pytest.mark.parametrize("same_rider", [True, False])
    def test_of_an_earlier_report_is_recognised(self, database, scene, midday, by, same_rider):
        with database.transaction() as session:
            rider = scene.person(session)
            first = scene.report(session, rider)
            sent_at = picture_of(session, first).sent_at
            clock.advance(timedelta(days=3))
            second = scene.report(session, rider if same_rider else None)
            one, other = picture_of(session, first), picture_of(session, second)
            for number, photo in enumerate((one, other)):
                found(session, photo, sha256=str(number) * 64, dhash=STRIPES + number)
            setattr(other, by, getattr(one, by))
            same = gathered(session, scene, second).photos.same
            assert same == SamePhoto(report_id=first.id, sent_at=sent_at, more=0)
            # The first to bring it is not told of the copy.
            assert gathered(session, scene, first).photos.same is None

    def test_every_report_with_it_counts(self, database, scene, midday):
        with database.transaction() as session:
            made = [scene.report(session) for _ in range(4)]
            for report in made:
                picture_of(session, report).file_unique_id = "the-same"
            same = gathered(session, scene, made[3]).photos.same
            assert (same.report_id, same.more) == (made[2].id, 2)

    def test_added_late_to_an_old_report_is_recognised(self, database, scene, midday):
        with database.transaction() as session:
            old, new = scene.report(session), scene.report(session)
            sent = scene.photo(file_unique_id=picture_of(session, new).file_unique_id)
            reports.add_photo(session, report=old, sent=sent, policy=scene.policy)
            assert gathered(session, scene, old).photos.same.report_id == new.id

    def test_of_somebody_elses_unfinished_report_is_recognised(self, database, scene, midday):
        with database.transaction() as session:
            draft = scene.draft(session, scene.person(session))
            report = scene.report(session)
            (theirs,) = scene.pictures_of(session, draft)
            picture_of(session, report).file_unique_id = theirs.file_unique_id
            assert gathered(session, scene, report).photos.same == SamePhoto(None, midday, 0)

    def test_of_ones_own_unfinished_report_is_nothing_unusual(self, database, scene, midday):
        with database.transaction() as session:
            rider = scene.person(session)
            photos.note(session, owner_id=rider.id, sent=scene.photo(file_unique_id="mine"))
            report = scene.report(session, rider)
            picture_of(session, report).file_unique_id = "mine"
            assert gathered(session, scene, report).photos.same is None

    @pytest.mark.parametrize("flat", [0, -1, 1, 0b1011, -(2**63), 2**63 - 1, None])
    def test_flat_pictures_are_not_known_by_their_looks(self, database, scene, midday, flat):
        with database.transaction() as session:
            for digest in ("a", "b"):
                report = scene.report(session)
                found(session, picture_of(session, report), sha256=digest * 64, dhash=flat)
            assert gathered(session, scene, report).photos.same is None

    def test_a_refused_file_is_no_photo(self, database, scene, midday):
        with database.transaction() as session:
            first, second = scene.report(session), scene.report(session)
            for report in (first, second):
                picture_of(session, report).file_unique_id = "the-same"
            picture_of(session, second).state = PhotoState.REFUSED
            assert gathered(session, scene, second).photos == OfPhotos(None, None)

    def test_is_looked_for_by_indexes(self, database):
        with database.transaction() as session:
            if session.get_bind().dialect.name != "sqlite":
                # On an empty table PostgreSQL reads it whole, whatever indexes there are.
                session.execute(text("SET enable_seqscan = off"))
                explain = "EXPLAIN "
            else:
                explain = "EXPLAIN QUERY PLAN "
            statement = evidence._copies(2)._statement.compile(
                session.get_bind(), compile_kwargs={"render_postcompile": True}
            )
            values = dict.fromkeys(statement.params, 1) | {
                name: "x" for name in statement.params if name.startswith(("file", "sha256"))
            }
            connection = session.connection()
            rows = connection.exec_driver_sql(
                explain + str(statement),
                tuple(values[name] for name in statement.positiontup)
                if statement.positional
                else values,
            ).all()
            plan = "\n".join(str(row) for row in rows)
            for name in ("ix_photo_file_unique_id", "ix_photo_sha256", "ix_photo_dhash"):
                assert name in plan
            assert "SCAN photo" not in plan
            assert "Seq Scan" not in plan


class TestTaken:
    @pytest.mark.parametrize(
        ("before", "told"),
        [
            (timedelta(days=3), timedelta(days=3)),
            (timedelta(hours=-2), timedelta(hours=-2)),
            (timedelta(minutes=59), None),
            (timedelta(minutes=-59), None),
            (None, None),
        ],
    )
    def test_long_before_or_after_the_sending_is_told(self, database, scene, midday, before, told):
        with database.transaction() as session:
            report = scene.report(session)
            photo = picture_of(session, report)
            found(session, photo, taken_at=photo.sent_at - before if before else None)
            assert gathered(session, scene, report).photos.taken_before == told


class TestRider:
    def test_the_way_since_the_last_report(self, database, scene, midday):
        with database.transaction() as session:
            rider = scene.person(session)
            first = scene.report(session, rider, place=HERE)
            clock.advance(timedelta(minutes=4))
            second = scene.report(session, rider, place=UP_THE_ROAD)
            ride = gathered(session, scene, second).ride
            assert (ride.report_id, ride.minutes) == (first.id, 4)
            assert ride.distance_m == pytest.approx(200, abs=2)
            assert ride.kmh == pytest.approx(3.0, abs=0.1)
            assert gathered(session, scene, first).ride is None

    def test_an_old_report_says_nothing_about_the_way(self, database, scene, midday):
        with database.transaction() as session:
            rider = scene.person(session)
            scene.report(session, rider, place=HERE)
            clock.advance(timedelta(hours=3, seconds=1))
            report = scene.report(session, rider, place=UP_THE_ROAD)
            assert gathered(session, scene, report).ride is None

    def test_who_stands_still_has_no_speed(self, database, scene, midday):
        with database.transaction() as session:
            rider = scene.person(session)
            scene.report(session, rider)
            report = scene.report(session, rider)
            assert gathered(session, scene, report).ride is None

    def test_two_at_once_are_a_minute_apart(self):
        ride = Ride(report_id=1, distance_m=1000.0, took=timedelta())
        assert (ride.minutes, round(ride.kmh, 3)) == (1, 60.0)

    def test_reports_of_the_day_begin_anew_at_midnight(self, database, scene, midday):
        with database.transaction() as session:
            rider = scene.person(session)
            numbers = []
            # 13:30, 20:30, and 03:30 on the next day.
            for _ in range(3):
                report = scene.report(session, rider)
                scene.report(session)
                numbers.append(gathered(session, scene, report).of_the_day)
                clock.advance(timedelta(hours=7))
            assert numbers == [1, 2, 1]

    def test_warnings_and_bans_are_counted(self, database, scene, midday):
        with database.transaction() as session:
            report = scene.report(session)
            told = gathered(session, scene, report)
            assert (told.warnings, told.bans) == (0, 0)
            for kind in ("warning", "warning", "ban", "lifted"):
                session.add(
                    Sanction(
                        person_id=report.reporter_id,
                        kind=kind,
                        by_id=7,
                        by_name="林审核",
                        reason="x",
                        at=clock.now(),
                    )
                )
            session.flush()
            told = gathered(session, scene, report)
            assert (told.warnings, told.bans) == (2, 1)


# --- the card


@pytest.fixture(params=["zh_Hans", "en"])
def words(request, policy) -> Words:
    return Words(request.param, policy.zone)


def facts(districts, **told) -> desk_views.CardFacts:
    ordinary = {
        "district": districts.by_code("shanyao"),
        "reporter": Person(id=1, language="en", bird=0, bird_number=27),
        "record": Record(approved=0, decided=0),
        "evidence": Evidence(OfPhotos(None, None), ride=None, of_the_day=1, warnings=0, bans=0),
        "photo_ids": (1,),
        "missing_photos": 0,
        "forwarded": 0,
        "joiners": 0,
        "neighbour": None,
        "map_url": "https://example.org/?a=1&b=2",
    }
    return desk_views.CardFacts(**(ordinary | told))


def report_of(**told) -> Report:
    ordinary = {
        "id": 1042,
        "state": "submitted",
        "category": "guardrail",
        "category_name_zh": "护栏",
        "category_name_en": "Guardrail",
        "category_emoji": "🚧",
        "danger": True,
        "place_source": "pin",
        "accuracy_m": 12.0,
        "place_name_zh": "永嘉路/中兴街口",
        "place_name_en": "Yongjia Rd / Zhongxing St",
        "note": "夜里看不清",
        "created_at": clock.now(),
    }
    return Report(**(ordinary | told))


def test_a_card_without_anything_unusual_is_four_lines(midday, districts, words):
    text = desk_views.card_text(report_of(), facts(districts), words)
    assert len(text.split("\n")) == 4


def test_facts_that_are_unusual_are_told(midday, districts):
    told = facts(
        districts,
        record=Record(approved=8, decided=9),
        evidence=Evidence(
            OfPhotos(SamePhoto(1017, midday - timedelta(days=3), 2), timedelta(days=3, hours=5)),
            ride=Ride(1041, 2100.0, timedelta(minutes=6)),
            of_the_day=3,
            warnings=1,
            bans=2,
        ),
    )
    text = desk_views.card_text(report_of(), told, Words("en", None))
    assert text.split("\n")[3:] == [
        "👤 Gull-27 · approved 8/9 · no. 3 of the day · 1 warning · 2 bans",
        "📷 Same photo in #1017 (3 days ago) +2",
        "🕓 Photo taken 3 days before it was sent",
        "🛵 2.1 km in 6 min since #1041 (21 km/h)",
    ]


@pytest.mark.parametrize(
    ("span", "told"),
    [
        (timedelta(minutes=61), "🕓 Photo taken 1 hour before it was sent"),
        (timedelta(days=9000), "🕓 Photo taken 24 years before it was sent"),
        (timedelta(hours=-2), "🕓 Camera clock 2 hours ahead of the sending"),
    ],
)
def test_the_time_of_a_photo_is_told_in_words(midday, districts, span, told):
    shown = facts(
        districts, evidence=Evidence(OfPhotos(None, span), None, of_the_day=1, warnings=0, bans=0)
    )
    assert told in desk_views.card_text(report_of(), shown, Words("en", None)).split("\n")


def test_a_photo_nobody_has_reported_is_told(midday, districts):
    same = SamePhoto(None, midday, 0)
    shown = facts(
        districts, evidence=Evidence(OfPhotos(same, None), None, of_the_day=1, warnings=0, bans=0)
    )
    text = desk_views.card_text(report_of(), shown, Words("en", None))
    assert "📷 Same photo sent by somebody else (just now)" in text


@pytest.mark.parametrize(
    ("source", "accuracy_m", "told"),
    [
        ("pin", 12.0, "(±12 m)"),
        ("pin", None, "(pin on the map)"),
        ("live", 8.0, "(live location, ±8 m)"),
        ("venue", None, "(venue)"),
        ("file", None, "(from the photo)"),
        ("address", None, "(typed address)"),
    ],
)
def test_how_the_place_was_given_is_told(midday, districts, source, accuracy_m, told):
    report = report_of(place_source=source, accuracy_m=accuracy_m)
    text = desk_views.card_text(report, facts(districts), Words("en", None))
    assert told in text.split("\n")[1]


def worst(districts, moment, note) -> tuple[Report, desk_views.CardFacts]:
    """All that can be told at once, each as long as it may be."""
    long_ago = moment - timedelta(days=9999)
    shown = report_of(
        id=10**9,
        created_at=long_ago,
        category_name_zh="护" * 64,
        category_name_en="&" * 64,
        place_source="live",
        accuracy_m=1500.0,
        place_name_zh="永" * 128,
        place_name_en="<" * 128,
        note=note,
    )
    other = report_of(id=10**9 - 1, created_at=long_ago, state="appealed")
    told = facts(
        districts,
        reporter=Person(id=1, language="en", bird=19, bird_number=99_999),
        record=Record(approved=99_999, decided=99_999),
        evidence=Evidence(
            OfPhotos(SamePhoto(10**9 - 2, long_ago, 99), timedelta(days=-9999)),
            ride=Ride(10**9 - 3, 20_000_000.0, timedelta(minutes=180)),
            of_the_day=1000,
            warnings=100,
            bans=100,
        ),
        photo_ids=(1,),
        missing_photos=10,
        forwarded=10,
        joiners=9999,
        neighbour=(other, 500.0),
    )
    return shown, told


NOTES = ["<" * 3000, "🕳" * 3000, "断\n" * 1500, "&amp;"]


@pytest.mark.parametrize("note", NOTES)
@pytest.mark.parametrize("state", ["submitted", "approved", "rejected"])
def test_the_worst_card_fits_under_a_photo(words, scene, midday, note, state):
    policy = scene.policy
    report, told = worst(scene.districts, midday, note)
    report.state, report.grade, report.points = state, 3, 10_000
    report.decided_at, report.decided_by_name = midday, "林" * 64
    report.reject_reason = policy.reject_reasons[0].code
    view = desk_views.card(report, told, policy=policy, words=words, with_photo=True)
    assert views.length(view.text) <= views.CAPTION_LIMIT
    # What there is room for of the note is there, and every fact is.
    assert "💬" in view.text
    assert all(sign in view.text for sign in "📍👤🤝🔎📷🕓🛵↪⚠")


@pytest.mark.parametrize("note", NOTES)
@pytest.mark.parametrize("state", ["submitted", "asked", "held", "appealed", "rejected"])
def test_the_worst_card_fits_with_what_people_wrote(words, scene, midday, note, state):
    policy = scene.policy
    report, told = worst(scene.districts, midday, note)
    report.state, report.reject_reason = state, "own_words"
    report.decided_at, report.decided_by_name = midday, "林" * 64
    report.reason_text_zh = report.reason_text_en = report.held_because = "&" * 300
    report.question, report.appeal = "问" * 300, "<" * 500
    report.claimed_by, report.claimed_by_name = 7, "陈" * 64
    report.claimed_until = midday + timedelta(minutes=5)
    menu = desk_views.reasons(report, policy=policy, words=words)
    view = desk_views.card(report, told, policy=policy, words=words, with_photo=True, menu=menu)
    assert views.length(view.text) <= views.CAPTION_LIMIT
    assert all(sign in view.text for sign in "📍👤")


@pytest.mark.parametrize("state", ["asked", "held", "appealed", "rejected"])
def test_signs_that_count_twice_fit_as_well(words, scene, midday, state):
    report, told = worst(scene.districts, midday, "🕳" * 3000)
    report.state, report.reject_reason = state, "own_words"
    report.decided_at, report.decided_by_name = midday, "🦺" * 128
    report.reason_text_zh = report.reason_text_en = report.held_because = "🕳" * 300
    report.question, report.appeal = "🕳" * 300, "🕳" * 500
    report.claimed_by, report.claimed_by_name = 7, "🦺" * 64
    report.claimed_until = midday + timedelta(minutes=5)
    menu = desk_views.reasons(report, policy=scene.policy, words=words)
    view = desk_views.card(
        report, told, policy=scene.policy, words=words, with_photo=True, menu=menu
    )
    assert views.length(view.text) <= views.CAPTION_LIMIT


@pytest.mark.parametrize("length", [1, 100, 350, 351, 1000])
def test_a_note_that_is_cut_is_known_to_be(midday, districts, words, length):
    for told in (facts(districts), worst(districts, midday, "")[1]):
        report = report_of(note="断" * length)
        whole = "断" * length in desk_views.card_text(report, told, words)
        assert desk_views.shows_whole_note(report, told, words) == whole
    assert whole or length > 100


def test_text_is_measured_as_telegram_does():
    assert views.length('<b>#1</b> &lt;b&gt; <a href="https://a.b/?x=1&amp;y=2">地图</a>') == 9
    assert views.length("🕳") == 2
    assert views.length("") == 0


@pytest.mark.parametrize(
    ("text", "room", "kept"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("🕳🕳🕳", 5, "🕳🕳…"),
        ("<<<", 3, "<<<"),
        ("ab cd", 4, "ab…"),
    ],
)
def test_words_are_cut_to_the_room_there_is(text, room, kept):
    assert views.cut(text, room) == kept
