"""Which district a place lies in, and what stands nearby.

Districts are the operator's: polygons in a GeoJSON file, checked in full when they are loaded, so
that a mistake in the file is told at the start and not by a rider's lost report. (Latitude,
longitude) are WGS-84 degrees throughout; files have longitude first, as GeoJSON does.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations
from math import cos, isfinite, radians
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from services.places import Bounds, distance_m

if TYPE_CHECKING:
    from shapely import MultiPolygon, STRtree

# What a place that is none counts as being away from everywhere: half-way round the Earth.
FARTHEST_M = 20_015_000.0

# Buttons carry it, with Telegram's limit of 64 bytes for all they carry.
_CODE = re.compile(r"[\w-]{1,40}", re.ASCII)
_METRES_A_DEGREE = 111_195.0

# Neighbours drawn apart overlap in slivers; below this nobody is in doubt.
_OVERLAP_WORTH_TELLING_M2 = 100.0

_Ring = list[tuple[float, float]]


class DistrictsError(Exception):
    """A file of districts or places cannot be used.

    Attributes:
        file: which.
        feature: the index of the feature at fault, from 0; None when it is the file itself.
        reason: what is wrong, and what to do about it.
    """

    def __init__(self, file: Path, feature: int | None, reason: str) -> None:
        self.file, self.feature, self.reason = file, feature, reason
        where = "" if feature is None else f", feature {feature}"
        super().__init__(f"{file}{where}: {reason}")


@dataclass(frozen=True, slots=True)
class District:
    """One district.

    Attributes:
        code: short and lasting; it is stored with reports.
        name_zh: its name in Chinese.
        name_en: its name in English.
    """

    code: str
    name_zh: str
    name_en: str


@dataclass(frozen=True, slots=True)
class Place:
    """Something a rider would name: a street corner, a market, a stop.

    Attributes:
        name_zh: its name in Chinese.
        name_en: its name in English.
        kind: what it is, in the file's own words; may be empty.
        latitude: degrees north.
        longitude: degrees east.
    """

    name_zh: str
    name_en: str
    kind: str
    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class _Frame:
    """A flat map about the districts, true to scale in their middle; in degrees of latitude."""

    longitude: float
    scale: float

    @classmethod
    def over(cls, bounds: Bounds) -> "_Frame":
        return cls(
            longitude=(bounds.west + bounds.east) / 2.0,
            scale=max(cos(radians((bounds.south + bounds.north) / 2.0)), 1e-6),
        )

    def flat(self, latitude: float, longitude: float) -> tuple[float, float]:
        east = (longitude - self.longitude + 180.0) % 360.0 - 180.0
        return east * self.scale, latitude

    def round(self, x: float, y: float) -> tuple[float, float]:
        """(Latitude, longitude) of a point of the map."""
        return y, x / self.scale + self.longitude


@dataclass(frozen=True, slots=True)
class Districts:
    """All districts and named places; immutable, and safe to share between threads.

    Attributes:
        districts: in the file's order.
        places: in the file's order.
        bounds: the rectangle that holds all districts.
    """

    districts: tuple[District, ...]
    places: tuple[Place, ...]
    bounds: Bounds
    _frame: _Frame = field(repr=False)
    _shapes: tuple["MultiPolygon", ...] = field(repr=False)
    _tree: "STRtree" = field(repr=False)
    _place_tree: "STRtree" = field(repr=False)

    def __iter__(self) -> Iterator[District]:
        return iter(self.districts)

    def __len__(self) -> int:
        return len(self.districts)

    def by_code(self, code: str) -> District | None:
        """The district of a code, or None."""
        return next((district for district in self.districts if district.code == code), None)

    def locate(self, latitude: float, longitude: float) -> District | None:
        """The district a place lies in.

        Args:
            latitude: degrees north; numbers that are no place are in no district.
            longitude: degrees east.

        Returns:
            Where districts overlap or share a border, the first in the file; outside all, None.
        """
        from shapely import Point  # noqa: PLC0415 - 19 MB, loaded with the first file

        if not _is_place(latitude, longitude):
            return None
        point = Point(self._frame.flat(latitude, longitude))
        hits = self._tree.query(point, predicate="intersects")
        return self.districts[int(hits.min())] if len(hits) else None

    def nearest(self, latitude: float, longitude: float) -> tuple[District, float]:
        """The district nearest to a place.

        Args:
            latitude: degrees north.
            longitude: degrees east.

        Returns:
            The district and the metres to its border, 0 inside. What is no place at all is
            `FARTHEST_M` away from the first.
        """
        from shapely import Point  # noqa: PLC0415
        from shapely.ops import nearest_points  # noqa: PLC0415

        inside = self.locate(latitude, longitude)
        if inside is not None:
            return inside, 0.0
        if not _is_place(latitude, longitude):
            return self.districts[0], FARTHEST_M
        point = Point(self._frame.flat(latitude, longitude))

        def metres_to(index: int) -> float:
            on_border, _ = nearest_points(self._shapes[index], point)
            border = self._frame.round(on_border.x, on_border.y)
            return distance_m(border, (latitude, longitude))

        metres, index = min((metres_to(index), index) for index in range(len(self.districts)))
        return self.districts[index], metres

    def around(self, latitude: float, longitude: float) -> list[District]:
        """All districts, the nearest to a place first.

        Args:
            latitude: degrees north.
            longitude: degrees east.
        """
        from shapely import Point  # noqa: PLC0415

        if not _is_place(latitude, longitude):
            return list(self.districts)
        point = Point(self._frame.flat(latitude, longitude))
        order = sorted(range(len(self)), key=lambda index: self._shapes[index].distance(point))
        return [self.districts[index] for index in order]

    def near_place(
        self, latitude: float, longitude: float, within_m: float
    ) -> tuple[Place, float] | None:
        """The nearest named place.

        Args:
            latitude: degrees north.
            longitude: degrees east.
            within_m: how far to look, in metres.

        Returns:
            The place and the metres to it, or None when none is that near.
        """
        from shapely import Point  # noqa: PLC0415

        if not self.places or not _is_place(latitude, longitude):
            return None
        index = self._place_tree.nearest(Point(self._frame.flat(latitude, longitude)))
        if index is None:
            return None
        place = self.places[int(index)]
        metres = distance_m((place.latitude, place.longitude), (latitude, longitude))
        return (place, metres) if metres <= within_m else None

    def problems(self) -> list[str]:
        """What can be lived with but was hardly meant: overlaps, and places outside all districts.

        Returns:
            A sentence each, in English, for the operator.
        """
        found = []
        pairs = combinations(zip(self.districts, self._shapes, strict=True), 2)
        for (first, its_shape), (second, other_shape) in pairs:
            area = its_shape.intersection(other_shape).area * _METRES_A_DEGREE**2
            if area > _OVERLAP_WORTH_TELLING_M2:
                found.append(
                    f"{first.code} and {second.code} overlap by {area / 10_000:,.2f} ha;"
                    f" a place in both counts as {first.code}"
                )
        found.extend(
            f"the place {place.name_en} ({place.name_zh}) lies outside all districts"
            for place in self.places
            if self.locate(place.latitude, place.longitude) is None
        )
        return found


def load_districts(file: Path, places: Path | None = None) -> Districts:
    """Read districts and, where there is such a file, named places.

    Args:
        file: a GeoJSON FeatureCollection of Polygons and MultiPolygons in WGS-84, each with the
            properties `code`, `name_zh` and `name_en`. No district may cross the antimeridian.
        places: a GeoJSON FeatureCollection of Points with `name_zh`, `name_en` and perhaps `kind`.

    Raises:
        DistrictsError: a file cannot be read or used; it says which feature and what to do.
    """
    from shapely import MultiPolygon, Point, Polygon, STRtree, is_valid_reason, prepare  # noqa: PLC0415

    source = _Source(file)
    districts: list[District] = []
    polygons: list[list[list[_Ring]]] = []
    for index, feature in enumerate(source.features()):
        district = District(
            code=source.text(index, feature, "code"),
            name_zh=source.text(index, feature, "name_zh"),
            name_en=source.text(index, feature, "name_en"),
        )
        if not _CODE.fullmatch(district.code):
            source.refuse(
                index, f"the code {district.code!r} is more than 40 letters, digits, - and _"
            )
        if any(district.code == known.code for known in districts):
            source.refuse(index, f"the code {district.code!r} is taken by an earlier feature")
        districts.append(district)
        polygons.append(source.polygons(index, feature))
    if not districts:
        source.refuse(None, "there are no features: at least one district is needed")

    corners = [corner for parts in polygons for rings in parts for corner in rings[0]]
    bounds = Bounds(
        south=min(latitude for _, latitude in corners),
        west=min(longitude for longitude, _ in corners),
        north=max(latitude for _, latitude in corners),
        east=max(longitude for longitude, _ in corners),
    )
    frame = _Frame.over(bounds)
    shapes: list[MultiPolygon] = []
    for index, parts in enumerate(polygons):
        shape = MultiPolygon(
            [
                Polygon(outer, holes)
                for outer, *holes in (
                    [[frame.flat(lat, lon) for lon, lat in ring] for ring in rings]
                    for rings in parts
                )
            ]
        )
        if not shape.is_valid:
            source.refuse(index, _how_to_repair(is_valid_reason(shape), frame))
        prepare(shape)
        shapes.append(shape)

    named = _read_places(places, bounds) if places is not None else ()
    tree = STRtree(shapes)
    place_tree = STRtree([Point(frame.flat(place.latitude, place.longitude)) for place in named])
    return Districts(tuple(districts), named, bounds, frame, tuple(shapes), tree, place_tree)


def _read_places(file: Path, bounds: Bounds) -> tuple[Place, ...]:
    source = _Source(file)
    places = []
    for index, feature in enumerate(source.features()):
        geometry = source.geometry(index, feature)
        if geometry.get("type") != "Point":
            source.refuse(index, f"a place is a Point, not a {geometry.get('type')}")
        longitude, latitude = source.position(index, geometry.get("coordinates"))
        if bounds.holds(longitude, latitude) and not bounds.holds(latitude, longitude):
            source.refuse(index, _SWAPPED)
        kind = feature["properties"].get("kind") if "kind" in feature["properties"] else ""
        places.append(
            Place(
                name_zh=source.text(index, feature, "name_zh"),
                name_en=source.text(index, feature, "name_en"),
                kind=str(kind),
                latitude=latitude,
                longitude=longitude,
            )
        )
    return tuple(places)


_SWAPPED = "latitude stands before longitude; GeoJSON has [longitude, latitude]: swap them"


class _Source:
    """A GeoJSON file that complains about itself."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def refuse(self, feature: int | None, reason: str) -> NoReturn:
        raise DistrictsError(self.file, feature, reason)

    def features(self) -> list[dict[str, Any]]:
        try:
            content = json.loads(self.file.read_text(encoding="utf-8-sig"))
        except OSError as error:
            raise DistrictsError(self.file, None, error.strerror or "cannot be read") from error
        except (ValueError, RecursionError) as error:
            raise DistrictsError(self.file, None, f"is no JSON: {error}") from error
        if not isinstance(content, dict) or content.get("type") != "FeatureCollection":
            self.refuse(None, 'is no GeoJSON: a FeatureCollection is needed ("type")')
        # RFC 7946 knows WGS-84 only, but older tools still write down another system they used.
        system = str(content.get("crs") or "CRS84")
        if "CRS84" not in system and "4326" not in system:
            self.refuse(None, "its coordinates are not in WGS-84: export it again as EPSG:4326")
        features = content.get("features")
        if not isinstance(features, list):
            self.refuse(None, 'is no GeoJSON: "features" is no list')
        for index, feature in enumerate(features):
            if not isinstance(feature, dict) or feature.get("type") != "Feature":
                self.refuse(index, 'is no GeoJSON Feature ("type")')
            if not isinstance(feature.get("properties"), dict):
                self.refuse(index, "has no properties")
        return features

    def text(self, index: int, feature: dict[str, Any], key: str) -> str:
        value = feature["properties"].get(key)
        if not isinstance(value, str) or not value.strip():
            self.refuse(index, f"needs the property {key!r}, a text")
        return value.strip()

    def geometry(self, index: int, feature: dict[str, Any]) -> dict[str, Any]:
        geometry = feature.get("geometry")
        if not isinstance(geometry, dict):
            self.refuse(index, "has no geometry")
        return geometry

    def polygons(self, index: int, feature: dict[str, Any]) -> list[list[_Ring]]:
        """Polygons, each a list of rings, the outer one first; positions (longitude, latitude)."""
        geometry = self.geometry(index, feature)
        coordinates = geometry.get("coordinates")
        match geometry.get("type"):
            case "Polygon":
                parts = [coordinates]
            case "MultiPolygon" if isinstance(coordinates, list) and coordinates:
                parts = coordinates
            case other:
                self.refuse(index, f"a district is a Polygon or a MultiPolygon, not a {other}")
        return [self._rings(index, part) for part in parts]

    def _rings(self, index: int, rings: Any) -> list[_Ring]:
        if not isinstance(rings, list) or not rings or not all(isinstance(r, list) for r in rings):
            self.refuse(index, "its coordinates are no list of rings")
        read = [[self.position(index, position) for position in ring] for ring in rings]
        for ring in read:
            if len(ring) < 4:
                self.refuse(index, f"a ring has {len(ring)} positions; the least is 4")
            if ring[0] != ring[-1]:
                self.refuse(index, "a ring is open: repeat its first position at its end")
        return read

    def position(self, index: int, position: Any) -> tuple[float, float]:
        if not (
            isinstance(position, list)
            and len(position) >= 2
            and all(type(number) in (int, float) for number in position[:2])
        ):
            self.refuse(index, f"{str(position)[:60]} is no position [longitude, latitude]")
        try:
            longitude, latitude = float(position[0]), float(position[1])
        except OverflowError:
            self.refuse(index, "a position has a number of hundreds of digits")
        if not (isfinite(longitude) and isfinite(latitude)):
            self.refuse(index, f"{position} is no place on Earth")
        if abs(longitude) > 180.0:
            self.refuse(index, f"{position} are no degrees: export it again as EPSG:4326 (WGS-84)")
        if abs(latitude) > 90.0:
            self.refuse(index, _SWAPPED if abs(longitude) <= 90.0 else f"{position} is no place")
        return longitude, latitude


def _is_place(latitude: float, longitude: float) -> bool:
    return isfinite(longitude) and -90.0 <= latitude <= 90.0


def _how_to_repair(reason: str, frame: _Frame) -> str:
    """What shapely found wrong, with the spot on the globe and a way to mend it."""
    what, _, spot = reason.partition("[")
    where = ""
    if spot:
        x, y = (float(number) for number in spot.rstrip("]").split())
        latitude, longitude = frame.round(x, y)
        where = f" near latitude {latitude:.5f}, longitude {longitude:.5f}"
    return (
        f"invalid shape ({what.lower()}{where}); mend it there, or all at once with"
        " “Fix geometries” in QGIS or shapely.make_valid"
    )
