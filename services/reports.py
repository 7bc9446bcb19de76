"""Reports: submitted, joined, added to, withdrawn, and found again by number, rider or place."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cache

from sqlalchemy import bindparam, delete, func, insert, select, union
from sqlalchemy.orm import Session

from models import Draft, DraftPhoto, Joiner, Person, Photo, Report, ReportEvent, ReportPhoto, clock
from models.base import BigId
from models.photos import PhotoState
from models.policy import Policy
from models.workflow import OPEN_STATES, UNDECIDED_STATES, Actor, State
from services import notes, photos, places, workflow
from services.districts import Districts
from services.refusals import (
    AlreadyDecided,
    NotForYou,
    OutOfDate,
    SamePhoto,
    TooManyPhotos,
    TooManyToday,
    TooManyVoices,
)
from services.statements import Prepared
from services.upserts import insert_new, insert_object

# Within this a report is told by the name of a place near it.
NEAR_PLACE_M = 400.0
# So often a rider speaks to a report: each time takes a message of their desk's minute.
MOST_VOICES = 3
# A rider's reports on one page.
PAGE = 5


@dataclass(frozen=True, slots=True)
class Near:
    """A report near a point.

    Attributes:
        report_id: its number.
        distance_m: how far, in metres.
    """

    report_id: int
    distance_m: float


@dataclass(frozen=True, slots=True)
class Record:
    """What became of a rider's reports so far: approved, out of decided."""

    approved: int
    decided: int


@dataclass(frozen=True, slots=True)
class Added:
    """What a draft added to a report its rider had made already.

    Attributes:
        photos: those that were new to it and found room.
        words: what of the draft's note fitted into the report's.
        whole: no photo and no word was left out for want of room.
        voice: there was a voice note.
    """

    photos: tuple[Photo, ...]
    words: str
    whole: bool
    voice: bool


_MOVE_PHOTOS = Prepared(
    insert(ReportPhoto).from_select(
        ["report_id", "photo_id", "position"],
        select(bindparam("report_id", type_=BigId), DraftPhoto.photo_id, DraftPhoto.position).where(
            DraftPhoto.draft_id == bindparam("draft_id")
        ),
    )
)
_FORGET_DRAFT = Prepared(delete(Draft).where(Draft.id == bindparam("draft_id")))


def submit(
    session: Session, *, draft: Draft, person: Person, policy: Policy, districts: Districts
) -> Report:
    """Make a report of a complete draft; the draft is gone afterwards.

    Args:
        session: the transaction; the rider's row is locked in it.
        draft: with photo, place and category.
        person: the rider.
        policy: categories and the limit a day.
        districts: gives the place its name.

    Returns:
        The report, submitted.

    Raises:
        TooManyToday: the rider has had as many as there are in a day; the draft is kept.
        OutOfDate: the draft is not complete.
    """
    category = policy.category(draft.category or "")
    if category is None or draft.latitude is None or draft.longitude is None:
        raise OutOfDate
    _check_daily_limit(session, person_id=person.id, policy=policy)
    named = districts.near_place(draft.latitude, draft.longitude, NEAR_PLACE_M)
    report = insert_object(
        session,
        model=Report,
        values={
            "reporter_id": person.id,
            "draft_id": draft.id,
            "state": State.SUBMITTED,
            "category": category.code,
            "category_name_zh": category.name.zh,
            "category_name_en": category.name.en,
            "category_emoji": category.emoji,
            "danger": category.danger,
            "deadline_hours": category.deadline_hours,
            "latitude": draft.latitude,
            "longitude": draft.longitude,
            "accuracy_m": draft.accuracy_m,
            "place_source": draft.place_source,
            "cell": places.cell_of(draft.latitude, draft.longitude),
            "district": draft.district,
            "place_name_zh": named[0].name_zh if named else "",
            "place_name_en": named[0].name_en if named else "",
            "note": draft.note,
            "note_parts": draft.note_parts,
            "voice_file_id": draft.voice_file_id,
            "media_group_id": draft.media_group_id,
            "surplus_told": draft.surplus_told,
            "created_at": clock.now(),
            # Now, so that no reviewer can draw again.
            "drawn": random.random() < policy.review.second_eyes.share,
        },
    )
    _MOVE_PHOTOS.run(session, report_id=report.id, draft_id=draft.id)
    _forget_draft(session, draft)
    workflow.begin(session, report=report)
    return report


