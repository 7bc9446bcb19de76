"""What reviewers see: the card of a report with its decisions, and what became of it.

Domain objects in, text and buttons out. Nothing is read or written here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from html import escape

from handlers import callbacks, views
from handlers.views import Button, Rows, View
from locales import Words
from models import Person, Report, clock
from models.policy import Policy
from models.reports import PlaceSource
from models.workflow import State
from services import claims
from services.districts import District
from services.evidence import Evidence
from services.reports import Record

STARS = ("★", "★★", "★★★")
# So much of a caption is the card's own; the rest is for what became of the report.
CARD_ROOM = views.CAPTION_LIMIT - 164
# A name longer than this, of a place or a category, is cut.
NAME_ON_CARD = 40
# So is a reviewer's, or those of two, and what people wrote to each other.
REVIEWER_ON_CARD, WORDS_ON_CARD, APPEAL_ON_CARD = 64, 300, 500


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What a review card tells beside the report itself.

    Attributes:
        district: where it lies.
        reporter: whose it is.
        record: what became of their reports so far.
        evidence: what else helps to judge it.
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
    evidence: Evidence
    photo_ids: tuple[int, ...]
    missing_photos: int
    forwarded: int
    joiners: int
    neighbour: tuple[Report, float] | None
    map_url: str


def card_text(report: Report, facts: CardFacts, words: Words, *, room: int = CARD_ROOM) -> str:
    """The text of a review card, without its decision.

    Args:
        report: what it shows.
        facts: what it tells beside.
        words: the chat's language.
        room: how much of Telegram's limit it may take; the note gives way to the facts, and where
            a rider's appeal takes nearly all there is, the last of the facts to that.
    """
    above, below = _around_note(report, facts, words)
    while len(below) > 1 and _left(above, below, room) < 0:
        below = below[:-1]
    note = _note(report, words)
    left = _left(above, below, room)
    shown = [f"💬 “{escape(views.cut(note, left))}”"] if note and left > 0 else []
    return "\n".join([*above, *shown, *below])


def shows_whole_note(report: Report, facts: CardFacts, words: Words) -> bool:
    """Whether a card has room for all of a report's note."""
    above, below = _around_note(report, facts, words)
    note = _note(report, words)
    return views.cut(note, _left(above, below, CARD_ROOM)) == note


def _around_note(
    report: Report, facts: CardFacts, words: Words
) -> tuple[Sequence[str], Sequence[str]]:
    above = (_headline(report, words), _place(report, facts, words))
    below = (
        _rider(facts, words),
        *_others(facts, words),
        *_photo_facts(facts, words),
        *_way(facts.evidence, words),
    )
    return above, below


def _left(above: Sequence[str], below: Sequence[str], room: int) -> int:
    """How much of a note there is room for."""
    taken = views.length("\n".join([*above, *below]))
    # Six for its sign, its quotation marks and the line.
    return min(views.NOTE_ON_CARD, room - taken - 6)


def _note(report: Report, words: Words) -> str:
    return report.note.replace("\n", words.choose("；", "; "))


def _headline(report: Report, words: Words) -> str:
    moment = report.created_at
    shown = words.clock(moment)
    if not words.is_today(moment, now=clock.now()):
        shown = f"{words.day(moment)} {shown}"
    age = f'<tg-time unix="{int(moment.timestamp())}" format="r">{shown}</tg-time>'
    label = words.tr("danger")
    danger = f" · {label}" if report.danger else ""
    name = words.choose(report.category_name_zh, report.category_name_en)
    category = f"{report.category_emoji} {escape(views.cut(name, NAME_ON_CARD))}"
    return f"<b>#{report.id}</b> {category}{danger} · ⏱ {age}"


def _place(report: Report, facts: CardFacts, words: Words) -> str:
    place = views.place_line(
        district=facts.district,
        near_zh=views.cut(report.place_name_zh, NAME_ON_CARD),
        near_en=views.cut(report.place_name_en, NAME_ON_CARD),
        words=words,
    )
    # A fix of the phone is what one expects: it tells only how exact it is.
    kinds: dict[str, str] = {
        PlaceSource.PIN: "" if report.accuracy_m else words.tr("pin on the map"),
        PlaceSource.VENUE: words.tr("venue"),
        PlaceSource.LIVE: words.tr("live location"),
        PlaceSource.ADDRESS: words.tr("typed address"),
        PlaceSource.FILE: words.tr("from the photo"),
        PlaceSource.SPOT: words.tr("code on a poster"),
    }
    details = [kind] if (kind := kinds.get(report.place_source)) else []
    if report.accuracy_m:
        details.append(words.tr("±{metres} m", metres=words.number(round(report.accuracy_m))))
    if details:
        place += words.tr(" ({details})", details=words.choose("，", ", ").join(details))
    link = words.tr("map")
    return f'📍 {place} · <a href="{escape(facts.map_url)}">{link}</a>'


