"""`sentinel db copy`, `backup` and `restore`: what an operator types and reads."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from bot import advisory, instance
from bot.__main__ import app
from bot.database import create
from localchat import seed
from services.photo_store import FolderStore
from tests import rows

runner = CliRunner()


@pytest.fixture(autouse=True)
def data_dir(tmp_path, monkeypatch):
    """A data directory of the test's own, with a real bot's token."""
    monkeypatch.setenv("SENTINEL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SENTINEL_TELEGRAM__TOKEN", seed.TOKEN)
    yield tmp_path / "data"
    # The commands log to the runner's own stderr, which is gone after each.
    structlog.reset_defaults()


def run(*words):
    return runner.invoke(app, list(words))


def refused(*words, code=1):
    """The one line a command that cannot be done says."""
    result = run(*words)
    assert result.exit_code == code
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    return line


@pytest.fixture
def filled(data_dir, scene, midday):
    """An installation at work: its database's URL."""
    assert run("migrate").exit_code == 0
    url = f"sqlite:///{data_dir / 'sentinel.db'}"
    engine = create(url)
    with Session(engine) as session:
        scene.report(session)
        rows.fill(session)
        session.commit()
    engine.dispose()
    FolderStore(data_dir / "photos").put("0" * 64, b"original", b"preview", ".jpg")
    return url


@pytest.fixture
def server_url(postgresql_server):
    """An empty database on PostgreSQL, as an operator writes its URL."""
    name = postgresql_server.make(migrated=False)
    yield postgresql_server.url(name).replace("postgresql+psycopg:", "postgresql:")
    postgresql_server.drop(name)


def everything(url):
    engine = create(url.replace("postgresql:", "postgresql+psycopg:"))
    try:
        return rows.all_rows(engine)
    finally:
        engine.dispose()


class TestCopy:
    def test_a_move(self, filled, server_url, data_dir, monkeypatch):
        before = run("export", "reports", "--format", "json").stdout
        result = run("db", "copy", "--to", server_url)
        assert result.exit_code == 0
        copied = everything(server_url)
        assert copied == everything(filled)
        total = sum(len(found) for found in copied.values())
        first, photos, then = result.stdout.splitlines()
        assert first.startswith(f"{total} rows of {len(copied)} tables copied")
        assert f"Photos stay in {data_dir / 'photos'}" in photos
        assert "SENTINEL_DATABASE__URL" in then
        monkeypatch.setenv("SENTINEL_DATABASE__URL", server_url)
        assert run("export", "reports", "--format", "json").stdout == before
        assert len(json.loads(before)) == 3

    def test_a_bot_that_runs_is_in_the_way_but_not_of_a_rehearsal(
        self, filled, server_url, data_dir
    ):
        with instance.only_one(data_dir):
            line = refused("db", "copy", "--to", server_url)
            assert "--rehearsal" in line
            result = run("db", "copy", "--to", server_url, "--rehearsal")
        assert result.exit_code == 0
        assert "not in the copy" in result.stdout
        assert "SENTINEL_DATABASE__URL" not in result.stdout
        # A second copy has to be made into an empty database.
        assert "rows already, in " in refused("db", "copy", "--to", server_url)

    def test_bots_on_postgresql_are_in_the_way_wherever_they_run(
        self, server_url, tmp_path, monkeypatch
    ):
        monkeypatch.setenv("SENTINEL_DATABASE__URL", server_url)
        run("migrate")
        engine = create(server_url.replace("postgresql:", "postgresql+psycopg:"))
        to = f"sqlite:///{tmp_path / 'other.db'}"
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as bot:
            advisory.take(bot, advisory.ALIVE, 5)
            assert "a sentinel runs on it" in refused("db", "copy", "--to", to)
            bot.exec_driver_sql("SELECT pg_advisory_unlock_all()")
        engine.dispose()
        assert run("db", "copy", "--to", to).exit_code == 0

    def test_a_bucket_is_named(self, filled, tmp_path, monkeypatch):
        monkeypatch.setenv("SENTINEL_PHOTOS__URL", "s3://pictures/here")
        result = run("db", "copy", "--to", f"sqlite:///{tmp_path / 'other.db'}")
        assert "s3://pictures/here" in result.stdout

    def test_photos_of_the_local_chat_have_to_move(self, tmp_path, data_dir, monkeypatch):
        monkeypatch.setenv("SENTINEL_TELEGRAM__TOKEN", "")
        run("migrate")
        result = run("db", "copy", "--to", f"sqlite:///{tmp_path / 'other.db'}")
        there = data_dir / "photos"
        assert f"from {data_dir / 'localchat' / 'photos'} to {there}" in result.stdout

    @pytest.mark.parametrize("url", ["", "nonsense", "mysql://root@localhost/x"])
    def test_an_url_that_is_none_is_one_line(self, url):
        assert refused("db", "copy", "--to", url, code=2).startswith("--to: ")

    def test_a_server_that_is_away_is_one_line(self, filled):
        url = "postgresql://nobody:secret@127.0.0.1:9/nothing"
        line = refused("db", "copy", "--to", url)
        assert line.startswith("database: ")
        assert "secret" not in line

    def test_the_source_has_to_be_at_its_newest(self, tmp_path):
        line = refused("db", "copy", "--to", f"sqlite:///{tmp_path / 'other.db'}")
        assert line == "database: not at its newest; run: sentinel migrate"
        assert not (tmp_path / "other.db").exists()

    def test_a_row_that_does_not_fit_is_one_line(self, filled, server_url):
        engine = create(filled)
        with engine.begin() as connection:
            connection.exec_driver_sql(f"UPDATE chat SET title = '{'t' * 300}'")
        engine.dispose()
        line = refused("db", "copy", "--to", server_url)
        assert line.startswith("nothing was copied: chat: value too long")
        assert "ttt" not in line
        assert not any(everything(server_url).values())


