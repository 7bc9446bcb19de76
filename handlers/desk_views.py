"""What reviewers see: the card of a report with its decisions, and what became of it.

Domain objects in, text and buttons out. Nothing is read or written here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from handlers import callbacks, views
from handlers.views import Button, Rows, View
from locales import Words
from models import Person, Report, clock
from models.policy import Policy
from models.workflow import DESK_STATES, State
from services.districts import District
from services.reports import Record

STARS = ("★", "★★", "★★★")


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What a review card tells beside the report itself.

    Attributes:
        district: where it lies.
        reporter: whose it is.
        record: what became of their reports so far.
        photo_ids: the pictures that can be shown.
        missing_photos: how many pictures could not be fetched.
        forwarded: how many pictures were somebody else's message before.
        joiners: how many joined.
        neighbour: another open report of the kind near it, and its distance in metres.
        map_url: a link to a map.
    """

    district: District | None
    reporter: Person
    record: Record
    photo_ids: tuple[int, ...]
    missing_photos: int
    forwarded: int
    joiners: int
    neighbour: tuple[Report, float] | None
    map_url: str


def card_text(report: Report, facts: CardFacts, words: Words) -> str:
    """The text of a review card, without its decision."""
    moment = report.created_at
    shown = words.clock(moment)
    if not words.is_today(moment, now=clock.now()):
        shown = f"{words.day(moment)} {shown}"
    age = f'<tg-time unix="{int(moment.timestamp())}" format="r">{shown}</tg-time>'
    label = words.tr("danger")
    danger = f" · {label}" if report.danger else ""
    lines = [f"<b>#{report.id}</b> {views.category_label(report, words)}{danger} · ⏱ {age}"]
    place = views.place_line(
        district=facts.district,
        near_zh=report.place_name_zh,
        near_en=report.place_name_en,
        words=words,
    )
    if report.accuracy_m:
        place += words.tr(" (±{metres} m)", metres=words.number(round(report.accuracy_m)))
    link = words.tr("map")
    lines.append(f'📍 {place} · <a href="{escape(facts.map_url)}">{link}</a>')
    if report.note:
        cut = report.note[: views.NOTE_ON_CARD].replace("\n", words.choose("；", "; "))
        dots = "…" if len(report.note) > views.NOTE_ON_CARD else ""
        lines.append(f"💬 “{escape(cut)}{dots}”")
    record = words.tr("first report")
    if facts.record.decided:
        record = words.tr(
            "approved {approved}/{decided}",
            approved=facts.record.approved,
            decided=facts.record.decided,
        )
    lines.append(f"👤 {views.pseudonym(facts.reporter, words)} · {record}")
    if facts.joiners:
        lines.append(
            words.trn(
                "🤝 {count} more rider saw it", "🤝 {count} more riders saw it", facts.joiners
            )
        )
    if facts.neighbour:
        other, distance_m = facts.neighbour
        lines.append(
            words.tr(
                "🔎 Same kind {distance} away: #{number} ({state}, {age})",
                distance=words.distance(distance_m),
                number=other.id,
                state=views.state_line(other, words).split(" ", 1)[-1],
                age=words.ago(other.created_at, now=clock.now()),
            )
        )
    if facts.forwarded:
        lines.append(
            words.trn("↪️ {count} forwarded photo", "↪️ {count} forwarded photos", facts.forwarded)
        )
    if facts.missing_photos:
        lines.append(
            words.trn(
                "⚠️ {count} photo could not be opened",
                "⚠️ {count} photos could not be opened",
                facts.missing_photos,
            )
        )
    return "\n".join(lines)


def card(
    report: Report, facts: CardFacts, *, policy: Policy, words: Words, with_photo: bool
) -> View:
    """A review card: with its buttons while undecided, with the decision afterwards.

    Args:
        report: what it shows.
        facts: what it tells beside.
        policy: the reasons to reject for.
        words: the chat's language.
        with_photo: it carries the first photo itself; else an album went before it.
    """
    photo_id = facts.photo_ids[0] if with_photo and facts.photo_ids else None
    text = card_text(report, facts, words)
    if report.state not in DESK_STATES:
        decision = decision_line(report, policy=policy, words=words)
        return View(f"{text}\n{decision}", photo_id=photo_id)
    return View(text, rows=decision_rows(report, words), photo_id=photo_id)


def decision_rows(report: Report, words: Words) -> tuple[Sequence[Button], Sequence[Button]]:
    """The buttons under an undecided report."""
    pack = callbacks.pack
    return (
        tuple(
            Button(
                words.tr("Approve {stars}", stars=stars),
                pack(callbacks.REVIEW, f"a{grade}", report.id),
                style="success",
            )
            for grade, stars in enumerate(STARS, start=1)
        ),
        (Button(words.tr("Reject…"), pack(callbacks.REVIEW, "x", report.id), style="danger"),),
    )


def reason_rows(report: Report, *, policy: Policy, words: Words) -> Rows:
    """The buttons with the reasons to reject for, and the way back."""
    pack = callbacks.pack
    buttons = [
        Button(
            words.choose(reason.button.zh, reason.button.en),
            pack(callbacks.REVIEW, "r", report.id, reason.code),
        )
        for reason in policy.reject_reasons
    ]
    rows: list[Sequence[Button]] = [buttons[i : i + 2] for i in range(0, len(buttons), 2)]
    # Whoever opens the reasons and walks off must not keep colleagues from approving.
    approve, _ = decision_rows(report, words)
    back = (Button(words.tr("« Back"), pack(callbacks.REVIEW, "b", report.id)),)
    return [*rows, approve, back]


def decision_line(report: Report, *, policy: Policy, words: Words) -> str:
    """Who decided what, and when: ✅ ★★ +10 · Lin · 14:05."""
    at = words.clock(report.decided_at) if report.decided_at else ""
    name = escape(report.decided_by_name or "")
    match State(report.state):
        case State.APPROVED:
            stars = STARS[(report.grade or 1) - 1]
            return f"✅ {stars} {words.signed(report.points or 0)} · {name} · {at}"
        case State.REJECTED:
            reason = policy.reject_reason(report.reject_reason or "")
            label = words.choose(reason.button.zh, reason.button.en) if reason else ""
            rejected = words.tr("✖️ Rejected")
            return f"{rejected} · {escape(label)} · {name} · {at}"
        case State.WITHDRAWN:
            withdrawn = words.tr("↩️ Withdrawn by the rider")
            return f"{withdrawn} · {at}"
    return ""


def rights(missing: Sequence[str], words: Words) -> View:
    """What the bot still lacks in a moderator chat, and how to give it.

    Args:
        missing: codes out of `member`, `admin`, `post`.
        words: the chat's language.
    """
    if not missing:
        return View(words.tr("✅ I have all the rights I need here."))
    if "member" in missing:
        return View(words.tr("I am not in that group. Add me, then write /here moderators again."))
    if "post" in missing:
        return View(words.tr("I cannot write here. Please allow me to send messages and photos."))
    return View(
        words.tr(
            "I cannot see yet who joins and leaves. "
            "Please make me an administrator here; no special rights are needed."
        )
    )
