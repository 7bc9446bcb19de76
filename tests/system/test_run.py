"""`sentinel run` as its user meets it: one process, the local chat, a power cut in the middle."""

import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from localchat import seed
from tests.pictures import jpeg
from tests.system.process import Person, running

PLACE = {"latitude": 25.118, "longitude": 118.905, "horizontal_accuracy": 12}


def approve(address: str, number: str) -> None:
    with Person(address, seed.LIN) as lin:
        card = lin.wait_for(
            number, seed.MODERATORS_CHAT_ID, ready=lambda m: bool(m.get("reply_markup"))
        )
        lin.press(card, "★★", seed.MODERATORS_CHAT_ID)


def test_report_approve_points(tmp_path: Path) -> None:
    with running(tmp_path, 0) as sentinel:
        address = sentinel.address()
        with Person(address, seed.ENGLISH_RIDER) as rider:
            rider.send_photo(jpeg(1))
            rider.wait_for("Where is it?")
            rider.say(location=PLACE)
            rider.press(rider.wait_for("What kind?"), "guardrail")
            rider.wait_for("#1 ")
            approve(address, "#1")
            rider.wait_for("approved · +")
            rider.say(text="/points")
            rider.wait_for("points")
        assert sentinel.end() == 0
    assert not [line for line in sentinel.lines if "error" in line.lower()]


@pytest.mark.parametrize("cuts", [1, 2, 3])
def test_a_power_cut_at_every_step_changes_nothing(tmp_path: Path, cuts: int) -> None:
    steps = 0

    def cut_here() -> bool:
        nonlocal steps
        steps += 1
        return steps == cuts

    with running(tmp_path, 0) as sentinel:
        address = sentinel.address()
        with Person(address, seed.ENGLISH_RIDER) as rider:
            rider.send_photo(jpeg(1))
            if not cut_here():
                rider.wait_for("Where is it?")
                rider.say(location=PLACE)
                if not cut_here():
                    rider.press(rider.wait_for("What kind?"), "guardrail")
        sentinel.kill()
    with running(tmp_path, 0) as sentinel:
        address = sentinel.address()
        with Person(address, seed.ENGLISH_RIDER) as rider:
            if cuts == 1:
                rider.wait_for("Where is it?")
                rider.say(location=PLACE)
            if cuts <= 2:
                rider.press(rider.wait_for("What kind?"), "guardrail")
            rider.wait_for("#1 ")
            approve(address, "#1")
            rider.wait_for("approved · +")
        assert sentinel.end(signal.SIGINT) == 0
    with closing(sqlite3.connect(tmp_path / "localchat" / "sentinel.db")) as database:
        assert database.execute("SELECT count(*) FROM report").fetchone() == (1,)
        assert database.execute("SELECT count(*) FROM ledger_transaction").fetchone() == (1,)
        assert database.execute("SELECT sum(points) FROM ledger_entry").fetchone() == (0,)


def test_a_data_directory_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("no folder")
    with running(in_the_way / "data", 0) as sentinel:
        assert sentinel.process.wait(30) == 1
        sentinel._close()
    assert len(sentinel.lines) == 1
    assert str(in_the_way) in sentinel.lines[0]


def test_a_wrong_configuration_is_one_line(tmp_path: Path) -> None:
    with running(tmp_path, 0, SENTINEL_LIMITS__REPORTS_PER_DAY="many") as sentinel:
        assert sentinel.process.wait(30) == 2
        sentinel._close()
    assert len(sentinel.lines) == 1
    assert "SENTINEL_LIMITS__REPORTS_PER_DAY" in sentinel.lines[0]
