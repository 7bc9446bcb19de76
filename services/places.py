"""How far apart, in which cell, and where an address is: the one module that knows geopy.

geopy is imported when it is first needed: it brings megabytes that a bot without a geocoder, and a
bot at rest, need not carry. (Latitude, longitude) are WGS-84 degrees throughout.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import asin, ceil, cos, degrees, floor, isfinite, radians, sin, sqrt
from typing import Any, Literal, NamedTuple

from services.coordinates import bd09_to_wgs84

Provider = Literal["nominatim", "photon", "pelias", "baidu"]

# The grid: 200,000 rows from pole to pole, each 0.0009 degrees or 100.08 m high; a row is cut into
# as many columns as make them 100 m wide in its middle. Cells are stored, so these never change.
_ROWS = 200_000
_ROW_DEGREES = 180.0 / _ROWS
_COLUMN_BITS = 19

# The sphere of mean radius, as geopy's great_circle has it.
_EARTH_RADIUS_M = 6_371_009.0

# A few millimetres more than asked for, so that rounding never leaves a cell out.
_MARGIN_RADIANS = 1e-9

_LARGEST_RADIUS_M = 20_000.0

_MOST_ANSWERS = 3
_LONGEST_ADDRESS = 200
_PARTS_OF_A_LABEL = 3

# What a service that answers nonsense makes geopy's parsers raise.
_NONSENSE = (LookupError, TypeError, ValueError, AttributeError, OSError, RecursionError)


class Bounds(NamedTuple):
    """A rectangle in degrees that does not cross the antimeridian."""

    south: float
    west: float
    north: float
    east: float

    def holds(self, latitude: float, longitude: float) -> bool:
        """Whether a place lies inside or on the rim; NaN lies nowhere."""
        return self.south <= latitude <= self.north and self.west <= longitude <= self.east


def distance_m(a: tuple[float, float], b: tuple[float, float]) -> float:
    """The way between two places along a great circle.

    On the sphere, not the ellipsoid: at most 0.6 % off (20 cm in 30 m, less than any phone knows),
    and fifteen times faster, which tells where hundreds of neighbours are measured.

    Args:
        a: (latitude, longitude) in degrees.
        b: (latitude, longitude) in degrees.

    Returns:
        Metres.

    Raises:
        ValueError: one of them is no place on Earth.
    """
    from geopy.distance import great_circle  # noqa: PLC0415 - heavy, see above

    for latitude, longitude in (a, b):
        _require_place(latitude, longitude)
    return float(great_circle(a, b).m)


def cell_of(latitude: float, longitude: float) -> int:
    """The 100 m cell a place lies in.

    Args:
        latitude: degrees north.
        longitude: degrees east; values beyond ±180 go round.

    Returns:
        A number from 0 to some 1.05e11. Neighbours east and west are consecutive, but for the
        antimeridian.

    Raises:
        ValueError: no place on Earth.
    """
    _require_place(latitude, longitude)
    row = _row_of(latitude)
    columns = _columns_in(row)
    return _cell(row, floor((longitude + 180.0) % 360.0 / 360.0 * columns) % columns)


def cells_around(latitude: float, longitude: float, radius_m: float) -> list[int]:
    """Every cell that a circle touches.

    Args:
        latitude: degrees north of the centre.
        longitude: degrees east of the centre.
        radius_m: metres, 0 to 20,000.

    Returns:
        Cells without repeats, south to north; each place within the radius has its `cell_of` among
        them. A 30 m circle touches one to four cells.

    Raises:
        ValueError: no place on Earth, or a radius out of range.
    """
    _require_place(latitude, longitude)
    if not 0.0 <= radius_m <= _LARGEST_RADIUS_M:
        raise ValueError(f"a radius is 0 to {_LARGEST_RADIUS_M:.0f} m, not {radius_m}")
    reach = radius_m / _EARTH_RADIUS_M + _MARGIN_RADIANS
    centre = radians(latitude)
    south = latitude - degrees(reach)
    north = latitude + degrees(reach)
    cells: list[int] = []
    for row in range(_row_of(max(south, -90.0)), _row_of(min(north, 90.0)) + 1):
        rim_south = radians(max(row * _ROW_DEGREES - 90.0, south))
        rim_north = radians(min((row + 1) * _ROW_DEGREES - 90.0, north))
        half_width = degrees(_widest(centre, reach, rim_south, rim_north))
        columns = _columns_in(row)
        first = floor((longitude - half_width + 180.0) / 360.0 * columns)
        last = floor((longitude + half_width + 180.0) / 360.0 * columns)
        if last - first + 1 >= columns:
            first, last = 0, columns - 1
        cells.extend(_cell(row, column % columns) for column in range(first, last + 1))
    return cells


def _require_place(latitude: float, longitude: float) -> None:
    if not (isfinite(longitude) and -90.0 <= latitude <= 90.0):
        raise ValueError(f"no place on Earth: {latitude}, {longitude}")


def _row_of(latitude: float) -> int:
    return min(floor((latitude + 90.0) / _ROW_DEGREES), _ROWS - 1)


def _columns_in(row: int) -> int:
    middle = radians((row + 0.5) * _ROW_DEGREES - 90.0)
    return max(1, ceil(2 * _ROWS * cos(middle)))


def _cell(row: int, column: int) -> int:
    return row << _COLUMN_BITS | column


def _widest(centre: float, reach: float, south: float, north: float) -> float:
    """How far east a circle reaches within a band of latitudes.

    All in radians; pi when it goes all the way round.
    """
    # Where a meridian touches the circle it is at its widest; the circle's widest latitude lies a
    # little poleward of its centre. Elsewhere the band's own rims are its widest.
    candidates = [south, north]
    towards = sin(centre) / cos(reach)
    if abs(towards) < 1.0:
        candidates.append(min(max(asin(towards), south), north))
    return max(_half_width(centre, reach, latitude) for latitude in candidates) + _MARGIN_RADIANS


def _half_width(centre: float, reach: float, latitude: float) -> float:
    # The haversine formula solved for longitude; it keeps its digits for circles of a few metres.
    left = sin(reach / 2.0) ** 2 - sin((latitude - centre) / 2.0) ** 2
    room = cos(latitude) * cos(centre)
    if left <= 0.0:
        return 0.0
    if left >= room:
        return radians(180.0)
    return 2.0 * asin(sqrt(left / room))


class GeocoderUnavailable(Exception):  # noqa: N818 - a state of the world, not of the code
    """The service that knows addresses is down, slow, refuses or talks nonsense."""


@dataclass(frozen=True, slots=True)
class Found:
    """A place an address may mean.

    Attributes:
        latitude: degrees north, WGS-84.
        longitude: degrees east, WGS-84.
        label: a few words in which a rider recognises it.
    """

    latitude: float
    longitude: float
    label: str


class Geocoder:
    """Finds where an address is. Safe to share between threads."""

    def __init__(
        self, ask: Callable[[str, str], Any], *, bounds: Bounds | None, baidu: bool
    ) -> None:
        self._ask = ask
        self._bounds = bounds
        self._baidu = baidu

    def find(self, address: str, language: str) -> list[Found]:
        """Ask the service; blocks on the network, so never call it inside a transaction.

        Args:
            address: what somebody typed, at most 200 characters of it are used.
            language: the language of the labels, like `zh_Hans` or `en`.

        Returns:
            At most three places, the likeliest first; only such within the bounds.

        Raises:
            GeocoderUnavailable: no usable answer.
        """
        from geopy.exc import GeopyError  # noqa: PLC0415 - heavy, see above

        words = " ".join(address.split())[:_LONGEST_ADDRESS]
        if not words:
            return []
        try:
            answers = self._ask(words, language)
            if answers is None:
                return []
            if self._baidu:
                # One answer at most, in Baidu's own coordinates, labelled with a word for how
                # exact it is; what was asked for names it better.
                places = [Found(*bd09_to_wgs84(answers.latitude, answers.longitude), words)]
            else:
                places = [Found(a.latitude, a.longitude, _label(a)) for a in answers]
        except (GeopyError, *_NONSENSE) as error:
            # The kind of failure only: its text may quote an address or a key.
            raise GeocoderUnavailable(type(error).__name__) from error
        inside = [
            place
            for place in places
            if self._bounds is None or self._bounds.holds(place.latitude, place.longitude)
        ]
        # A long street comes as many pieces of one name.
        distinct = {place.label: place for place in reversed(inside)}
        return list(reversed(distinct.values()))[:_MOST_ANSWERS]


def build_geocoder(
    provider: Provider,
    *,
    domain: str | None = None,
    scheme: str = "https",
    api_key: str | None = None,
    security_key: str | None = None,
    user_agent: str = "street-sentinel",
    timeout_s: float = 5.0,
    bounds: Bounds | None = None,
) -> Geocoder:
    """Make a geocoder ready to ask. Asks nothing yet.

    Args:
        provider: whose interface the service speaks.
        domain: host and port of one's own instance; Pelias has no public one, so needs it.
        scheme: `https`, or `http` inside one's own network.
        api_key: Baidu's AK (required there) or a Pelias key.
        security_key: Baidu's SK, where the key is set to signed requests.
        user_agent: names this installation to the service; public Nominatim insists.
        timeout_s: seconds to wait for the service each time it falls silent.
        bounds: only places within are of interest, and services that can are told so.

    Raises:
        ValueError: something the provider needs is missing.
    """
    from geopy import geocoders  # noqa: PLC0415 - heavy, see above
    from geopy.adapters import URLLibAdapter  # noqa: PLC0415

    # geopy's debug lines hold whole addresses of requests, keys included.
    logging.getLogger("geopy").setLevel(logging.WARNING)
    common: dict[str, Any] = {
        "scheme": scheme,
        "user_agent": user_agent,
        "timeout": timeout_s,
        "adapter_factory": URLLibAdapter,
    }
    if domain is not None and provider != "baidu":
        common["domain"] = domain
    box = bounds and [(bounds.south, bounds.west), (bounds.north, bounds.east)]
    # More than are shown, since some repeat and some lie outside.
    several: dict[str, Any] = {"exactly_one": False, "limit": 4 * _MOST_ANSWERS}
    match provider:
        case "nominatim":
            nominatim = geocoders.Nominatim(**common)
            several |= {"viewbox": box, "bounded": box is not None}
            ask = partial(_ask_in, nominatim.geocode, _web_language, several)
        case "photon":
            photon = geocoders.Photon(**common)
            ask = partial(_ask_in, photon.geocode, _photon_language, several | {"bbox": box})
        case "pelias":
            if not domain:
                raise ValueError("pelias needs the domain of an instance")
            pelias = geocoders.Pelias(api_key=api_key, **common)
            ask = partial(
                _ask_in,
                pelias.geocode,
                _web_language,
                {"exactly_one": False, "boundary_rect": box},
            )
        case "baidu":
            if not api_key:
                raise ValueError("baidu needs an API key (AK)")
            baidu = geocoders.BaiduV3(api_key, security_key=security_key, **common)
            if domain is not None:
                baidu.api = f"{scheme}://{domain}{baidu.api_path}"
            # Told no coordinate system, Baidu answers in BD-09; geopy cannot tell it any.
            ask = partial(_ask_baidu, baidu.geocode)
    return Geocoder(ask, bounds=bounds, baidu=provider == "baidu")


def _ask_in(
    geocode: Callable[..., Any],
    name_of: Callable[[str], str | None],
    options: dict[str, Any],
    address: str,
    language: str,
) -> Any:
    return geocode(address, language=name_of(language), **options)


def _ask_baidu(geocode: Callable[..., Any], address: str, _language: str) -> Any:
    return geocode(address)


def _web_language(language: str) -> str:
    """`zh_Hans` as the services know it; they name Chinese by country rather than by script."""
    return "zh-CN" if language.startswith("zh") else language.replace("_", "-")


def _photon_language(language: str) -> str | None:
    """Photon refuses languages it has no index for; without one it answers in the local one."""
    return "en" if language.startswith("en") else None


def _label(answer: Any) -> str:
    properties = answer.raw.get("properties")
    # Pelias has the whole name there, and geopy hands on its first word only.
    whole = properties.get("label") if isinstance(properties, dict) else None
    parts = [part.strip() for part in str(whole or answer.address or "").split(",")]
    return ", ".join(list(dict.fromkeys(filter(None, parts)))[:_PARTS_OF_A_LABEL])
