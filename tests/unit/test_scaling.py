"""docs/scaling.md: every figure in its tables follows from the inputs at its top."""

import re
from decimal import Decimal
from math import ceil
from pathlib import Path

import pytest

TEXT = (Path(__file__).parents[2] / "docs" / "scaling.md").read_text("utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("| ").split(" | ")]
    for line in TEXT.splitlines()
    if line.startswith("| ")
]
SIZES = ("district", "city", "country")
DAY_S = 86_400


def numbers(text):
    return [float(found.replace(",", "")) for found in re.findall(r"\d[\d,]*(?:\.\d+)?", text)]


def given(label, nth=0):
    """A number of the inputs' tables."""
    [row] = [row for row in ROWS if row[0] == label and len(row) == 3]
    return numbers(row[1])[nth]


def shown(label, size, after=None):
    """A cell of the tables of sizes; the first after a row, where its label stands twice."""
    rows = [row for row in ROWS if len(row) == 4]
    start = 0 if after is None else [row[0] for row in rows].index(after)
    row = next(row for row in rows[start:] if row[0] == label)
    return row[1 + SIZES.index(size)]


def agrees(cell, computed):
    """Whether a cell is the number, as far as its digits go."""
    digits = re.match(r"[\d.,]+", cell)[0].replace(",", "")
    unit = {"million": 1e6, "GB": 1e9, "TB": 1e12}.get(cell.split()[-1], 1)
    # The last digit but zeros that may only fill up: 690 GB says as much as 6.9e2.
    exponent = Decimal(digits).as_tuple().exponent
    last = 10.0 ** (exponent or len(digits) - len(digits.rstrip("0")))
    return abs(float(digits) - computed / unit) <= last / 2 * 1.001


@pytest.fixture(params=SIZES)
def size(request):
    return request.param


def reports_a_second(size, factor=1.0):
    riders = numbers(shown("riders", size))[0]
    return riders * given("reports a rider and day") * factor / DAY_S


BUSY = given("the busiest minutes")
STORM = given("a storm")
UPDATES = given("updates a report")
PROCESS_MB = given("memory a process")
PICTURE_MS = given("CPU a picture fetched and examined")
POSTGRESQL_MS = UPDATES * given("CPU an update in a process on PostgreSQL") + PICTURE_MS
# Half of a core, so that answers stay quick.
A_PROCESS = 0.5 / (POSTGRESQL_MS / 1000)


def test_agreement_goes_as_far_as_the_digits():
    assert agrees("1.4", 1.43)
    assert not agrees("1.4", 1.46)
    assert agrees("690 GB", 693.5e9)
    assert not agrees("0.3", 0.36)
    assert agrees("5,000", 5000)


def test_rates(size):
    assert agrees(shown("reports a day", size), reports_a_second(size) * DAY_S)
    assert agrees(shown("reports a second, mean (÷ 86,400)", size), reports_a_second(size))
    busy, storm = reports_a_second(size, BUSY), reports_a_second(size, STORM)
    assert agrees(shown("… busiest minutes (× 5)", size), busy)
    assert agrees(shown("… in a storm (× 24)", size), storm)
    row = "updates a second, busiest (× 5 updates)"
    assert agrees(shown(row, size), busy * UPDATES)
    assert agrees(shown("… in a storm", size, after=row), storm * UPDATES)


def test_a_report_costs_what_the_text_says():
    words = " ".join(TEXT.split())
    for database in ("in a process on PostgreSQL", "its answers sent, on SQLite"):
        comma = "," if "SQLite" in database else ""
        update_ms = given(f"CPU an update{comma} {database}")
        report_ms = UPDATES * update_ms + PICTURE_MS
        assert f"{UPDATES:.0f} × {update_ms:g} + {PICTURE_MS:g} = {report_ms:.1f} ms" in words
        assert re.search(rf"\b{500 / report_ms:.1f}\b", words)


def test_processors(size):
    busy, storm = reports_a_second(size, BUSY), reports_a_second(size, STORM)
    assert agrees(shown("cores, busiest minutes", size), busy * POSTGRESQL_MS / 1000)
    assert agrees(shown("cores, storm", size), storm * POSTGRESQL_MS / 1000)
    processes = ceil(storm / A_PROCESS)
    assert agrees(shown("processes for a storm, at half load", size), processes)
    assert agrees(
        shown(f"memory for them (× {PROCESS_MB:.0f} MB)", size), processes * PROCESS_MB * 1e6
    )


def test_commits(size):
    commits = given("durable commits an update, PostgreSQL") * UPDATES
    table = f"durable commits a second (× {commits / UPDATES:.1f})"
    assert agrees(
        shown("busiest minutes", size, after=table), reports_a_second(size, BUSY) * commits
    )
    assert agrees(shown("storm", size, after=table), reports_a_second(size, STORM) * commits)


def test_disk(size):
    a_year = reports_a_second(size) * DAY_S * 365
    assert agrees(shown("reports", size), a_year)
    database_kb, photo_mb = given("database a report", 1), given("bytes a photo")
    assert agrees(
        shown(f"database, PostgreSQL (× {database_kb} kB, doubled for slack)", size),
        a_year * database_kb * 1e3 * 2,
    )
    assert agrees(shown(f"photos (× {photo_mb} MB, one a report)", size), a_year * photo_mb * 1e6)


def test_people(size):
    a_group = 20 / 2
    decision_s = given("seconds a decision")
    table = "reports a minute, busiest"
    for factor, reports, groups, reviewers in (
        (
            BUSY,
            shown(table, size),
            shown("groups at 10 a minute, busiest", size),
            shown("reviewers at 10 s each, busiest", size),
        ),
        (
            STORM,
            shown("… in a storm", size, after=table),
            shown("… in a storm", size, after="groups at 10 a minute, busiest"),
            shown("… in a storm", size, after="reviewers at 10 s each, busiest"),
        ),
    ):
        a_minute = reports_a_second(size, factor) * 60
        assert agrees(reports, a_minute)
        assert agrees(groups, ceil(a_minute / a_group))
        assert agrees(reviewers, ceil(a_minute * decision_s / 60))
