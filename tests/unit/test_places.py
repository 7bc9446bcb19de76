"""Distances, cells and geocoders; the services are played by a small server on loopback."""

import json
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import asin, atan2, cos, degrees, inf, nan, pi, radians, sin
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.coordinates import wgs84_to_bd09
from services.places import (
    Bounds,
    GeocoderUnavailable,
    build_geocoder,
    cell_of,
    cells_around,
    distance_m,
)

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

QUANGANG = Bounds(south=25.0, west=118.7, north=25.3, east=119.1)
HERE = (25.118, 118.905)


# --- distance


def test_a_thousandth_of_a_degree_north_is_111_metres():
    assert distance_m(HERE, (25.119, 118.905)) == pytest.approx(111.195, abs=0.001)


def test_the_antimeridian_is_no_gap():
    assert distance_m((0.0, 179.9999), (0.0, -179.9999)) == pytest.approx(22.24, abs=0.01)


@pytest.mark.parametrize("place", [(nan, 0.0), (0.0, nan), (90.1, 0.0), (0.0, inf)])
def test_no_place_has_no_distance_and_no_cell(place):
    with pytest.raises(ValueError, match="no place"):
        distance_m(place, HERE)
    with pytest.raises(ValueError, match="no place"):
        cell_of(*place)
    with pytest.raises(ValueError, match="no place"):
        cells_around(*place, 30.0)


# --- cells

latitudes = st.floats(min_value=-90, max_value=90)
longitudes = st.floats(min_value=-180, max_value=180)


def walk(latitude, longitude, bearing, metres):
    """Where one arrives; the textbook formula on the same sphere."""
    reach, start = metres / 6_371_009.0, radians(latitude)
    arrived = asin(
        max(-1.0, min(1.0, sin(start) * cos(reach) + cos(start) * sin(reach) * cos(bearing)))
    )
    turned = atan2(sin(bearing) * sin(reach) * cos(start), cos(reach) - sin(start) * sin(arrived))
    return degrees(arrived), (longitude + degrees(turned) + 180.0) % 360.0 - 180.0


@given(
    latitudes,
    longitudes,
    st.floats(min_value=0, max_value=1500),
    st.floats(min_value=0, max_value=1),
    st.floats(min_value=0, max_value=2 * pi),
)
@example(90.0, 0.0, 30.0, 1.0, 0.0)
@example(-90.0, 12.0, 30.0, 1.0, 1.0)
@example(89.9999, 10.0, 200.0, 1.0, 0.1)
@example(25.0, 180.0, 30.0, 1.0, pi / 2)
@example(25.0, -180.0, 30.0, 1.0, 3 * pi / 2)
def test_whoever_is_within_the_radius_is_in_one_of_the_cells(lat, lon, radius, share, bearing):
    there = walk(lat, lon, bearing, radius * share)
    cells = cells_around(lat, lon, radius)
    assert cell_of(*there) in cells
    assert len(cells) == len(set(cells))
    assert all(0 <= cell < 2**63 for cell in cells)


@given(st.floats(min_value=-89, max_value=89), longitudes)
def test_a_small_circle_touches_few_cells(lat, lon):
    assert len(cells_around(lat, lon, 30.0)) <= 4
    assert cell_of(lat, lon) in cells_around(lat, lon, 0.0)


@given(st.floats(min_value=-89, max_value=89), longitudes)
def test_two_in_one_cell_are_never_farther_apart_than_its_diagonal(lat, lon):
    east = lon + degrees(120.0 / 6_371_009.0 / cos(radians(lat)))
    assert cell_of(lat, lon) != cell_of(lat, east)
    if lat < 88.9:
        assert cell_of(lat, lon) != cell_of(lat + 0.00091, lon)


def test_both_names_of_the_antimeridian_are_one_cell():
    assert cell_of(25.0, 180.0) == cell_of(25.0, -180.0) == cell_of(25.0, 540.0)


@pytest.mark.parametrize("radius", [-1.0, 20_001.0, nan, inf])
def test_a_senseless_radius_is_refused(radius):
    with pytest.raises(ValueError, match="radius"):
        cells_around(*HERE, radius)


