"""Facts that help to judge a report, gathered for its card. No verdicts: those are the reviewers'.

A card is made for every report that comes, so each question here is answered by an index, and by
few rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cache

from sqlalchemy import bindparam, func, select, union_all
from sqlalchemy.orm import Session

from models import Photo, Report, ReportPhoto, Sanction
from models.people import SanctionKind
from models.photos import PhotoState
from models.policy import Policy
from services import places
from services.statements import Prepared

# The camera's clock and the sending may differ so much without a word.
NOTABLE = timedelta(hours=1)
# How fast somebody got from their last report here is told, if that was made within this time.
RIDE = timedelta(hours=3)
# They stood still: phones are no more exact than this.
STANDING_M = 100.0
# All dark, all bright, or one even slope: pictures that share nothing else have such hashes.
_FLAT_BITS = 4
# A picture that everybody has sent is looked for no further.
_MOST_COPIES = 100


@dataclass(frozen=True, slots=True)
class SamePhoto:
    """Where a photo of a report has been seen before.

    Attributes:
        report_id: the newest other report with it; None: it is in none, but somebody else sent it.
        sent_at: when it was sent there.
        more: in how many further reports it is.
    """

    report_id: int | None
    sent_at: datetime
    more: int


@dataclass(frozen=True, slots=True)
class Ride:
    """The way from a rider's last report to this one.

    Attributes:
        report_id: the last report.
        distance_m: as the crow flies, in metres.
        took: the time between the two.
    """

    report_id: int
    distance_m: float
    took: timedelta

    @property
    def minutes(self) -> int:
        """Whole minutes, one at least."""
        return max(1, round(self.took.total_seconds() / 60))

    @property
    def kmh(self) -> float:
        """How fast that was, in kilometres an hour, within a minute at least."""
        return self.distance_m / max(self.took.total_seconds(), 60.0) * 3.6


@dataclass(frozen=True, slots=True)
class OfPhotos:
    """What the photos of a report say.

    Attributes:
        same: one of them has been seen before.
        taken_before: so long before its sending one was taken; negative if the camera says later.
            None: all about when they were sent, or nobody knows.
    """

    same: SamePhoto | None
    taken_before: timedelta | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a card tells beside the report itself and its rider's record.

    Attributes:
        photos: what its photos say.
        ride: the way from the rider's last report, if that was lately and elsewhere.
        of_the_day: the how-manieth report of its rider on its day it is.
        warnings: how often the rider has been warned.
        bans: how often they were banned.
    """

    photos: OfPhotos
    ride: Ride | None
    of_the_day: int
    warnings: int
    bans: int


def gather(
    session: Session, *, report: Report, pictures: Sequence[Photo], policy: Policy
) -> Evidence:
    """Gather what there is to know about a report.

    Args:
        session: the transaction.
        report: which.
        pictures: its photos, whatever became of them.
        policy: knows where a day begins.

    Returns:
        The facts.
    """
    ride, of_the_day = _of_rider(session, report, policy)
    sanctions: dict[str, int] = dict(_SANCTIONS.rows(session, person_id=report.reporter_id))
    return Evidence(
        photos=of_photos(session, report=report, pictures=pictures),
        ride=ride,
        of_the_day=of_the_day,
        warnings=sanctions.get(SanctionKind.WARNING, 0),
        bans=sanctions.get(SanctionKind.BAN, 0),
    )


_SANCTIONS = Prepared(
    select(Sanction.kind, func.count(Sanction.id))
    .where(Sanction.person_id == bindparam("person_id"))
    .group_by(Sanction.kind)
)


def of_photos(session: Session, *, report: Report, pictures: Sequence[Photo]) -> OfPhotos:
    """Gather what the photos of a report say; more is known once they have been fetched.

    Args:
        session: the transaction.
        report: which.
        pictures: its photos, whatever became of them.
    """
    usable = [picture for picture in pictures if picture.state != PhotoState.REFUSED]
    return OfPhotos(
        same=_seen_before(session, report, usable) if usable else None,
        taken_before=_taken_before(usable),
    )


