"""The record, for reviewers: /show, /search and /desk, and the help of a desk.

/show 1042 ──▶ photos, people and history, paged; at the desk, or in a reviewer's private chat
/search … ──▶ what was found, paged; a number's button shows that report
/desk ──▶ how the desk decides, for chiefs
/help ──▶ what a new reviewer has to know

Whatever is asked for, the answer goes to where it was asked, and only there.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from html import escape

from telegram import Update
from telegram.ext import CallbackQueryHandler, CommandHandler, filters

from handlers import callbacks, desk_views, views
from handlers.callbacks import RECORD
from handlers.context import Context, Turn
from handlers.views import Button, View
from locales import LANGUAGES, N_, Words
from models import Chat, Person, Report, ReportEvent, clock
from models.cards import CardPurpose
from models.photos import PhotoState
from models.reports import Verdict
from models.workflow import DECIDED_STATES, DESK_STATES, Actor, State
from services import cards as card_rows
from services import chats, people, photos, quality, record, reports
from services.quality import Judged, Pace
from services.record import Parties, Wanted
from services.refusals import NotForYou, OutOfDate

# A reason longer than this is cut in a history.
REASON = 160
# So much of what is looked for fits into a button: characters, and bytes.
_LONGEST_QUERY = (40, 48)
# More named places than this are too many to look at.
_MOST_PLACES = 8

STATES: Mapping[State, str] = {
    State.SUBMITTED: N_("new"),
    State.SECOND: N_("second vote"),
    State.DISPUTED: N_("disputed"),
    State.ASKED: N_("rider asked"),
    State.HELD: N_("held"),
    State.APPEALED: N_("appealed"),
    State.APPROVED: N_("approved"),
    State.REJECTED: N_("rejected"),
    State.DUPLICATE: N_("duplicate"),
    State.UNANSWERED: N_("unanswered"),
    State.WITHDRAWN: N_("withdrawn"),
}
WAITING = N_("waiting")
# The same signs as elsewhere; what waits has the one of waiting.
SIGNS: Mapping[State, str] = {
    State.ASKED: "❓",
    State.HELD: "⏸",
    State.APPEALED: "⚖️",
    State.APPROVED: "✅",
    State.REJECTED: "✖️",
    State.DUPLICATE: "🔗",
    State.UNANSWERED: "⌛",
    State.WITHDRAWN: "↩️",
}

EVENTS: Mapping[str, str] = {
    "submitted": N_("reported it"),
    "joined": N_("saw it, too"),
    "note_added": N_("added a note"),
    "note_edited": N_("changed the note"),
    "photo_added": N_("added a photo"),
    "voice_added": N_("added a voice note"),
    "claimed": N_("took the card"),
    "claim_released": N_("let go of the card"),
    "approved": N_("approved it"),
    "rejected": N_("rejected it"),
    "merged": N_("merged it with"),
    "undone": N_("undid the decision"),
    "voted": N_("voted"),
    "disputed": N_("voted otherwise"),
    "vote_undone": N_("took the vote back"),
    "asked": N_("asked the rider"),
    "recalled": N_("took the question back"),
    "answered": N_("answered"),
    "unanswered": N_("closed it: no answer"),
    "resumed": N_("resumed it"),
    "held": N_("put it on hold"),
    "released": N_("took it off hold"),
    "appealed": N_("appealed"),
    "reopened": N_("reopened it"),
    "withdrawn": N_("withdrew it"),
    "corrected": N_("corrected it"),
}


@dataclass(frozen=True, slots=True)
class Asker:
    """Somebody who asks for the record.

    Attributes:
        turn: the transaction.
        desk: the moderator chat they ask in; None: they ask in private.
        chat_id: where the answer goes.
        person_id: who they are.
        message_id: what they wrote, or what the button they pressed is on; None: it is too old.
    """

    turn: Turn
    desk: Chat | None
    chat_id: int
    person_id: int
    message_id: int | None

    @property
    def words(self) -> Words:
        """The desk's language; in private, their own."""
        return self.turn.words_of(self.desk.language) if self.desk else self.turn.words

    def answer(self, view: View) -> None:
        """Send them something; at the desk as a reply, so that it is plain what it answers."""
        reply_to = self.message_id if self.desk else None
        self.turn.say(self.chat_id, view, reply_to=reply_to)

    def answer_with_album(self, photo_ids: Sequence[int], caption: str) -> None:
        """Send them several photos; at the desk where they asked, be it in a topic."""
        reply = {"message_id": self.message_id, "allow_sending_without_reply": True}
        placed = {"reply_parameters": reply} if self.desk and self.message_id else {}
        self.turn.call(
            self.chat_id, "sendMediaGroup", photo_ids=photo_ids, caption=caption, **placed
        )

    def require_reviewer(self, district: str | None = None) -> None:
        """Stop whoever is no reviewer.

        Args:
            district: of the report they ask for; None: they ask for none in particular.

        Raises:
            NotForYou: they are not at this desk, or in private at none for that district.
        """
        if district is None:
            district = next(iter((self.desk and self.desk.districts) or ()), "")
        chats.require_reviewer(
            self.turn.session,
            chat_id=self.chat_id,
            person_id=self.person_id,
            district=district,
        )


