"""Scenes on databases of their own, for drills that need several of them one after the other."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import make_url

from bot.database import Database, create
from bot.intake import Intake
from bot.metrics import Metrics
from bot.settings import Settings, load
from localchat.seed import BOT, LIN, MODERATORS_CHAT_ID, TOKEN, seed
from models import clock
from services.districts import Districts
from tests.conversations.conftest import MORNING
from tests.conversations.scene import Scene
from tests.localchat.contract import ContractError, ContractWorld


class Stage:
    """Builds scenes; what it was given must outlive it."""

    def __init__(self, request: pytest.FixtureRequest, folder: Path, districts: Districts) -> None:
        self._request = request
        self._folder = folder
        self._districts = districts
        self._made = 0

    @contextmanager
    def scene(self, kind: str, **limits: int) -> Iterator[Scene]:
        """A scene of its own on a new database, in the morning; it goes with the block.

        Args:
            kind: sqlite or postgresql.
            limits: other than those that are shipped.
        """
        self._made += 1
        folder = self._folder / str(self._made)
        folder.mkdir()
        with self._database_url(kind, folder) as url, clock.stopped(MORNING):
            database = open_database(url)
            try:
                yield Scene(
                    world=new_world(),
                    database=database,
                    settings=_settings(folder, limits),
                    districts=self._districts,
                )
            finally:
                database.close()

    @contextmanager
    def _database_url(self, kind: str, folder: Path) -> Iterator[str]:
        if kind == "sqlite":
            file = folder / "sentinel.db"
            shutil.copyfile(self._request.getfixturevalue("sqlite_template"), file)
            yield f"sqlite:///{file}"
            return
        server = self._request.getfixturevalue("postgresql_server")
        name = server.make(migrated=True)
        yield server.url(name)
        server.drop(name)


@contextmanager
def more_intakes(scene: Scene, count: int) -> Iterator[list[Intake]]:
    """Intakes beside a scene's own, each as if in a process of its own."""
    databases = [
        open_database(scene.database.engine.url.render_as_string(hide_password=False))
        for _ in range(count)
    ]
    intakes = [Intake(database, scene.house, scene.me, Metrics()) for database in databases]
    for intake in intakes:
        intake.after_commit(scene.answers.extend)
    try:
        yield [scene.intake, *intakes]
    finally:
        for database in databases:
            database.close()


class StrictWorld(ContractWorld):
    """A world that lets no call pass that is not as the contract has it, and remembers each.

    PTB makes a broken network of whatever is raised here.
    """

    strict = True

    def __init__(self, **told: Any) -> None:
        super().__init__(**told)
        self.broken: list[str] = []

    def call(
        self,
        token: str,
        method: str,
        params: Mapping[str, Any] | None = None,
        files: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            return super().call(token, method, params, files)
        except ContractError as error:
            self.broken.append(str(error))
            raise


def new_world() -> StrictWorld:
    """A seeded world that goes by the scene's clock and lets nothing amiss pass."""
    world = StrictWorld(token=TOKEN, bot=BOT, clock=lambda: clock.now().timestamp())
    seed(world)
    return world


def open_database(url: str) -> Database:
    """A database that does not wait for the disk: no power fails in these drills."""
    engine = create(url)
    if make_url(url).get_backend_name() == "sqlite":
        event.listen(engine, "connect", _do_not_wait)
    return Database(engine)


def _do_not_wait(connection: object, record: object) -> None:
    connection.execute("PRAGMA synchronous=OFF")


def _settings(folder: Path, limits: dict[str, int]) -> Settings:
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("SENTINEL_")]:
            patch.delenv(name)
        return load(
            {
                "data_dir": folder,
                "chats": {"moderators": MODERATORS_CHAT_ID, "admins": [LIN]},
                "telegram": {"group_per_minute": 0},
                # What a report earns does not depend on which was approved first.
                "points": {"fading": [1.0], "per_day": 0, "monthly_budget": 0},
                # Whoever sends too much would be sent away before anything else is tried.
                "limits": {"burst": 1000, "updates_per_minute": 6000, **limits},
            }
        )
