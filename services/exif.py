"""What a camera wrote into a picture: the few EXIF facts this project asks for.

A reader of its own, because the file comes from a stranger: it looks up eight tags, copies a few
bytes for each, and cannot be made to load a megabyte for every entry of a hostile directory.
The layout is TIFF 6.0's; the tags are those of EXIF 2.32.
"""

import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from math import isfinite

_ORIENTATION, _EXIF_POINTER, _GPS_POINTER = 0x0112, 0x8769, 0x8825
_TAKEN, _TAKEN_OFFSET = 0x9003, 0x9011
_SOUTH_OR_NORTH, _LATITUDE, _WEST_OR_EAST, _LONGITUDE, _GPS_TIME, _GPS_DATE = 1, 2, 3, 4, 7, 29

# Type number → struct code and bytes apiece: byte, ascii, short, long, rational, signed rational.
_TYPES = {1: ("B", 1), 2: ("c", 1), 3: ("H", 2), 4: ("I", 4), 5: ("II", 8), 10: ("ii", 8)}

_MOST_ENTRIES = 512
_MOST_VALUES = 64

# Cameras without a fix write zeros; nobody delivers parcels eleven metres off that buoy.
_NULL_ISLAND_DEGREES = 1e-4


class GpsFault(StrEnum):
    """Why the GPS place of a picture is not used."""

    MISSING = "missing"
    NOT_A_NUMBER = "not_a_number"
    NULL_ISLAND = "null_island"
    OUT_OF_RANGE = "out_of_range"


@dataclass(frozen=True, slots=True)
class Exif:
    """What was found.

    Attributes:
        orientation: 1 to 8 as EXIF numbers them; 1, upright, when absent or senseless.
        taken_at: when the picture was taken, zone-aware, where the file knows the zone: from the
            camera's clock with its offset, else from the GPS clock.
        taken_local: the camera's clock as `2026-11-24T08:05:00`, zone unknown.
        latitude: degrees north, or None with `gps_fault` saying why.
        longitude: degrees east, or None.
        gps_fault: None where there is a place.
    """

    orientation: int = 1
    taken_at: datetime | None = None
    taken_local: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    gps_fault: GpsFault | None = GpsFault.MISSING


def read_exif(block: bytes) -> Exif:
    """Read an EXIF block.

    Args:
        block: a TIFF structure, with or without `Exif` and two zero bytes before it. Any bytes
            will do; what cannot be read counts as absent.
    """
    block = block.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None:
        return Exif()
    tiff = _Tiff(block, order)
    main = tiff.directory(tiff.long_at(4))
    details = tiff.directory(main.number(_EXIF_POINTER))
    gps = tiff.directory(main.number(_GPS_POINTER))
    orientation = main.number(_ORIENTATION) or 1
    camera_clock = _moment(details.text(_TAKEN), details.text(_TAKEN_OFFSET))
    latitude, longitude, fault = _place(gps)
    return Exif(
        orientation=orientation if 1 <= orientation <= 8 else 1,
        taken_at=camera_clock if camera_clock and camera_clock.tzinfo else _gps_moment(gps),
        taken_local=camera_clock.replace(tzinfo=None).isoformat() if camera_clock else None,
        latitude=latitude,
        longitude=longitude,
        gps_fault=fault,
    )


class _Directory:
    """One list of tags."""

    def __init__(self, tiff: "_Tiff", entries: dict[int, tuple[int, int, int]]) -> None:
        self._tiff = tiff
        self._entries = entries

    def __contains__(self, tag: int) -> bool:
        return tag in self._entries

    def values(self, tag: int) -> tuple[int | bytes, ...]:
        if tag not in self._entries:
            return ()
        return self._tiff.values(*self._entries[tag])

    def number(self, tag: int) -> int | None:
        match self.values(tag):
            case (int(number),):
                return number
        return None

    def text(self, tag: int) -> str:
        letters = [value for value in self.values(tag) if isinstance(value, bytes)]
        return b"".join(letters).split(b"\0")[0].decode("ascii", "replace").strip()

    def ratios(self, tag: int) -> list[float]:
        """Rationals as numbers; a division by zero is NaN."""
        numbers = [value for value in self.values(tag) if isinstance(value, int)]
        pairs = zip(numbers[::2], numbers[1::2], strict=False)
        return [over / under if under else float("nan") for over, under in pairs]