# --- /show


async def show(update: Update, context: Context) -> None:
    """Show a report by its number."""
    asker = _asker(update, context.turn)
    if asker is None:
        return
    number = re.fullmatch(r"#?(\d{1,15})", "".join(context.args or ()))
    if number is None:
        text = asker.words.tr("Write it like this: /show 1042")
        asker.answer(View(text))
        return
    _show(asker, int(number[1]))


async def show_pressed(update: Update, context: Context) -> None:
    """Show a report whose number was pressed."""
    asker, press = _presser(update, context.turn), callbacks.pressed(update)
    if _refused(asker, reports.get(context.turn.session, report_id=press.subject), press.subject):
        raise NotForYou
    context.turn.toast(update)
    _show(asker, press.subject)


async def turn_history(update: Update, context: Context) -> None:
    """Another page of a history, on the same message."""
    asker, press = _presser(update, context.turn), callbacks.pressed(update)
    report = reports.get(context.turn.session, report_id=press.subject)
    if report is None or not press.argument.isdecimal():
        raise OutOfDate
    if _refused(asker, report, press.subject):
        raise NotForYou
    view, _ = _in_full(asker, report, int(press.argument[:6]))
    context.turn.toast(update)
    _edit(asker, update, view)


def _show(asker: Asker, number: int) -> None:
    report = reports.get(asker.turn.session, report_id=number)
    refused = _refused(asker, report, number)
    if refused:
        asker.answer(View(refused))
        return
    assert report is not None
    view, pages = _in_full(asker, report, 0)
    shown = [
        picture.id
        for picture in photos.of_report(asker.turn.session, report_id=report.id)
        if picture.state != PhotoState.REFUSED and (picture.sendable_id or picture.sha256)
    ]
    fits = pages == 1 and views.length(view.text) <= views.CAPTION_LIMIT
    if len(shown) == 1 and fits:
        asker.answer(View(view.text, photo_id=shown[0]))
        return
    if len(shown) == 1:
        asker.answer(View(f"📷 #{report.id}", photo_id=shown[0]))
    elif shown:
        asker.answer_with_album(shown, f"📷 #{report.id}")
    asker.answer(view)


