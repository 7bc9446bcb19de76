"""bot/__main__.py and bot/checkup.py: what an operator types and reads."""

import json

import pytest
import structlog
from typer.testing import CliRunner

from bot import checkup, database, schema
from bot.__main__ import app
from bot.settings import load
from localchat import seed
from localchat.seed import seeded_world
from tests.localchat.serving import served

runner = CliRunner()


@pytest.fixture(autouse=True)
def _fresh(tmp_path, monkeypatch):
    monkeypatch.setenv("SENTINEL_DATA_DIR", str(tmp_path))
    yield
    # The commands log to the runner's own stderr, which is gone after each.
    structlog.reset_defaults()


def test_migrate_then_check_without_a_token():
    assert runner.invoke(app, ["migrate"]).exit_code == 0
    result = runner.invoke(app, ["check"])
    assert result.exit_code == 1
    assert "ok  database" in result.output
    assert "ok  districts" in result.output
    assert "SENTINEL_TELEGRAM__TOKEN" in result.output


def test_check_before_migrating_says_what_to_do():
    result = runner.invoke(app, ["check"])
    assert "sentinel migrate" in result.output


def test_export_of_nothing():
    runner.invoke(app, ["migrate"])
    result = runner.invoke(app, ["export", "reports", "--format", "geojson"])
    assert json.loads(result.stdout) == {"type": "FeatureCollection", "features": []}


def test_points_have_no_geojson():
    runner.invoke(app, ["migrate"])
    result = runner.invoke(app, ["export", "points", "--format", "geojson"])
    assert result.exit_code == 2
    assert "no places" in result.output


def test_version():
    assert runner.invoke(app, ["version"]).stdout.count(".") == 2


def test_bad_configuration_is_exit_2(monkeypatch):
    monkeypatch.setenv("SENTINEL_TIMEZONE", "Mars/Olympus")
    result = runner.invoke(app, ["check"])
    assert result.exit_code == 2
    assert "Mars/Olympus" in result.output


async def looked_at(address, tmp_path):
    settings = load(
        {
            "data_dir": tmp_path,
            "telegram": {"token": seed.TOKEN, "api_url": address},
            "chats": {"moderators": seed.MODERATORS_CHAT_ID},
        }
    )
    engine = database.create(settings.database_url)
    schema.upgrade(engine)
    engine.dispose()
    return {finding.what: finding async for finding in checkup.look(settings)}


async def test_everything_in_place(tmp_path):
    async with served(seeded_world()) as address:
        findings = await looked_at(address, tmp_path)
    assert all(finding.fine for finding in findings.values())
    assert findings["token"].note == "@street_sentinel_bot"
    assert f"moderator chat {seed.MODERATORS_CHAT_ID}" in findings


async def test_missing_rights_are_told(tmp_path):
    world = seeded_world()
    world.demote(seed.LIN, seed.MODERATORS_CHAT_ID, seed.BOT["id"])
    async with served(world) as address:
        findings = await looked_at(address, tmp_path)
    assert "administrator" in findings[f"moderator chat {seed.MODERATORS_CHAT_ID}"].note


async def test_a_bot_api_that_is_away_is_told(tmp_path):
    findings = await looked_at("http://127.0.0.1:9", tmp_path)
    assert not findings["token"].fine
    assert "does not answer" in findings["token"].note
