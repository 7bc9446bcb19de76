"""The sample pictures: what a newcomer reports with must be found in the districts."""

import json
from pathlib import Path

import pytest

from localchat.draw_samples import SAMPLES, draw_all
from services.districts import load_districts
from services.pictures import SAME_PICTURE_BITS, examine, hash_distance

PROJECT = Path(__file__).parents[2]
FOLDER = PROJECT / "localchat" / "samples"
INDEX = json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("entry", INDEX, ids=lambda entry: entry["name"])
def test_a_sample_is_small_and_knows_its_place_and_time(entry):
    data = (FOLDER / entry["file"]).read_bytes()
    assert len(data) <= 120_000
    picture = examine(data)
    assert (picture.format, picture.width, picture.height) == ("JPEG", 1280, 960)
    assert picture.taken_at is not None
    assert (picture.latitude, picture.longitude) == pytest.approx(
        (entry["latitude"], entry["longitude"]), abs=1e-5
    )
    assert set(entry["title"]) == {"en", "zh"}


def test_every_town_has_a_sample_and_each_is_near_a_named_place():
    districts = load_districts(
        PROJECT / "districts" / "quangang.geojson",
        PROJECT / "districts" / "quangang_places.geojson",
    )
    where = [(entry["latitude"], entry["longitude"]) for entry in INDEX]
    assert {districts.locate(*place) for place in where} == set(districts)
    assert all(districts.near_place(*place, 50.0) for place in where)


def test_no_two_samples_are_taken_for_the_same_photo():
    hashes = [examine((FOLDER / entry["file"]).read_bytes()).dhash for entry in INDEX]
    for index, one in enumerate(hashes):
        for other in hashes[index + 1 :]:
            assert hash_distance(one, other) > SAME_PICTURE_BITS


def test_the_index_is_what_the_script_writes():
    assert [(entry["name"], entry["title"]["zh"]) for entry in INDEX] == [
        (sample.name, sample.zh) for sample in SAMPLES
    ]


def test_the_script_draws_what_is_committed(tmp_path):
    draw_all(tmp_path)
    assert (tmp_path / "index.json").read_bytes() == (FOLDER / "index.json").read_bytes()
    for entry in INDEX:
        drawn, kept = (examine((at / entry["file"]).read_bytes()) for at in (tmp_path, FOLDER))
        # The bytes may differ with another JPEG library; the picture may not.
        assert hash_distance(drawn.dhash, kept.dhash) <= 1