def _refused(asker: Asker, report: Report | None, number: int) -> str:
    """Why a report is not shown to somebody; empty if it is."""
    words = asker.words
    if asker.desk is None:
        # The same words for both: who is no reviewer learns nothing by asking.
        nothing = words.tr("There is no report #{number} at a desk of yours.", number=number)
        try:
            asker.require_reviewer(report.district if report else None)
        except NotForYou:
            return nothing
        return "" if report else nothing
    try:
        asker.require_reviewer()
    except NotForYou:
        return words.tr("Only reviewers of this desk can see that.")
    if report is None:
        return words.tr("There is no report #{number}.", number=number)
    card = card_rows.find(
        asker.turn.session,
        report_id=report.id,
        chat_id=asker.desk.id,
        purpose=CardPurpose.REVIEW,
    )
    # What was dealt here stays this desk's to work on, wherever its district went.
    if card is None and not record.covers(asker.desk, district=report.district):
        return words.tr("#{number} belongs to another desk.", number=number)
    return ""


def _in_full(asker: Asker, report: Report, page: int) -> tuple[View, int]:
    """A page of a report's record, and how many pages there are."""
    turn, words = asker.turn, asker.words
    events, page, pages = record.history(turn.session, report_id=report.id, page=page)
    involved = record.parties(turn.session, report=report)
    names = record.reviewer_names(
        turn.session,
        person_ids=[
            *involved.reviewers,
            *(event.actor_id for event in events if event.actor_id is not None),
        ],
        report=report,
    )
    title = f"<b>#{report.id}</b> {views.category_label(report, words)}"
    if pages > 1:
        title += f" · {page + 1}/{pages}"
    lines = [title, _standing(report, words)]
    if page == 0:
        made = f"{words.day(report.created_at)} {words.clock(report.created_at)}"
        lines.append(f"📍 {_place(turn, report, words)} · {made}")
        lines += _people(involved, names, words)
    lines.append("")
    riders = record.riders(
        turn.session,
        person_ids=[
            event.actor_id
            for event in events
            if event.actor_id is not None and event.actor_role == Actor.RIDER
        ],
    )
    lines += [
        _event(turn, report, event, _who(event, names, riders, words), words) for event in events
    ]
    if page == 0 and report.note:
        # Six for its sign, its quotation marks and the line.
        room = views.TEXT_LIMIT - views.length("\n".join(lines)) - 6
        lines.insert(3, f"💬 “{escape(views.cut(report.note, room))}”")
    arrows = _arrows(
        page,
        is_last=page == pages - 1,
        pack=lambda to: callbacks.pack(RECORD, "page", report.id, str(to)),
    )
    return View("\n".join(lines), rows=[arrows] if arrows else ()), pages


def _standing(report: Report, words: Words) -> str:
    """Where a report stands; of a decision, whose it is and when it was made."""
    line = _state(report, words)
    if report.state not in DECIDED_STATES or report.decided_at is None:
        return line
    stars = f" {desk_views.STARS[report.grade - 1]}" if report.grade else ""
    at = f"{words.day(report.decided_at)} {words.clock(report.decided_at)}"
    return f"{line}{stars} · {escape(report.decided_by_name or '')} · {at}"


def _people(involved: Parties, names: Mapping[int, str], words: Words) -> list[str]:
    comma = words.choose("、", ", ")
    lines = [words.tr("👤 Rider: {name}", name=views.pseudonym(involved.rider, words))]
    if involved.joined:
        joined = comma.join(views.pseudonym(person, words) for person in involved.joiners)
        more = involved.joined - len(involved.joiners)
        joined += f" +{more}" if more else ""
        lines.append(words.tr("🤝 Joined: {names}", names=joined))
    if involved.reviewers:
        told = [
            _reviewer(person_id, names, words, is_chief=person_id in involved.chiefs)
            for person_id in involved.reviewers
        ]
        lines.append(words.tr("👥 Reviewers: {names}", names=comma.join(told)))
    return lines


def _reviewer(
    person_id: int, names: Mapping[int, str], words: Words, *, is_chief: bool = False
) -> str:
    name = escape(names.get(person_id, "")) or words.tr("a reviewer")
    return words.tr("{name} (chief)", name=name) if is_chief else name


def _state(report: Report, words: Words) -> str:
    state = State(report.state)
    label = words.tr(STATES[state])
    if state is State.DUPLICATE:
        label = words.tr("duplicate of #{number}", number=report.duplicate_of)
    return f"{SIGNS.get(state, '⏳')} {label}"


