"""Drill 4: the disk is full, really, while people go on; a small one is mounted for that."""

import asyncio
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from localchat import seed
from tests.drills.aftermath import differences, look, quiet
from tests.drills.cluster import Bot, House, environment, running
from tests.drills.rides import Crowd, Eyes, Watched, words_of
from tests.localchat.serving import served

pytestmark = pytest.mark.drill

SIZE = "48m"
# So long the disk stays full after somebody has noticed, in seconds.
FULL_S = 3.0


class SmallDisk:
    """A folder on a disk of its own that can be filled to the last byte."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Take all the space there is."""
        with self._ballast.open("wb", buffering=0) as file:
            for piece in (1 << 20, 4096, 1):
                try:
                    while file.write(b"\0" * piece):
                        continue
                except OSError:
                    continue
        assert os.statvfs(self.folder).f_bavail == 0

    def clear(self) -> None:
        """Give it back."""
        self._ballast.unlink()


@pytest.fixture
def small_disk(tmp_path) -> Iterator[SmallDisk]:
    """A disk of some megabytes; skipped where nobody may mount one."""
    # Where the photos of a house lie.
    folder = tmp_path / "data" / "photos"
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "drill", str(folder)]
    done = subprocess.run(mount, check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"a disk cannot be mounted here: {done.stderr.strip()}")
    yield SmallDisk(folder)
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def disk_file(small_disk) -> Path:
    """A database on that disk."""
    return small_disk.folder / "sentinel.db"


async def alarm(world: Watched, words: str) -> None:
    """Wait until the admin reads an alarm."""
    async with asyncio.TaskGroup() as group:
        eyes = Eyes(world)
        watching = group.create_task(eyes.watch(60.0))
        await eyes.until(
            seed.LIN,
            f"an alarm: {words}",
            lambda chat: any(words in words_of(message) for message in chat) or None,
        )
        watching.cancel()


@pytest.fixture
def crowd(rides) -> Crowd:
    """A quarter of the riders."""
    return Crowd(Watched(), [ride for ride in rides if ride.rider % 4 == 1])


def whole(file: Path) -> bool:
    """Whether SQLite finds nothing amiss with a database."""
    with closing(sqlite3.connect(file)) as database:
        [[found]] = database.execute("PRAGMA integrity_check").fetchall()
        broken = database.execute("PRAGMA foreign_key_check").fetchall()
    return found == "ok" and not broken


@pytest.mark.parametrize("processes", [0, 1], ids=["polling", "webhook"])
async def test_no_space_for_the_database(small_disk, disk_file, crowd, calm, processes) -> None:
    house = House(f"sqlite:///{disk_file}", small_disk.folder.parents[1], processes)
    async with served(crowd.world) as address, house.open(address) as bots:
        [bot] = bots.bots
        acting = bots.group.create_task(crowd.run())
        for turn in (1, 4):
            await crowd.world.said(turn * len(crowd.rides))
            small_disk.fill()
            await bot.heard("database_full")
            await asyncio.sleep(FULL_S)
            small_disk.clear()
            await bot.heard("database_has_space_again")
            bot.forget()
        await alarm(crowd.world, "The disk with the database was full")
        await asyncio.wait({acting})
        await quiet(house.url, crowd.world)
        assert await bots.end() == [0]
    after, copies = look(house.url, crowd)
    assert whole(disk_file)
    assert differences(after, calm) == []
    assert copies == []
    assert bots.complaints("database_full", "photo_store_full") == []


async def test_no_space_for_photos(tmp_path, small_disk, crowd, calm) -> None:
    house = House(f"sqlite:///{tmp_path}/sentinel.db", tmp_path, processes=0)
    async with served(crowd.world) as address, house.open(address) as bots:
        acting = bots.group.create_task(crowd.run())
        await crowd.world.said(len(crowd.rides))
        small_disk.fill()
        await alarm(crowd.world, "There is no space left for photos.")
        await asyncio.sleep(FULL_S)
        small_disk.clear()
        await asyncio.wait({acting})
        # The waits between two tries have grown meanwhile.
        await quiet(house.url, crowd.world, within_s=120.0)
        assert await bots.end() == [0]
    after, copies = look(house.url, crowd)
    assert differences(after, calm) == []
    assert copies == []
    assert bots.complaints("photo_store_full") == []
    kept = [file for file in small_disk.folder.rglob("*.jpg") if file.stat().st_size]
    assert len(kept) == 2 * sum(ride.pictures for ride in crowd.rides)
    assert not list(small_disk.folder.rglob("*.part"))


async def test_it_does_not_start_without_space(tmp_path, small_disk, disk_file) -> None:
    """One line for the operator, and nothing is broken: with space it starts."""
    house = House(f"sqlite:///{disk_file}", tmp_path, processes=0)
    async with served(Watched()) as address:
        async with house.open(address) as bots:
            assert await bots.end() == [0]
        small_disk.fill()
        told = environment(address, tmp_path / "data", SENTINEL_DATABASE__URL=house.url)
        bot = Bot("run", told, tmp_path / "full.log")
        with pytest.raises(ExceptionGroup):
            async with running(bot):
                pass
        [line] = bot.log.read_text("utf-8").splitlines()
        assert line.startswith("database: ")
        small_disk.clear()
        async with house.open(address) as bots:
            assert await bots.end() == [0]
    assert whole(disk_file)
