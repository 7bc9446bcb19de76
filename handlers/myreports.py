"""/myreports: what became of everything, five a page; a number's button shows it with its photo."""

from html import escape

from telegram import Update
from telegram.ext import CallbackQueryHandler, CommandHandler, filters

from handlers import callbacks, rider_views, views
from handlers.callbacks import MY_REPORTS
from handlers.context import Context, Turn
from handlers.views import Button, View
from models import Report, clock
from models.workflow import State
from services import appeals, photos, reports


async def show_first(update: Update, context: Context) -> None:
    """The newest page."""
    context.turn.tell(_page(context.turn, 0))


async def turn_page(update: Update, context: Context) -> None:
    """Another page, on the same message."""
    turn = context.turn
    turn.toast(update)
    turn.edit(update, _page(turn, callbacks.pressed(update).subject))


async def show_one(update: Update, context: Context) -> None:
    """One report, with its photo."""
    turn = context.turn
    press = callbacks.pressed(update)
    report = reports.visible_to(turn.session, report_id=press.subject, person_id=turn.me.id)
    turn.toast(update)
    picture = photos.first_of_report(turn.session, report_id=report.id)
    rows: views.Rows = ()
    if report.reporter_id == turn.me.id:
        may_appeal = appeals.is_open(report, policy=turn.policy)
        rows = rider_views.next_rows(report, may_appeal=may_appeal, words=turn.words)
    turn.tell(View(_in_full(turn, report), rows=rows, photo_id=picture.id if picture else None))


def _page(turn: Turn, page: int) -> View:
    words = turn.words
    rows, pages = reports.page_of(turn.session, person_id=turn.me.id, page=page)
    page = min(page, pages - 1)
    if not rows:
        return View(words.tr("No reports yet. A photo of the hazard starts one."))
    lines = [words.tr("<b>Your reports</b>")]
    lines += [_in_short(turn, report) for report in rows]
    pack = callbacks.pack
    buttons = [
        [Button(f"#{report.id}", pack(MY_REPORTS, "show", report.id)) for report in rows[i : i + 3]]
        for i in range(0, len(rows), 3)
    ]
    if pages > 1:
        lines[0] += f" · {page + 1}/{pages}"
        turns = []
        if page > 0:
            turns.append(Button("◀", pack(MY_REPORTS, "page", page - 1)))
        if page < pages - 1:
            turns.append(Button("▶", pack(MY_REPORTS, "page", page + 1)))
        buttons.append(turns)
    return View("\n".join(lines), rows=buttons)


def _in_short(turn: Turn, report: Report) -> str:
    words = turn.words
    label = words.tr("joined")
    joined = f" · {label}" if report.reporter_id != turn.me.id else ""
    return (
        f"#{report.id} {views.category_label(report, words)} · {words.day(report.created_at)}"
        f"{joined}\n    {views.state_line(report, words)}{_earned(turn, report)}"
    )


def _in_full(turn: Turn, report: Report) -> str:
    words = turn.words
    place = views.place_line(
        district=turn.house.districts.by_code(report.district),
        near_zh=report.place_name_zh,
        near_en=report.place_name_en,
        words=words,
    )
    lines = [
        f"<b>#{report.id}</b> {views.category_label(report, words)}",
        f"📍 {place} · {words.ago(report.created_at, now=clock.now())}",
        f"{views.state_line(report, words)}{_earned(turn, report)}",
    ]
    if report.state == State.REJECTED:
        answer = words.choose(report.reason_text_zh or "", report.reason_text_en or "")
        lines.append(escape(answer))
    if report.state in (State.ASKED, State.UNANSWERED):
        lines.append(f"❓ {escape(report.question or '')}")
    if report.note and report.reporter_id == turn.me.id:
        lines.append(f"💬 {escape(report.note[: views.NOTE_ON_CARD])}")
    return "\n".join(lines)


def _earned(turn: Turn, report: Report) -> str:
    if report.state != State.APPROVED or report.reporter_id != turn.me.id:
        return ""
    return " " + turn.words.tr("{points} points", points=turn.words.signed(report.points or 0))


HANDLERS = (
    CommandHandler(
        "myreports", show_first, filters=filters.UpdateType.MESSAGE & filters.ChatType.PRIVATE
    ),
    CallbackQueryHandler(turn_page, callbacks.pattern(MY_REPORTS, "page")),
    CallbackQueryHandler(show_one, callbacks.pattern(MY_REPORTS, "show")),
)
