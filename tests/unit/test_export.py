"""bot/export.py and services/exports.py: rows other programs can read."""

import csv
import io
import json

import pytest

from bot.export import Format, NoPlaces, counted, write
from services import exports, review
from services.reviewers import Reviewer


@pytest.fixture
def rows(database, scene, policy, midday):
    def work(session):
        report = scene.report(session)
        report.note = "=HYPERLINK(1)"
        reviewer = scene.person(session)
        review.approve(
            session,
            report=report,
            reviewer=Reviewer(reviewer.id, "Lin", is_chief=False),
            grade=2,
            policy=policy,
            desk_size=1,
        )
        return (
            list(exports.reports(session)),
            list(exports.points(session)),
            exports.count_reports(session),
            exports.count_points(session),
        )

    return database.run_here(work)


def written(rows, format_, *, has_places=True):
    file = io.StringIO(newline="")
    write(rows, file, format_=format_, has_places=has_places)
    return file.getvalue()


def test_csv_is_read_back_and_runs_nothing(rows):
    [row] = csv.DictReader(io.StringIO(written(rows[0], Format.CSV)))
    assert row["state"] == "approved"
    assert row["note"] == "'=HYPERLINK(1)"
    assert row["created_at"].endswith("+00:00")


def test_json_is_read_back(rows):
    [row] = json.loads(written(rows[0], Format.JSON))
    assert row["note"] == "=HYPERLINK(1)"
    assert row["points"] == 10


def test_geojson_puts_longitude_first(rows):
    collection = json.loads(written(rows[0], Format.GEOJSON))
    [feature] = collection["features"]
    longitude, latitude = feature["geometry"]["coordinates"]
    assert (round(latitude), round(longitude)) == (25, 119)
    assert "latitude" not in feature["properties"]


def test_points_balance_and_name_riders_only(rows):
    _, points, _, count = rows
    assert count == len(points) == 2
    assert sum(row["points"] for row in points) == 0
    assert {row["account"]: row["owner"] is None for row in points} == {
        "rider": False,
        "programme": True,
    }


def test_points_have_no_places(rows):
    with pytest.raises(NoPlaces):
        written(rows[1], Format.GEOJSON, has_places=False)


def test_nothing_is_still_readable():
    assert json.loads(written([], Format.JSON)) == []
    assert json.loads(written([], Format.GEOJSON))["features"] == []
    assert written([], Format.CSV) == ""


def test_every_row_is_counted(rows):
    steps = []
    assert len(list(counted(rows[1], lambda: steps.append(1)))) == len(steps) == 2
