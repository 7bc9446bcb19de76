"""bot/commands and bot/checkup.py: what an operator types and reads."""

import asyncio
import json

import pytest
import structlog
from sqlalchemy.exc import OperationalError
from typer.testing import CliRunner

from bot import checkup, database, schema
from bot.__main__ import app
from bot.settings import load
from localchat import seed
from localchat.seed import seeded_world
from services import outbox
from tests.localchat.serving import served
from tests.localchat.worlds import call

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
    assert result.exit_code == 0
    assert "ok  database" in result.output
    assert "ok  photos" in result.output
    assert "ok  districts" in result.output
    assert "SENTINEL_TELEGRAM__TOKEN" in result.output


def test_check_before_migrating_says_what_to_do():
    result = runner.invoke(app, ["check"])
    assert "sentinel migrate" in result.output


@pytest.mark.parametrize(
    "command", [["run"], ["migrate"], ["export", "reports"], ["export", "points"]]
)
@pytest.mark.parametrize("token", ["", seed.TOKEN])
def test_a_data_directory_that_cannot_be_used_is_one_line(tmp_path, monkeypatch, command, token):
    in_the_way = tmp_path / "file"
    in_the_way.write_text("no folder")
    monkeypatch.setenv("SENTINEL_DATA_DIR", str(in_the_way / "data"))
    monkeypatch.setenv("SENTINEL_TELEGRAM__TOKEN", token)
    result = runner.invoke(app, command)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    [line] = result.stderr.splitlines()
    assert line.startswith("database: ")
    assert str(in_the_way) in line