# --- geocoders


class FakeService:
    """Answers every request with what it was told to, and remembers the requests."""

    def __init__(self):
        self.status, self.body = 200, b"[]"
        self.requests = []
        self.held = threading.Event()
        self.held.set()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                service.requests.append((self.path, dict(self.headers)))
                # Long enough to outlast any client; released when the test is over.
                service.held.wait(30)
                self.send_response(service.status)
                self.send_header("Content-Length", str(len(service.body)))
                self.end_headers()
                try:
                    self.wfile.write(service.body)
                except ConnectionError:
                    return  # the client had stopped waiting

            def log_message(self, *_):
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.domain = f"127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def answers(self, body, status=200):
        self.status = status
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()

    def asked(self):
        path, _ = self.requests[-1]
        parts = urlsplit(path)
        return parts.path, {key: values[0] for key, values in parse_qs(parts.query).items()}

    def close(self):
        self.held.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def service(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    fake = FakeService()
    yield fake
    fake.close()


def geocoder(service, provider, **more):
    return build_geocoder(
        provider,
        domain=service.domain,
        scheme="http",
        **({"api_key": "key"} | {"bounds": QUANGANG} | more),
    )


def test_nominatim(service):
    there = "永嘉路, 山腰街道, 泉港区, 泉州市, 福建省, 中国"
    service.answers(
        [
            {"lat": "25.118", "lon": "118.905", "display_name": there},
            {"lat": "25.119", "lon": "118.906", "display_name": there},
            {"lat": "39.9", "lon": "116.4", "display_name": "永嘉路, 北京市"},
            {"lat": "25.12", "lon": "118.91", "display_name": "永嘉小学, 泉港区"},
        ]
    )
    found = geocoder(service, "nominatim").find("  永嘉路\n12号 ", "zh_Hans")
    assert [(f.latitude, f.longitude, f.label) for f in found] == [
        (25.118, 118.905, "永嘉路, 山腰街道, 泉港区"),
        (25.12, 118.91, "永嘉小学, 泉港区"),
    ]
    path, asked = service.asked()
    assert path == "/search"
    assert asked["q"] == "永嘉路 12号"
    assert asked["accept-language"] == "zh-CN"
    assert asked["viewbox"] == "118.7,25.0,119.1,25.3"
    assert asked["bounded"] == "1"
    assert service.requests[-1][1]["User-Agent"] == "street-sentinel"


def photon_feature(name, latitude, longitude):
    return {
        "geometry": {"coordinates": [longitude, latitude]},
        "properties": {"name": name, "street": "Yongjia Rd", "city": "Quanzhou"},
    }


def test_photon_gives_at_most_three(service):
    service.answers(
        {"features": [photon_feature(f"Stop {n}", 25.11 + n / 1000, 118.9) for n in range(5)]}
    )
    found = geocoder(service, "photon").find("stop", "zh_Hans")
    assert [f.label for f in found] == [f"Stop {n}, Yongjia Rd, Quanzhou" for n in range(3)]
    path, asked = service.asked()
    assert path == "/api"
    assert asked["bbox"] == "118.7,25.0,119.1,25.3"
    assert "lang" not in asked
    geocoder(service, "photon").find("stop", "en")
    assert service.asked()[1]["lang"] == "en"


def test_pelias(service):
    feature = photon_feature("Yongjia Rd", 25.118, 118.905)
    feature["properties"]["label"] = "Yongjia Rd, Shanyao, Fujian, China"
    service.answers({"features": [feature]})
    (found,) = geocoder(service, "pelias").find("Yongjia", "en")
    assert found.label == "Yongjia Rd, Shanyao, Fujian"
    path, asked = service.asked()
    assert path == "/v1/search"
    assert asked["boundary.rect.min_lat"] == "25.0"
    assert asked["api_key"] == "key"


def test_baidu_is_brought_back_from_its_own_coordinates(service):
    latitude, longitude = wgs84_to_bd09(*HERE)
    service.answers(
        {"status": 0, "result": {"location": {"lat": latitude, "lng": longitude}, "level": "道路"}}
    )
    (found,) = geocoder(service, "baidu", security_key="sk").find("永嘉路", "zh_Hans")
    assert distance_m((found.latitude, found.longitude), HERE) < 0.01
    assert found.label == "永嘉路"
    path, asked = service.asked()
    assert path == "/geocoding/v3/"
    assert asked["ak"] == "key"
    assert len(asked["sn"]) == 32


def test_an_answer_from_another_city_is_none(service):
    service.answers(
        {"status": 0, "result": {"location": {"lat": 39.9, "lng": 116.4}, "level": "道路"}}
    )
    assert geocoder(service, "baidu").find("永嘉路", "zh_Hans") == []
    assert len(geocoder(service, "baidu", bounds=None).find("永嘉路", "zh_Hans")) == 1


@pytest.mark.parametrize(
    ("provider", "nothing"),
    [
        ("nominatim", []),
        ("photon", {"features": []}),
        ("pelias", {"features": []}),
        ("baidu", {"status": 0}),
    ],
)
def test_nothing_found_is_an_empty_list(service, provider, nothing):
    service.answers(nothing)
    assert geocoder(service, provider).find("nowhere", "en") == []


@pytest.mark.parametrize("provider", ["nominatim", "photon", "pelias", "baidu"])
@pytest.mark.parametrize(
    "nonsense",
    [
        b"",
        b"<html>proxy login</html>",
        b"null",
        b"42",
        b'"a"',
        b"[1, 2]",
        b"[[[[]]]]",
        b'{"features": 3}',
        b'{"features": [{}]}',
        b'{"features": [{"geometry": {"coordinates": ["x", "y"]}, "properties": {}}]}',
        b'{"features": [{"geometry": {"coordinates": [NaN, NaN]}, "properties": {}}]}',
        b'{"features": [{"geometry": {"coordinates": [1, 2]}, "properties": {"name": 5}}]}',
        b'[{"lat": "north", "lon": "east", "display_name": "x"}]',
        b'{"status": "zero"}',
        b'{"status": 0, "result": {"location": {"lat": "x", "lng": []}}}',
        b'{"result": 7}',
        b"\xff\xfe\x00",
        b"[" * 100_000,
    ],
)
def test_nonsense_is_unavailable_or_nothing(service, provider, nonsense):
    service.answers(nonsense)
    with suppress(GeocoderUnavailable):
        assert geocoder(service, provider).find("永嘉路", "zh_Hans") == []


@pytest.mark.parametrize("provider", ["nominatim", "photon", "pelias", "baidu"])
@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 429, 500, 503])
def test_refusals_are_unavailable(service, provider, status):
    service.answers(b"no", status)
    with pytest.raises(GeocoderUnavailable) as caught:
        geocoder(service, provider).find("永嘉路", "zh_Hans")
    assert "key" not in str(caught.value)


