"""bot/instance.py: one bot a folder."""

import pytest

from bot.instance import AlreadyRunning, only_one


def test_a_second_one_is_refused_and_the_next_let_in(tmp_path):
    folder = tmp_path / "data"
    with only_one(folder), pytest.raises(AlreadyRunning), only_one(folder):
        pass
    with only_one(folder):
        pass