def _taken_before(pictures: Sequence[Photo]) -> timedelta | None:
    spans = [picture.sent_at - picture.taken_at for picture in pictures if picture.taken_at]
    notable = [span for span in spans if abs(span) > NOTABLE]
    return max(notable, key=abs, default=None)


@cache
def _copies(count: int) -> Prepared:
    """The question for so many photos."""
    # One part for each index: to an OR of them PostgreSQL might prefer to read the whole table.
    copies = union_all(
        *(
            select(
                select(Photo.id, Photo.owner_id, Photo.sent_at)
                .where(column.in_([bindparam(f"{column.key}_{at}") for at in range(count)]))
                .limit(_MOST_COPIES)
                .subquery()
            )
            for column in (Photo.file_unique_id, Photo.sha256, Photo.dhash)
        )
    ).subquery()
    return Prepared(select(copies.c.id, copies.c.owner_id, copies.c.sent_at))


def _seen_before(session: Session, report: Report, pictures: Sequence[Photo]) -> SamePhoto | None:
    # What this transaction has found out about a picture has to be there to be compared.
    session.flush()
    values: dict[str, object] = {}
    for number, picture in enumerate(pictures):
        values[f"file_unique_id_{number}"] = picture.file_unique_id
        values[f"sha256_{number}"] = picture.sha256
        values[f"dhash_{number}"] = _telling(picture.dhash)
    own = {picture.id for picture in pictures}
    copies = {
        number: (owner_id, sent_at)
        for number, owner_id, sent_at in _copies(len(pictures)).rows(session, **values)
        if number not in own
    }
    # As nearly always: the reports they are in are not even looked for.
    if not copies:
        return None
    inside = select(ReportPhoto.photo_id, ReportPhoto.report_id)
    reported: dict[int, datetime] = {}
    loose = dict(copies)
    for photo_id, number in session.execute(inside.where(ReportPhoto.photo_id.in_(copies))):
        loose.pop(photo_id, None)
        # Earlier in either way: a photo may be added to an old report, and a report may be made
        # late of a photo sent long ago.
        if number < report.id or (number != report.id and photo_id < max(own)):
            reported[number] = copies[photo_id][1]
    if reported:
        newest = max(reported)
        return SamePhoto(report_id=newest, sent_at=reported[newest], more=len(reported) - 1)
    of_others = [
        sent_at
        for photo_id, (owner_id, sent_at) in loose.items()
        if owner_id != report.reporter_id and photo_id < max(own)
    ]
    return SamePhoto(report_id=None, sent_at=max(of_others), more=0) if of_others else None


def _telling(dhash: int | None) -> int | None:
    """A perceptual hash, unless the picture is too flat to be known by it."""
    if dhash is None:
        return None
    ones = (dhash & (2**64 - 1)).bit_count()
    return dhash if _FLAT_BITS < ones < 64 - _FLAT_BITS else None


_EARLIER = Prepared(
    select(Report.id, Report.created_at, Report.latitude, Report.longitude)
    .where(
        Report.reporter_id == bindparam("person_id"),
        Report.created_at >= bindparam("since"),
        Report.created_at <= bindparam("until"),
    )
    .order_by(Report.created_at.desc(), Report.id.desc())
)


def _of_rider(session: Session, report: Report, policy: Policy) -> tuple[Ride | None, int]:
    """The way from the rider's last report, and which of their reports of its day this one is."""
    local = report.created_at.astimezone(policy.zone)
    midnight = datetime.combine(local.date(), time(), tzinfo=policy.zone)
    since = min(midnight, report.created_at - RIDE)
    earlier = [
        row
        for row in _EARLIER.rows(
            session, person_id=report.reporter_id, since=since, until=report.created_at
        )
        if row[0] < report.id
    ]
    of_the_day = 1 + sum(created_at >= midnight for _, created_at, _, _ in earlier)
    if not earlier:
        return None, of_the_day
    number, created_at, latitude, longitude = earlier[0]
    took = report.created_at - created_at
    distance_m = places.distance_m((latitude, longitude), (report.latitude, report.longitude))
    if took > RIDE or distance_m < STANDING_M:
        return None, of_the_day
    return Ride(report_id=number, distance_m=distance_m, took=took), of_the_day