class _Tiff:
    """Random access to a TIFF structure; what points outside it is empty."""

    def __init__(self, block: bytes, order: str) -> None:
        self._block = block
        self._order = order

    def long_at(self, offset: int) -> int | None:
        piece = self._block[offset : offset + 4]
        return int(struct.unpack(self._order + "I", piece)[0]) if len(piece) == 4 else None

    def directory(self, offset: int | None) -> _Directory:
        entries: dict[int, tuple[int, int, int]] = {}
        if offset is not None:
            piece = self._block[offset : offset + 2 + 12 * _MOST_ENTRIES]
            count = struct.unpack(self._order + "H", piece[:2])[0] if len(piece) >= 2 else 0
            for index in range(min(count, (len(piece) - 2) // 12)):
                start = 2 + 12 * index
                tag, kind, values = struct.unpack(self._order + "HHI", piece[start : start + 8])
                entries.setdefault(tag, (kind, values, offset + start + 8))
        return _Directory(self, entries)

    def values(self, kind: int, count: int, where: int) -> tuple[int | bytes, ...]:
        code, width = _TYPES.get(kind, ("", 0))
        if not code or count > _MOST_VALUES:
            return ()
        size = width * count
        # Up to four bytes stand in the entry itself, more where it points.
        start = where if size <= 4 else self.long_at(where)
        piece = b"" if start is None else self._block[start : start + size]
        if len(piece) < size:
            return ()
        return struct.unpack(self._order + code * count, piece)


def _moment(clock: str, offset: str = "") -> datetime | None:
    """`2026:11-24 08:05:00` and `+08:00`, either of them perhaps senseless."""
    iso = clock[:10].replace(":", "-") + "T" + clock[11:19]
    for written in (iso + offset, iso) if offset else (iso,):
        try:
            return datetime.fromisoformat(written)
        except ValueError:
            continue
    return None


def _gps_moment(gps: _Directory) -> datetime | None:
    parts = gps.ratios(_GPS_TIME)
    if len(parts) != 3 or not all(isfinite(part) and 0 <= part < 100 for part in parts):
        return None
    hour, minute, second = (int(part) for part in parts)
    midnight = _moment(f"{gps.text(_GPS_DATE)} 00:00:00")
    if midnight is None or hour > 23 or minute > 59 or second > 59:
        return None
    return midnight.replace(hour=hour, minute=minute, second=second, tzinfo=UTC)


def _place(gps: _Directory) -> tuple[float | None, float | None, GpsFault | None]:
    if _LATITUDE not in gps or _LONGITUDE not in gps:
        return None, None, GpsFault.MISSING
    latitude = _degrees(gps.ratios(_LATITUDE), gps.text(_SOUTH_OR_NORTH) == "S")
    longitude = _degrees(gps.ratios(_LONGITUDE), gps.text(_WEST_OR_EAST) == "W")
    fault = None
    if not (isfinite(latitude) and isfinite(longitude)):
        fault = GpsFault.NOT_A_NUMBER
    elif abs(latitude) > 90.0 or abs(longitude) > 180.0:
        fault = GpsFault.OUT_OF_RANGE
    elif max(abs(latitude), abs(longitude)) < _NULL_ISLAND_DEGREES:
        fault = GpsFault.NULL_ISLAND
    return (None, None, fault) if fault else (latitude, longitude, None)


def _degrees(parts: list[float], negative: bool) -> float:
    """Degrees, minutes and seconds in one; NaN when there is none or one of them is."""
    if not 1 <= len(parts) <= 3:
        return float("nan")
    value = sum(part / 60.0**index for index, part in enumerate(parts))
    return -value if negative else value