def _forget_draft(session: Session, draft: Draft) -> None:
    # What has changed in it of late would be written before it goes.
    session.expunge(draft)
    # Its photos' places in it go with it, by their foreign key.
    _FORGET_DRAFT.run(session, draft_id=draft.id)


_SINCE = Prepared(
    select(func.count(Report.id)).where(
        Report.reporter_id == bindparam("person_id"), Report.created_at >= bindparam("since")
    )
)


def _check_daily_limit(session: Session, *, person_id: int, policy: Policy) -> None:
    local = clock.now().astimezone(policy.zone)
    midnight = datetime.combine(local.date(), time(), tzinfo=policy.zone)
    today = _SINCE.scalar(session, person_id=person_id, since=midnight)
    if today >= policy.limits.reports_per_day:
        tomorrow = datetime.combine(local.date() + timedelta(days=1), time(), tzinfo=policy.zone)
        raise TooManyToday(limit=policy.limits.reports_per_day, again_at=tomorrow)


def get(session: Session, *, report_id: int) -> Report | None:
    """A report by its number."""
    return session.get(Report, report_id)


def of_reporter(session: Session, *, report_id: int, person_id: int) -> Report:
    """A report of this very rider.

    Raises:
        NotForYou: it is somebody else's, or there is none of that number.
    """
    report = session.get(Report, report_id)
    if report is None or report.reporter_id != person_id:
        raise NotForYou
    return report


@cache
def _nearby(count: int) -> Prepared:
    """The question for so many cells."""
    return Prepared(
        select(Report.id, Report.latitude, Report.longitude, Report.state).where(
            Report.cell.in_([bindparam(f"cell_{number}") for number in range(count)]),
            Report.category == bindparam("category"),
            Report.created_at >= bindparam("since"),
        )
    )


def nearby(
    session: Session,
    *,
    latitude: float,
    longitude: float,
    category: str,
    radius_m: float,
    since: datetime,
) -> list[Near]:
    """Open reports of a category around a point, the nearest first.

    Args:
        session: the transaction.
        latitude: degrees, WGS-84.
        longitude: degrees, WGS-84.
        category: its code.
        radius_m: how far around, in metres.
        since: older reports do not count.

    Returns:
        Those within the radius.
    """
    cells = places.cells_around(latitude, longitude, radius_m)
    rows = _nearby(len(cells)).rows(session, category=category, since=since, **_numbered(cells))
    found = [
        Near(report_id, places.distance_m((latitude, longitude), (lat, lon)))
        for report_id, lat, lon, state in rows
        if state in OPEN_STATES
    ]
    return sorted(
        (near for near in found if near.distance_m <= radius_m), key=lambda near: near.distance_m
    )


def same_nearby(session: Session, *, draft: Draft, policy: Policy) -> Near | None:
    """The open report a draft may be about, if there is one near enough."""
    return next(iter(_same_kind_around(session, draft=draft, policy=policy)), None)


def still_near(session: Session, *, draft: Draft, report_id: int, policy: Policy) -> Report | None:
    """The report a rider was shown as the one near their draft, if it still is an open one there.

    Args:
        session: the transaction.
        draft: the rider's.
        report_id: the number they were shown.
        policy: how near is near.
    """
    around = _same_kind_around(session, draft=draft, policy=policy)
    if all(near.report_id != report_id for near in around):
        return None
    return session.get(Report, report_id)


def _same_kind_around(session: Session, *, draft: Draft, policy: Policy) -> list[Near]:
    if draft.latitude is None or draft.longitude is None or draft.category is None:
        return []
    if policy.limits.nearby_m == 0:
        return []
    return nearby(
        session,
        latitude=draft.latitude,
        longitude=draft.longitude,
        category=draft.category,
        radius_m=policy.limits.nearby_m,
        since=clock.now() - timedelta(days=policy.limits.nearby_days),
    )


@cache
def _around(count: int) -> Prepared:
    """The question for so many cells."""
    return Prepared(
        select(Report.category, func.count(Report.id))
        .where(
            Report.cell.in_([bindparam(f"cell_{number}") for number in range(count)]),
            Report.created_at >= bindparam("since"),
        )
        .group_by(Report.category)
    )


