"""The nearby question over a million reports, through the service, on both databases."""

import itertools
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import cos, radians
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from benchmarks.databases import postgresql
from benchmarks.report import Findings, Goal, Options, percentile
from bot import schema
from bot.database import create
from models import Report, clock
from models.workflow import OPEN_STATES, State
from services import places, reports
from services.reports import Near

COUNT, QUICK_COUNT = 1_000_000, 20_000
KEYS = ("sqlite", "postgresql")
QUESTIONS = 2_000
WARM_UP = 200
HOT_SPOTS = 400
CATEGORIES = [f"category_{number:02d}" for number in range(12)]
# 40 x 40 km around Quangang; a hot spot is a crossing or a square.
CENTRE = (25.17, 118.90)
HALF_SIDE_M = 20_000.0
HOT_SPOT_M = 40.0
YEARS = timedelta(days=730)
RADIUS_M = 30.0
BACK = timedelta(days=30)
LIMIT_MS = 2.0
_METRES_A_DEGREE = 111_195.0

Question = tuple[float, float, str]
Ask = Callable[[Session, Question, datetime], list[Near]]


@dataclass(frozen=True)
class Times:
    """Milliseconds a question took, and what was found."""

    ms: list[float]
    found: list[list[int]]


def run(options: Options) -> Findings:
    """Fill two databases and ask them."""
    count = QUICK_COUNT if options.quick else COUNT
    rows: list[tuple[str, ...]] = []
    goals: list[Goal] = []
    hits = 0
    now = clock.now()
    for name, database in (("SQLite", _sqlite), ("PostgreSQL", _postgresql)):
        if not options.wants(name.lower()):
            continue
        with database() as engine:
            _fill(engine, now, count)
            ours = _ask_all(engine, _ours, now)
            with engine.begin() as connection:
                # The peer's own; ours is asked before it is there.
                connection.execute(text("CREATE INDEX box ON report (latitude, longitude)"))
                connection.execute(text("ANALYZE report"))
            peer = _ask_all(engine, _box, now)
        if ours.found != peer.found:
            raise AssertionError("the two ways of asking do not agree")
        hits = sum(map(len, ours.found))
        p99 = percentile(ours.ms, 99)
        rows += [
            _row(f"{name}: through the service, cells", ours, peer),
            _row(f"{name}: peer, box on (latitude, longitude)", peer, peer),
        ]
        goals.append(
            Goal(f"p99 under {LIMIT_MS:.0f} ms on {name}", f"{p99:.2f} ms", met=p99 < LIMIT_MS)
        )
    return Findings(
        title=f"Open reports within {RADIUS_M:.0f} m, one category, {BACK.days} days,"
        f" out of {count:,}",
        columns=("", "p50 ms", "p99 ms", "longest ms", "questions/s", "ratio"),
        rows=rows,
        notes=_notes(hits),
        goals=goals,
    )


def _notes(hits: int) -> tuple[str, ...]:
    return (
        f"{QUESTIONS} questions, half of them at hot spots, {hits} hits. Half the reports lie in",
        f"{HOT_SPOTS} hot spots of {HOT_SPOT_M:.0f} m, the rest anywhere in 40 x 40 km, over two",
        "years. Each question is timed from the call of the service to its answer, in an ORM",
        "session whose transaction has begun. Ratio: questions a second, ours by the peer's.",
    )


def _row(name: str, times: Times, peer: Times) -> tuple[str, ...]:
    rate, peers = (1000 * len(one.ms) / sum(one.ms) for one in (times, peer))
    return (
        name,
        f"{percentile(times.ms, 50):.3f}",
        f"{percentile(times.ms, 99):.3f}",
        f"{max(times.ms):.2f}",
        f"{rate:,.0f}",
        f"{rate / peers:.2f}",
    )


# --- the questions ---


def _ask_all(engine: Engine, ask: Ask, now: datetime) -> Times:
    asked = list(itertools.islice(_questions(), WARM_UP + QUESTIONS))
    times = Times([], [])
    for question in asked:
        with Session(engine) as session:
            session.connection()
            begun = time.perf_counter()
            found = ask(session, question, now)
            times.ms.append((time.perf_counter() - begun) * 1000)
            times.found.append([near.report_id for near in found])
    return Times(times.ms[WARM_UP:], times.found[WARM_UP:])


def _ours(session: Session, question: Question, now: datetime) -> list[Near]:
    latitude, longitude, category = question
    return reports.nearby(
        session,
        latitude=latitude,
        longitude=longitude,
        category=category,
        radius_m=RADIUS_M,
        since=now - BACK,
    )


