"""Districts: finding one's own, and telling an operator what is wrong with a file."""

import json
from math import inf, nan
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.districts import FARTHEST_M, District, DistrictsError, Place, load_districts

SHIPPED = Path(__file__).parents[2] / "districts"


def square(west, south, size=0.1):
    east, north = west + size, south + size
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def feature(code="a", geometry=None, **properties):
    geometry = geometry or {"type": "Polygon", "coordinates": [square(118.0, 25.0)]}
    names = {"code": code, "name_zh": f"{code}镇", "name_en": f"{code} town"}
    return {"type": "Feature", "properties": names | properties, "geometry": geometry}


def polygon(*rings):
    return {"type": "Polygon", "coordinates": list(rings)}


def point(longitude, latitude, **properties):
    names = {"name_zh": "路口", "name_en": "Corner"}
    geometry = {"type": "Point", "coordinates": [longitude, latitude]}
    return {"type": "Feature", "properties": names | properties, "geometry": geometry}


def write(folder, *features, name="zones.geojson", **more):
    file = folder / name
    file.write_text(json.dumps({"type": "FeatureCollection", "features": list(features)} | more))
    return file


@pytest.fixture(scope="module")
def quangang():
    return load_districts(SHIPPED / "quangang.geojson", SHIPPED / "quangang_places.geojson")


# --- the zones that are shipped


SEATS = {
    "shanyao": (118.905, 25.118),
    "nanpu": (118.918, 25.185),
    "jieshan": (118.895, 25.222),
    "houlong": (118.945, 25.160),
    "fengwei": (118.955, 25.118),
    "qianhuang": (118.868, 25.135),
    "tuling": (118.795, 25.165),
}


@pytest.mark.parametrize("code", SEATS)
def test_each_seat_lies_in_its_town(quangang, code):
    longitude, latitude = SEATS[code]
    assert quangang.locate(latitude, longitude) == quangang.by_code(code)


def test_the_shipped_zones_are_complete_and_without_problems(quangang):
    assert [district.code for district in quangang] == list(SEATS)
    assert len(quangang) == 7
    assert quangang.by_code("shanyao") == District("shanyao", "山腰街道", "Shanyao")
    assert quangang.by_code("atlantis") is None
    assert quangang.problems() == []
    assert len(quangang.places) >= 40


def test_the_shipped_zones_leave_no_gaps(quangang):
    from shapely.geometry import shape
    from shapely.ops import unary_union

    content = json.loads((SHIPPED / "quangang.geojson").read_text(encoding="utf-8"))
    shapes = [shape(one["geometry"]) for one in content["features"]]
    whole = unary_union(shapes)
    assert whole.geom_type == "Polygon"
    assert not whole.interiors
    assert sum(one.area for one in shapes) == pytest.approx(whole.area, rel=1e-9)


@pytest.mark.parametrize("name", ["quangang", "quangang_places"])
def test_what_is_shipped_says_that_it_is_illustrative(name):
    content = json.loads((SHIPPED / f"{name}.geojson").read_text(encoding="utf-8"))
    assert set(content["note"]) == {"en", "zh"}
    assert all(one["properties"]["illustrative"] is True for one in content["features"])


def test_near_yongjia_road_can_be_said(quangang):
    place, metres = quangang.near_place(25.1182, 118.9050, 200.0)
    assert place.name_zh == "永嘉路/中兴街口"
    assert place.name_en == "Yongjia Rd / Zhongxing St"
    assert 15 < metres < 30
    assert quangang.near_place(25.1182, 118.9050, 10.0) is None


def test_outside_the_nearest_is_named(quangang):
    # Three kilometres west of Tuling's westernmost corner.
    district, metres = quangang.nearest(25.186, quangang.bounds.west - 0.03)
    assert district.code == "tuling"
    assert metres == pytest.approx(3000, abs=150)
    assert quangang.nearest(25.118, 118.905) == (quangang.by_code("shanyao"), 0.0)


