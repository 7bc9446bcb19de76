"""The pictures people send: noted at once, fetched later, and what the fetching found."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import bindparam, exists, select
from sqlalchemy.orm import Session

from models import DraftPhoto, Item, Photo, ReportPhoto, clock
from models.errands import ErrandKind
from models.photos import PhotoState
from services import errands
from services.upserts import insert_object

# What Telegram lets a bot download.
MAX_BYTES = 20 * 1024 * 1024
# A picture that belongs to nothing is kept so long; a draft lives much shorter.
UNUSED_FOR = timedelta(days=7)


class Refused(StrEnum):
    """Why a file is no picture we can use."""

    NOT_A_PICTURE = "not_a_picture"
    TOO_LARGE = "too_large"
    BROKEN = "broken"
    UNREACHABLE = "unreachable"


class ExifFault(StrEnum):
    """Why the place in a file is not used."""

    UNREADABLE = "unreadable"
    OUTSIDE = "outside"


@dataclass(frozen=True, slots=True)
class Sent:
    """A picture as it came in an update.

    Attributes:
        file_id: how to fetch it.
        file_unique_id: the same for the same file, whoever sends it.
        as_file: it came uncompressed, with its EXIF.
        forwarded: it was somebody else's message.
        sent_at: when it was sent.
    """

    file_id: str
    file_unique_id: str
    as_file: bool
    forwarded: bool
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class Found:
    """What fetching a picture found.

    Attributes:
        sha256: of the original's bytes, in hex; its address in the photo store.
        dhash: the 64-bit perceptual hash, as a signed number.
        width: in pixels, upright.
        height: in pixels, upright.
        size: in bytes.
        taken_at: what the camera says; in our own zone, where the file does not say in which.
        place: latitude and longitude the camera wrote, if usable.
        exif_fault: why there is no place although the file tried to give one.
    """

    sha256: str
    dhash: int
    width: int
    height: int
    size: int
    taken_at: datetime | None
    place: tuple[float, float] | None
    exif_fault: ExifFault | None


def note(session: Session, *, owner_id: int, sent: Sent) -> Photo:
    """Write a picture down and ask for its bytes.

    Args:
        session: the transaction.
        owner_id: who sent it.
        sent: what the update says of it.

    Returns:
        Its row.
    """
    photo = insert_object(
        session,
        model=Photo,
        values={
            "owner_id": owner_id,
            "file_id": sent.file_id,
            "file_unique_id": sent.file_unique_id,
            "as_file": sent.as_file,
            "forwarded": sent.forwarded,
            "sent_at": sent.sent_at,
            "state": PhotoState.WAITING,
        },
    )
    errands.ask(
        session,
        kind=ErrandKind.PHOTO,
        payload={"photo_id": photo.id, "file_id": photo.file_id, "as_file": photo.as_file},
    )
    return photo


def stored(session: Session, *, photo: Photo, found: Found) -> None:
    """Take in what was found; the bytes are in the store already."""
    photo.state = PhotoState.STORED
    photo.sha256, photo.dhash = found.sha256, found.dhash
    photo.width, photo.height, photo.size = found.width, found.height, found.size
    photo.taken_at = found.taken_at
    if found.place:
        photo.exif_latitude, photo.exif_longitude = found.place
    photo.exif_fault = found.exif_fault
    session.flush()


def refuse(session: Session, *, photo: Photo, why: Refused) -> None:
    """The file is no picture we can use; a draft forgets it."""
    photo.state = PhotoState.REFUSED
    photo.refusal = why
    for row in session.scalars(select(DraftPhoto).where(DraftPhoto.photo_id == photo.id)):
        session.delete(row)
    session.flush()


def get(session: Session, *, photo_id: int) -> Photo | None:
    """A picture by its row's id."""
    return session.get(Photo, photo_id)


_OF_REPORT = (
    select(Photo)
    .join(ReportPhoto, ReportPhoto.photo_id == Photo.id)
    .where(ReportPhoto.report_id == bindparam("report_id"))
    .order_by(ReportPhoto.position)
)


def of_report(session: Session, *, report_id: int) -> Sequence[Photo]:
    """The pictures a report came with, in order, whatever became of them."""
    return session.scalars(_OF_REPORT, {"report_id": report_id}).all()


def first_of_report(session: Session, *, report_id: int) -> Photo | None:
    """The first picture of a report that can be shown or still may be."""
    pictures = of_report(session, report_id=report_id)
    return next((photo for photo in pictures if photo.state != PhotoState.REFUSED), None)


def report_of(session: Session, *, photo_id: int) -> int | None:
    """The report a picture belongs to, if it does."""
    return session.scalar(select(ReportPhoto.report_id).where(ReportPhoto.photo_id == photo_id))


def draft_of(session: Session, *, photo_id: int) -> int | None:
    """The draft a picture belongs to, if it does."""
    return session.scalar(select(DraftPhoto.draft_id).where(DraftPhoto.photo_id == photo_id))


def forget_unused(session: Session, *, limit: int = 500) -> int:
    """Forget pictures that belong to no report and no item, and ask for their files to be deleted.

    Rows go first: a file without a row harms nobody and its errand is repeated until it is gone.

    Args:
        session: the transaction.
        limit: how many at once.

    Returns:
        How many were forgotten.
    """
    unused = session.scalars(
        select(Photo)
        .where(
            Photo.sent_at < clock.now() - UNUSED_FOR,
            # Most are in a report: only for the others it is worth looking through the drafts.
            ~exists().where(ReportPhoto.photo_id == Photo.id),
            ~exists().where(DraftPhoto.photo_id == Photo.id),
            ~exists().where(Item.photo_id == Photo.id),
        )
        .order_by(Photo.id)
        .limit(limit)
    ).all()
    for photo in unused:
        session.delete(photo)
    digests = sorted({photo.sha256 for photo in unused if photo.sha256})
    if digests:
        errands.ask(session, kind=ErrandKind.FORGET, payload={"sha256": digests})
    session.flush()
    return len(unused)


def unreferenced(session: Session, *, digests: Sequence[str]) -> list[str]:
    """Which of some files no picture needs (any more).

    Args:
        session: the transaction.
        digests: SHA-256 of originals, in hex.
    """
    needed = set(session.scalars(select(Photo.sha256).where(Photo.sha256.in_(digests))))
    return [digest for digest in digests if digest not in needed]
