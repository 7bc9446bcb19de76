"""The books with a million entries: a balance, redeeming, approving, and all of it verified."""

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from benchmarks.databases import postgresql
from benchmarks.filling import POSTGRESQL, SQLITE, Speech, unindexed
from benchmarks.report import Findings, Goal, Options, percentile
from bot import progress, schema
from bot.database import Database, create
from bot.settings import load
from models import Report, clock
from models.policy import Policy
from services import ledger, people, reports, review, verification, vouchers
from services.reviewers import Reviewer

ENTRIES, QUICK_ENTRIES = 1_000_000, 50_000
KEYS = ("sqlite", "postgresql")
# Entries a rider, on average.
EACH = 50
SHOPS, ITEMS, HEAVY = 100, 300, 10
SPAN_S = 730 * 86_400
COST = 5
# Reports that wait for their approval while it is measured.
WAITING = 400
BALANCES, WRITES, QUICK_WRITES = 2_000, 400, 50
BALANCE_MS, REDEEM_MS, VERIFY_S = 1.0, 10.0, 60.0
LIN = Reviewer(10**9, "林", is_chief=False)


def run(options: Options) -> Findings:
    """Fill the databases and measure on each."""
    rows: list[tuple[str, ...]] = []
    goals: list[Goal] = []
    entries = QUICK_ENTRIES if options.quick else ENTRIES
    writes = QUICK_WRITES if options.quick else WRITES
    policy = load().policy
    for key, name, opened in (
        ("sqlite", "SQLite", _sqlite),
        ("postgresql", "PostgreSQL", _postgresql),
    ):
        if not options.wants(key):
            continue
        with opened(entries) as database:
            _measure(
                database,
                name,
                policy=policy,
                riders=entries // EACH,
                writes=writes,
                rows=rows,
                goals=goals,
            )
    return Findings(
        title=f"The books with {entries:,} entries",
        columns=("", "p50", "p99", "peer p50", "peer p99", "ratio of p50"),
        rows=rows,
        notes=(
            f"{entries // EACH:,} riders, {HEAVY} of them with thousands of entries.",
            "The peer of a balance is a bare sum over the same index; of what writes, BEGIN, three",
            "bare inserts and COMMIT on one connection; of verify, a sum by transaction and one by",
            "account. What writes is a whole transaction, from the lock of its person to the",
            "return of its commit. The books hold before and after.",
        ),
        goals=goals,
    )


def _measure(
    database: Database,
    name: str,
    *,
    policy: Policy,
    riders: int,
    writes: int,
    rows: list[tuple[str, ...]],
    goals: list[Goal],
) -> None:
    dice = random.Random(7)
    who = [1 + (dice.randrange(HEAVY) if n % 10 == 0 else dice.randrange(riders))
           for n in range(BALANCES)]  # fmt: skip
    with database.transaction() as session:
        ours = _timed(who, lambda one: ledger.balance(session, person_id=one))
        driver: Any = session.connection().connection.driver_connection
        mark = "?" if database.is_sqlite else "%s"
        bare = f"SELECT sum(points) FROM ledger_entry WHERE account_id = {mark}"
        peer = _timed(who, lambda one: driver.execute(bare, (one + 2,)).fetchone())
    rows.append(_row(f"{name}: balance", ours, peer))
    goals.append(_goal(f"{name}: balance p99", percentile(ours, 99), BALANCE_MS))

    bare_writes = _bare_writes(database, writes)
    spenders = [dice.randrange(1, riders + 1) for _ in range(writes)]
    ours = _timed(spenders, lambda one: _redeem(database, one, 1 + one % ITEMS, policy))
    rows.append(_row(f"{name}: redeem", ours, bare_writes))
    goals.append(_goal(f"{name}: redeem p99", percentile(ours, 99), REDEEM_MS))

    with database.transaction() as session:
        last = session.scalar(text("SELECT max(id) FROM report"))
    assert last is not None
    waiting = list(range(last - writes + 1, last + 1))
    ours = _timed(waiting, lambda number: _approve(database, number, policy))
    rows.append(_row(f"{name}: approve", ours, bare_writes))

    with Session(database.engine) as session, progress.bars() as show:
        begun = time.perf_counter()
        faults = list(verification.verify(session, show=show))
        took = time.perf_counter() - begun
        begun = time.perf_counter()
        for column in ("transaction_id", "account_id"):
            session.execute(
                text(f"SELECT {column}, sum(points) FROM ledger_entry GROUP BY {column}")
            ).all()
        bare_took = time.perf_counter() - begun
    assert faults == [], faults[:5]
    rows.append(
        (
            f"{name}: verify",
            f"{took:.1f} s",
            "",
            f"{bare_took:.1f} s",
            "",
            f"{took / bare_took:.1f}",
        )
    )
    goals.append(
        Goal(f"{name}: verify under {VERIFY_S:.0f} s", f"{took:.1f} s", met=took < VERIFY_S)
    )


