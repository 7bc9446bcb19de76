"""A report in the making: photo, place and category in any order, each asked for only once."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from math import isfinite

from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.orm import Session

from models import Draft, DraftPhoto, Person, Photo, clock
from models.policy import Category, Policy
from models.reports import PlaceSource
from services import notes, photos, reports
from services.districts import Districts
from services.refusals import OutOfDate, OutsideDistricts, SamePhoto, TooManyPhotos, UnknownCode
from services.statements import Prepared
from services.upserts import insert_object, insert_row

# A quarter of the way round the earth: whoever is less certain knows nothing.
ANYWHERE_M = 10_000_000.0


class Step(StrEnum):
    """What a draft still lacks, in the order it is asked for."""

    PHOTO = "photo"
    PLACE = "place"
    CONFIRM_PLACE = "confirm_place"
    CATEGORY = "category"
    NEARBY = "nearby"
    READY = "ready"


_CURRENT = select(Draft).where(Draft.person_id == bindparam("person_id"))
_OF_DRAFT = DraftPhoto.draft_id == bindparam("draft_id")
_UNIQUE_IDS = Prepared(select(DraftPhoto.file_unique_id).where(_OF_DRAFT))
_PHOTO_COUNT = Prepared(select(func.count()).select_from(DraftPhoto).where(_OF_DRAFT))


def current(session: Session, *, person_id: int) -> Draft | None:
    """The unfinished report of a rider, if there is one."""
    # The rider's row is locked: what this transaction has of the draft is how it is.
    for known in session.identity_map.values():
        if isinstance(known, Draft) and known.person_id == person_id:
            return known
    return session.scalar(_CURRENT, {"person_id": person_id})


def start(session: Session, *, person: Person, policy: Policy) -> Draft:
    """The rider's unfinished report, a new one if there is none, touched now."""
    now = clock.now()
    draft = current(session, person_id=person.id)
    if draft is None:
        return insert_object(
            session,
            model=Draft,
            values={
                "person_id": person.id,
                "note": "",
                "note_parts": [],
                "voice_file_id": None,
                "latitude": None,
                "longitude": None,
                "accuracy_m": None,
                "place_source": None,
                "place_confirmed": False,
                "live_message_id": None,
                "district": None,
                "category": None,
                "different": False,
                "media_group_id": None,
                "surplus_told": False,
                "created_at": now,
                "touched_at": now,
                "reminded_at": None,
                "expires_at": now + policy.limits.draft_life,
            },
        )
    touch(draft, policy=policy)
    return draft


def touch(draft: Draft, *, policy: Policy) -> None:
    """The rider has been at it: the reminder and the end move on."""
    now = clock.now()
    draft.touched_at, draft.reminded_at = now, None
    draft.expires_at = now + policy.limits.draft_life


def mine(session: Session, *, person_id: int, draft_id: int) -> Draft:
    """The draft a button was made for.

    Raises:
        OutOfDate: it is not the rider's current one.
    """
    draft = current(session, person_id=person_id)
    if draft is None or draft.id != draft_id:
        raise OutOfDate
    return draft


def add_photo(session: Session, *, draft: Draft, sent: photos.Sent, policy: Policy) -> Photo:
    """Put a photo into a draft.

    Args:
        session: the transaction.
        draft: the rider's.
        sent: the photo as it came.
        policy: how many a report takes.

    Returns:
        The photo's row.

    Raises:
        SamePhoto: it is in there already.
        TooManyPhotos: there is no room for another.
    """
    there = [unique_id for (unique_id,) in _UNIQUE_IDS.rows(session, draft_id=draft.id)]
    if sent.file_unique_id in there:
        raise SamePhoto
    if len(there) >= policy.limits.photos_per_report:
        raise TooManyPhotos(limit=policy.limits.photos_per_report)
    photo = photos.note(session, owner_id=draft.person_id, sent=sent)
    insert_row(
        session,
        model=DraftPhoto,
        values={
            "draft_id": draft.id,
            "photo_id": photo.id,
            "file_unique_id": sent.file_unique_id,
            "position": len(there),
        },
    )
    return photo


_PHOTO_PLACES = (
    select(Photo.exif_latitude, Photo.exif_longitude)
    .join(DraftPhoto, DraftPhoto.photo_id == Photo.id)
    .where(DraftPhoto.draft_id == bindparam("draft_id"))
)


def photo_places(session: Session, *, draft: Draft) -> list[tuple[float, float]]:
    """The places that cameras wrote into a draft's photos: latitude and longitude, in degrees."""
    rows = session.connection().execute(_PHOTO_PLACES, {"draft_id": draft.id})
    return [
        (latitude, longitude)
        for latitude, longitude in rows
        if latitude is not None and longitude is not None
    ]


def photo_count(session: Session, *, draft: Draft) -> int:
    """How many photos a draft has."""
    return int(_PHOTO_COUNT.scalar(session, draft_id=draft.id))


