"""Front door 1 by itself: in which queue an update waits. The whole is in tests/system."""

import pytest

from bot.polling import _queue_of


@pytest.mark.parametrize(
    ("update", "queue"),
    [
        ({"message": {"from": {"id": 7}, "chat": {"id": -5}}}, 7),
        ({"callback_query": {"from": {"id": 7}}}, 7),
        ({"channel_post": {"chat": {"id": -5}}}, -5),
        ({"poll": {"id": "3"}}, 0),
        # Whatever this is, the others of its batch must not wait for it.
        ({"message": None}, 0),
        ({"message": {"from": {"id": None}, "chat": [7]}}, 0),
        ({"message": {"from": "7", "chat": {"id": "seven"}}}, 0),
        ({"message": {"from": {"id": {}}, "chat": {"id": -5}}}, -5),
    ],
)
def test_updates_of_one_sender_wait_for_each_other(update, queue):
    assert _queue_of({"update_id": 1, **update}) == queue
