"""Drafts: photo, place and category in any order, nothing asked twice, nothing lost."""

from datetime import timedelta
from itertools import permutations

import pytest
from sqlalchemy import func, select

from models import Draft, DraftPhoto, Errand, Photo, clock
from models.photos import PhotoState
from models.reports import PlaceSource
from services import drafts, photos
from services.drafts import Step
from services.refusals import OutOfDate, OutsideDistricts, SamePhoto, TooManyPhotos, UnknownCode
from tests.scene import HERE, NEXT_DOOR


def set_place(draft, scene, place=HERE, accuracy_m=None):
    drafts.set_place(
        draft,
        latitude=place[0],
        longitude=place[1],
        accuracy_m=accuracy_m,
        source=PlaceSource.PIN,
        districts=scene.districts,
        policy=scene.policy,
    )


def step(session, draft, scene):
    session.flush()
    return drafts.step(session, draft=draft, policy=scene.policy)


def empty(session, scene):
    return scene.draft(session, scene.person(session), place=None, category=None, pictures=0)


def test_a_rider_has_one_draft(database, scene):
    with database.transaction() as session:
        rider = scene.person(session)
        assert drafts.current(session, person_id=rider.id) is None
        draft = drafts.start(session, person=rider, policy=scene.policy)
        assert drafts.start(session, person=rider, policy=scene.policy).id == draft.id
        assert drafts.current(session, person_id=rider.id).id == draft.id


def test_the_number_of_a_draft_is_never_given_twice(database, scene):
    with database.transaction() as session:
        rider = scene.person(session)
        first = drafts.start(session, person=rider, policy=scene.policy)
        drafts.discard(session, draft=first)
        second = drafts.start(session, person=rider, policy=scene.policy)
        assert second.id > first.id
        with pytest.raises(OutOfDate):
            drafts.mine(session, person_id=rider.id, draft_id=first.id)
        assert drafts.mine(session, person_id=rider.id, draft_id=second.id).id == second.id


def test_the_button_of_somebody_elses_draft_is_out_of_date(database, scene):
    with database.transaction() as session:
        draft, other = empty(session, scene), empty(session, scene)
        with pytest.raises(OutOfDate):
            drafts.mine(session, person_id=draft.person_id, draft_id=other.id)


@pytest.mark.parametrize("order", list(permutations(["photo", "place", "category"])))
def test_only_what_is_missing_is_asked_for_in_any_order(database, scene, order):
    wanted = {"photo": Step.PHOTO, "place": Step.PLACE, "category": Step.CATEGORY}
    with database.transaction() as session:
        draft = empty(session, scene)
        for given in order:
            assert step(session, draft, scene) == next(iter(wanted.values()))
            if given == "photo":
                drafts.add_photo(session, draft=draft, sent=scene.photo(), policy=scene.policy)
            elif given == "place":
                set_place(draft, scene)
            else:
                drafts.set_category(draft, code="pothole", policy=scene.policy)
            del wanted[given]
        assert step(session, draft, scene) == Step.READY


def test_a_photo_is_written_down_and_its_bytes_asked_for(database, scene):
    with database.transaction() as session:
        draft = empty(session, scene)
        sent = scene.photo(as_file=True)
        photo = drafts.add_photo(session, draft=draft, sent=sent, policy=scene.policy)
        assert (photo.state, photo.owner_id) == (PhotoState.WAITING, draft.person_id)
        assert session.scalars(select(Errand)).one().payload == {
            "photo_id": photo.id,
            "file_id": sent.file_id,
            "as_file": True,
        }
        assert photos.draft_of(session, photo_id=photo.id) == draft.id
        assert photos.report_of(session, photo_id=photo.id) is None
        assert photos.get(session, photo_id=photo.id) is photo


def test_the_same_photo_counts_once(database, scene):
    with database.transaction() as session:
        draft, sent = empty(session, scene), scene.photo()
        drafts.add_photo(session, draft=draft, sent=sent, policy=scene.policy)
        with pytest.raises(SamePhoto):
            drafts.add_photo(session, draft=draft, sent=sent, policy=scene.policy)
        assert drafts.photo_count(session, draft=draft) == 1


def test_there_is_room_for_so_many_photos(database, scene):
    with database.transaction() as session:
        draft = empty(session, scene)
        sent = [scene.photo() for _ in range(5)]
        for one in sent:
            drafts.add_photo(session, draft=draft, sent=one, policy=scene.policy)
        with pytest.raises(TooManyPhotos) as refused:
            drafts.add_photo(session, draft=draft, sent=scene.photo(), policy=scene.policy)
        assert refused.value.limit == 5
        kept = [photo.file_id for photo in scene.pictures_of(session, draft)]
        assert kept == [one.file_id for one in sent]


def test_a_photo_that_turns_out_to_be_none_is_asked_for_again(database, scene):
    with database.transaction() as session:
        draft = scene.draft(session, scene.person(session))
        (photo,) = scene.pictures_of(session, draft)
        photos.refuse(session, photo=photo, why=photos.Refused.NOT_A_PICTURE)
        assert (photo.state, photo.refusal) == ("refused", "not_a_picture")
        assert step(session, draft, scene) == Step.PHOTO


def test_a_place_outside_leaves_the_draft_as_it_was(database, scene):
    with database.transaction() as session:
        draft = empty(session, scene)
        set_place(draft, scene)
        with pytest.raises(OutsideDistricts) as refused:
            set_place(draft, scene, place=(24.9, 118.6))
        assert refused.value.distance_m > 1000
        assert refused.value.nearest.code in {d.code for d in scene.districts.districts}
        assert (draft.latitude, draft.longitude) == HERE
        assert draft.district == "shanyao"


