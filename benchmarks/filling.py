"""Fills a database as two years of reports would have: the database makes the rows itself.

Every table an update reads or writes gets its share: people, reports with a photo and two events
each, the cards that showed them, the points that were paid, the updates of the last three days.
They lie where the riders report, all over the districts and half of them in one place out of fifty;
never so near one of the riders' own places that the bot would have to ask whether it is the same.
"""

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import yaml
from sqlalchemy import Dialect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, DropIndex

from benchmarks.databases import PostgreSQL
from benchmarks.processes import ROOT
from benchmarks.riders import APART, MODERATORS, STEPS, places
from models import Base, clock
from services.places import cell_of

# Two years, in seconds, up to now.
SPAN_S = 730 * 86_400
REPORTS_A_PERSON = 50
FIRST_PERSON = 10**10
# One place out of so many has half of all reports.
HOT = 50
# Reports nobody has decided yet: an hour or two of a desk that keeps up.
UNDECIDED = 200


@dataclass(frozen=True)
class Speech:
    """What the two databases say differently.

    Attributes:
        dialect: SQLAlchemy's.
        series: a table `s` of the numbers `n` from 1 to {count}.
        moment: seconds since 1970 as a moment.
        digest: 32 hexadecimal digits, others for each row.
    """

    dialect: Dialect
    series: str
    moment: str
    digest: str


SQLITE = Speech(
    dialect=sqlite.dialect(),
    series="(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {count})"
    " SELECT n FROM s) AS s",
    moment="strftime('%Y-%m-%d %H:%M:%f000', {seconds}, 'unixepoch')",
    digest="lower(hex(randomblob(16)))",
)
POSTGRESQL = Speech(
    dialect=postgresql.dialect(),  # type: ignore[no-untyped-call]
    series="generate_series(CAST(1 AS bigint), {count}) AS s(n)",
    moment="to_timestamp({seconds})",
    digest="md5(n::text)",
)


def fill_sqlite(file: str, count: int) -> None:
    """Fill a migrated database.

    Args:
        file: where it lies.
        count: of reports.
    """
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        # Nothing has to survive a crash while it is being filled.
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-500000", "threads=2"):
            connection.execute(f"PRAGMA {pragma}")
        _fill(connection, SQLITE, count)
        connection.execute("PRAGMA journal_mode=WAL")


def fill_postgresql(server: PostgreSQL, name: str, count: int) -> None:
    """Fill a migrated database, and do what the server's own housekeeping does within minutes.

    Args:
        server: where it lies.
        name: of the database.
        count: of reports.
    """
    with server.careless(), closing(server.connect(name)) as connection:
        connection.autocommit = True
        # The rows refer to each other by construction: nobody has to look.
        for setting in (
            "session_replication_role = replica",
            "maintenance_work_mem = '1GB'",
        ):
            connection.execute(f"SET {setting}")
        _fill(connection, POSTGRESQL, count)
        for table in ("report", "photo", "card", "report_event"):
            connection.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}"
            )
        connection.execute("VACUUM ANALYZE")


@contextmanager
def unindexed(connection: Any, speech: Speech) -> Iterator[None]:
    """Without indexes for the length of a `with` block: sorting once is much cheaper afterwards."""
    indexes = [index for table in Base.metadata.sorted_tables for index in table.indexes]
    for index in indexes:
        connection.execute(str(DropIndex(index).compile(dialect=speech.dialect)))
    yield
    for index in indexes:
        connection.execute(str(CreateIndex(index).compile(dialect=speech.dialect)))


def _fill(connection: Any, speech: Speech, count: int) -> None:
    with unindexed(connection, speech):
        for table, columns, rows in (("kind", _KIND, _kinds()), ("spot", _SPOT, _spots())):
            connection.execute(f"CREATE TEMPORARY TABLE {table} ({columns})")
            _insert(connection, table, list(rows))
        for statement in _statements(speech, count):
            connection.execute(statement)


def _insert(connection: Any, table: str, rows: list[tuple[Any, ...]]) -> None:
    mark = "?" if isinstance(connection, sqlite3.Connection) else "%s"
    marks = ", ".join([mark] * len(rows[0]))
    with closing(connection.cursor()) as cursor:
        cursor.execute("BEGIN")
        cursor.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
        cursor.execute("COMMIT")


_KIND = """number INTEGER PRIMARY KEY, code TEXT, zh TEXT, en TEXT, emoji TEXT, danger BOOLEAN,
    hours INTEGER"""
_SPOT = """number INTEGER PRIMARY KEY, latitude DOUBLE PRECISION, longitude DOUBLE PRECISION,
    cell BIGINT"""


def _kinds() -> Iterator[tuple[Any, ...]]:
    shipped = yaml.safe_load((ROOT / "config.yaml").read_text("utf-8"))["categories"]
    for number, kind in enumerate(shipped):
        name, danger = kind["name"], kind.get("danger", False)
        hours = kind.get("deadline_hours", 72)
        yield number, kind["code"], name["zh"], name["en"], kind["emoji"], danger, hours


def _spots() -> Iterator[tuple[Any, ...]]:
    # Half-way between four places of the riders, give or take 15 m.
    dice, shift = random.Random(17), APART / 2
    for number, (latitude, longitude) in enumerate(places()):
        lat, lon = (
            middle + shift + dice.uniform(-0.00014, 0.00014) for middle in (latitude, longitude)
        )
        yield number, lat, lon, cell_of(lat, lon)


