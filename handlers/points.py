"""/points: the balance, where it came from, and the rules in plain words."""

from html import escape

from telegram import Update
from telegram.ext import CallbackQueryHandler, CommandHandler, filters

from handlers import callbacks, views
from handlers.callbacks import POINTS
from handlers.context import Context, Turn
from handlers.rider_views import less
from handlers.views import Button, View, sentences
from locales import Words
from services import ledger, payments, programme, vouchers
from services.ledger import Line

# Of the reason for what was booked by hand.
REASON_SHOWN = 200


async def show_points(update: Update, context: Context) -> None:
    """The balance and the last entries, each with its report or voucher; or the rules."""
    turn = context.turn
    if context.args:
        turn.tell(_rules(turn))
        return
    turn.tell(_points(turn))


async def show_rules(update: Update, context: Context) -> None:
    """The rules, asked for by the button."""
    context.turn.toast(update)
    context.turn.tell(_rules(context.turn))


def _points(turn: Turn) -> View:
    words, session = turn.words, turn.session
    balance = ledger.balance(session, person_id=turn.me.id)
    lines = ledger.statement(session, person_id=turn.me.id)
    text = words.trn("<b>{count} point</b>", "<b>{count} points</b>", balance.points)
    if not lines:
        text += "\n" + words.tr("Your first approved report earns some.")
    told = [text]
    if balance.pending > 0:
        told.append(
            words.tr(
                "{points} of them wait and can be spent later.",
                points=words.number(balance.pending),
            )
        )
    spent = vouchers.spent(session, person_id=turn.me.id)
    if spent:
        told.append(words.trn("{count} point spent", "{count} points spent", spent))
    told += [_line(line, words) for line in lines]
    rules = Button(words.tr("The rules"), callbacks.pack(POINTS, "rules"))
    return View("\n".join(told), rows=((rules,),))


def _line(line: Line, words: Words) -> str:
    number = line.report_id if line.report_id is not None else line.voucher_id
    match line.rule:
        case ledger.REDEEM:
            about = words.tr("V{number} redeemed", number=number)
        case ledger.CANCEL:
            about = words.tr("V{number} cancelled", number=number)
        case ledger.REFUND:
            about = words.tr("V{number} expired", number=number)
        case ledger.ADJUSTMENT:
            about = words.tr("booked by hand: {reason}", reason=_why(line))
        case ledger.JOINER:
            about = words.tr("#{number}, seen too", number=number)
        case ledger.FIX:
            about = words.tr("#{number} fixed", number=number)
        case ledger.REVERSAL if line.report_id is not None:
            about = words.tr("#{number} approval undone", number=number)
        case ledger.REVERSAL:
            about = words.tr("taken back: {reason}", reason=_why(line))
        case _:
            about = words.tr("#{number} approved", number=number)
    text = f"{words.signed(line.points)} · {about} · {words.day(line.at)}"
    why = line.terms.get("less", [])
    if why:
        said = (less(payments.Less(code), words) for code in why)
        text += f"\n<i>{sentences(*said, words=words)}</i>"
    return text


def _why(line: Line) -> str:
    # An operator wrote it, as long as they liked; ten of them must fit one message.
    return escape(views.cut(line.terms["why"], REASON_SHOWN))


def _rules(turn: Turn) -> View:
    words, rules = turn.words, turn.policy.points
    lines = [
        words.tr("<b>How points are earned</b>"),
        words.tr(
            "An approved report earns {one}, {two} or {three} points, by how much it helps "
            "(★, ★★, ★★★).",
            one=rules.grades[0],
            two=rules.grades[1],
            three=rules.grades[2],
        ),
    ]
    if rules.joiner_share:
        share = words.percent(rules.joiner_share)
        lines.append(
            words.tr(
                "Who had seen the same before it was approved gets {share} of it.", share=share
            )
        )
    if rules.fix_bonus:
        lines.append(
            words.trn(
                "Once the fix is confirmed, the reporter gets {count} point more.",
                "Once the fix is confirmed, the reporter gets {count} points more.",
                rules.fix_bonus,
            )
        )
    if set(rules.fading) != {1.0}:
        shares = words.choose("、", ", ").join(words.percent(share) for share in rules.fading)
        lines.append(
            words.tr(
                "Of one kind within 100 m on one day, the first report, the second and so on earn "
                "{shares} of it.",
                shares=shares,
            )
        )
    if rules.per_day:
        lines.append(
            words.trn(
                "The reports of one day earn {count} point at most.",
                "The reports of one day earn {count} points at most.",
                rules.per_day,
            )
        )
    if rules.hold_hours:
        lines.append(
            words.tr(
                "Points can be spent {time} after they were earned.",
                time=words.minutes(rules.hold_hours * 60),
            )
        )
    lines.append(_month(turn))
    lines.append(
        words.tr(
            "An approval that is undone takes its points back. While reporting is barred, nothing "
            "can be redeemed; the points stay. /rewards shows what they are good for."
        )
    )
    return View("\n".join(line for line in lines if line))


def _month(turn: Turn) -> str:
    words, month = turn.words, programme.this_month(turn.session, policy=turn.policy)
    if not month.budget:
        return ""
    if month.used_up:
        return words.tr(
            "This month's {budget} points are used up; approved reports earn again from the 1st.",
            budget=words.number(month.budget),
        )
    return words.tr(
        "All riders together: {paid} of this month's {budget} points are earned.",
        paid=words.number(month.paid),
        budget=words.number(month.budget),
    )


HANDLERS = (
    CommandHandler(
        "points", show_points, filters=filters.UpdateType.MESSAGE & filters.ChatType.PRIVATE
    ),
    CallbackQueryHandler(show_rules, callbacks.pattern(POINTS, "rules")),
)
