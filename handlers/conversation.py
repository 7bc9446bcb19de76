"""PTB's ConversationHandler with its state in a row instead of a dict.

PTB loads conversation states once and keeps them in memory, so a second process or a restart knows
nothing of them. Here the one state an update needs is read before the handler is asked, and written
back within the update's transaction. This pins two private names of python-telegram-bot 22.8,
`_conversations` and `_get_key`; tests/unit/test_conversation.py notices if they go.

Some conversations only wait for one answer, and not for long: `AskedForHandler` takes it.
"""

import warnings
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, cast

from telegram import Update
from telegram.ext import ConversationHandler, MessageHandler
from telegram.ext.filters import BaseFilter
from telegram.warnings import PTBUserWarning

from handlers.context import Context, current_turn
from models import clock
from services import conversations, drafts

Key = tuple[int, ...]

# Under these names states are stored; a name that changes forgets them.
REPORT, ADDITION = "report", "addition"
REWARDS, CATALOGUE = "rewards", "catalogue"


class StoredConversation(ConversationHandler[Context]):
    """A conversation any process can go on with."""

    def __init__(self, *, name: str, **tables: Any) -> None:
        """Build the table.

        Args:
            name: under which its states are stored.
            tables: entry_points, states and fallbacks, as PTB takes them.
        """
        with warnings.catch_warnings():
            # PTB warns that buttons are not tracked a message: ours name their subject themselves.
            warnings.filterwarnings(
                "ignore", message=".*per_message=False", category=PTBUserWarning
            )
            super().__init__(name=name, per_chat=True, per_user=True, **tables)
        self._title = name

    def check_update(self, update: object) -> Any:
        """Load the state of this update's conversation, then ask PTB."""
        if not isinstance(update, Update) or update.effective_user is None:
            return None
        if update.effective_chat is None or update.effective_chat.type != "private":
            return None
        key = cast("Key", self._get_key(update))
        turn = current_turn()
        if turn.conversations is None:
            turn.conversations = conversations.states(turn.session, key=key)
        state = turn.conversations.get(self._title)
        self._conversations.clear()
        if state is not None:
            self._conversations[key] = state
        return super().check_update(update)

    def _update_state(self, new_state: object, key: Any, handler: Any = None) -> None:
        if new_state is None:
            return
        ended = new_state == self.END
        conversations.set_state(
            current_turn().session,
            name=self._title,
            key=cast("Key", key),
            state=None if ended else str(new_state),
        )
        super()._update_state(new_state, key, handler)


class AskedForHandler(MessageHandler[Context, str | int]):
    """Takes what was asked for shortly before, unless a report has been begun since."""

    def __init__(
        self,
        what: BaseFilter,
        callback: Callable[[Update, Context], Coroutine[Any, Any, str | int]],
        *,
        conversation: str,
        patience: timedelta,
    ) -> None:
        """Build the handler.

        Args:
            what: the messages that may be an answer.
            callback: takes one.
            conversation: the name of the one in which it was asked for.
            patience: what comes later is more likely about something else.
        """
        super().__init__(what, callback)
        self._conversation = conversation
        self._patience = patience

    def check_update(self, update: object) -> bool | dict[str, list[Any]] | None:
        """Ask PTB's filters first: they cost nothing, the database does."""
        fits = super().check_update(update)
        turn = current_turn()
        if not fits or turn.person is None:
            return None
        key = (turn.me.id, turn.me.id)
        asked_at = conversations.moved_at(turn.session, name=self._conversation, key=key)
        if asked_at is None or clock.now() - asked_at > self._patience:
            return None
        draft = drafts.current(turn.session, person_id=turn.me.id)
        return fits if draft is None or draft.touched_at < asked_at else None