def _statements(speech: Speech, count: int) -> Iterator[str]:
    spots, kinds = sum(1 for _ in places()), sum(1 for _ in _kinds())
    people = max(count // REPORTS_A_PERSON, 20)
    now = clock.now().timestamp()
    first_undecided = count - min(UNDECIDED, count // 200) + 1

    def numbers(upto: int) -> str:
        return speech.series.format(count=upto)

    def moment(seconds: str) -> str:
        return speech.moment.format(seconds=seconds)

    # Ids and moments rise together, as they do when reports come in.
    made_s = f"{now} - {SPAN_S} * (1 - n * 1.0 / {count})"
    decided_s = f"{made_s} + 60 * (1 + n % 40)"
    decided = f"n < {first_undecided}"
    # Of ten decided, six are approved, three rejected, one was withdrawn.
    approved = f"{decided} AND n % 10 < 6"
    state = (
        f"CASE WHEN NOT ({decided}) THEN 'submitted' WHEN n % 10 < 6 THEN 'approved'"
        " WHEN n % 10 < 9 THEN 'rejected' ELSE 'withdrawn' END"
    )
    person = f"n * 7919 % {people}"
    spot = f"CASE n % 2 WHEN 0 THEN n * 48271 % {spots} ELSE n * 48271 % {spots // HOT} * {HOT} END"
    points = "5 * (1 + n % 3)"

    yield f"""
        INSERT INTO person (id, language, language_chosen, bird, bird_number, created_at)
        SELECT {FIRST_PERSON} + n - 1, CASE n % 4 WHEN 0 THEN 'en' ELSE 'zh_Hans' END, FALSE,
            n % 24, n / 24 + 1, {moment(f"{now} - {SPAN_S}")}
        FROM {numbers(people)}"""
    yield f"""
        INSERT INTO report (id, reporter_id, draft_id, state, category, category_name_zh,
            category_name_en, category_emoji, danger, deadline_hours, latitude, longitude,
            place_source, cell, district, place_name_zh, place_name_en, note, note_parts,
            surplus_told, created_at, decided_at, grade, points, decided_by, decided_by_name)
        SELECT n, {FIRST_PERSON} + {person}, n, {state}, kind.code, kind.zh, kind.en, kind.emoji,
            kind.danger, kind.hours, spot.latitude, spot.longitude, 'pin', spot.cell, 'shanyao',
            '', '', '', '[]', FALSE, {moment(made_s)},
            CASE WHEN {decided} THEN {moment(decided_s)} END,
            CASE WHEN {approved} THEN 1 + n % 3 END, CASE WHEN {approved} THEN {points} END,
            CASE WHEN {decided} THEN 1 END, CASE WHEN {decided} THEN 'Reviewer' END
        FROM {numbers(count)}
        JOIN kind ON kind.number = n * 7 % {kinds}
        JOIN spot ON spot.number = {spot}"""
    yield f"""
        INSERT INTO photo (id, owner_id, file_id, file_unique_id, as_file, forwarded, sent_at,
            state, sha256, dhash, width, height, size)
        SELECT n, {FIRST_PERSON} + {person}, 'filled-' || {speech.digest},
            substr({speech.digest}, 1, 16), FALSE, FALSE, {moment(made_s)}, 'stored',
            {speech.digest} || {speech.digest}, n * 2654435761, 1280, 960, 150000 + n % 50000
        FROM {numbers(count)}"""
    yield f"""
        INSERT INTO report_photo (report_id, photo_id, position)
        SELECT n, n, 0 FROM {numbers(count)}"""
    yield f"""
        INSERT INTO report_event (id, report_id, at, actor_id, actor_role, kind, to_state)
        SELECT 2 * n - 1, n, {moment(made_s)}, {FIRST_PERSON} + {person}, 'rider', 'submitted',
            'submitted'
        FROM {numbers(count)}"""
    yield f"""
        INSERT INTO report_event (id, report_id, at, actor_id, actor_role, kind, from_state,
            to_state)
        SELECT 2 * n, n, {moment(decided_s)}, 1, 'reviewer', {state}, 'submitted', {state}
        FROM {numbers(count)} WHERE {decided}"""
    for offset, chat, purpose, has_photo in (
        (1, str(MODERATORS), "review", "TRUE"),
        (0, f"{FIRST_PERSON} + {person}", "receipt", "FALSE"),
    ):
        yield f"""
            INSERT INTO card (id, report_id, chat_id, purpose, message_id, has_photo, has_album)
            SELECT 2 * n - {offset}, n, {chat}, '{purpose}', n, {has_photo}, FALSE
            FROM {numbers(count)}"""
    yield f"""
        INSERT INTO account (id, kind, owner_id)
        SELECT n, CASE n WHEN 1 THEN 'programme' ELSE 'rider' END,
            CASE n WHEN 1 THEN 0 ELSE {FIRST_PERSON} + n - 2 END
        FROM {numbers(people + 1)}"""
    yield f"""
        INSERT INTO ledger_transaction (id, rule, subject, report_id, terms, at)
        SELECT n, 'approval', 'report:' || n, n, '{{}}', {moment(decided_s)}
        FROM {numbers(count)} WHERE {approved}"""
    for offset, account, sign in ((1, f"{person} + 2", ""), (0, "1", "-")):
        yield f"""
            INSERT INTO ledger_entry (id, transaction_id, account_id, points)
            SELECT 2 * n - {offset}, n, {account}, {sign}({points})
            FROM {numbers(count)} WHERE {approved}"""
    # What is kept of updates, of the last three days.
    seen = max(count * STEPS * 3 // 730, 1)
    yield f"""
        INSERT INTO seen_update (update_id, at)
        SELECT n, {moment(f"{now} - 3 * 86400 * (1 - n * 1.0 / {seen})")} FROM {numbers(seen)}"""