@pytest.mark.parametrize("pole", [(90.0, 0.0), (-90.0, 180.0)])
def test_the_poles_are_outside(database, scene, pole):
    with database.transaction() as session:
        draft = empty(session, scene)
        with pytest.raises(OutsideDistricts):
            set_place(draft, scene, place=pole)
        assert not draft.has_place


@pytest.mark.parametrize("accuracy_m", [float("nan"), float("inf")])
def test_an_accuracy_that_is_no_number_is_none(database, scene, accuracy_m):
    with database.transaction() as session:
        draft = empty(session, scene)
        set_place(draft, scene, accuracy_m=accuracy_m)
        assert draft.accuracy_m is None
        assert draft.place_confirmed


@pytest.mark.parametrize(("accuracy_m", "kept"), [(1e40, 10_000_000), (-5, 0)])
def test_an_accuracy_beyond_the_world_is_cut_to_it(database, scene, accuracy_m, kept):
    with database.transaction() as session:
        draft = empty(session, scene)
        set_place(draft, scene, accuracy_m=accuracy_m)
        assert draft.accuracy_m == kept


@pytest.mark.parametrize(("accuracy_m", "asked"), [(None, False), (100, False), (101, True)])
def test_a_vague_place_is_confirmed_first(database, scene, accuracy_m, asked):
    with database.transaction() as session:
        draft = empty(session, scene)
        drafts.add_photo(session, draft=draft, sent=scene.photo(), policy=scene.policy)
        set_place(draft, scene, accuracy_m=accuracy_m)
        assert draft.has_place
        expected = Step.CONFIRM_PLACE if asked else Step.CATEGORY
        assert step(session, draft, scene) == expected
        draft.place_confirmed = True
        assert step(session, draft, scene) == Step.CATEGORY


def test_a_category_that_does_not_exist_is_refused(database, scene):
    with database.transaction() as session:
        draft = scene.draft(session, scene.person(session))
        with pytest.raises(UnknownCode):
            drafts.set_category(draft, code="dragon", policy=scene.policy)
        assert draft.category == "guardrail"


def test_the_same_hazard_nearby_is_asked_about_until_the_rider_says_it_is_another(database, scene):
    with database.transaction() as session:
        scene.report(session)
        draft = scene.draft(session, scene.person(session), place=NEXT_DOOR)
        assert step(session, draft, scene) == Step.NEARBY
        draft.different = True
        assert step(session, draft, scene) == Step.READY
        # Another place or category is another question.
        set_place(draft, scene)
        assert step(session, draft, scene) == Step.NEARBY


def test_notes_add_up_until_they_are_too_long(database, scene):
    with database.transaction() as session:
        draft = empty(session, scene)
        assert drafts.add_note(draft, text=" 断了 ", message_id=7, policy=scene.policy)
        assert drafts.add_note(draft, text="夜里看不清", message_id=8, policy=scene.policy)
        assert draft.note == "断了\n夜里看不清"
        assert not drafts.add_note(draft, text="x" * 2000, message_id=9, policy=scene.policy)
        assert len(draft.note) == scene.policy.limits.note_characters


def test_a_discarded_draft_leaves_no_photo_behind_it(database, scene):
    with database.transaction() as session:
        draft = scene.draft(session, scene.person(session), pictures=2)
        drafts.discard(session, draft=draft)
        assert drafts.current(session, person_id=draft.person_id) is None
        assert session.scalar(select(func.count()).select_from(DraftPhoto)) == 0
        assert session.scalar(select(func.count(Photo.id))) == 2


def remind(database, scene):
    with database.transaction() as session:
        return [draft.id for draft in drafts.to_remind(session, policy=scene.policy)]


def test_an_unfinished_draft_is_reminded_of_once(database, scene, midday):
    with database.transaction() as session:
        draft = empty(session, scene)
    clock.advance(timedelta(minutes=29, seconds=59))
    assert remind(database, scene) == []
    clock.advance(timedelta(seconds=1))
    assert remind(database, scene) == [draft.id]
    clock.advance(timedelta(hours=2))
    assert remind(database, scene) == []


def test_touching_a_draft_moves_the_reminder_and_the_end_on(database, scene, midday):
    with database.transaction() as session:
        draft = empty(session, scene)
    clock.advance(timedelta(minutes=30))
    assert remind(database, scene) == [draft.id]
    with database.transaction() as session:
        drafts.touch(session.get(Draft, draft.id), policy=scene.policy)
    clock.advance(timedelta(minutes=30))
    assert remind(database, scene) == [draft.id]
    with database.transaction() as session:
        expires_at = session.get(Draft, draft.id).expires_at
    assert expires_at == midday + timedelta(minutes=30, hours=24)


def test_after_a_day_a_draft_is_gone_and_nobody_is_reminded_of_it(database, scene, midday):
    with database.transaction() as session:
        old = scene.draft(session, scene.person(session), category=None)
        clock.advance(timedelta(hours=1))
        young = empty(session, scene)
    clock.advance(timedelta(hours=23))
    assert remind(database, scene) == [young.id]
    with database.transaction() as session:
        assert drafts.discard_expired(session) == [old.person_id]
    with database.transaction() as session:
        assert session.scalars(select(Draft.id)).all() == [young.id]
        assert drafts.discard_expired(session) == []


def test_a_draft_that_waits_for_midnight_outlives_the_night(database, scene, midday):
    with database.transaction() as session:
        draft = empty(session, scene)
        drafts.keep_another_day(draft)
    clock.advance(timedelta(hours=35))
    with database.transaction() as session:
        assert drafts.discard_expired(session) == []
    assert remind(database, scene) == []