def test_a_refused_key_is_unavailable(service):
    service.answers({"status": 240, "message": "APP 服务被禁用"})
    with pytest.raises(GeocoderUnavailable):
        geocoder(service, "baidu").find("永嘉路", "zh_Hans")


def test_a_silent_service_is_unavailable(service):
    service.held.clear()
    with pytest.raises(GeocoderUnavailable):
        geocoder(service, "photon", timeout_s=0.1).find("永嘉路", "zh_Hans")


def test_nobody_there_is_unavailable(service):
    coder = geocoder(service, "nominatim")
    service.close()
    with pytest.raises(GeocoderUnavailable):
        coder.find("永嘉路", "zh_Hans")


def test_no_words_ask_nobody(service):
    assert geocoder(service, "photon").find(" \n\t ", "en") == []
    assert service.requests == []


def test_a_megabyte_of_words_is_cut(service):
    service.answers({"features": []})
    geocoder(service, "photon").find("路" * 1_000_000, "en")
    assert service.asked()[1]["q"] == "路" * 200


@pytest.mark.parametrize(("provider", "lacks"), [("pelias", "domain"), ("baidu", "key")])
def test_what_a_provider_needs_is_asked_for_at_once(provider, lacks):
    with pytest.raises(ValueError, match=lacks):
        build_geocoder(provider)
