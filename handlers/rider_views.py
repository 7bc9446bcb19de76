"""What riders see of their reports: the receipt, and what became of it. Nothing is read here."""

from html import escape

from handlers import callbacks, views
from handlers.views import Button, View
from locales import Words
from models import Report
from models.workflow import UNDECIDED_STATES, State
from services.districts import District


def receipt(
    report: Report, *, district: District | None, wait_minutes: int | None, words: Words
) -> View:
    """What a rider sees of a report just submitted and still undecided."""
    head = words.tr(
        "✅ Reported #{number} · {category} · {district}",
        number=report.id,
        category=escape(words.choose(report.category_name_zh, report.category_name_en)),
        district=views.district_name(district, words),
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
        district=views.district_name(district, words),
    )
    if report.state in UNDECIDED_STATES:
        tail = words.tr("You'll hear how it goes on. Ride safe.")
    else:
        tail = views.state_line(report, words)
    return View(f"{head}\n{tail}")


def outcome(report: Report, *, balance: int | None, words: Words) -> View:
    """What the reporter reads once a report is decided or withdrawn.

    Args:
        report: the report.
        balance: the reporter's points after it; None for a joiner, who was paid none.
        words: the reader's language.
    """
    category = views.category_label(report, words)
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