def categories_around(session: Session, *, latitude: float, longitude: float) -> list[str]:
    """What is reported around here, the most frequent first: the likeliest buttons.

    Args:
        session: the transaction.
        latitude: degrees, WGS-84.
        longitude: degrees, WGS-84.

    Returns:
        Codes of categories of the last 90 days within some 100 m.
    """
    cells = places.cells_around(latitude, longitude, 100.0)
    since = clock.now() - timedelta(days=90)
    rows = _around(len(cells)).rows(session, since=since, **_numbered(cells))
    return [code for code, _ in sorted(rows, key=lambda row: (-row[1], row[0]))]


def _numbered(cells: Sequence[int]) -> dict[str, int]:
    return {f"cell_{number}": cell for number, cell in enumerate(cells)}


def join(session: Session, *, report: Report, person: Person) -> bool:
    """Follow a report of the same hazard instead of making a second one.

    Args:
        session: the transaction.
        report: of somebody else.
        person: who saw it too.

    Returns:
        False if they follow it already, or it is their own.

    Raises:
        AlreadyDecided: it is no longer open.
    """
    session.refresh(report, with_for_update=True)
    if report.state not in OPEN_STATES:
        raise AlreadyDecided(state=report.state, by=report.decided_by_name)
    if report.reporter_id == person.id:
        return False
    values = {"report_id": report.id, "person_id": person.id, "joined_at": clock.now()}
    is_new = insert_new(session, model=Joiner, values=values)
    if is_new or _stays(session, report=report, person=person):
        workflow.record(
            session, report=report, kind="joined", actor=Actor.RIDER, actor_id=person.id
        )
    return is_new


def _stays(session: Session, *, report: Report, person: Person) -> bool:
    """Let who came with a duplicate follow by themselves, whatever becomes of the merger."""
    joiner = session.scalar(
        select(Joiner)
        .where(Joiner.report_id == report.id, Joiner.person_id == person.id)
        .execution_options(populate_existing=True)
    )
    if joiner is None or joiner.merged_from is None:
        return False
    joiner.merged_from = None
    session.flush()
    return True


_JOINERS = Prepared(
    select(Joiner.person_id).where(Joiner.report_id == bindparam("report_id")).order_by(Joiner.id)
)


def joiners(session: Session, *, report_id: int) -> Sequence[int]:
    """The ids of those who joined a report, in the order they came."""
    return [person_id for (person_id,) in _JOINERS.rows(session, report_id=report_id)]


def lock(session: Session, *, report: Report) -> None:
    """Have a report as it is now, until this transaction ends.

    A decision being made at this moment is waited for, not overtaken; what this transaction has
    changed already is not lost by reading anew.
    """
    session.flush()
    session.refresh(report, with_for_update=True)


def lock_undecided(session: Session, *, report: Report) -> None:
    """Lock a report for what may only be done to it before its decision.

    Raises:
        AlreadyDecided: it is decided or withdrawn.
    """
    lock(session, report=report)
    require_undecided(report)


def require_undecided(report: Report) -> None:
    """Stop what may only be done to a report before its decision.

    Raises:
        AlreadyDecided: it is decided or withdrawn.
    """
    if report.state not in UNDECIDED_STATES:
        raise AlreadyDecided(state=report.state, by=report.decided_by_name)


def add_note(
    session: Session, *, report: Report, text: str, message_id: int | None, policy: Policy
) -> str:
    """Add words to a report that is still undecided.

    Returns:
        What of them fitted into the note.

    Raises:
        AlreadyDecided: it is too late.
    """
    lock_undecided(session, report=report)
    limit = policy.limits.note_characters
    kept = notes.append(report, text=text, message_id=message_id, limit=limit)
    workflow.record(
        session, report=report, kind="note_added", actor=Actor.RIDER, actor_id=report.reporter_id
    )
    session.flush()
    return kept


_UNDECIDED_OF = (
    select(Report)
    .where(Report.reporter_id == bindparam("person_id"), Report.state.in_(UNDECIDED_STATES))
    .order_by(Report.id.desc())
)


