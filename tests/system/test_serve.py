"""`sentinel serve`: real processes behind a webhook, beside each other, and one of them killed."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from localchat import seed
from localchat.world import World
from tests.localchat.serving import served, until
from tests.localchat.worlds import checked_world
from tests.pictures import jpeg
from tests.system.process import Sentinel, running

RIDER, DESK = seed.ENGLISH_RIDER, seed.MODERATORS_CHAT_ID


@pytest.fixture
def world() -> World:
    return checked_world(clock=time.time)


@pytest.fixture
def ports() -> list[int]:
    """Two for webhooks, two for monitoring."""
    probes = [socket.socket() for _ in range(4)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    numbers = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return numbers


def settings(api_url: str, hook: int, listen: int, private: int, **more: str) -> dict[str, str]:
    return {
        "SENTINEL_TELEGRAM__TOKEN": seed.TOKEN,
        "SENTINEL_TELEGRAM__API_URL": api_url,
        "SENTINEL_WEBHOOK__URL": f"http://127.0.0.1:{hook}/telegram/hook",
        "SENTINEL_WEBHOOK__SECRET": "a-secret-of-ours",
        "SENTINEL_WEBHOOK__LISTEN": f"127.0.0.1:{listen}",
        "SENTINEL_METRICS__LISTEN": f"127.0.0.1:{private}",
        "SENTINEL_CHATS__MODERATORS": str(DESK),
        "SENTINEL_LOGS__LEVEL": "debug",
        "SENTINEL_LOGS__FORMAT": "json",
        **more,
    }


@asynccontextmanager
async def serving(data_dir: Path, **environment: str) -> AsyncIterator[Sentinel]:
    with running(data_dir, 0, command="serve", **environment) as sentinel:
        await asyncio.to_thread(sentinel.wait_for_line, "webhook_set")
        yield sentinel


def said(world: World, chat: int) -> list[dict[str, Any]]:
    return [m for m in world.messages(chat) if m["from"]["is_bot"]]


def heard(world: World, chat: int, part: str) -> bool:
    return any(part in (m.get("text") or m.get("caption") or "") for m in said(world, chat))


def press(world: World, person: int, chat: int, label: str) -> None:
    message, data = next(
        (message, button["callback_data"])
        for message in reversed(said(world, chat))
        for row in message.get("reply_markup", {}).get("inline_keyboard", [])
        for button in row
        if label in button["text"]
    )
    world.press(person, chat, message["message_id"], data)


async def page(port: int, path: str) -> tuple[int, str]:
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{port}{path}")
        return answer.status_code, answer.text


async def test_a_report_by_webhook_and_how_things_stand(
    tmp_path: Path, world: World, ports: list[int]
) -> None:
    hook, _, private, _ = ports
    async with served(world) as api_url:
        environment = settings(api_url, hook, hook, private)
        async with serving(tmp_path, **environment) as sentinel:
            world.send_photos(RIDER, RIDER, [jpeg(1)])
            await until(world, lambda: heard(world, RIDER, "Where is it?"))
            world.send_location(RIDER, RIDER, 25.118, 118.905, accuracy=12)
            await until(world, lambda: heard(world, RIDER, "What kind?"))
            press(world, RIDER, RIDER, "guardrail")
            await until(world, lambda: heard(world, DESK, "#1"))
            press(world, seed.LIN, DESK, "★★")
            await until(world, lambda: heard(world, RIDER, "approved"))

            assert await page(private, "/healthz") == (200, "ok\n")
            assert await page(private, "/readyz") == (200, "ok\n")
            _, figures = await page(private, "/metrics")
            assert 'sentinel_updates_total{kind="callback_query",outcome="applied"} 2.0' in figures
            assert 'sentinel_updates_total{kind="message",outcome="applied"} 2.0' in figures
            assert "sentinel_leader 1.0" in figures
            assert "sentinel_reports_open 0.0" in figures
            assert 'sentinel_outbox_depth{state="dead"} 0.0' in figures
            # Nothing of it is anybody's to know on the door for updates.
            assert (await page(hook, "/metrics"))[0] == 404
            code = await asyncio.to_thread(sentinel.end)
        assert code == 0
        assert world.webhook is not None
    written = "\n".join(sentinel.lines)
    # One thread from an update to what was sent because of it, and nothing of a person in it.
    assert '"event": "sent"' in written
    assert '"origin": "update:' in written
    for private_thing in (seed.TOKEN, "a-secret-of-ours", "118.905", "Mei", "Zhou", "25.118"):
        assert private_thing not in written


async def test_what_a_killed_process_was_sending_is_sent_by_another(
    tmp_path: Path, world: World, ports: list[int], postgresql_url: str
) -> None:
    hook, other, private, others_private = ports
    shared = {"SENTINEL_DATABASE__URL": postgresql_url}
    async with served(world) as api_url:
        first = settings(api_url, hook, hook, private, **shared)
        second = settings(api_url, hook, other, others_private, **shared)
        async with (
            serving(tmp_path / "1", **first) as killed,
            serving(tmp_path / "2", **second) as heir,
        ):
            assert "sentinel_leader 1.0" in (await page(private, "/metrics"))[1]
            assert "sentinel_leader 0.0" in (await page(others_private, "/metrics"))[1]
            hanging = world.faults.add("sendMessage", chat_id=RIDER, kind="hang")
            world.send_photos(RIDER, RIDER, [jpeg(1)])
            await until(world, lambda: hanging.left == 0)

            killed.kill()
            await until(world, lambda: heard(world, RIDER, "Where is it?"))
            assert len(said(world, RIDER)) == 1
            await asyncio.to_thread(heir.wait_for_line, '"leading"')
            assert "sentinel_leader 1.0" in (await page(others_private, "/metrics"))[1]


async def test_a_process_that_lacks_something_says_what(tmp_path: Path) -> None:
    with running(tmp_path, 0, command="serve") as sentinel:
        assert sentinel.process.wait(30) == 2
        sentinel._close()
    assert sentinel.lines == [
        "serve needs SENTINEL_TELEGRAM__TOKEN, SENTINEL_WEBHOOK__URL, SENTINEL_WEBHOOK__SECRET."
    ]
