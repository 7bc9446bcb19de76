"""How long a report waits for its card: from the press that submits it to the call that sends it.

Each district has a desk of its own, and each desk takes as much a minute as a group at Telegram.
"""

import json
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from shapely import Point, box, prepare

from benchmarks.databases import postgresql
from benchmarks.processes import BenchmarkFailed, await_listening, cores, free_port, load, sentinel
from benchmarks.report import Findings, Goal, Options, percentile
from benchmarks.riders import MODERATORS, STEPS, places

KEYS = ("cards-sqlite", "cards-postgresql")
NAMES = {"cards-sqlite": "ours, SQLite", "cards-postgresql": "ours, PostgreSQL"}
PER_SECOND = 5
RIDERS = 200
WARM_UP, REPORTS = 50, 600
QUICK_WARM_UP, QUICK_REPORTS = 5, 50
# Squares each way over the shipped districts.
GRID = 13
LIMIT_MS = 250.0
FIRST_DESK = -1002000000000


def run(options: Options) -> Findings:
    """Measure on each database.

    Raises:
        BenchmarkFailed: the bot did not do what it should.
    """
    rows, goals, raw = [], [], {}
    with TemporaryDirectory(prefix="bench-") as temporary:
        for key in KEYS:
            if not options.wants(key):
                continue
            folder = Path(temporary) / key
            folder.mkdir()
            desks, waits = _measure(key, folder, quick=options.quick)
            middle, late, worst = percentile(waits, 50), percentile(waits, 99), max(waits)
            rows.append((NAMES[key], f"{desks}", f"{middle:.0f}", f"{late:.0f}", f"{worst:.0f}"))
            raw[key] = {"desks": desks, "p50_ms": middle, "p99_ms": late, "worst_ms": worst}
            claim = f"{NAMES[key]}: p99 under {LIMIT_MS:.0f} ms"
            goals.append(Goal(claim, f"{late:.0f} ms", late < LIMIT_MS))
    return Findings(
        title=f"From a submitted report to its card's call, at {PER_SECOND} reports a second",
        columns=("", "desks", "p50 ms", "p99 ms", "longest ms"),
        rows=rows,
        notes=(
            f"{RIDERS} riders begin reports at random moments, {PER_SECOND} a second, all over the",
            "shipped districts, cut into squares with a desk each; nobody decides meanwhile. Timed",
            "from the press that submits a report, so with its whole transaction, to the call that",
            "sends its card. Each desk keeps to 18 messages and edits a minute, board included.",
        ),
        goals=goals,
        raw=raw,
    )


def _measure(key: str, folder: Path, *, quick: bool) -> tuple[int, list[float]]:
    warm_up, reports = (QUICK_WARM_UP, QUICK_REPORTS) if quick else (WARM_UP, REPORTS)
    districts = folder / "squares.geojson"
    codes = _cut(districts)
    desks = [
        {"chat": FIRST_DESK - number, "districts": [code]} for number, code in enumerate(codes)
    ]
    told = {
        "SENTINEL_DISTRICTS__FILE": str(districts),
        "SENTINEL_CHATS__DESKS": json.dumps(desks),
        "SENTINEL_TELEGRAM__GROUP_PER_MINUTE": "18",
    }
    shares = cores(1)
    with ExitStack() as end:
        url = f"sqlite:///{folder / 'sentinel.db'}"
        if key == "cards-postgresql":
            server = end.enter_context(postgresql())
            server.pin(shares.database)
            url = end.enter_context(server.database("run"))
        riders = end.enter_context(
            load(
                *("--riders", str(RIDERS), "--pictures", "fetched"),
                log=folder / "stub.log",
                cores=shares.load,
            )
        )
        port = free_port()
        bot = end.enter_context(
            sentinel(
                riders.api_url,
                folder,
                moderators=MODERATORS,
                front_door="webhook",
                port=port,
                database_url=url,
                cores=shares.bots[0],
                told=told,
            )
        )
        riders.await_bot()
        await_listening(bot, port)
        try:
            riders.measure(warm_up, [bot.pid], per_second=PER_SECOND * STEPS)
            measured = riders.measure(reports, [bot.pid], per_second=PER_SECOND * STEPS)
        except BenchmarkFailed as failed:
            raise BenchmarkFailed(f"{failed}\n{bot.last_words()}") from failed
    if len(measured.card_waits_ms) < reports:
        raise BenchmarkFailed(f"{len(measured.card_waits_ms)} of {reports} cards were sent")
    return len(codes), measured.card_waits_ms


def _cut(file: Path) -> list[str]:
    """Write squares over all places where riders report; their codes."""
    points = [(lon, lat) for lat, lon in places()]
    west, south = (min(point[axis] for point in points) - 0.001 for axis in (0, 1))
    east, north = (max(point[axis] for point in points) + 0.001 for axis in (0, 1))
    width, height = (east - west) / GRID, (north - south) / GRID
    features = []
    for number in range(GRID * GRID):
        column, row = number % GRID, number // GRID
        left, bottom = west + column * width, south + row * height
        square = box(left, bottom, left + width, bottom + height)
        prepare(square)
        if not any(square.contains(Point(point)) for point in points):
            continue
        code = f"square{len(features)}"
        ring = [list(corner) for corner in square.exterior.coords]
        names = {
            "code": code,
            "name_zh": f"第{len(features)}格",
            "name_en": f"Square {len(features)}",
        }
        geometry = {"type": "Polygon", "coordinates": [ring]}
        features.append({"type": "Feature", "properties": names, "geometry": geometry})
    collection = {"type": "FeatureCollection", "features": features}
    file.write_text(json.dumps(collection, ensure_ascii=False), encoding="utf-8")
    return [feature["properties"]["code"] for feature in features]