def _event(turn: Turn, report: Report, event: ReportEvent, who: str, words: Words) -> str:
    """One line of a history: when, who, what, why."""
    phrase = EVENTS.get(event.kind)
    what = words.tr(phrase) if phrase else words.tr("changed something")
    why = _why(turn, report, event, words)
    # The number of another report is nobody's words.
    quoted = f" {why}" if event.kind == "merged" else f" “{escape(why)}”" if why else ""
    return f"{words.day(event.at)} {words.clock(event.at)} · {who} · {what}{quoted}"


def _who(
    event: ReportEvent, names: Mapping[int, str], riders: Mapping[int, Person], words: Words
) -> str:
    if event.actor_id is None:
        return words.tr("the bot")
    if event.actor_role == Actor.RIDER:
        # Whoever reports is a pseudonym here, also a colleague who does.
        rider = riders.get(event.actor_id)
        return views.pseudonym(rider, words) if rider else "–"
    is_chief = event.actor_role == Actor.CHIEF
    return _reviewer(event.actor_id, names, words, is_chief=is_chief)


def _why(turn: Turn, report: Report, event: ReportEvent, words: Words) -> str:
    reason = event.reason or ""
    if event.kind in ("voted", "disputed"):
        return _verdict(reason, words) if record.shows_votes(report) else ""
    if event.kind == "rejected" and (known := turn.policy.reject_reason(reason)):
        return words.choose(known.button.zh, known.button.en)
    return views.cut(" ".join(reason.split()), REASON)


def _verdict(reason: str, words: Words) -> str:
    verdict, _, grade = reason.partition(":")
    if verdict == Verdict.REJECT:
        return words.tr("reject")
    if verdict == Verdict.APPROVE:
        stars = int(grade) if grade.isdecimal() else 0
        label = words.tr("approve")
        return f"{label} {'★' * min(stars, len(desk_views.STARS))}".rstrip()
    return ""


# --- /search


async def search(update: Update, context: Context) -> None:
    """Look for reports by number, rider, state or place."""
    turn = context.turn
    asker = _asker(update, turn)
    if asker is None or not _is_reviewer(asker):
        return
    words = asker.words
    query = _query(" ".join(context.args or ()))
    if not query:
        pseudonym = f"{views.birds(words)[0]}-27"
        text = words.tr(
            "Write what you look for: a number, a rider, a place or a state.\n"
            "For example: /search {pseudonym}",
            pseudonym=pseudonym,
        )
        asker.answer(View(text))
        return
    if (number := re.fullmatch(r"#?(\d{1,15})", query)) is not None:
        _show(asker, int(number[1]))
        return
    if len(query) > _LONGEST_QUERY[0] or len(query.encode()) > _LONGEST_QUERY[1]:
        asker.answer(View(words.tr("That is too long. A part of the name is enough.")))
        return
    asker.answer(_found(asker, query, 0))


async def turn_found(update: Update, context: Context) -> None:
    """Another page of what was found, on the same message."""
    turn = context.turn
    asker, press = _presser(update, turn), callbacks.pressed(update)
    if asker.desk is None:
        raise NotForYou
    asker.require_reviewer()
    view = _found(asker, _query(press.argument), press.subject)
    turn.toast(update)
    _edit(asker, update, view)


