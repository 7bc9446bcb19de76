"""What people see: domain objects in, text and buttons out. Nothing is read or written here."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from handlers import callbacks
from locales import N_, Words
from models import Person, Report, clock
from models.policy import Category, Policy
from models.workflow import State
from services.districts import District
from services.people import BIRDS
from services.reports import Record

# Telegram's limits, in characters of the text people see.
CAPTION_LIMIT = 1024
TEXT_LIMIT = 4096
# A note longer than this follows the card as a message of its own.
NOTE_ON_CARD = 350

STARS = ("★", "★★", "★★★")


@dataclass(frozen=True, slots=True)
class Button:
    """An inline button: with a code for us, or a link.

    Attributes:
        text: what stands on it.
        data: our code (handlers/callbacks.py).
        url: a link instead.
        style: `success`, `danger` or `primary`, where the app knows colours.
    """

    text: str
    data: str | None = None
    url: str | None = None
    style: str | None = None

    def markup(self) -> dict[str, str]:
        """As the Bot API takes it."""
        fields = {
            "text": self.text,
            "callback_data": self.data,
            "url": self.url,
            "style": self.style,
        }
        return {name: value for name, value in fields.items() if value is not None}


Rows = Sequence[Sequence[Button]]


@dataclass(frozen=True, slots=True)
class View:
    """One message.

    Attributes:
        text: HTML; everything from outside must be escaped before.
        rows: inline buttons.
        photo_id: one of our pictures to carry it, if it can be shown.
        location_button: the words on a keyboard button that sends the place one stands at.
        placeholder: what stands in the empty input field meanwhile.
    """

    text: str
    rows: Rows = field(default_factory=tuple)
    photo_id: int | None = None
    location_button: str | None = None
    placeholder: str | None = None

    def payload(self) -> dict[str, Any]:
        """The parameters of the Bot API's send and edit methods, without chat and method."""
        payload: dict[str, Any] = {"text": self.text}
        if self.photo_id is not None:
            payload["photo_id"] = self.photo_id
        if self.rows:
            payload["reply_markup"] = {
                "inline_keyboard": [[button.markup() for button in row] for row in self.rows]
            }
        elif self.location_button is not None:
            payload["reply_markup"] = {
                "keyboard": [[{"text": self.location_button, "request_location": True}]],
                "resize_keyboard": True,
                "one_time_keyboard": True,
                "input_field_placeholder": self.placeholder or "",
            }
        return payload


_BIRDS = (
    N_("Gull"), N_("Swift"), N_("Heron"), N_("Egret"), N_("Kite"), N_("Crane"),
    N_("Swallow"), N_("Magpie"), N_("Sparrow"), N_("Falcon"), N_("Hawk"), N_("Eagle"),
    N_("Tern"), N_("Plover"), N_("Curlew"), N_("Lark"), N_("Thrush"), N_("Robin"),
    N_("Wagtail"), N_("Kingfisher"), N_("Oriole"), N_("Dove"), N_("Cuckoo"), N_("Osprey"),
)  # fmt: skip
assert len(_BIRDS) == BIRDS


def pseudonym(person: Person, words: Words) -> str:
    """The name others meet a rider under: Gull-27."""
    return f"{words.tr(_BIRDS[person.bird])}-{person.bird_number}"


def sentences(*said: str, words: Words) -> str:
    """Sentences in one line; empty ones are left out, and Chinese puts no space between two.

    Args:
        said: each with its own full stop or question mark.
        words: the language they are in.
    """
    return ("" if words.is_chinese else " ").join(sentence for sentence in said if sentence)


def district_name(district: District | None, words: Words) -> str:
    """A district's name; a dash for one that is gone from the configuration."""
    return escape(words.choose(district.name_zh, district.name_en)) if district else "–"


def place_line(*, district: District | None, near_zh: str, near_en: str, words: Words) -> str:
    """A place as people say it: Shanyao, near Yongjia Rd."""
    name = district_name(district, words)
    near = escape(words.choose(near_zh, near_en))
    return words.tr("{district}, near {place}", district=name, place=near) if near else name


def category_label(report: Report, words: Words) -> str:
    """The sign and name of a report's category, as it was when chosen."""
    name = words.choose(report.category_name_zh, report.category_name_en)
    return f"{report.category_emoji} {escape(name)}"