def set_place(
    draft: Draft,
    *,
    latitude: float,
    longitude: float,
    accuracy_m: float | None,
    source: PlaceSource,
    districts: Districts,
    policy: Policy,
) -> None:
    """Put the place into a draft; a later one replaces an earlier one.

    Args:
        draft: the rider's.
        latitude: degrees, WGS-84.
        longitude: degrees, WGS-84.
        accuracy_m: how far off it may be, in metres, where known; what is no number is not.
        source: how it was given.
        districts: where we work.
        policy: says from when on a place is too vague to take unasked.

    Raises:
        OutsideDistricts: it lies outside all of them; the draft is as it was.
    """
    district = districts.locate(latitude, longitude)
    if district is None:
        nearest, distance_m = districts.nearest(latitude, longitude)
        raise OutsideDistricts(nearest=nearest, distance_m=distance_m)
    if accuracy_m is not None:
        accuracy_m = min(max(accuracy_m, 0), ANYWHERE_M) if isfinite(accuracy_m) else None
    draft.latitude, draft.longitude, draft.accuracy_m = latitude, longitude, accuracy_m
    draft.place_source, draft.district = source, district.code
    draft.place_confirmed = accuracy_m is None or accuracy_m <= policy.limits.vague_above_m
    draft.different = False
    draft.live_message_id = None


def set_category(draft: Draft, *, code: str, policy: Policy) -> Category:
    """Put the category into a draft.

    Raises:
        UnknownCode: there is no such category (any more).
    """
    category = policy.category(code)
    if category is None:
        raise UnknownCode
    draft.category = category.code
    draft.different = False
    return category


def add_note(draft: Draft, *, text: str, message_id: int | None, policy: Policy) -> bool:
    """Add words to a draft's note.

    Args:
        draft: the rider's.
        text: what they wrote.
        message_id: the message it came in, so that an edit finds it.
        policy: how long a note may be.

    Returns:
        False if it had to be cut.
    """
    limit = policy.limits.note_characters
    kept = notes.append(draft, text=text, message_id=message_id, limit=limit)
    return kept == notes.clean(text)


def edit_note(draft: Draft, *, text: str, message_id: int, policy: Policy) -> bool:
    """Follow the edit of a message whose words are in the note.

    Args:
        draft: the rider's.
        text: what the message says now.
        message_id: the message.
        policy: how long a note may be.

    Returns:
        False if none of its words are in the note.
    """
    if not notes.has_part(draft, message_id=message_id):
        return False
    notes.replace(draft, text=text, message_id=message_id, limit=policy.limits.note_characters)
    return True


def step(session: Session, *, draft: Draft, policy: Policy) -> Step:
    """What the draft lacks next."""
    if photo_count(session, draft=draft) == 0:
        return Step.PHOTO
    if draft.latitude is None or draft.longitude is None:
        return Step.PLACE
    if not draft.place_confirmed:
        return Step.CONFIRM_PLACE
    if draft.category is None or policy.category(draft.category) is None:
        # Never chosen, or gone from the configuration since.
        return Step.CATEGORY
    if not draft.different and reports.same_nearby(session, draft=draft, policy=policy):
        return Step.NEARBY
    return Step.READY


def discard(session: Session, *, draft: Draft) -> None:
    """Throw a draft away; its pictures' rows stay, nobody shows them."""
    session.execute(delete(DraftPhoto).where(DraftPhoto.draft_id == draft.id))
    session.delete(draft)
    session.flush()


def to_remind(session: Session, *, policy: Policy, limit: int = 100) -> Sequence[Draft]:
    """Drafts that have rested long enough for their one reminder; each is given out once."""
    now = clock.now()
    drafts = session.scalars(
        select(Draft)
        .where(
            Draft.touched_at <= now - policy.limits.remind_after,
            Draft.reminded_at.is_(None),
            Draft.expires_at > now,
        )
        .order_by(Draft.touched_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for draft in drafts:
        draft.reminded_at = now
    return drafts


def discard_expired(session: Session, *, limit: int = 500) -> list[int]:
    """Throw away the drafts whose time is over.

    Returns:
        The ids of their riders.
    """
    drafts = session.scalars(
        select(Draft)
        .where(Draft.expires_at <= clock.now())
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for draft in drafts:
        discard(session, draft=draft)
    return [draft.person_id for draft in drafts]


def keep_through(draft: Draft, *, until: datetime, policy: Policy) -> None:
    """A draft its rider may not go on with before a moment is there, unhurried, when they may."""
    draft.expires_at = max(draft.expires_at, until + policy.limits.draft_life)
    draft.reminded_at = clock.now()


def keep_another_day(draft: Draft) -> None:
    """A draft that may be submitted only after midnight lives through the day after as well."""
    draft.expires_at = max(draft.expires_at, clock.now() + timedelta(hours=36))
    draft.reminded_at = clock.now()
