"""Every conversation runs on both databases, in a world of its own, at a quarter past nine."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.database import Database
from bot.settings import Settings, load
from localchat.seed import BOT, MODERATORS_CHAT_ID, TOKEN, seed
from models import clock
from services.districts import Districts
from tests.conversations.scene import Scene
from tests.localchat.contract import ContractWorld

MORNING = datetime(2026, 11, 24, 1, 15, tzinfo=UTC)


@pytest.fixture
def settings_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[int | None], Settings]:
    """The shipped configuration, its data in the test's own folder."""
    for name in [name for name in os.environ if name.startswith("SENTINEL_")]:
        monkeypatch.delenv(name)

    def make(moderators: int | None) -> Settings:
        return load({"data_dir": tmp_path, "chats": {"moderators": moderators}})

    return make


@pytest.fixture
def play(
    database: Database,
    districts: Districts,
    settings_for: Callable[[int | None], Settings],
) -> Iterator[Callable[[int | None], Scene]]:
    """Makes a scene, with a moderator chat or without."""
    with clock.stopped(MORNING):
        yield lambda moderators: Scene(
            world=seed(ContractWorld(token=TOKEN, bot=BOT, clock=lambda: clock.now().timestamp())),
            database=database,
            settings=settings_for(moderators),
            districts=districts,
        )


@pytest.fixture
def scene(play: Callable[[int | None], Scene]) -> Scene:
    """The local world with the bot in it, the review desk being the moderator chat."""
    return play(MODERATORS_CHAT_ID)


@pytest.fixture
def bare_scene(play: Callable[[int | None], Scene]) -> Scene:
    """The same before anybody has set anything up."""
    return play(None)
