"""bot/commands/shops.py and bot/commands/qr.py: what an operator prints and reads."""

import asyncio

import pytest
import structlog
import zxingcpp
from typer.testing import CliRunner

from bot import database
from bot.__main__ import app
from bot.settings import load
from localchat import seed
from localchat.seed import seeded_world
from models import Person, clock
from tests import pdf
from tests.localchat.serving import served
from tests.shops import confirmed, shop

runner = CliRunner()


@pytest.fixture(autouse=True)
def _fresh(tmp_path, monkeypatch):
    monkeypatch.setenv("SENTINEL_DATA_DIR", str(tmp_path))
    yield
    # The commands log to the runner's own stderr, which is gone after each.
    structlog.reset_defaults()


def run(*words):
    return runner.invoke(app, [str(word) for word in words])


@pytest.fixture
def corner(midday) -> None:
    """A shop with two bookings of November 2026."""
    assert run("migrate").exit_code == 0
    db = database.Database(database.create(load().database_url))

    def work(session):
        rider = Person(id=7, language="en", bird=0, bird_number=27, created_at=clock.now())
        session.add(rider)
        row = shop(session)
        confirmed(session, row, rider, cost=30)
        confirmed(session, row, rider, cost=12)

    db.run_here(work)
    db.close()


@pytest.mark.usefixtures("corner")
class TestShops:
    def test_they_are_listed(self):
        result = run("shops", "list")
        assert "corner" in result.stdout
        assert "街角小店" in result.stdout

    def test_a_statement_as_csv_and_as_pdf(self, tmp_path):
        out = tmp_path / "out.csv"
        month = f"{clock.now():%Y-%m}"
        result = run(
            "shops", "statement", "--shop", "corner", "--month", month,
            "--form", "csv", "--language", "en", "--out", out,
        )  # fmt: skip
        assert result.stdout.startswith("2 bookings, 42 points")
        assert "Balance after,42" in out.read_text("utf-8-sig")
        day = f"{clock.now():%Y-%m-%d}"
        result = run("shops", "statement", "--shop", "corner", "--day", day, "--out", out)
        assert result.exit_code == 0
        assert pdf.lines(out.read_bytes())[0][:2] == ["积分对账单", "街角小店"]

    @pytest.mark.parametrize(
        ("words", "told"),
        [
            (("--shop", "corner"), "one of --month and --day"),
            (("--shop", "corner", "--month", "2026-11", "--day", "2026-11-01"), "one of"),
            (("--shop", "corner", "--month", "2026-11-01"), "--month: as 2026-11"),
            (("--shop", "corner", "--day", "2026-11"), "--day: as 2026-11-24"),
            (("--shop", "nowhere", "--month", "2026-11"), "there is no 'nowhere'"),
        ],
    )
    def test_what_cannot_be_meant_is_told(self, tmp_path, words, told):
        out = tmp_path / "out.pdf"
        result = run("shops", "statement", *words, "--out", out)
        assert result.exit_code == 2
        assert told in result.stderr
        assert not out.exists()

    def test_its_poster(self, tmp_path):
        out = tmp_path / "out.pdf"
        assert run("qr", "shop", "corner", "--bot", "@some_bot", "--out", out).exit_code == 0
        [code] = zxingcpp.read_barcodes(pdf.picture(out.read_bytes()))
        assert code.text == "https://t.me/some_bot?start=r_corner"
        result = run("qr", "shop", "nowhere", "--bot", "some_bot", "--out", out)
        assert result.exit_code == 2
        assert "no shop 'nowhere'" in result.stderr


HERE = ("--at", "25.118,118.905")
NAMES = ("--name-zh", "永嘉路口", "--name-en", "Yongjia Rd corner")


