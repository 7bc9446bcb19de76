"""Street spots: a place, and perhaps a kind of hazard, as the link behind a printed code."""

import re
from dataclasses import dataclass

# How the link's payload begins; with it, at most 64 characters are allowed there.
PREFIX = "at"
# A degree in the payload's units: the sixth decimal is some 10 cm.
_UNITS = 1_000_000
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
    latitude, longitude = int(found[1]) / _UNITS, int(found[2]) / _UNITS
    if abs(latitude) > 90 or abs(longitude) > 180:
        return None
    return Spot(latitude, longitude, found[3] or "")