class TestBackupAndRestore:
    def test_there_and_back(self, filled, tmp_path, data_dir, monkeypatch):
        (tmp_path / "backups").mkdir()
        with instance.only_one(data_dir):
            result = run("backup", str(tmp_path / "backups"))
        assert result.exit_code == 0
        archive = tmp_path / "backups" / "sentinel-20261124T053000Z.tar"
        assert result.stdout == f"{archive}: 3 reports, 2 files of photos\n"

        monkeypatch.setenv("SENTINEL_DATA_DIR", str(tmp_path / "there"))
        result = run("restore", str(archive))
        assert result.exit_code == 0
        assert "Restored as of 2026-11-24 05:30 UTC: 3 reports, 2 files" in result.stdout
        assert everything(f"sqlite:///{tmp_path / 'there' / 'sentinel.db'}") == everything(filled)
        assert FolderStore(tmp_path / "there" / "photos").original("0" * 64) == b"original"
        assert run("export", "points").exit_code == 0

    def test_what_is_there_stays_unless_it_may_be_moved(self, filled, tmp_path, data_dir):
        archive = str(tmp_path / "backup.tar")
        run("backup", archive)
        before = everything(filled)
        line = refused("restore", archive)
        assert str(data_dir / "sentinel.db") in line
        assert "--replace" in line
        result = run("restore", archive, "--replace")
        assert result.exit_code == 0
        kept = data_dir / "sentinel.replaced-20261124T053000Z.db"
        assert f"What was there is now {kept}" in result.stdout
        assert everything(f"sqlite:///{kept}") == everything(filled) == before

    def test_a_bot_that_runs_is_in_the_way(self, filled, tmp_path, data_dir):
        archive = str(tmp_path / "backup.tar")
        run("backup", archive)
        with instance.only_one(data_dir):
            assert "is in use" in refused("restore", archive, "--replace")

    def test_a_damaged_archive_is_one_line(self, tmp_path, data_dir):
        archive = tmp_path / "backup.tar"
        archive.write_bytes(b"something else" * 1000)
        assert "is damaged" in refused("restore", str(archive))
        assert not (data_dir / "sentinel.db").exists()

    def test_an_archive_that_is_not_there_is_one_line(self, tmp_path):
        assert refused("restore", str(tmp_path / "none.tar")).startswith("restore: ")

    def test_nothing_to_back_up_is_one_line(self, tmp_path):
        assert "is not there" in refused("backup", str(tmp_path))

    def test_a_place_that_cannot_be_written_to_is_one_line(self, filled, tmp_path):
        assert refused("backup", str(tmp_path / "no" / "where.tar")).startswith("backup: ")
        (tmp_path / "there.tar").write_text("mine")
        assert "there already" in refused("backup", str(tmp_path / "there.tar"))

    def test_a_bucket_is_named(self, filled, tmp_path, monkeypatch):
        monkeypatch.setenv("SENTINEL_PHOTOS__URL", "s3://pictures/here")
        result = run("backup", str(tmp_path / "backup.tar"))
        assert result.exit_code == 0
        assert "Not in it: the photos, which are in s3://pictures/here" in result.stdout

    def test_photos_that_belong_into_a_bucket_are_not_restored(
        self, filled, tmp_path, data_dir, monkeypatch
    ):
        run("backup", str(tmp_path / "backup.tar"))
        monkeypatch.setenv("SENTINEL_PHOTOS__URL", "s3://pictures/here")
        monkeypatch.setenv("SENTINEL_DATA_DIR", str(tmp_path / "there"))
        result = run("restore", str(tmp_path / "backup.tar"))
        assert "Not restored: the photos; they belong into s3://pictures/here" in result.stdout
        assert not (tmp_path / "there" / "photos").exists()

    def test_a_backup_of_a_newer_program_is_one_line(self, filled, tmp_path, data_dir):
        engine = create(filled)
        with engine.begin() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        engine.dispose()
        run("backup", str(tmp_path / "backup.tar"))
        assert "newer sentinel" in refused("restore", str(tmp_path / "backup.tar"), "--replace")
        assert not list(data_dir.glob("*replaced*"))

    @pytest.mark.parametrize("command", ["backup", "restore"])
    def test_a_photo_url_that_is_none_is_one_line(self, tmp_path, monkeypatch, command):
        monkeypatch.setenv("SENTINEL_PHOTOS__URL", "file:///pictures?here")
        assert refused(command, str(tmp_path / "backup.tar"), code=2).startswith("photos.url: ")

    def test_photos_in_a_folder_of_their_own(self, filled, tmp_path, data_dir, monkeypatch):
        (data_dir / "photos").rename(tmp_path / "elsewhere")
        monkeypatch.setenv("SENTINEL_PHOTOS__URL", f"file://{tmp_path / 'elsewhere'}")
        run("backup", str(tmp_path / "backup.tar"))
        monkeypatch.setenv("SENTINEL_PHOTOS__URL", f"file://{tmp_path}/a%20third")
        monkeypatch.setenv("SENTINEL_DATA_DIR", str(tmp_path / "there"))
        assert run("restore", str(tmp_path / "backup.tar")).exit_code == 0
        assert FolderStore(tmp_path / "a third").original("0" * 64) == b"original"

    def test_files_that_are_missing_are_told(self, filled, tmp_path, data_dir, scene):
        engine = create(filled)
        with engine.begin() as connection:
            connection.exec_driver_sql(
                "UPDATE photo SET sha256 = '" + "a" * 64 + "' "
                "WHERE id IN (SELECT min(photo_id) FROM report_photo)"
            )
        engine.dispose()
        result = run("backup", str(tmp_path / "backup.tar"))
        assert result.exit_code == 0
        assert result.stderr == f"Missing or damaged in {data_dir / 'photos'}: 2 files of reports\n"

    @pytest.mark.parametrize(
        ("command", "tool"), [("backup", "pg_dump"), ("restore", "pg_restore")]
    )
    def test_postgresql_has_its_own_tools(self, tmp_path, monkeypatch, command, tool):
        monkeypatch.setenv(
            "SENTINEL_DATABASE__URL",
            "postgresql://sentinel:secret@db.example:5433/street?sslmode=require&sslpassword=secret",
        )
        line = refused(command, str(tmp_path / "backup.tar"))
        assert tool in line
        assert "'postgresql://sentinel@db.example:5433/street?sslmode=require'" in line
        assert "secret" not in line
        assert not (tmp_path / "backup.tar").exists()


