"""Street spots: a place, and perhaps a kind of hazard, as the link behind a printed code."""

import re
from dataclasses import dataclass

# How the link's payload begins; with it, at most 64 characters are allowed there.
PREFIX = "at"
# A degree in the payload's units: the sixth decimal is some 10 cm.
_UNITS = 1_000_000
# The same in fixed width, for a button, which has less room.
_PACKED = re.compile(r"([0-9a-f]{7})([0-9a-f]{8})([a-z][a-z0-9_]{0,23})?", re.ASCII)
_FORM = re.compile(r"(-?\d{1,9})_(-?\d{1,9})(?:_([a-z][a-z0-9_]{0,23}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Spot:
    """What a code on a poster stands for.

    Attributes:
        latitude: degrees north, WGS-84.
        longitude: degrees east.
        category: the code of a category; empty if the poster leaves it open.
    """

    latitude: float
    longitude: float
    category: str = ""


def payload(spot: Spot) -> str:
    """What a link to a spot carries: at_25118000_118905000_pothole."""
    places = f"{PREFIX}_{round(spot.latitude * _UNITS)}_{round(spot.longitude * _UNITS)}"
    return f"{places}_{spot.category}" if spot.category else places


def read(text: str) -> Spot | None:
    """The spot of a payload without its prefix; None for anything that is nowhere on earth."""
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    return _on_earth(int(found[1]) / _UNITS, int(found[2]) / _UNITS, found[3])


def packed(spot: Spot) -> str:
    """A spot in at most 39 characters."""
    north, east = round((spot.latitude + 90) * _UNITS), round((spot.longitude + 180) * _UNITS)
    return f"{north:07x}{east:08x}{spot.category}"


def unpacked(text: str) -> Spot | None:
    """The spot `packed` wrote; None for anything else."""
    found = _PACKED.fullmatch(text)
    if found is None:
        return None
    north, east = int(found[1], 16), int(found[2], 16)
    # In whole units, or what comes back would differ from what went in by a hair.
    return _on_earth((north - 90 * _UNITS) / _UNITS, (east - 180 * _UNITS) / _UNITS, found[3])


def _on_earth(latitude: float, longitude: float, category: str | None) -> Spot | None:
    if abs(latitude) > 90 or abs(longitude) > 180:
        return None
    return Spot(latitude, longitude, category or "")
