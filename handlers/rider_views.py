"""What riders see of their reports: the receipt, and what became of it. Nothing is read here."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from handlers import callbacks, views
from handlers.views import Button, Rows, View
from locales import Words
from models import Report
from models.workflow import UNDECIDED_STATES, State
from services.districts import District
from services.ledger import Balance
from services.payments import Less


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
    rows = next_rows(report, may_appeal=False, words=words)
    match State(report.state):
        case State.ASKED:
            tail = f"❓ {escape(report.question or '')}"
        case State.APPEALED:
            tail = views.state_line(report, words)
    return View(f"{head}\n{tail}", rows=rows)


def next_rows(report: Report, *, may_appeal: bool, words: Words) -> Rows:
    """What its rider may still do with a report.

    Args:
        report: theirs.
        may_appeal: they may still object to its rejection.
        words: the rider's language.
    """
    match State(report.state):
        case State.ASKED:
            return _answer_rows(report, words)
        case State.UNANSWERED:
            return ((_button(report, words.tr("Answer"), "answer", style="primary"),),)
        case State.REJECTED if may_appeal:
            return ((_button(report, words.tr("Object"), "appeal"),),)
        case State.SUBMITTED | State.SECOND | State.DISPUTED | State.HELD:
            return (
                (
                    _button(report, words.tr("Add note"), "note"),
                    _button(report, words.tr("Add photo"), "photo"),
                    _button(report, words.tr("Withdraw"), "undo"),
                ),
            )
    return ()


def _button(report: Report, text: str, verb: str, *, style: str | None = None) -> Button:
    return Button(text, callbacks.pack(callbacks.RECEIPT, verb, report.id), style=style)


def _answer_rows(report: Report, words: Words) -> Rows:
    return (
        (
            _button(report, words.tr("Answer"), "answer", style="primary"),
            _button(report, words.tr("Withdraw"), "undo"),
        ),
    )


def question(report: Report, words: Words) -> View:
    """What the reviewer wants to know, as a message of its own: an edit would go unnoticed."""
    text = words.tr(
        "❓ About #{number}: {question}\nJust write the answer, or send a photo.",
        number=report.id,
        question=escape(report.question or ""),
    )
    return View(text, rows=_answer_rows(report, words))


def unanswered(report: Report, words: Words) -> View:
    """A report was closed because its question stayed open; an answer opens it again."""
    text = words.tr(
        "⌛ #{number} is closed, since the question stayed open: {question}\n"
        "An answer opens it again, at any time.",
        number=report.id,
        question=escape(report.question or ""),
    )
    return View(text, rows=next_rows(report, may_appeal=False, words=words))


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


@dataclass(frozen=True, slots=True)
class Earned:
    """What somebody was paid for a report.

    Attributes:
        points: how many.
        balance: what they have after it.
        less: why it is less than the stars say.
        is_reporter: they made the report; else they joined it.
    """

    points: int
    balance: Balance
    less: Sequence[Less]
    is_reporter: bool


def outcome(report: Report, *, earned: Earned, may_appeal: bool = False, words: Words) -> View:
    """What somebody reads once their report, or one they joined, is decided or withdrawn.

    Args:
        report: the report.
        earned: what it brought them.
        may_appeal: they may still object to a rejection.
        words: the reader's language.
    """
    category = views.category_label(report, words)
    match State(report.state):
        case State.APPROVED if earned.is_reporter:
            text = words.tr(
                "✅ #{number} approved · {points} points (balance {balance})\n{category}",
                number=report.id,
                points=words.signed(earned.points),
                balance=words.number(earned.balance.points),
                category=category,
            )
            if earned.less:
                text += "\n" + views.sentences(
                    *(less(one, words) for one in earned.less), words=words
                )
            elif earned.balance.pending > 0:
                text += "\n" + words.tr(
                    "{points} of them wait and can be spent later.",
                    points=words.number(earned.balance.pending),
                )
        case State.APPROVED if earned.points:
            text = words.tr(
                "✅ #{number}, which you saw too, was approved · {points} points "
                "(balance {balance})\n{category}",
                number=report.id,
                points=words.signed(earned.points),
                balance=words.number(earned.balance.points),
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
            if earned.is_reporter:
                rows = next_rows(report, may_appeal=may_appeal, words=words)
                return View(text, rows=rows)
        case State.WITHDRAWN:
            text = words.tr("↩️ #{number} withdrawn.", number=report.id)
        case State.DUPLICATE:
            text = words.tr(
                "🔗 #{number} is the same as #{other}, reported before · {category}\n"
                "You follow that one now and hear how it goes on.",
                number=report.id,
                other=report.duplicate_of,
                category=category,
            )
        case State.UNANSWERED:
            return (
                unanswered(report, words)
                if earned.is_reporter
                else View(f"#{report.id} · {category}\n{views.state_line(report, words)}")
            )
        case _:
            text = words.tr(
                "✅ #{number}, which you saw too, was approved · {category}",
                number=report.id,
                category=category,
            )
    return View(text)


def less(why: Less, words: Words) -> str:
    """Why a report earned less than its stars say, in a sentence."""
    match why:
        case Less.FADED:
            return words.tr("The same was reported there before on that day, so it earns less.")
        case Less.DAY:
            return words.tr("The points of that day are full.")
        case Less.BUDGET:
            return words.tr("The points of this month are used up; new ones come on the 1st.")