async def test_a_spots_poster_asks_telegram_for_the_bots_name(tmp_path, monkeypatch):
    out = tmp_path / "out.pdf"
    async with served(seeded_world()) as url:
        monkeypatch.setenv("SENTINEL_TELEGRAM__TOKEN", seed.TOKEN)
        monkeypatch.setenv("SENTINEL_TELEGRAM__API_URL", url)
        # The command has a loop of its own.
        result = await asyncio.to_thread(
            run, "qr", "spot", *HERE, *NAMES, "--size", "A5", "--out", out
        )
    assert result.exit_code == 0, result.output
    [code] = zxingcpp.read_barcodes(pdf.picture(out.read_bytes()))
    assert code.text == "https://t.me/street_sentinel_bot?start=at_25118000_118905000"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (NAMES, "one of --at and --from"),
        (("--at", "25.118", *NAMES), "no numbers"),
        (("--at", "nan,118.9", *NAMES), "nowhere on earth"),
        (("--at", "118.905,25.118", *NAMES), "latitude first"),
        (("--at", "51.38,-2.36", *NAMES), "outside all districts"),
        ((*HERE, "--name-zh", "永嘉路口"), "no English name"),
        ((*HERE, *NAMES, "--category", "volcano"), "no category 'volcano'; there are: "),
        ((*HERE, "--name-zh", "长" * 65, "--name-en", "x"), "longer than 64"),
    ],
)
def test_a_spot_of_no_use_is_refused(tmp_path, words, told):
    out = tmp_path / "out.pdf"
    result = run("qr", "spot", *words, "--bot", "some_bot", "--out", out)
    assert result.exit_code == 2
    assert told in result.stderr
    assert not out.exists()


def test_a_bot_of_no_name_is_refused(tmp_path):
    result = run("qr", "spot", *HERE, *NAMES, "--bot", "a b", "--out", tmp_path / "out.pdf")
    assert result.exit_code == 2
    assert "--bot" in result.stderr


HEADS = "latitude,longitude,name_zh,name_en,category\n"


def from_file(tmp_path, text):
    file, out = tmp_path / "spots.csv", tmp_path / "out.pdf"
    file.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8-sig"))
    return run("qr", "spot", "--from", file, "--bot", "some_bot", "--out", out), out


def test_many_spots_are_a_page_each(tmp_path):
    result, out = from_file(
        tmp_path,
        HEADS + "25.118,118.905,永嘉路口,Yongjia corner,pothole\n\n25.119,118.905,二号,Two,\n",
    )
    assert result.stdout.startswith("2 posters, A4")
    first, second = pdf.lines(out.read_bytes())
    assert "坑洼 · 永嘉路口" in first
    assert "二号" in second


def test_of_many_each_fault_is_told_by_its_line_and_nothing_is_written(tmp_path):
    result, out = from_file(
        tmp_path,
        HEADS
        + "25.118,118.905,永嘉路口,Yongjia corner,pothole\n"
        + "x,118.905,永嘉路口,Yongjia corner,\n"
        + "51.38,-2.36,远,Far,\n"
        + "25.118,118.905,,Nameless,\n"
        + "25.118,118.905,多,Many,,more\n"
        + "25.118,118.905,少\n",
    )
    assert result.exit_code == 2
    told = result.stderr.splitlines()
    assert [line.partition(":")[0] for line in told[:-1]] == [
        f"spots.csv, line {number}" for number in (3, 4, 5, 6, 7)
    ]
    assert told[-1] == "Nothing was written."
    assert not out.exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "line 1: no column latitude"),
        ("latitude,longitude,name_zh,name_en,colour\n", "unknown column 'colour'"),
        (HEADS, "line 2: no spot"),
        (b"latitude,longitude,name_zh,name_en\n25.118,118.905,\xff,x\n", "--from: "),
    ],
)
def test_a_file_that_cannot_be_read_is_told(tmp_path, text, told):
    result, out = from_file(tmp_path, text)
    assert result.exit_code in (1, 2)
    assert told in result.stderr
    assert not out.exists()