def _found(asker: Asker, query: str, page: int) -> View:
    turn, words = asker.turn, asker.words
    assert asker.desk is not None
    page = min(page, record.LAST_PAGE)
    wanted, title = _wanted(turn, query, words)
    if wanted is None:
        return View(title)
    rows, more = record.search(
        turn.session, wanted=wanted, districts=asker.desk.districts, page=page
    )
    if not rows:
        return View(words.tr("Nothing found: {query}", query=title))
    lines = [f"🔎 <b>{title}</b>"]
    if page or more:
        lines[0] += f" · {page + 1}"
    reporters = record.riders(turn.session, person_ids=[row.reporter_id for row in rows])
    for row in rows:
        lines += _in_short(turn, row, reporters[row.reporter_id], words)
    buttons: list[Sequence[Button]] = [
        [Button(f"#{row.id}", callbacks.pack(RECORD, "show", row.id)) for row in rows[at : at + 4]]
        for at in range(0, len(rows), 4)
    ]
    arrows = _arrows(
        page,
        is_last=not more or page == record.LAST_PAGE,
        pack=lambda to: callbacks.pack(RECORD, "find", to, query),
    )
    if arrows:
        buttons.append(arrows)
    if more and page == record.LAST_PAGE:
        lines.append(words.tr("There are more. Look for something narrower."))
    return View("\n".join(lines), rows=buttons)


def _in_short(turn: Turn, report: Report, reporter: Person, words: Words) -> Iterator[str]:
    when = f"{words.day(report.created_at)} {words.clock(report.created_at)}"
    yield f"#{report.id} {views.category_label(report, words)} · {_state(report, words)}"
    yield f"    {_place(turn, report, words)} · {views.pseudonym(reporter, words)} · {when}"


def _query(text: str) -> str:
    """What somebody looks for, bare of all that makes no difference, as a button can carry it."""
    return re.sub(r"[\s:_]+", "", text.casefold())


def _wanted(turn: Turn, query: str, words: Words) -> tuple[Wanted | None, str]:
    """What is meant by a query, and what to call it; None: nothing, and why."""
    rider = _rider_called(turn, query)
    if rider is not None:
        return Wanted(rider_id=rider.id), views.pseudonym(rider, words)
    states = _states_called(turn, query)
    if states:
        label = STATES[next(iter(states))] if len(states) == 1 else WAITING
        return Wanted(states=states), words.tr(label)
    districts = [
        district
        for district in turn.house.districts
        if query == _query(district.code)
        or any(query in _query(name) for name in (district.name_zh, district.name_en))
    ]
    near = [
        place
        for place in turn.house.districts.places
        if any(query in _query(name) for name in (place.name_zh, place.name_en))
    ]
    called = [words.choose(district.name_zh, district.name_en) for district in districts]
    called += [words.choose(place.name_zh, place.name_en) for place in near]
    if not called:
        return None, words.tr(
            "Nothing here is called that. Try a number, a rider, a place or a state."
        )
    if len(near) > _MOST_PLACES:
        return None, words.tr("Too many places are called that. Write more of the name.")
    title = escape(words.choose("、", ", ").join(called[:3])) + ("…" if len(called) > 3 else "")
    wanted = Wanted(districts=tuple(found.code for found in districts), near=tuple(near))
    return wanted, title


def _rider_called(turn: Turn, query: str) -> Person | None:
    pseudonym = re.fullmatch(r"(\D+?)[-–—]?(\d{1,5})", query)
    if pseudonym is None:
        return None
    name, number = pseudonym.groups()
    for spoken in _languages(turn):
        birds = [_query(bird) for bird in views.birds(spoken)]
        if name in birds:
            bird = birds.index(name)
            return record.rider_called(turn.session, bird=bird, number=int(number))
    return None


def _states_called(turn: Turn, query: str) -> frozenset[State]:
    if query in _names(turn, WAITING):
        return DESK_STATES
    for state, label in STATES.items():
        if query in {state.value, *_names(turn, label)}:
            return frozenset({state})
    return frozenset()


def _names(turn: Turn, label: str) -> set[str]:
    """What a state may be called; in Chinese its first character may be left out: 已采纳, 采纳."""
    names = {_query(spoken.tr(label)) for spoken in _languages(turn)}
    return names | {name.removeprefix("已") for name in names}


def _languages(turn: Turn) -> list[Words]:
    return [turn.words_of(language) for language in LANGUAGES]


# --- /desk


