"""What a reviewer may put right in a report: its category, its district, its pin."""

from sqlalchemy.orm import Session

from models import Report
from models.policy import Policy
from services import claims, places, reports, reviewers, workflow
from services.districts import Districts
from services.refusals import OutsideDistricts, UnknownCode
from services.reviewers import Reviewer


def category(
    session: Session, *, report: Report, reviewer: Reviewer, code: str, policy: Policy
) -> None:
    """Give a report another category, with its words and deadline of today.

    Args:
        session: the transaction; the report's row is locked in it.
        report: an undecided one.
        reviewer: who corrects it.
        code: the category's.
        policy: the categories.

    Raises:
        OwnReport: it is their own.
        Claimed: a colleague has the card.
        AlreadyDecided: it is decided.
        UnknownCode: there is no such category.
    """
    _refuse(session, report, reviewer)
    chosen = policy.category(code)
    if chosen is None:
        raise UnknownCode
    before = report.category
    report.category, report.category_emoji = chosen.code, chosen.emoji
    report.category_name_zh, report.category_name_en = chosen.name.zh, chosen.name.en
    report.danger, report.deadline_hours = chosen.danger, chosen.deadline_hours
    _record(session, report, reviewer, f"category: {before} → {chosen.code}")


def district(
    session: Session, *, report: Report, reviewer: Reviewer, code: str, districts: Districts
) -> None:
    """Give a report to another district, where the border on the map is not the one in use.

    Raises:
        OwnReport: it is their own.
        Claimed: a colleague has the card.
        AlreadyDecided: it is decided.
        UnknownCode: there is no such district.
    """
    _refuse(session, report, reviewer)
    if districts.by_code(code) is None:
        raise UnknownCode
    before, report.district = report.district, code
    _record(session, report, reviewer, f"district: {before} → {code}")


def pin(
    session: Session,
    *,
    report: Report,
    reviewer: Reviewer,
    place: tuple[float, float],
    districts: Districts,
) -> None:
    """Move a report to where the hazard is.

    Args:
        session: the transaction; the report's row is locked in it.
        report: an undecided one.
        reviewer: who corrects it.
        place: latitude and longitude in degrees, WGS-84.
        districts: where we work.

    Raises:
        OwnReport: it is their own.
        Claimed: a colleague has the card.
        AlreadyDecided: it is decided.
        OutsideDistricts: the place is in no district of ours.
    """
    _refuse(session, report, reviewer)
    latitude, longitude = place
    there = districts.locate(latitude, longitude)
    if there is None:
        nearest, distance_m = districts.nearest(latitude, longitude)
        raise OutsideDistricts(nearest=nearest, distance_m=distance_m, draft_kept=False)
    moved_m = places.distance_m((report.latitude, report.longitude), place)
    named = districts.near_place(latitude, longitude, reports.NEAR_PLACE_M)
    report.latitude, report.longitude, report.accuracy_m = latitude, longitude, None
    report.cell, report.district = places.cell_of(latitude, longitude), there.code
    report.place_name_zh = named[0].name_zh if named else ""
    report.place_name_en = named[0].name_en if named else ""
    _record(session, report, reviewer, f"pin: {round(moved_m)} m")


def _refuse(session: Session, report: Report, reviewer: Reviewer) -> None:
    reports.require_undecided(report)
    reviewers.refuse_own(session, report=report, reviewer=reviewer)
    claims.require_free(report, reviewer=reviewer)


def _record(session: Session, report: Report, reviewer: Reviewer, what: str) -> None:
    session.flush()
    workflow.record(
        session,
        report=report,
        kind="corrected",
        actor=reviewer.actor,
        actor_id=reviewer.id,
        reason=what,
    )
