"""What people say and see. This page is the routing table: the first that fits takes the update."""

from typing import Any

from telegram.ext import BaseHandler

from handlers import (
    catalogue,
    counter,
    myreports,
    points,
    queue,
    record,
    replies,
    rest,
    review,
    rewards,
    roles,
    setup,
    shop,
    start,
    vouchers,
)
from handlers.addition import addition_conversation
from handlers.catalogue import catalogue_conversation
from handlers.context import Context
from handlers.report import STRAYS, report_conversation
from handlers.rewards import rewards_conversation


def routing_table() -> list[BaseHandler[Any, Context, Any]]:
    """Every handler, in order. Order matters.

    Built anew for each worker thread: PTB's objects are not made for several.
    """
    return [
        # Groups, roles and the bot's own comings and goings; a setup code is no note.
        *setup.HANDLERS,
        *roles.HANDLERS,
        # The moderators' buttons, and what they write in reply to a card.
        *review.HANDLERS,
        *replies.HANDLERS,
        # What reviewers look up.
        *record.HANDLERS,
        # A reviewer asks for work.
        *queue.HANDLERS,
        # A number or a place that was asked for just now, for the catalogue.
        catalogue_conversation(),
        rewards_conversation(),
        # What is added to a report just made goes before a new report: both take photos.
        addition_conversation(),
        # What staff of a shop shows or types goes before a new report, too.
        *counter.HANDLERS,
        report_conversation(),
        # Commands that stand alone, also in the middle of a report.
        *start.HANDLERS,
        *myreports.HANDLERS,
        *points.HANDLERS,
        *vouchers.HANDLERS,
        *shop.HANDLERS,
        *rewards.HANDLERS,
        *catalogue.HANDLERS,
        # Edits, forgotten buttons, and whatever is left.
        *STRAYS,
        *rest.HANDLERS,
    ]