async def desk(update: Update, context: Context) -> None:
    """Tell a chief how the desk decides."""
    turn = context.turn
    asker = _asker(update, turn)
    if asker is None or not _is_reviewer(asker):
        return
    words = asker.words
    if not people.is_chief(turn.session, person_id=asker.person_id):
        asker.answer(View(words.tr("That is for chiefs only.")))
        return
    assert asker.desk is not None
    figures = quality.of_desk(turn.session, districts=_reviewed(turn, asker.desk))
    names = record.reviewer_names(
        turn.session, person_ids=[judged.reviewer_id for judged in figures.reviewers]
    )
    lines = [words.tr("<b>How this desk decides</b>")]
    lines += [_pace(pace, words) for pace in figures.paces]
    if figures.oldest is None:
        lines.append(words.tr("⏳ Nothing waits."))
    else:
        lines.append(
            words.tr(
                "⏳ {count} waiting, the oldest from {age}",
                count=words.number(figures.waiting),
                age=words.ago(figures.oldest, now=clock.now()),
            )
        )
    if figures.reviewers:
        lines.append(words.tr("↩️ Overturned later, of decisions and votes:"))
        lines += [_judged(judged, names, words) for judged in figures.reviewers[:30]]
    asker.answer(View("\n".join(lines)))


def _reviewed(turn: Turn, desk: Chat) -> tuple[str, ...]:
    """The codes of the districts a desk reviews, those of the desk for the rest as well."""
    area = chats.area_of(turn.session, chat=desk)
    if not area.is_rest:
        return area.codes
    return tuple(there.code for there in turn.house.districts if there.code not in area.codes)


def _pace(pace: Pace, words: Words) -> str:
    days = words.trn("{count} day", "{count} days", pace.days)
    line = words.trn(
        "📊 {days}: {count} decision", "📊 {days}: {count} decisions", pace.decisions, days=days
    )
    if pace.median is None or pace.p90 is None:
        return line
    return line + words.tr(
        ", half within {median}, nine in ten within {p90}",
        median=_length(pace.median, words),
        p90=_length(pace.p90, words),
    )