def test_a_place_in_another_country_is_far_from_all(quangang):
    _, metres = quangang.nearest(51.38, -2.36)
    assert 9_000_000 < metres < 11_000_000
    assert quangang.locate(51.38, -2.36) is None
    assert quangang.near_place(51.38, -2.36, 1000.0) is None


anything = st.floats() | st.sampled_from([90.0, -90.0, 180.0, -180.0, 0.0, nan, inf, -inf, 1e308])


@given(anything, anything)
def test_no_numbers_bring_it_down(quangang, latitude, longitude):
    quangang.locate(latitude, longitude)
    district, metres = quangang.nearest(latitude, longitude)
    assert district in quangang.districts
    assert 0 <= metres <= FARTHEST_M + 20_000
    quangang.near_place(latitude, longitude, 1e9)


@given(st.floats(min_value=25.07, max_value=25.27), st.floats(min_value=118.70, max_value=119.0))
def test_inside_means_no_way_to_go(quangang, latitude, longitude):
    district, metres = quangang.nearest(latitude, longitude)
    inside = quangang.locate(latitude, longitude)
    assert (inside is None) == (metres > 0)
    assert inside in (None, district)


# --- an operator's own files


def test_a_multipolygon_with_a_hole_is_a_district(tmp_path):
    geometry = {
        "type": "MultiPolygon",
        "coordinates": [
            [square(118.0, 25.0), square(118.04, 25.04, 0.02)[::-1]],
            [square(119.0, 25.0)],
        ],
    }
    districts = load_districts(write(tmp_path, feature(geometry=geometry)))
    assert districts.locate(25.01, 118.01).code == "a"
    assert districts.locate(25.01, 119.01).code == "a"
    assert districts.locate(25.05, 118.05) is None
    assert districts.nearest(25.05, 118.05)[1] == pytest.approx(1007, abs=10)
    assert districts.bounds == (25.0, 118.0, 25.1, 119.1)


def test_overlaps_are_allowed_and_told(tmp_path):
    file = write(
        tmp_path, feature("a"), feature("b", polygon(square(118.05, 25.0))), feature("c", None)
    )
    places = write(tmp_path, point(118.5, 25.5), point(118.01, 25.01), name="places.geojson")
    districts = load_districts(file, places)
    assert districts.locate(25.05, 118.07).code == "a"
    assert districts.locate(25.05, 118.12).code == "b"
    told = districts.problems()
    assert len(told) == 4
    assert told[0].startswith("a and b overlap by ")
    assert "Corner (路口) lies outside" in told[-1]


def test_a_shared_border_belongs_to_the_first(tmp_path):
    file = write(tmp_path, feature("a"), feature("b", polygon(square(118.1, 25.0))))
    assert load_districts(file).locate(25.05, 118.1).code == "a"
    assert load_districts(file).problems() == []


def test_places_keep_their_kind(tmp_path):
    places = write(tmp_path, point(118.05, 25.05, kind="corner"), name="places.geojson")
    districts = load_districts(write(tmp_path, feature()), places)
    assert districts.near_place(25.05, 118.05, 0.5) == (
        Place("路口", "Corner", "corner", 25.05, 118.05),
        0.0,
    )
    assert load_districts(write(tmp_path, feature())).near_place(25.05, 118.05, 1e6) is None


def test_a_byte_order_mark_is_no_fault(tmp_path):
    file = write(tmp_path, feature())
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert len(load_districts(file)) == 1


bow_tie = [[118.0, 25.0], [118.1, 25.1], [118.1, 25.0], [118.0, 25.1], [118.0, 25.0]]
lat_first = [[25.0, 118.0], [25.1, 118.0], [25.1, 118.1], [25.0, 118.0]]
metric = [[500000, 2778000], [501000, 2778000], [501000, 2779000], [500000, 2778000]]


