"""More than anybody could mean: it stays outside, and who sent it is told once."""

from telegram import Update

from handlers.context import Turn
from handlers.views import View
from services import buckets

# A live location sends a fix every few seconds, and after an outage those of hours come at once. So
# much of a bucket it may use up; the rest is kept for what its sender says.
OF_ITSELF = 0.25


def too_much(turn: Turn, update: Update) -> bool:
    """Take a token for an update from its sender's bucket; tell them if there is none.

    Args:
        turn: the transaction; its person sent the update, and their row is locked.
        update: what they sent.

    Returns:
        True if the update must not be taken in.
    """
    if update.my_chat_member is not None:
        # That somebody blocks us, or comes back, is no wish that could be refused.
        return False
    edited = update.edited_message
    of_itself = edited is not None and edited.location is not None
    if buckets.let_in(
        turn.session,
        person=turn.me,
        limits=turn.policy.limits,
        share=OF_ITSELF if of_itself else 1.0,
    ):
        return False
    first = not of_itself and buckets.stop(turn.session, person=turn.me)
    if first or update.callback_query is not None:
        # A button waits for its answer, and that costs nothing.
        _tell(turn, update)
    return True


def _tell(turn: Turn, update: Update) -> None:
    text = turn.words.tr(
        "That was a lot at once; the last one was not taken in. What came before is saved.\n"
        "Wait a minute, then go on."
    )
    if update.callback_query is not None:
        turn.toast(update, text, alert=True)
    else:
        turn.tell(View(text))
