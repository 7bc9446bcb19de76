"""The three coordinate systems met in China, and the ways between them.

Telegram and GPS speak WGS-84. Chinese maps are drawn in GCJ-02, which is WGS-84 pushed aside by a
few hundred metres along a fixed wave; Baidu's are drawn in BD-09, GCJ-02 twisted once more. A link
or an address put into the wrong one is half a kilometre off, so every crossing in this project goes
through here.

The forward ways are the published formulas. Nobody published the ways back; since both distortions
change slowly from place to place, asking repeatedly "what would have to go in for this to come out"
settles within a nanometre, where the customary one-step shortcut is up to two metres off.

Every function takes and returns (latitude, longitude) in degrees. The distortion applies in China
only; elsewhere, and for numbers that are no place at all, coordinates come back as they went in.
"""

from collections.abc import Callable
from math import atan2, cos, hypot, pi, radians, sin, sqrt

LatLon = tuple[float, float]

# Krasovsky 1940: the ellipsoid the GCJ-02 formula was written for.
_SEMI_MAJOR_M = 6378245.0
_ECCENTRICITY_SQUARED = 0.00669342162296594323

# The rectangle in which the published formula applies. It is wider than China and knows nothing of
# borders.
_SOUTH, _NORTH = 0.8293, 55.8271
_WEST, _EAST = 72.004, 137.8347

_BAIDU_WAVE = pi * 3000.0 / 180.0

# The slower of the two iterations gains at least 1.7 digits a step, starting some 1e-2 degrees
# away.
_STEPS = 9


def wgs84_to_gcj02(latitude: float, longitude: float) -> LatLon:
    """What a Chinese map calls a GPS place.

    Args:
        latitude: degrees north, WGS-84.
        longitude: degrees east, WGS-84.

    Returns:
        (latitude, longitude) in degrees, GCJ-02.
    """
    return _where_it_applies(_to_gcj02, latitude, longitude)


def gcj02_to_wgs84(latitude: float, longitude: float) -> LatLon:
    """The GPS place of a point on a Chinese map.

    Args:
        latitude: degrees north, GCJ-02.
        longitude: degrees east, GCJ-02.

    Returns:
        (latitude, longitude) in degrees, WGS-84; there and back is exact to a micrometre.
    """
    return _where_it_applies(_undo(_to_gcj02), latitude, longitude)


def gcj02_to_bd09(latitude: float, longitude: float) -> LatLon:
    """What Baidu calls a point of any other Chinese map.

    Args:
        latitude: degrees north, GCJ-02.
        longitude: degrees east, GCJ-02.

    Returns:
        (latitude, longitude) in degrees, BD-09.
    """
    return _where_it_applies(_to_bd09, latitude, longitude)


def bd09_to_gcj02(latitude: float, longitude: float) -> LatLon:
    """A point of Baidu's on any other Chinese map.

    Args:
        latitude: degrees north, BD-09.
        longitude: degrees east, BD-09.

    Returns:
        (latitude, longitude) in degrees, GCJ-02; there and back is exact to a micrometre.
    """
    return _where_it_applies(_undo(_to_bd09), latitude, longitude)


def wgs84_to_bd09(latitude: float, longitude: float) -> LatLon:
    """What Baidu calls a GPS place.

    Args:
        latitude: degrees north, WGS-84.
        longitude: degrees east, WGS-84.

    Returns:
        (latitude, longitude) in degrees, BD-09.
    """
    return gcj02_to_bd09(*wgs84_to_gcj02(latitude, longitude))


def bd09_to_wgs84(latitude: float, longitude: float) -> LatLon:
    """The GPS place of a point of Baidu's.

    Args:
        latitude: degrees north, BD-09.
        longitude: degrees east, BD-09.

    Returns:
        (latitude, longitude) in degrees, WGS-84; there and back is exact to a micrometre.
    """
    return gcj02_to_wgs84(*bd09_to_gcj02(latitude, longitude))


def _where_it_applies(
    way: Callable[[float, float], LatLon], latitude: float, longitude: float
) -> LatLon:
    # Written so that NaN falls outside.
    if _SOUTH <= latitude <= _NORTH and _WEST <= longitude <= _EAST:
        return way(latitude, longitude)
    return latitude, longitude


def _undo(forward: Callable[[float, float], LatLon]) -> Callable[[float, float], LatLon]:
    """The inverse of a distortion that changes slowly, by fixed-point iteration."""

    def back(latitude: float, longitude: float) -> LatLon:
        guess_lat, guess_lon = latitude, longitude
        for _ in range(_STEPS):
            lat, lon = forward(guess_lat, guess_lon)
            guess_lat += latitude - lat
            guess_lon += longitude - lon
        return guess_lat, guess_lon

    return back


def _to_gcj02(latitude: float, longitude: float) -> LatLon:
    east, north = longitude - 105.0, latitude - 35.0
    root = sqrt(abs(east))
    ripple = 20.0 * sin(6.0 * east * pi) + 20.0 * sin(2.0 * east * pi)
    push_north = (
        -100.0 + 2.0 * east + 3.0 * north + 0.2 * north * north + 0.1 * east * north + 0.2 * root
    )
    push_north += 2.0 / 3.0 * (ripple + 20.0 * sin(north * pi) + 40.0 * sin(north / 3.0 * pi))
    push_north += 2.0 / 3.0 * (160.0 * sin(north / 12.0 * pi) + 320.0 * sin(north * pi / 30.0))
    push_east = 300.0 + east + 2.0 * north + 0.1 * east * east + 0.1 * east * north + 0.1 * root
    push_east += 2.0 / 3.0 * (ripple + 20.0 * sin(east * pi) + 40.0 * sin(east / 3.0 * pi))
    push_east += 2.0 / 3.0 * (150.0 * sin(east / 12.0 * pi) + 300.0 * sin(east / 30.0 * pi))
    flattening = 1.0 - _ECCENTRICITY_SQUARED * sin(radians(latitude)) ** 2
    metres_a_radian_north = (
        _SEMI_MAJOR_M * (1.0 - _ECCENTRICITY_SQUARED) / (flattening * sqrt(flattening))
    )
    metres_a_radian_east = _SEMI_MAJOR_M / sqrt(flattening) * cos(radians(latitude))
    return (
        latitude + push_north * 180.0 / (metres_a_radian_north * pi),
        longitude + push_east * 180.0 / (metres_a_radian_east * pi),
    )


def _to_bd09(latitude: float, longitude: float) -> LatLon:
    radius = hypot(longitude, latitude) + 0.00002 * sin(latitude * _BAIDU_WAVE)
    angle = atan2(latitude, longitude) + 0.000003 * cos(longitude * _BAIDU_WAVE)
    return radius * sin(angle) + 0.006, radius * cos(angle) + 0.0065
