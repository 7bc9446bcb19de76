"""How often a bot may speak: 20 messages and edits a minute in a group, one a second to a person.

Edits and messages share a group's budget. The person's limit allows short bursts.
"""

from collections import deque
from math import ceil

from localchat.errors import TooManyRequestsError

GROUP_CALLS = 20
GROUP_WINDOW_S = 60.0
PRIVATE_BURST = 20
PRIVATE_PER_S = 1.0


class Limits:
    """The budgets of every chat."""

    def __init__(self) -> None:
        self._groups: dict[int, deque[float]] = {}
        self._private: dict[int, tuple[float, float]] = {}

    def spend(self, chat_id: int, messages: int, now: float) -> None:
        """Take from a chat's budget.

        Args:
            chat_id: negative for groups.
            messages: how many messages or edits.
            now: in seconds.

        Raises:
            TooManyRequestsError: it is not enough; nothing is taken.
        """
        if chat_id < 0:
            self._spend_group(chat_id, messages, now)
        else:
            self._spend_private(chat_id, messages, now)

    def _spend_group(self, chat_id: int, messages: int, now: float) -> None:
        spent = self._groups.setdefault(chat_id, deque())
        while spent and spent[0] <= now - GROUP_WINDOW_S:
            spent.popleft()
        over = len(spent) + messages - GROUP_CALLS
        if over > 0 and spent:
            free_at = spent[min(over, len(spent)) - 1] + GROUP_WINDOW_S
            raise TooManyRequestsError(max(1, ceil(free_at - now)))
        spent.extend([now] * messages)

    def _spend_private(self, chat_id: int, messages: int, now: float) -> None:
        left, since = self._private.get(chat_id, (float(PRIVATE_BURST), now))
        left = min(PRIVATE_BURST, left + (now - since) * PRIVATE_PER_S)
        if left < messages:
            raise TooManyRequestsError(max(1, ceil((messages - left) / PRIVATE_PER_S)))
        self._private[chat_id] = (left - messages, now)
