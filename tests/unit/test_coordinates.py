"""Coordinate systems: the published forward values, and ways back that really lead back."""

from math import cos, hypot, isnan, nan, radians

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.coordinates import (
    bd09_to_gcj02,
    bd09_to_wgs84,
    gcj02_to_bd09,
    gcj02_to_wgs84,
    wgs84_to_bd09,
    wgs84_to_gcj02,
)

# Kept away from the rectangle's rim, where one side of a pair may lie outside it.
in_china = st.tuples(st.floats(min_value=3, max_value=54), st.floats(min_value=73, max_value=136))


def metres_apart(a, b):
    north = (a[0] - b[0]) * 111_320
    return hypot(north, (a[1] - b[1]) * 111_320 * cos(radians(a[0])))


@pytest.mark.parametrize(
    ("wgs", "gcj"),
    [
        ((31.1774276, 121.5272106), (31.17530398364597, 121.531541859215)),
        ((22.543847, 113.912316), (22.540796131694766, 113.9171764808363)),
        ((39.911954, 116.377817), (39.91334545536069, 116.38404722455657)),
        ((39.915, 116.404), (39.91640428150164, 116.41024449916938)),
    ],
)
def test_gcj02_agrees_with_other_implementations(wgs, gcj):
    assert wgs84_to_gcj02(*wgs) == pytest.approx(gcj, abs=1e-10)


def test_bd09_agrees_with_other_implementations():
    assert gcj02_to_bd09(39.915, 116.404) == pytest.approx(
        (39.92133699351021, 116.41036949371029), abs=1e-10
    )


def test_the_shift_at_quangang_is_half_a_kilometre():
    here = (25.118, 118.905)
    assert metres_apart(here, wgs84_to_gcj02(*here)) == pytest.approx(561, abs=5)


@given(in_china)
def test_there_and_back_is_exact_to_a_micrometre(place):
    for out, back in (
        (wgs84_to_gcj02, gcj02_to_wgs84),
        (gcj02_to_bd09, bd09_to_gcj02),
        (wgs84_to_bd09, bd09_to_wgs84),
    ):
        assert metres_apart(place, back(*out(*place))) < 1e-6
        assert metres_apart(place, out(*back(*place))) < 1e-6


@pytest.mark.parametrize(
    "place",
    [(51.38, -2.36), (90.0, 0.0), (-33.9, 151.2), (0.0, 0.0), (35.7, 139.7), (1e308, -1e308)],
)
def test_outside_china_nothing_changes(place):
    for way in (wgs84_to_gcj02, gcj02_to_wgs84, gcj02_to_bd09, bd09_to_gcj02, wgs84_to_bd09):
        assert way(*place) == place


def test_what_is_no_place_comes_back_as_it_went_in():
    latitude, longitude = bd09_to_wgs84(nan, nan)
    assert isnan(latitude)
    assert isnan(longitude)