def category_button(category: Category, draft_id: int, words: Words) -> Button:
    """The button that gives a draft this category."""
    name = words.choose(category.name.zh, category.name.en)
    return Button(
        f"{category.emoji} {name}",
        callbacks.pack(callbacks.DRAFT, "cat", draft_id, category.code),
    )


def state_line(report: Report, words: Words) -> str:
    """Where a report stands, in a word or two with its sign."""
    match State(report.state):
        case State.SUBMITTED:
            return words.tr("⏳ In review")
        case State.APPROVED:
            return words.tr("✅ Approved")
        case State.REJECTED:
            return words.tr("✖️ Not approved")
        case State.WITHDRAWN:
            return words.tr("↩️ Withdrawn")


# --- for the rider ---


def receipt(
    report: Report, *, district: District | None, wait_minutes: int | None, words: Words
) -> View:
    """What a rider sees of a report just submitted and still undecided."""
    head = words.tr(
        "✅ Reported #{number} · {category} · {district}",
        number=report.id,
        category=escape(words.choose(report.category_name_zh, report.category_name_en)),
        district=district_name(district, words),
    )
    if wait_minutes is None:
        tail = words.tr("You'll hear after review. Ride safe.")
    else:
        tail = words.tr(
            "You'll hear after review, usually within {time}. Ride safe.",
            time=words.minutes(wait_minutes),
        )
    pack = callbacks.pack
    return View(
        f"{head}\n{tail}",
        rows=(
            (
                Button(words.tr("Add note"), pack(callbacks.RECEIPT, "note", report.id)),
                Button(words.tr("Add photo"), pack(callbacks.RECEIPT, "photo", report.id)),
                Button(words.tr("Withdraw"), pack(callbacks.RECEIPT, "undo", report.id)),
            ),
        ),
    )


def joined(report: Report, *, district: District | None, words: Words) -> View:
    """What somebody sees who joined another's report, while it is undecided or just approved."""
    head = words.tr(
        "🤝 You joined #{number} · {category} · {district}",
        number=report.id,
        category=escape(words.choose(report.category_name_zh, report.category_name_en)),
        district=district_name(district, words),
    )
    if report.state == State.SUBMITTED:
        tail = words.tr("You'll hear how it goes on. Ride safe.")
    else:
        tail = state_line(report, words)
    return View(f"{head}\n{tail}")


def outcome(report: Report, *, balance: int | None, words: Words) -> View:
    """What the reporter reads once a report is decided or withdrawn.

    Args:
        report: the report.
        balance: the reporter's points after it; None for a joiner, who was paid none.
        words: the reader's language.
    """
    category = category_label(report, words)
    match State(report.state):
        case State.APPROVED if balance is not None:
            text = words.tr(
                "✅ #{number} approved · {points} points (balance {balance})\n{category}",
                number=report.id,
                points=words.signed(report.points or 0),
                balance=words.number(balance),
                category=category,
            )
        case State.REJECTED:
            answer = words.choose(report.reason_text_zh or "", report.reason_text_en or "")
            text = words.tr(
                "✖️ #{number} not approved · {category}\n{reason}",
                number=report.id,
                category=category,
                reason=escape(answer),
            )
        case State.WITHDRAWN:
            text = words.tr("↩️ #{number} withdrawn.", number=report.id)
        case _:
            text = words.tr(
                "✅ #{number}, which you saw too, was approved · {category}",
                number=report.id,
                category=category,
            )
    return View(text)


# --- for the reviewers ---


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
    lines = [f"<b>#{report.id}</b> {category_label(report, words)}{danger} · ⏱ {age}"]
    place = place_line(
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
        cut = report.note[:NOTE_ON_CARD].replace("\n", words.choose("；", "; "))
        dots = "…" if len(report.note) > NOTE_ON_CARD else ""
        lines.append(f"💬 “{escape(cut)}{dots}”")
    record = words.tr("first report")
    if facts.record.decided:
        record = words.tr(
            "approved {approved}/{decided}",
            approved=facts.record.approved,
            decided=facts.record.decided,
        )
    lines.append(f"👤 {pseudonym(facts.reporter, words)} · {record}")
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
                state=state_line(other, words).split(" ", 1)[-1],
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
    if report.state != State.SUBMITTED:
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
        case State.SUBMITTED:
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