@pytest.mark.parametrize(
    ("features", "index", "reason"),
    [
        ([], None, "at least one district"),
        ([feature(code="")], 0, "'code'"),
        ([feature(code=7)], 0, "'code'"),
        ([feature(), feature("b", name_zh=None)], 1, "'name_zh'"),
        ([feature(), feature()], 1, "'a' is taken"),
        ([feature(geometry={"type": "Point", "coordinates": [118, 25]})], 0, "not a Point"),
        ([feature(geometry={"type": "MultiPolygon", "coordinates": []})], 0, "MultiPolygon"),
        ([feature() | {"geometry": None}], 0, "no geometry"),
        ([feature() | {"properties": None}], 0, "no properties"),
        (["x"], 0, "no GeoJSON Feature"),
        ([feature(geometry=polygon())], 0, "no list of rings"),
        ([feature(geometry={"type": "Polygon", "coordinates": 5})], 0, "no list of rings"),
        ([feature(geometry=polygon(square(118.0, 25.0)[:-1]))], 0, "open"),
        ([feature(geometry=polygon([[118.0, 25.0], [118.0, 25.0]]))], 0, "least is 4"),
        ([feature(geometry=polygon([[118.0, 25.0]] * 4))], 0, "make_valid"),
        ([feature(geometry=polygon(bow_tie))], 0, "latitude 25.05000, longitude 118.05000"),
        ([feature(geometry=polygon(bow_tie))], 0, "Fix geometries"),
        ([feature(geometry=polygon(lat_first))], 0, "swap"),
        ([feature(geometry=polygon(metric))], 0, "EPSG:4326"),
        ([feature(geometry=polygon([["a", "b"]] * 4))], 0, "no position"),
        ([feature(geometry=polygon([[True, False]] * 4))], 0, "no position"),
        ([feature(geometry=polygon([[nan, 25.0]] * 4))], 0, "no place"),
        ([feature(geometry=polygon([[10**400, 25.0]] * 4))], 0, "digits"),
        ([feature(geometry=polygon([[118.0, 95.0]] * 4))], 0, "no place"),
    ],
)
def test_a_faulty_feature_is_named(tmp_path, features, index, reason):
    with pytest.raises(DistrictsError, match=reason) as caught:
        load_districts(write(tmp_path, *features))
    assert caught.value.feature == index
    assert "zones.geojson" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[]", "FeatureCollection"),
        (b'{"type": "Topology"}', "FeatureCollection"),
        (b'{"type": "FeatureCollection"}', "features"),
        (
            b'{"type": "FeatureCollection", "features": [], "crs": {"name": "EPSG:4549"}}',
            "WGS-84",
        ),
    ],
)
def test_a_file_that_is_no_geojson_is_refused(tmp_path, content, reason):
    file = tmp_path / "zones.geojson"
    file.write_bytes(content)
    with pytest.raises(DistrictsError, match=reason) as caught:
        load_districts(file)
    assert caught.value.feature is None


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(DistrictsError, match="No such file"):
        load_districts(tmp_path / "nowhere.geojson")


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        (feature(), "a place is a Point"),
        (point(25.05, 118.05), "swap"),
        (point(118.05, 25.05, name_en=""), "'name_en'"),
        (point("x", 25.05), "no position"),
    ],
)
def test_a_faulty_place_is_named(tmp_path, place, reason):
    file = write(tmp_path, feature())
    places = write(tmp_path, point(118.05, 25.05), place, name="places.geojson")
    with pytest.raises(DistrictsError, match=reason) as caught:
        load_districts(file, places)
    assert caught.value.feature == 1
    assert caught.value.file == places


def test_latitude_first_is_seen_among_places_even_where_both_could_be_meant(tmp_path):
    file = write(tmp_path, feature(geometry=polygon(square(10.0, 50.0))))
    places = write(tmp_path, point(50.05, 10.05), name="places.geojson")
    with pytest.raises(DistrictsError, match="swap"):
        load_districts(file, places)