def _rider(facts: CardFacts, words: Words) -> str:
    record, evidence = facts.record, facts.evidence
    told = [views.pseudonym(facts.reporter, words), words.tr("first report")]
    if record.decided:
        told[1] = words.tr(
            "approved {approved}/{decided}", approved=record.approved, decided=record.decided
        )
    if evidence.of_the_day > 1:
        told.append(words.tr("no. {number} of the day", number=evidence.of_the_day))
    if evidence.warnings:
        told.append(words.trn("{count} warning", "{count} warnings", evidence.warnings))
    if evidence.bans:
        told.append(words.trn("{count} ban", "{count} bans", evidence.bans))
    return f"👤 {' · '.join(told)}"


def _others(facts: CardFacts, words: Words) -> list[str]:
    lines = []
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
                state=_state_in_passing(other, words),
                age=words.ago(other.created_at, now=clock.now()),
            )
        )
    return lines


def _state_in_passing(report: Report, words: Words) -> str:
    """How a report stands, without its sign, in the middle of a line."""
    return views.state_line(report, words).split(" ", 1)[-1].lower()


def _photo_facts(facts: CardFacts, words: Words) -> list[str]:
    lines = []
    same, taken_before = facts.evidence.photos.same, facts.evidence.photos.taken_before
    if same is not None:
        age = words.ago(same.sent_at, now=clock.now())
        if same.report_id is None:
            line = words.tr("📷 Same photo sent by somebody else ({age})", age=age)
        else:
            line = words.tr("📷 Same photo in #{number} ({age})", number=same.report_id, age=age)
        lines.append(f"{line} +{same.more}" if same.more else line)
    if taken_before is not None:
        span = _span(abs(taken_before), words)
        lines.append(
            words.tr("🕓 Photo taken {span} before it was sent", span=span)
            if taken_before > timedelta()
            else words.tr("🕓 Camera clock {span} ahead of the sending", span=span)
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
    return lines


def _way(evidence: Evidence, words: Words) -> list[str]:
    ride = evidence.ride
    if ride is None:
        return []
    return [
        words.tr(
            "🛵 {distance} in {minutes} min since #{number} ({speed} km/h)",
            distance=words.distance(ride.distance_m),
            minutes=ride.minutes,
            number=ride.report_id,
            speed=words.number(round(ride.kmh)),
        )
    ]


def _span(span: timedelta, words: Words) -> str:
    """A length of time in its largest unit: 5 hours, 3 days, 26 years."""
    if span < timedelta(days=1):
        return words.trn("{count} hour", "{count} hours", int(span.total_seconds() // 3600))
    if span < timedelta(days=2 * 365):
        return words.trn("{count} day", "{count} days", span.days)
    return words.trn("{count} year", "{count} years", span.days // 365)


@dataclass(frozen=True, slots=True)
class Menu:
    """What a card offers for a moment instead of its own buttons.

    Attributes:
        rows: its buttons.
        hint: what else can be done, in one line; empty if nothing.
    """

    rows: Rows
    hint: str = ""


def card(
    report: Report,
    facts: CardFacts,
    *,
    policy: Policy,
    words: Words,
    with_photo: bool,
    menu: Menu | None = None,
) -> View:
    """A review card: what is reported, how it stands, and what may be done.

    Args:
        report: what it shows.
        facts: what it tells beside.
        policy: the reasons to reject for.
        words: the chat's language.
        with_photo: it carries the first photo itself; else an album went before it.
        menu: what it offers instead of its own buttons.
    """
    photo_id = facts.photo_ids[0] if with_photo and facts.photo_ids else None
    below = [*_standing(report, policy=policy, words=words), menu.hint if menu else ""]
    standing = "".join(f"\n{line}" for line in below if line)
    room = min(CARD_ROOM, views.CAPTION_LIMIT - views.length(standing))
    text = card_text(report, facts, words, room=room) + standing
    return View(text, rows=menu.rows if menu else card_rows(report, words), photo_id=photo_id)


def card_rows(report: Report, words: Words) -> Rows:
    """The buttons of a card as its report stands."""
    match State(report.state):
        case State.SUBMITTED:
            return (*decision_rows(report, words), _side_row(report, words))
        case State.SECOND:
            take, undo = _side_row(report, words), _button(report, words.tr("Undo my vote"), "u")
            return (*decision_rows(report, words, asking=False), (*take[:-1], undo))
        case State.DISPUTED | State.APPEALED:
            return (*decision_rows(report, words, asking=False), _side_row(report, words)[:-1])
        case State.ASKED:
            return ((_button(report, words.tr("Decide without answer"), "qr"),),)
        case State.HELD:
            again = _button(report, words.tr("Take up again"), "hr")
            return ((again, _button(report, words.tr("Duplicate…"), "d")),)
        case State.APPROVED | State.REJECTED | State.DUPLICATE if report.decided_by is not None:
            return ((_button(report, words.tr("Undo"), "u"),),)
    return ()


def decision_rows(report: Report, words: Words, *, asking: bool = True) -> Rows:
    """The buttons that decide.

    Args:
        report: one the desk has to decide on.
        words: the chat's language.
        asking: its rider may be asked, too.
    """
    approve = tuple(
        _button(report, words.tr("Approve {stars}", stars=stars), f"a{grade}", style="success")
        for grade, stars in enumerate(STARS, start=1)
    )
    duplicate = _button(report, words.tr("Duplicate…"), "d")
    ask = (_button(report, words.tr("Ask…"), "q"),) if asking else ()
    return (approve, (duplicate, *ask, _button(report, words.tr("Reject…"), "x", style="danger")))


def _side_row(report: Report, words: Words) -> Sequence[Button]:
    more = _button(report, words.tr("More…"), "o")
    if claims.is_held(report):
        release, over = words.tr("Release"), words.tr("Take over")
        return (_button(report, release, "f"), _button(report, over, "t"), more)
    return (_button(report, words.tr("I take it"), "t"), more)


def _button(
    report: Report, text: str, verb: str, argument: str = "", *, style: str | None = None
) -> Button:
    return Button(text, callbacks.pack(callbacks.REVIEW, verb, report.id, argument), style=style)


def _in_pairs(buttons: Sequence[Button], *, size: int = 2) -> list[Sequence[Button]]:
    return [buttons[i : i + size] for i in range(0, len(buttons), size)]


def _back(report: Report, words: Words) -> Sequence[Button]:
    return (_button(report, words.tr("« Back"), "b"),)


def reasons(report: Report, *, policy: Policy, words: Words) -> Menu:
    """The reasons to reject for, and the way back."""
    buttons = [
        _button(report, words.choose(reason.button.zh, reason.button.en), "r", reason.code)
        for reason in policy.reject_reasons
    ]
    # Whoever opens the reasons and walks off must not keep colleagues from approving.
    approve = decision_rows(report, words)[0]
    return Menu(
        [*_in_pairs(buttons), approve, _back(report, words)],
        words.tr("✏️ Tap a reason, or reply to this card with your own."),
    )


def questions(report: Report, *, policy: Policy, words: Words) -> Menu:
    """The questions a rider may be asked with one tap."""
    buttons = [
        _button(report, words.choose(question.button.zh, question.button.en), "qq", question.code)
        for question in policy.questions
    ]
    return Menu(
        [*_in_pairs(buttons), _back(report, words)],
        words.tr("✏️ Tap a question, or reply to this card with your own."),
    )


def more(report: Report, words: Words) -> Menu:
    """What is needed now and then."""
    return Menu(
        (
            (_button(report, words.tr("Hold…"), "h"), _button(report, words.tr("Correct…"), "c")),
            (_button(report, words.tr("Rider…"), "w"), *_back(report, words)),
        )
    )


def replies(report: Report, hint: str, words: Words) -> Menu:
    """Nothing but words are awaited now."""
    return Menu((_back(report, words),), hint)


def corrections(report: Report, words: Words) -> Menu:
    """What may be put right."""
    return Menu(
        (
            (
                _button(report, words.tr("Category"), "cc"),
                _button(report, words.tr("District"), "cd"),
                _button(report, words.tr("Pin"), "cp"),
            ),
            _back(report, words),
        )
    )


def categories(report: Report, *, policy: Policy, words: Words) -> Menu:
    """The other categories."""
    buttons = [
        _button(
            report,
            f"{category.emoji} {words.choose(category.name.zh, category.name.en)}",
            "cs",
            category.code,
        )
        for category in policy.categories
        if category.code != report.category
    ]
    return Menu([*_in_pairs(buttons, size=3), _back(report, words)])


def districts(report: Report, nearest: Sequence[District], words: Words) -> Menu:
    """The districts around a report."""
    buttons = [
        _button(report, words.choose(there.name_zh, there.name_en), "ds", there.code)
        for there in nearest
    ]
    return Menu([*_in_pairs(buttons), _back(report, words)])


def rider(report: Report, *, policy: Policy, is_banned: bool, warnings: int, words: Words) -> Menu:
    """What may be done about a rider."""
    bans = [
        _button(
            report,
            words.trn("Ban {count} day", "Ban {count} days", days),
            "wb",
            str(days),
            style="danger",
        )
        for days in policy.review.ban_days
    ]
    lift = [(_button(report, words.tr("Lift the ban"), "wl"),)] if is_banned else []
    said = words.trn("{count} warning so far", "{count} warnings so far", warnings)
    return Menu(
        [
            (_button(report, words.tr("Warn…"), "ww"), *bans),
            *lift,
            _back(report, words),
        ],
        f"👤 {said}",
    )


def candidate(
    report: Report,
    other: Report,
    *,
    distance_m: float,
    photo_id: int | None,
    left: int,
    words: Words,
) -> View:
    """A report that may be of the same hazard, to be compared with the one on the card.

    Args:
        report: the one on the card.
        other: the one that was there before.
        distance_m: between them, in metres.
        photo_id: the other's first photo, if it can be shown.
        left: how many more there are.
        words: the chat's language.
    """
    text = words.tr(
        "🔗 Is #{number} the same as #{other}?\n{category} · {distance} away · {age} · {state}",
        number=report.id,
        other=other.id,
        category=views.category_label(other, words),
        distance=words.distance(distance_m),
        age=words.ago(other.created_at, now=clock.now()),
        state=_state_in_passing(other, words),
    )
    same = _button(report, words.tr("Yes, merge"), "m", callbacks.base36(other.id), style="primary")
    rows: list[Sequence[Button]] = [(same,)]
    if left > 0:
        label = words.trn("Next ({count} more)", "Next ({count} more)", left)
        rows.append((_button(report, label, "d", callbacks.base36(other.id)),))
    return View(text, rows=rows, photo_id=photo_id)


def words_for_what(report: Report, words: Words) -> View:
    """Somebody replied to a card unasked: what are their words for?"""
    return View(
        words.tr("What is that for, about #{number}?", number=report.id),
        rows=(
            (
                _button(report, words.tr("Ask the rider"), "k", "ask"),
                _button(report, words.tr("Reject with it"), "k", "reject", style="danger"),
                _button(report, words.tr("Hold"), "k", "hold"),
            ),
        ),
    )


def _standing(report: Report, *, policy: Policy, words: Words) -> list[str]:
    """How a report stands, in lines below its facts."""
    lines: list[str] = []
    match State(report.state):
        case State.SUBMITTED if report.question:
            lines.append(words.tr("❓ {question} · answered", question=_written(report.question)))
        case State.SECOND:
            lines.append(words.tr("✌️ One reviewer has voted. A second one, please."))
        case State.DISPUTED:
            lines.append(words.tr("⚖️ Two reviewers differ. A chief decides."))
        case State.APPEALED:
            said = _written(report.appeal, room=APPEAL_ON_CARD)
            lines.append(words.tr("⚖️ The rider objects: “{text}”", text=said))
            if report.decided_by_name:
                name = _named(report.decided_by_name)
                lines.append(words.tr("Not for {name}, who rejected it.", name=name))
        case State.ASKED:
            lines.append(
                words.tr("❓ Asked: {question} · waiting", question=_written(report.question))
            )
        case State.HELD:
            lines.append(words.tr("⏸ On hold: {why}", why=_written(report.held_because)))
    if claims.is_held(report) and report.claimed_until is not None:
        lines.append(
            words.tr(
                "✋ {name} is on it until {clock}",
                name=_named(report.claimed_by_name),
                clock=words.clock(report.claimed_until),
            )
        )
    lines.append(decision_line(report, policy=policy, words=words))
    return lines


def _written(text: str | None, *, room: int = WORDS_ON_CARD) -> str:
    return escape(views.cut(text or "", room))


def _named(name: str | None) -> str:
    return escape(views.cut(name or "", REVIEWER_ON_CARD))


def decision_line(report: Report, *, policy: Policy, words: Words) -> str:
    """Who decided what, and when: ✅ ★★ +10 · Lin · 14:05; empty while nothing is decided."""
    at = words.clock(report.decided_at) if report.decided_at else ""
    name = _named(report.decided_by_name)
    match State(report.state):
        case State.APPROVED:
            stars = STARS[(report.grade or 1) - 1]
            return f"✅ {stars} {words.signed(report.points or 0)} · {name} · {at}"
        case State.REJECTED:
            reason = policy.reject_reason(report.reject_reason or "")
            label = words.choose(
                reason.button.zh if reason else report.reason_text_zh or "",
                reason.button.en if reason else report.reason_text_en or "",
            )
            rejected = words.tr("✖️ Rejected")
            return f"{rejected} · {_written(label)} · {name} · {at}"
        case State.DUPLICATE:
            same = words.tr("🔗 Same as #{number}", number=report.duplicate_of)
            return f"{same} · {name} · {at}"
        case State.UNANSWERED:
            closed = words.tr("⌛ Closed, the rider did not answer")
            return f"{closed} · {at}"
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
