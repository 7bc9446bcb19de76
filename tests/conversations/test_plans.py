"""How the questions of a whole journey are answered: by what finds few rows, not by a whole table.

SQLite keeps no statistics unless told to, so that its plan for a question is the same with ten rows
as with ten million: what a small database does tells of a large one.
"""

import re
import sqlite3
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import event

from bot.database import Database, create
from models import Report, clock
from tests.conversations.people import DESK, LIN, RIDER, RIDER_ZH
from tests.conversations.scene import HERE, Scene
from tests.pictures import jpeg

# What grows for as long as the bot serves.
GROWING = {
    "account",
    "card",
    "joiner",
    "ledger_entry",
    "ledger_transaction",
    "person",
    "photo",
    "report",
    "report_event",
    "report_photo",
    "sanction",
    "seen_update",
    "vote",
}


@pytest.fixture
def asked() -> list[str]:
    """Every statement, with its values."""
    return []


@pytest.fixture
def database(sqlite_url: str, asked: list[str]) -> Iterator[Database]:
    """One on SQLite that tells what it is asked."""
    engine = create(sqlite_url)

    def listen(connection: sqlite3.Connection, record: object) -> None:
        connection.set_trace_callback(asked.append)

    event.listen(engine, "connect", listen)
    database = Database(engine)
    yield database
    database.close()


async def report(scene: Scene, who: int, label: str, number: int) -> None:
    scene.world.say(who, who, "/report")
    scene.world.send_photos(who, who, [jpeg(number)])
    scene.world.send_location(who, who, HERE[0] + number / 1000, HERE[1], accuracy=12)
    await scene.settle()
    await scene.press(who, who, label)


async def journey(scene: Scene) -> None:
    """What most people do, some of it twice, and what happens by itself."""
    await report(scene, RIDER_ZH, "护栏", 0)
    await scene.press(LIN, DESK, "★★")
    await report(scene, RIDER, "guardrail", 1)
    scene.world.block(RIDER)
    await scene.settle()
    await scene.press(LIN, DESK, "驳回")
    await scene.press(LIN, DESK, "看不清")
    scene.world.unblock(RIDER)
    for text in ("/start", "/myreports", "/points"):
        scene.world.say(RIDER, RIDER, text)
        await scene.settle()
    await scene.sweep()
    # Another desk takes one district; what waits there is asked for.
    assert scene.code is not None
    scene.world.say(LIN, LIN, scene.code.text)
    await scene.settle()
    desk = scene.world.create_group(LIN, "Shanyao", supergroup=True)
    await scene.settle()
    scene.world.say(LIN, desk, "/here moderators shanyao")
    await scene.settle()
    await report(scene, RIDER_ZH, "护栏", 2)
    for chat in (desk, LIN):
        scene.world.say(LIN, chat, "/queue")
        await scene.settle()
    await scene.sweep()


async def work_at_the_desk(scene: Scene) -> None:
    """What reviewers do now and then, and what riders say to it."""

    async def press(data: str, chat: int = DESK) -> None:
        who = LIN if chat == DESK else chat
        scene.world.press(who, chat, scene.last(chat)["message_id"], data, forge=True)
        await scene.settle()

    async def say(who: int, text: str, chat: int, *, to: int | None = None) -> None:
        card = None if to is None else scene.cards(DESK)[to]["message_id"]
        scene.world.say(who, chat, text, reply_to=card)
        await scene.settle()

    assert scene.code is not None
    await say(LIN, scene.code.text, LIN)
    await report(scene, RIDER, "guardrail", 0)
    await report(scene, RIDER_ZH, "护栏", 1)
    for code in ("t:2", "x:2", "d:2", "cd:2", "w:2", "m:2:1", "u:2", "cs:2:pothole", "qq:2:where"):
        await press(f"v:{code}")
    await say(RIDER_ZH, "桥东头", RIDER_ZH)
    await press("v:r:2:unclear")
    await press("o:appeal:2", RIDER_ZH)
    await say(RIDER_ZH, "看得清", RIDER_ZH)
    await press("v:ww:1")
    await say(LIN, "Mind this", DESK, to=0)
    for text in ("/show 1", "/search 1", "/search waiting", "/search 山腰", "/desk"):
        await say(LIN, text, DESK)
    await press("v:qq:1:where")
    clock.advance(timedelta(days=6))
    await scene.sweep()


def answered(asked: list[str], database: Database) -> dict[str, str]:
    """How each statement finds its rows, a line a table, with the statement."""
    steps = {}
    with database.engine.connect() as connection:
        for statement in list(asked):
            # A new row is looked for nowhere, though the plan names who could refer to it.
            if statement.lstrip("( ").startswith(("SELECT", "UPDATE", "DELETE", "WITH")):
                plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")
                steps |= {f"{step[3]}: {statement}": statement for step in plan}
    return steps


def reads_too_much(step: str, statement: str) -> bool:
    scanned = re.match(r"SCAN (\w+)", step)
    if scanned is not None and scanned[1] in GROWING:
        # All of it up to a number is not all of it.
        return "WHERE" in statement or "LIMIT" not in statement
    # Most reports are decided: what finds those by their state alone finds nearly all of them.
    return "ix_report_state" in step and any(
        f"'{state}'" in statement for state in ("approved", "rejected", "withdrawn")
    )


async def test_no_question_reads_most_of_a_table(
    scene: Scene, database: Database, asked: list[str]
) -> None:
    await journey(scene)
    steps = answered(asked, database)
    assert [step for step, statement in steps.items() if reads_too_much(step, statement)] == []
    # The journey came past what this is about.
    assert any("ix_report_decided_at" in step for step in steps)
    assert any("ix_report_reporter_id" in step for step in steps)


async def test_nor_does_one_the_desk_asks_now_and_then(
    scene: Scene, database: Database, asked: list[str]
) -> None:
    await work_at_the_desk(scene)
    steps = answered(asked, database)
    assert [step for step, statement in steps.items() if reads_too_much(step, statement)] == []
    assert any("ix_report_duplicate_of" in step for step in steps)
    # All of it was done.
    assert [row.state for row in scene.rows(Report)] == ["unanswered", "appealed"]