def _timed(cases: list[int], does: Callable[[int], object]) -> list[float]:
    """Milliseconds each took; the first tenth is warming up."""
    times = []
    for case in cases:
        begun = time.perf_counter()
        does(case)
        times.append((time.perf_counter() - begun) * 1000)
    return times[len(times) // 10 :]


def _row(name: str, ours: list[float], peer: list[float]) -> tuple[str, ...]:
    told = [f"{percentile(one, part):.3f} ms" for one in (ours, peer) for part in (50, 99)]
    return (name, *told, f"{percentile(ours, 50) / percentile(peer, 50):.1f}")


def _goal(what: str, measured: float, limit: float) -> Goal:
    return Goal(f"{what} under {limit:.0f} ms", f"{measured:.2f} ms", met=measured < limit)


def _redeem(database: Database, rider: int, item: int, policy: Policy) -> None:
    with database.transaction() as session:
        person = people.meet(session, person_id=rider, language_code=None, policy=policy)
        number = vouchers.next_number(session, person_id=rider)
        vouchers.redeem(
            session, person=person, item_id=item, number=number, cost=COST, policy=policy
        )


def _approve(database: Database, number: int, policy: Policy) -> None:
    with database.transaction() as session:
        report = session.get_one(Report, number)
        reports.lock(session, report=report)
        review.approve(session, report=report, reviewer=LIN, grade=1, policy=policy, desk_size=1)


def _bare_writes(database: Database, count: int) -> list[float]:
    mark = "?" if database.is_sqlite else "%s"
    raw = database.engine.raw_connection()
    driver: Any = raw.driver_connection
    now = clock.now().strftime("%Y-%m-%d %H:%M:%S.%f")

    def write(number: int) -> None:
        if database.is_sqlite:
            driver.execute("BEGIN IMMEDIATE")
        made = driver.execute(
            "INSERT INTO ledger_transaction (rule, subject, terms, at)"
            f" VALUES ('adjustment', {mark}, '{{}}', {mark}) RETURNING id",
            (f"bare:{number}", now),
        ).fetchone()[0]
        for _ in range(2):
            driver.execute(
                "INSERT INTO ledger_entry (transaction_id, account_id, points)"
                f" VALUES ({mark}, {mark}, 0)",
                (made, 3 + number),
            )
        driver.execute("COMMIT")

    with closing(raw):
        return _timed(list(range(count)), write)


# --- what it is filled with ---


def _fill(connection: Any, speech: Speech, entries: int) -> None:
    with unindexed(connection, speech):
        for statement in _statements(speech, entries):
            connection.execute(statement)


def _statements(speech: Speech, entries: int) -> Iterator[str]:
    riders, bought = entries // EACH, entries // 25
    used = bought - bought // 50
    approved = entries // 2 - bought - used
    now = int(clock.now().timestamp())
    sqlite_speaks = speech is SQLITE
    made_s = f"({now} - {SPAN_S} + CAST(n * {SPAN_S / (approved + WAITING + 1)} AS bigint))"
    # One in twenty-three is of one of a few who ride all day.
    rider = f"(CASE WHEN n % 23 = 0 THEN n / 23 % {HEAVY} ELSE n * 7919 % {riders} END + 1)"
    buyer = f"(n % {riders} + 1)"
    points = "(5 * (1 + n % 3))"
    made = speech.moment.format(seconds=made_s)
    # Eight hours ahead of UTC, all the year round.
    local = f"({made_s} + 28800)"
    day = f"date({local}, 'unixepoch')" if sqlite_speaks else (
        f"CAST(to_timestamp({local}) AT TIME ZONE 'UTC' AS date)"
    )  # fmt: skip
    month = f"strftime('%Y-%m', {local}, 'unixepoch')" if sqlite_speaks else (
        f"to_char(to_timestamp({local}) AT TIME ZONE 'UTC', 'YYYY-MM')"
    )  # fmt: skip
    terms = (
        f"'{{\"grade\": ' || (1 + n % 3) || ', \"worth\": ' || {points} || ', \"points\": '"
        f' || {points} || \', "less": [], "per_day": 100, "budget": 50000, "month": "\''
        f" || {month} || '\"}}'"
    )
    if not sqlite_speaks:
        terms = f"CAST({terms} AS json)"

    def numbers(upto: int) -> str:
        return speech.series.format(count=upto)

    yield f"""
        INSERT INTO person (id, language, language_chosen, bird, bird_number, created_at)
        SELECT n, 'zh_Hans', FALSE, n % 24, n / 24 + 1, {speech.moment.format(seconds=now)}
        FROM {numbers(riders + 1)}"""
    yield f"""
        INSERT INTO report (id, reporter_id, draft_id, state, category, category_name_zh,
            category_name_en, category_emoji, danger, deadline_hours, latitude, longitude,
            place_source, cell, district, place_name_zh, place_name_en, note, note_parts,
            surplus_told, created_at, points, grade)
        SELECT n, {rider}, n, CASE WHEN n <= {approved} THEN 'approved' ELSE 'submitted' END,
            'guardrail', '护栏', 'Guardrail', '🚧', FALSE, 72, 25.118, 118.905, 'pin', n % 5000,
            'shanyao', '', '', '', '[]', FALSE, {made},
            CASE WHEN n <= {approved} THEN {points} END,
            CASE WHEN n <= {approved} THEN 1 + n % 3 END
        FROM {numbers(approved + WAITING)}"""
    yield f"""
        INSERT INTO shop (id, code, name_zh, name_en, address_zh, address_en, created_at)
        SELECT n, 'shop' || n, '面馆', 'Noodles', '', '', {speech.moment.format(seconds=now)}
        FROM {numbers(SHOPS)}"""
    yield f"""
        INSERT INTO item (id, code, shop_id, title_zh, title_en, text_zh, text_en, cost, stock,
            valid_days, created_at)
        SELECT n, 'item' || n, n % {SHOPS} + 1, '汤面', 'Soup', '', '', {COST}, 100000, 14,
            {speech.moment.format(seconds=now)}
        FROM {numbers(ITEMS)}"""
    yield f"""
        INSERT INTO account (id, kind, owner_id)
        SELECT n, CASE WHEN n = 1 THEN 'programme' WHEN n = 2 THEN 'vouchers'
            WHEN n <= {riders + 2} THEN 'rider' ELSE 'shop' END,
            CASE WHEN n <= 2 THEN 0 WHEN n <= {riders + 2} THEN n - 2 ELSE n - {riders + 2} END
        FROM {numbers(riders + 2 + SHOPS)}"""
    issued = speech.moment.format(seconds=now - 86_400)
    ends = speech.moment.format(seconds=now + 10 * 86_400)
    yield f"""
        INSERT INTO voucher (id, person_id, number, item_id, shop_id, title_zh, title_en, cost,
            state, token_hash, code_hash, issued_at, expires_at, used_at, used_by)
        SELECT n, {buyer}, (n - 1) / {riders} + 1, n % {ITEMS} + 1, (n % {ITEMS} + 1) % {SHOPS} + 1,
            '汤面', 'Soup', {COST}, CASE WHEN n <= {used} THEN 'used' ELSE 'issued' END,
            't' || n, 'c' || n, {issued}, {ends}, CASE WHEN n <= {used} THEN {issued} END,
            CASE WHEN n <= {used} THEN 1 END
        FROM {numbers(bought)}"""
    for first, kind, upto in ((0, "issued", bought), (bought, "used", used)):
        yield f"""
            INSERT INTO voucher_event (id, voucher_id, kind, actor_id, at)
            SELECT {first} + n, n, '{kind}', 1, {issued} FROM {numbers(upto)}"""
    yield f"""
        INSERT INTO ledger_transaction (id, rule, subject, report_id, terms, at)
        SELECT n, 'approval', 'report:' || n, n, {terms}, {made} FROM {numbers(approved)}"""
    for offset, account, sign, on in ((1, "1", "-", "NULL"), (0, f"{rider} + 2", "", day)):
        yield f"""
            INSERT INTO ledger_entry (id, transaction_id, account_id, points, day)
            SELECT 2 * n - {offset}, n, {account}, {sign}{points}, {on}
            FROM {numbers(approved)}"""
    shop_account = f"(n % {ITEMS} + 1) % {SHOPS} + 1 + {riders + 2}"
    for first, rule, upto, source, to in (
        (approved, "redeem", bought, f"{buyer} + 2", "2"),
        (approved + bought, "confirm", used, "2", shop_account),
    ):
        yield f"""
            INSERT INTO ledger_transaction (id, rule, subject, voucher_id, terms, at)
            SELECT {first} + n, '{rule}', 'voucher:' || n, n, '{{}}', {issued}
            FROM {numbers(upto)}"""
        for offset, account, sign in ((1, source, "-"), (0, to, "")):
            yield f"""
                INSERT INTO ledger_entry (id, transaction_id, account_id, points)
                SELECT 2 * ({first} + n) - {offset}, {first} + n, {account}, {sign}{COST}
                FROM {numbers(upto)}"""
    yield f"""
        INSERT INTO monthly_budget (month, paid)
        SELECT {month}, sum({points}) FROM {numbers(approved)} GROUP BY 1"""


_NUMBERED = ("report", "account", "ledger_transaction", "ledger_entry", "voucher",
             "voucher_event")  # fmt: skip


@contextmanager
def _sqlite(entries: int) -> Iterator[Database]:
    with TemporaryDirectory(prefix="bench-") as folder:
        file = f"{folder}/ledger.db"
        engine = create(f"sqlite:///{file}")
        schema.upgrade(engine)
        engine.dispose()
        with closing(sqlite3.connect(file, isolation_level=None)) as connection:
            for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-500000"):
                connection.execute(f"PRAGMA {pragma}")
            _fill(connection, SQLITE, entries)
            connection.execute("PRAGMA journal_mode=WAL")
        database = Database(create(f"sqlite:///{file}"))
        yield database
        database.close()


@contextmanager
def _postgresql(entries: int) -> Iterator[Database]:
    with postgresql() as server, server.database("ledger") as url:
        with server.careless(), closing(server.connect("ledger")) as connection:
            connection.autocommit = True
            connection.execute("SET session_replication_role = replica")
            _fill(connection, POSTGRESQL, entries)
            for table in _NUMBERED:
                connection.execute(
                    f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}"
                )
            connection.execute("VACUUM ANALYZE")
        database = Database(create(url))
        yield database
        database.close()
