"""`sentinel export`: rows as CSV, JSON or GeoJSON, written as they are read."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import Any, TextIO

from services.exports import Row


class Format(StrEnum):
    """How rows are written."""

    CSV = "csv"
    JSON = "json"
    GEOJSON = "geojson"


class NoPlaces(Exception):  # noqa: N818 - an answer to the operator
    """These rows have no places, so they cannot be GeoJSON."""


def write(rows: Iterable[Row], file: TextIO, *, format_: Format, has_places: bool) -> None:
    """Write rows.

    Args:
        rows: as dictionaries with the same keys.
        file: open for text, UTF-8, without newline translation.
        format_: how.
        has_places: the rows carry latitude and longitude.

    Raises:
        NoPlaces: GeoJSON is asked of rows without places.
    """
    if format_ is Format.GEOJSON and not has_places:
        raise NoPlaces
    _WRITERS[format_](rows, file)


def _csv(rows: Iterable[Row], file: TextIO) -> None:
    writer: csv.DictWriter[str] | None = None
    for row in rows:
        if writer is None:
            writer = csv.DictWriter(file, fieldnames=list(row))
            writer.writeheader()
        writer.writerow({name: harmless(value) for name, value in row.items()})


def harmless(value: Any) -> Any:
    """A value as it may stand in a spreadsheet, which runs what begins like a formula."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return value


def _json(rows: Iterable[Row], file: TextIO) -> None:
    _array(rows, file)
    file.write("\n")


def _geojson(rows: Iterable[Row], file: TextIO) -> None:
    file.write('{"type": "FeatureCollection", "features": ')
    _array((_feature(row) for row in rows), file)
    file.write("}\n")


def _array(items: Iterable[Any], file: TextIO) -> None:
    file.write("[")
    for number, item in enumerate(items):
        file.write(",\n" if number else "\n")
        file.write(json.dumps(item, ensure_ascii=False))
    file.write("\n]")


def _feature(row: Row) -> dict[str, Any]:
    properties = {k: v for k, v in row.items() if k not in ("latitude", "longitude")}
    return {
        "type": "Feature",
        "id": row["id"],
        "geometry": {"type": "Point", "coordinates": [row["longitude"], row["latitude"]]},
        "properties": properties,
    }


def counted(rows: Iterable[Row], step: Callable[[], object]) -> Iterator[Row]:
    """The same rows, with a call after each, for a progress bar."""
    for row in rows:
        yield row
        step()


_WRITERS: dict[Format, Callable[[Iterable[Row], TextIO], None]] = {
    Format.CSV: _csv,
    Format.JSON: _json,
    Format.GEOJSON: _geojson,
}