def edit_note(
    session: Session, *, person_id: int, message_id: int, text: str, policy: Policy
) -> Report | None:
    """Follow the edit of a message a note came from, while the report is undecided.

    Returns:
        The report whose note changed; None if there is none to change.
    """
    undecided = session.scalars(_UNDECIDED_OF, {"person_id": person_id})
    report = next((row for row in undecided if notes.has_part(row, message_id=message_id)), None)
    if report is None:
        return None
    # A decision being made at this moment is waited for, not overtaken.
    session.refresh(report, with_for_update=True)
    if report.state not in UNDECIDED_STATES:
        return None
    notes.replace(report, text=text, message_id=message_id, limit=policy.limits.note_characters)
    workflow.record(
        session, report=report, kind="note_edited", actor=Actor.RIDER, actor_id=person_id
    )
    session.flush()
    return report


def add_voice(session: Session, *, report: Report, file_id: str) -> None:
    """Keep a voice note for the reviewer of an undecided report.

    Raises:
        AlreadyDecided: it is too late.
        TooManyVoices: the reviewers have heard enough.
    """
    lock_undecided(session, report=report)
    spoken = select(func.count()).where(
        ReportEvent.report_id == report.id, ReportEvent.kind == "voice_added"
    )
    if (session.scalar(spoken) or 0) >= MOST_VOICES:
        raise TooManyVoices(limit=MOST_VOICES)
    report.voice_file_id = file_id
    workflow.record(
        session, report=report, kind="voice_added", actor=Actor.RIDER, actor_id=report.reporter_id
    )
    session.flush()


def add_photo(session: Session, *, report: Report, sent: photos.Sent, policy: Policy) -> Photo:
    """Add a photo to a report that is still undecided.

    Raises:
        AlreadyDecided: it is too late.
        SamePhoto: it is in there already.
        TooManyPhotos: there is no room for another.
    """
    lock_undecided(session, report=report)
    position = _free_position(session, report, sent.file_unique_id, policy)
    photo = photos.note(session, owner_id=report.reporter_id, sent=sent)
    _put_photo(session, report, photo, position)
    return photo


_THERE = (
    select(Photo.file_unique_id, Photo.state, ReportPhoto.position)
    .join(ReportPhoto, ReportPhoto.photo_id == Photo.id)
    .where(ReportPhoto.report_id == bindparam("report_id"))
)


def _free_position(session: Session, report: Report, file_unique_id: str, policy: Policy) -> int:
    there = session.execute(_THERE, {"report_id": report.id}).all()
    if any(row.file_unique_id == file_unique_id for row in there):
        raise SamePhoto
    if sum(row.state != PhotoState.REFUSED for row in there) >= policy.limits.photos_per_report:
        raise TooManyPhotos(limit=policy.limits.photos_per_report)
    return 1 + max((row.position for row in there), default=-1)


def _put_photo(session: Session, report: Report, photo: Photo, position: int) -> None:
    session.add(ReportPhoto(report_id=report.id, photo_id=photo.id, position=position))
    workflow.record(
        session, report=report, kind="photo_added", actor=Actor.RIDER, actor_id=report.reporter_id
    )
    session.flush()


_OF_DRAFT = (
    select(Photo)
    .join(DraftPhoto, DraftPhoto.photo_id == Photo.id)
    .where(DraftPhoto.draft_id == bindparam("draft_id"))
    .order_by(DraftPhoto.position)
)


def add_draft(session: Session, *, report: Report, draft: Draft, policy: Policy) -> Added:
    """Add what is in a draft to an earlier report of the same rider; the draft is gone afterwards.

    Args:
        session: the transaction; the rider's row is locked in it.
        report: of the draft's rider.
        draft: about the same hazard.
        policy: how much a report takes.

    Returns:
        What was new to the report and is in it now.

    Raises:
        AlreadyDecided: it is too late; the draft is kept.
    """
    lock_undecided(session, report=report)
    added: list[Photo] = []
    whole = True
    for photo in session.scalars(_OF_DRAFT, {"draft_id": draft.id}).all():
        try:
            position = _free_position(session, report, photo.file_unique_id, policy)
        except SamePhoto:
            continue
        except TooManyPhotos:
            whole = False
            continue
        _put_photo(session, report, photo, position)
        added.append(photo)
    fitted: list[str] = []
    for message_id, words in draft.note_parts:
        kept = add_note(session, report=report, text=words, message_id=message_id, policy=policy)
        fitted += [kept] if kept else []
        whole = whole and kept == words
    voice = draft.voice_file_id is not None
    if draft.voice_file_id is not None:
        try:
            add_voice(session, report=report, file_id=draft.voice_file_id)
        except TooManyVoices:
            voice, whole = False, False
    if draft.media_group_id is not None:
        # Parts of the album that are still to come belong to the report now.
        report.media_group_id, report.surplus_told = draft.media_group_id, draft.surplus_told
    _forget_draft(session, draft)
    session.flush()
    return Added(photos=tuple(added), words="\n".join(fitted), whole=whole, voice=voice)