def test_a_data_directory_that_cannot_be_used_is_a_finding(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("SENTINEL_DATA_DIR", str(tmp_path / "file"))
    result = runner.invoke(app, ["check"])
    assert result.exit_code == 1
    assert "do  database: its folder cannot be used" in result.stdout


@pytest.mark.parametrize("command", [["run"], ["migrate"], ["export", "points"]])
def test_a_database_that_is_away_is_one_line(monkeypatch, command):
    monkeypatch.setenv("SENTINEL_DATABASE__URL", "postgresql://nobody@127.0.0.1:9/nothing")
    result = runner.invoke(app, command)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    [line] = result.stderr.splitlines()
    assert line.startswith("database: ")


@pytest.mark.parametrize("command", [["run"], ["migrate"], ["export", "points"]])
def test_a_file_that_is_no_database_is_one_line(tmp_path, monkeypatch, command):
    file = tmp_path / "some.db"
    file.write_bytes(b"something else" * 100)
    monkeypatch.setenv("SENTINEL_DATABASE__URL", f"sqlite:///{file}")
    result = runner.invoke(app, command)
    assert result.exit_code == 1
    assert result.stderr.splitlines() == ["database: file is not a database"]


def test_a_database_newer_than_the_program_is_one_line(tmp_path, monkeypatch):
    runner.invoke(app, ["migrate"])
    engine = database.create(load().database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()
    result = runner.invoke(app, ["run"])
    assert result.exit_code == 1
    [line] = result.stderr.splitlines()
    assert line.startswith("database: ")
    assert "9999" in line


def test_a_database_that_fails_after_the_migration_is_one_line(monkeypatch):
    def away(*args):
        raise OperationalError("SELECT 1", {}, OSError("database is locked"))

    monkeypatch.setattr("bot.application.serve", away)
    monkeypatch.setenv("SENTINEL_TELEGRAM__TOKEN", seed.TOKEN)
    result = runner.invoke(app, ["run"])
    assert result.exit_code == 1
    assert result.stderr.splitlines() == ["database: database is locked"]


def test_a_local_chat_whose_file_is_broken_is_one_line(tmp_path):
    (tmp_path / "localchat").mkdir()
    (tmp_path / "localchat" / "world.db").write_bytes(b"something else" * 100)
    result = runner.invoke(app, ["run"])
    assert result.exit_code == 1
    assert result.stderr.splitlines() == ["local chat: file is not a database"]


def test_a_bucket_that_cannot_be_right_is_one_line_at_the_start(monkeypatch, bucket_url):
    monkeypatch.setenv("SENTINEL_PHOTOS__URL", bucket_url)
    monkeypatch.setenv("SENTINEL_LOCAL_CHAT__PORT", "0")
    monkeypatch.delenv("AWS_ALLOW_HTTP")
    result = runner.invoke(app, ["run"])
    assert result.exit_code == 2
    [line] = result.stderr.splitlines()
    assert line == "AWS_ENDPOINT_URL: plain http; set AWS_ALLOW_HTTP=true if that is meant"


def test_export_before_migrating_says_what_to_do(tmp_path):
    out = tmp_path / "reports.csv"
    result = runner.invoke(app, ["export", "reports", "--out", str(out)])
    assert result.exit_code == 1
    assert result.stderr.splitlines() == ["database: not at its newest; run: sentinel migrate"]
    assert not out.exists()


def test_a_file_that_cannot_be_written_is_one_line(tmp_path):
    runner.invoke(app, ["migrate"])
    result = runner.invoke(app, ["export", "points", "--out", str(tmp_path)])
    assert result.exit_code == 1
    [line] = result.stderr.splitlines()
    assert line.startswith("--out: ")


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


async def looked_at(address, tmp_path, **more):
    settings = load(
        {
            "data_dir": tmp_path,
            "telegram": {"token": seed.TOKEN, "api_url": address},
            "chats": {"moderators": seed.MODERATORS_CHAT_ID},
            **more,
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


async def test_a_photo_folder_that_cannot_be_used_is_told(tmp_path):
    (tmp_path / "photos").write_text("no folder")
    findings = await looked_at("http://127.0.0.1:9", tmp_path)
    assert not findings["photos"].fine
    assert "folder cannot be used" in findings["photos"].note


async def test_a_bucket_is_tried_and_left_as_it_was(tmp_path, monkeypatch, bucket_url):
    monkeypatch.setenv("SENTINEL_PHOTOS__URL", bucket_url)
    findings = await looked_at("http://127.0.0.1:9", tmp_path)
    assert findings["photos"].fine
    assert bucket_url in findings["photos"].note


async def test_a_bucket_that_is_not_there_is_told(tmp_path, monkeypatch, bucket_url):
    monkeypatch.setenv("SENTINEL_PHOTOS__URL", "s3://nowhere/photos")
    findings = await looked_at("http://127.0.0.1:9", tmp_path)
    assert not findings["photos"].fine
    assert findings["photos"].note == "there is no bucket called nowhere"


async def test_a_bucket_that_cannot_be_right_is_told(tmp_path, monkeypatch, bucket_url):
    monkeypatch.setenv("SENTINEL_PHOTOS__URL", bucket_url)
    monkeypatch.delenv("AWS_ALLOW_HTTP")
    findings = await looked_at("http://127.0.0.1:9", tmp_path)
    assert not findings["photos"].fine
    assert "AWS_ALLOW_HTTP=true" in findings["photos"].note


async def test_missing_rights_are_told(tmp_path):
    world = seeded_world()
    world.demote(seed.LIN, seed.MODERATORS_CHAT_ID, seed.BOT["id"])
    async with served(world) as address:
        findings = await looked_at(address, tmp_path)
    assert "administrator" in findings[f"moderator chat {seed.MODERATORS_CHAT_ID}"].note


async def test_a_district_without_a_desk_is_told(tmp_path):
    desk = {"chat": seed.MODERATORS_CHAT_ID, "districts": ["shanyao", "nanpu"]}
    async with served(seeded_world()) as address:
        findings = await looked_at(address, tmp_path, chats={"desks": [desk]})
    assert not findings["review desks"].fine
    assert "fengwei" in findings["review desks"].note
    assert "shanyao" not in findings["review desks"].note
    assert findings[f"moderator chat {seed.MODERATORS_CHAT_ID}"].fine


async def test_a_desk_that_cannot_be_reached_is_told(tmp_path):
    desk = {"chat": -1001234567890, "districts": ["shanyao"]}
    told = {"moderators": seed.MODERATORS_CHAT_ID, "desks": [desk]}
    async with served(seeded_world()) as address:
        findings = await looked_at(address, tmp_path, chats=told)
    assert not findings["moderator chat -1001234567890"].fine
    assert "review desks" not in findings


async def test_a_desk_of_a_district_that_is_not_there_is_told(tmp_path):
    desk = {"chat": -5, "districts": ["atlantis"], "topics": {"kraken": 7}}
    findings = await looked_at("http://127.0.0.1:9", tmp_path, chats={"desks": [desk]})
    assert not findings["districts"].fine
    assert "atlantis" in findings["districts"].note


async def test_a_bot_api_that_is_away_is_told(tmp_path):
    findings = await looked_at("http://127.0.0.1:9", tmp_path)
    assert not findings["token"].fine
    assert "does not answer" in findings["token"].note


@pytest.fixture
def dead_letters():
    """Two dead letters and a message that waits."""
    runner.invoke(app, ["migrate"])
    db = database.Database(database.create(load().database_url))
    with db.transaction() as session:
        session.info["origin"] = "update:7"
        for chat_id in (5, 6, 7):
            outbox.queue(session, chat_id=chat_id, method="say", payload={"text": "a secret"})
    with db.transaction() as session:
        one, two, _ = outbox.claim(
            session, holder=1, bulk_per_second=25, group_per_minute=0
        ).sendings
        dead = [outbox.Dead(sending.id, "Chat not found") for sending in (one, two)]
        outbox.settle(session, holder=1, outcomes=dead)
        outbox.recover(session, gone={1})
    db.close()
    return one.id, two.id


def test_dead_letters_are_listed_without_what_they_say(dead_letters):
    listed = runner.invoke(app, ["outbox", "list"], env={"COLUMNS": "120"}).output
    assert listed.count("Chat not found") == 2
    assert "update:7" in listed
    assert "secret" not in listed
    assert runner.invoke(app, ["outbox", "list", "--limit", "1"]).output.count("found") == 1
    waiting = runner.invoke(app, ["outbox", "list", "--state", "queued"]).output
    assert "7" in waiting
    assert "not found" not in waiting


def test_one_dead_letter_is_sent_again_and_the_other_given_up(dead_letters):
    one, two = dead_letters
    assert runner.invoke(app, ["outbox", "retry", str(one)]).output == "1 to be sent again\n"
    assert runner.invoke(app, ["outbox", "drop", "--all"]).output == "1 given up\n"
    assert runner.invoke(app, ["outbox", "drop", str(two)]).output == "0 given up\n"
    assert runner.invoke(app, ["outbox", "list"]).output == "none dead\n"


@pytest.mark.parametrize("command", ["retry", "drop"])
@pytest.mark.parametrize("said", [[], ["--all", "7"]])
def test_which_dead_letters_has_to_be_said(dead_letters, command, said):
    result = runner.invoke(app, ["outbox", command, *said])
    assert result.exit_code == 2
    assert "--all" in result.stderr


def test_an_outbox_before_migrating_says_what_to_do():
    result = runner.invoke(app, ["outbox", "list"])
    assert result.exit_code == 1
    assert result.stderr == "database: not at its newest; run: sentinel migrate\n"


async def test_the_webhook_is_shown_and_removed(monkeypatch):
    world = seeded_world()
    async with served(world) as address:
        monkeypatch.setenv("SENTINEL_TELEGRAM__TOKEN", seed.TOKEN)
        monkeypatch.setenv("SENTINEL_TELEGRAM__API_URL", address)

        async def say(*words):
            return (await asyncio.to_thread(runner.invoke, app, ["webhook", *words])).output

        assert "none: the bot asks by itself" in await say("show")
        call(world, "setWebhook", url="http://127.0.0.1:9/hook")
        world.say(seed.RIDER, seed.RIDER, "x")
        world.webhook_failed("Connection refused")
        shown = await say("show")
        assert "url: http://127.0.0.1:9/hook" in shown
        assert "waiting updates: 1" in shown
        assert "last error: " in shown
        assert await say("remove") == "webhook: removed\n"
        assert world.webhook is None
        # What waits is still there.
        assert len(call(world, "getUpdates")) == 1


def test_the_webhook_without_a_token_says_what_to_do():
    result = runner.invoke(app, ["webhook", "show"])
    assert result.exit_code == 2
    assert "SENTINEL_TELEGRAM__TOKEN" in result.stderr


def test_the_webhook_of_a_bot_api_that_is_away_is_one_line(monkeypatch):
    monkeypatch.setenv("SENTINEL_TELEGRAM__TOKEN", seed.TOKEN)
    monkeypatch.setenv("SENTINEL_TELEGRAM__API_URL", "http://127.0.0.1:9")
    result = runner.invoke(app, ["webhook", "show"])
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert seed.TOKEN not in result.stderr


async def test_a_webhook_is_looked_at_where_one_is_configured(tmp_path):
    hook = {"webhook": {"url": "http://127.0.0.1:9/hook", "secret": "hush"}}
    world = seeded_world()
    async with served(world) as address:
        nowhere = (await looked_at(address, tmp_path, **hook))["webhook"]
        assert not nowhere.fine
        assert "sentinel serve" in nowhere.note
        call(world, "setWebhook", url="http://127.0.0.1:9/hook")
        assert (await looked_at(address, tmp_path, **hook))["webhook"].fine
        world.say(seed.RIDER, seed.RIDER, "x")
        world.webhook_failed("Connection refused")
        failing = (await looked_at(address, tmp_path, **hook))["webhook"]
    assert not failing.fine
    assert failing.note.startswith("1 wait: ")