def _length(span: timedelta, words: Words) -> str:
    # Told in whole minutes, none too few.
    return words.minutes(-(-int(span.total_seconds()) // 60) or 1)


def _judged(judged: Judged, names: Mapping[int, str], words: Words) -> str:
    who = _reviewer(judged.reviewer_id, names, words)
    counts = f"{words.number(judged.overturned)}/{words.number(judged.given)}"
    return f"{who} · {round(100 * judged.share)}% ({counts})"


# --- /help


async def show_help(update: Update, context: Context) -> None:
    """Tell a new reviewer how the desk works; say nothing in a group that is none."""
    turn, chat, message = context.turn, update.effective_chat, update.effective_message
    assert chat is not None
    assert message is not None
    row = chats.current(turn.session, chat_id=chat.id)
    if row is not None and row.purpose == chats.MODERATORS:
        text = help_text(turn.words_of(row.language))
        turn.say(row.id, View(text), reply_to=message.message_id)


def help_text(words: Words) -> str:
    """The help of a desk."""
    return "\n\n".join(
        (
            words.tr(
                "<b>Each report comes as a card; one tap decides.</b>\n"
                "The rider hears at once. Whoever taps first wins."
            ),
            words.tr(
                "<b>Approve ★ … ★★★</b> – a real hazard; more stars, more points\n"
                "<b>Reject…</b> – choose a reason, the rider reads it"
            ),
            words.tr(
                "<b>Ask…</b> – put a question to the rider; the answer comes back here\n"
                "<b>Duplicate…</b> – the same hazard as another report"
            ),
            words.tr(
                "<b>I take it</b> – reserve the card for a few minutes\n"
                "<b>More…</b> – put it on hold, correct kind or place, warn or ban the rider"
            ),
            words.tr(
                "<b>Undo</b> – take your own decision back, for a few minutes\n"
                "Reply to a card to ask, reject or hold in your own words."
            ),
            words.tr(
                "Some reports need two reviewers; you do not see the first vote. "
                "Nobody decides on a report of their own."
            ),
            "\n".join(
                (
                    words.tr("/queue – the next cards, dangers first"),
                    words.tr("/show 1042 – a report with its photos and history"),
                    words.tr("/search – by number, rider, place or state"),
                    words.tr("/desk – figures, for chiefs"),
                )
            ),
        )
    )


# --- who asks, and where


def _asker(update: Update, turn: Turn) -> Asker | None:
    """Whoever wrote a command; None where it is none of ours, or nobody knows who they are."""
    chat, message = update.effective_chat, update.effective_message
    assert chat is not None
    assert message is not None
    if chat.type == "private":
        return Asker(turn, None, chat.id, turn.me.id, message.message_id)
    row = chats.current(turn.session, chat_id=chat.id)
    if row is None or row.purpose != chats.MODERATORS:
        return None
    if turn.person is None:
        # An anonymous administrator writes as the group itself: nobody knows who it is.
        text = turn.words_of(row.language).tr("Please write that as yourself, not anonymously.")
        turn.say(row.id, View(text), reply_to=message.message_id)
        return None
    return Asker(turn, row, row.id, turn.me.id, message.message_id)


def _presser(update: Update, turn: Turn) -> Asker:
    """Whoever pressed a button.

    Raises:
        NotForYou: it is in a group that is no desk.
    """
    chat, message = update.effective_chat, update.effective_message
    if chat is None:
        raise OutOfDate
    message_id = message.message_id if message is not None else None
    if chat.type == "private":
        return Asker(turn, None, chat.id, turn.me.id, message_id)
    row = chats.current(turn.session, chat_id=chat.id)
    if row is None or row.purpose != chats.MODERATORS:
        raise NotForYou
    return Asker(turn, row, row.id, turn.me.id, message_id)


def _is_reviewer(asker: Asker) -> bool:
    """Whether somebody is at this desk; if not, they are told."""
    try:
        asker.require_reviewer()
    except NotForYou:
        asker.answer(View(asker.words.tr("Only reviewers of this desk can see that.")))
        return False
    return True


def _place(turn: Turn, report: Report, words: Words) -> str:
    return views.place_line(
        district=turn.house.districts.by_code(report.district),
        near_zh=report.place_name_zh,
        near_en=report.place_name_en,
        words=words,
    )


def _arrows(page: int, *, is_last: bool, pack: Callable[[int], str]) -> list[Button]:
    """The buttons to the pages before and after."""
    arrows = [Button("◀", pack(page - 1))] if page > 0 else []
    return arrows if is_last else [*arrows, Button("▶", pack(page + 1))]


def _edit(asker: Asker, update: Update, view: View) -> None:
    """Show something else on the message whose button was pressed.

    Raises:
        OutOfDate: the message has no such button: it may be a card, which shows a report.
    """
    query, message = update.callback_query, update.effective_message
    assert query is not None
    markup = message.reply_markup if message is not None else None
    there = (
        [button.callback_data for row in markup.inline_keyboard for button in row] if markup else []
    )
    if message is None or query.data not in there:
        raise OutOfDate
    asker.turn.edit(update, view, chat_id=asker.chat_id)


ANYWHERE = filters.UpdateType.MESSAGE
GROUP = filters.UpdateType.MESSAGE & filters.ChatType.GROUPS
HANDLERS = (
    CommandHandler("show", show, filters=ANYWHERE),
    CommandHandler("search", search, filters=GROUP),
    CommandHandler("desk", desk, filters=GROUP),
    CommandHandler("help", show_help, filters=GROUP),
    CallbackQueryHandler(show_pressed, callbacks.pattern(RECORD, "show")),
    CallbackQueryHandler(turn_history, callbacks.pattern(RECORD, "page")),
    CallbackQueryHandler(turn_found, callbacks.pattern(RECORD, "find")),
)