def _box(session: Session, question: Question, now: datetime) -> list[Near]:
    """The same question as most would ask it."""
    latitude, longitude, category = question
    high = RADIUS_M / _METRES_A_DEGREE * 1.001
    wide = high / cos(radians(latitude))
    rows = session.execute(
        select(Report.id, Report.latitude, Report.longitude, Report.state).where(
            Report.latitude.between(latitude - high, latitude + high),
            Report.longitude.between(longitude - wide, longitude + wide),
            Report.category == category,
            Report.created_at >= now - BACK,
        )
    )
    found = [
        Near(report_id, places.distance_m((latitude, longitude), (lat, lon)))
        for report_id, lat, lon, state in rows
        if state in OPEN_STATES
    ]
    return sorted(
        (near for near in found if near.distance_m <= RADIUS_M), key=lambda near: near.distance_m
    )


def _questions() -> Iterator[Question]:
    dice = random.Random(11)
    spots = _hot_spots()
    while True:
        place = _near(dice, dice.choice(spots)) if dice.random() < 0.5 else _anywhere(dice)
        yield (*place, dice.choice(CATEGORIES))


# --- the reports ---


def _hot_spots() -> list[tuple[float, float]]:
    dice = random.Random(5)
    return [_anywhere(dice) for _ in range(HOT_SPOTS)]


def _moved(place: tuple[float, float], north_m: float, east_m: float) -> tuple[float, float]:
    latitude, longitude = place
    return (
        latitude + north_m / _METRES_A_DEGREE,
        longitude + east_m / (_METRES_A_DEGREE * cos(radians(latitude))),
    )


def _anywhere(dice: random.Random) -> tuple[float, float]:
    return _moved(
        CENTRE, dice.uniform(-HALF_SIDE_M, HALF_SIDE_M), dice.uniform(-HALF_SIDE_M, HALF_SIDE_M)
    )


def _near(dice: random.Random, spot: tuple[float, float]) -> tuple[float, float]:
    return _moved(spot, dice.gauss(0, HOT_SPOT_M), dice.gauss(0, HOT_SPOT_M))


_COLUMNS = (
    "id",
    "reporter_id",
    "state",
    "category",
    "category_name_zh",
    "category_name_en",
    "category_emoji",
    "danger",
    "deadline_hours",
    "latitude",
    "longitude",
    "place_source",
    "cell",
    "district",
    "place_name_zh",
    "place_name_en",
    "note",
    "note_parts",
    "surplus_told",
    "created_at",
)
# Open ones are what the question is about; most of two years' reports are long closed.
_STATES = [State.SUBMITTED] + [State.APPROVED] * 5 + [State.REJECTED] * 3 + [State.WITHDRAWN]


def _reports(
    now: datetime, count: int, moment: Callable[[datetime], Any], no: Any
) -> Iterator[tuple[Any, ...]]:
    dice = random.Random(3)
    spots = _hot_spots()
    for number in range(1, count + 1):
        latitude, longitude = _near(dice, dice.choice(spots)) if number % 2 else _anywhere(dice)
        # Ids and moments rise together, as they do when reports come in.
        at = now - YEARS * (1 - number / count)
        yield (
            number, 1, str(dice.choice(_STATES)), dice.choice(CATEGORIES), "类别", "category",
            "🚧", no, 48, latitude, longitude, "pin", places.cell_of(latitude, longitude),
            "shanyao", "", "", "", "[]", no, moment(at),
        )  # fmt: skip


_PERSON = (
    "INSERT INTO person (id, language, language_chosen, bird, bird_number, created_at)"
    " VALUES (1, 'en', false, 1, 1, CURRENT_TIMESTAMP)"
)


def _fill(engine: Engine, now: datetime, count: int) -> None:
    schema.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text(_PERSON))
    raw = engine.raw_connection()
    driver: Any = raw.driver_connection
    columns = ", ".join(_COLUMNS)
    if engine.dialect.name == "sqlite":
        marks = ", ".join("?" * len(_COLUMNS))
        driver.execute("PRAGMA synchronous=OFF")
        driver.execute("BEGIN")
        driver.executemany(
            f"INSERT INTO report ({columns}) VALUES ({marks})",
            _reports(now, count, lambda at: at.strftime("%Y-%m-%d %H:%M:%S.%f"), 0),
        )
        driver.execute("COMMIT")
        driver.execute("PRAGMA synchronous=FULL")
        driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    else:
        with driver.cursor().copy(f"COPY report ({columns}) FROM STDIN") as copy:
            for row in _reports(now, count, lambda at: at, no=False):
                copy.write_row(row)
        driver.commit()
        driver.autocommit = True
        # What its own housekeeping does within a minute.
        driver.execute("VACUUM ANALYZE report")
        driver.autocommit = False
    raw.close()


# --- the databases ---


@contextmanager
def _sqlite() -> Iterator[Engine]:
    with TemporaryDirectory(prefix="bench-") as folder:
        engine = create(f"sqlite:///{folder}/nearby.db")
        yield engine
        engine.dispose()


@contextmanager
def _postgresql() -> Iterator[Engine]:
    with postgresql() as server, server.database("nearby") as url:
        engine = create(url)
        yield engine
        engine.dispose()