def at_the_server(url, statement):
    engine = create(url.replace("postgresql:", "postgresql+psycopg:"))
    try:
        with engine.begin() as connection:
            return connection.exec_driver_sql(statement).scalar()
    finally:
        engine.dispose()


def do_as_told(line, folder, url):
    """Run the command a line ends with, with the tools of the server itself."""
    tools = at_the_server(url, "SELECT setting FROM pg_config WHERE name = 'BINDIR'")
    program, *arguments = shlex.split(line.rpartition("): ")[2])
    subprocess.run([f"{tools}/{program}", *arguments], cwd=folder, check=True)


@pytest.mark.usefixtures("midday")
def test_postgresql_comes_back_by_its_own_tools(
    postgresql_server, server_url, tmp_path, monkeypatch, scene
):
    monkeypatch.setenv("SENTINEL_DATABASE__URL", server_url)
    run("migrate")
    engine = create(server_url.replace("postgresql:", "postgresql+psycopg:"))
    with Session(engine) as session:
        last = scene.report(session).id
        rows.fill(session)
        session.commit()
    engine.dispose()
    do_as_told(refused("backup", "anywhere"), tmp_path, server_url)

    name = postgresql_server.make(migrated=False)
    other = postgresql_server.url(name).replace("postgresql+psycopg:", "postgresql:")
    monkeypatch.setenv("SENTINEL_DATABASE__URL", other)
    do_as_told(refused("restore", "anything"), tmp_path, other)

    assert everything(other) == everything(server_url)
    # As docs/backup.md has it: what was given after the dump is not given again.
    page = (Path(__file__).parents[2] / "docs" / "backup.md").read_text(encoding="utf-8")
    [statement] = re.findall(r"psql .* -c \"(SELECT setval.*)\"", page)
    at_the_server(other, statement)
    assert run("migrate").exit_code == 0
    engine = create(other.replace("postgresql:", "postgresql+psycopg:"))
    with Session(engine) as session:
        assert scene.report(session).id > last + 10_000
        with pytest.raises(Exception, match="rows are never changed"):
            session.execute(text("DELETE FROM ledger_entry"))
    engine.dispose()
    postgresql_server.drop(name)


def test_an_export_keeps_nobody_from_writing_nor_waits_for_them(filled, tmp_path):
    engine = create(filled)
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM seen_update")
        result = run("export", "reports", "--format", "json")
    engine.dispose()
    assert len(json.loads(result.stdout)) == 3