def withdraw(session: Session, *, report: Report) -> None:
    """Take a report back while it is undecided.

    Raises:
        AlreadyDecided: it is too late.
    """
    workflow.move(
        session,
        report=report,
        transition="withdrawn",
        actor=Actor.RIDER,
        actor_id=report.reporter_id,
        decided_at=clock.now(),
    )


def page_of(session: Session, *, person_id: int, page: int) -> tuple[Sequence[Report], int]:
    """A page of the reports somebody made or joined, newest first.

    Args:
        session: the transaction.
        person_id: whose.
        page: from 0 on; a page too far gives the last.

    Returns:
        The reports, and how many pages there are.
    """
    # Two questions an index answers each; an OR of them would be answered by reading every report.
    wanted = union(
        select(Report.id).where(Report.reporter_id == person_id),
        select(Joiner.report_id).where(Joiner.person_id == person_id),
    ).subquery()
    count = session.scalar(select(func.count()).select_from(wanted)) or 0
    pages = max(1, -(-count // PAGE))
    rows = session.scalars(
        select(Report)
        .join(wanted, Report.id == wanted.c.id)
        .order_by(Report.id.desc())
        .offset(min(max(page, 0), pages - 1) * PAGE)
        .limit(PAGE)
    ).all()
    return rows, pages


def concerns(session: Session, *, report_id: int, person_id: int) -> bool:
    """Whether a report is somebody's own or one they joined."""
    try:
        visible_to(session, report_id=report_id, person_id=person_id)
    except NotForYou:
        return False
    return True


def visible_to(session: Session, *, report_id: int, person_id: int) -> Report:
    """A report somebody made or joined.

    Raises:
        NotForYou: they did neither.
    """
    report = session.get(Report, report_id)
    if report is None:
        raise NotForYou
    if report.reporter_id != person_id and person_id not in joiners(session, report_id=report_id):
        raise NotForYou
    return report


def neighbour_of(
    session: Session, *, report: Report, policy: Policy
) -> tuple[Report, float] | None:
    """Another open report of the same kind near a report, for its reviewer to see.

    Returns:
        The nearest, and its distance in metres; None if there is none.
    """
    radius_m = max(policy.limits.nearby_m, 30.0)
    for near in nearby(
        session,
        latitude=report.latitude,
        longitude=report.longitude,
        category=report.category,
        radius_m=radius_m,
        since=clock.now() - timedelta(days=policy.limits.nearby_days),
    ):
        if near.report_id != report.id:
            other = session.get(Report, near.report_id)
            assert other is not None
            return other, near.distance_m
    return None


def of_draft(session: Session, *, person_id: int, draft_id: int) -> Report | None:
    """The report a rider's draft has become, if it has become one."""
    return session.scalar(
        select(Report).where(Report.reporter_id == person_id, Report.draft_id == draft_id)
    )


def album_of(session: Session, *, person_id: int, media_group_id: str) -> Report | None:
    """The undecided report an album went into, if its parts are still arriving."""
    return session.scalar(
        select(Report)
        .where(
            Report.reporter_id == person_id,
            Report.media_group_id == media_group_id,
            Report.state.in_(UNDECIDED_STATES),
        )
        .order_by(Report.id.desc())
        .limit(1)
    )


_RECORD = Prepared(
    select(Report.state, func.count(Report.id))
    .where(Report.reporter_id == bindparam("person_id"))
    .group_by(Report.state)
)


def record_of(session: Session, *, person_id: int) -> Record:
    """What became of a rider's reports so far."""
    counts: dict[str, int] = dict(_RECORD.rows(session, person_id=person_id))
    approved = counts.get(State.APPROVED, 0)
    return Record(approved=approved, decided=approved + counts.get(State.REJECTED, 0))
