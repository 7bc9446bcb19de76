"""The database's shape: bring it to the newest, and tell whether it is there."""

import sys
import tempfile
from pathlib import Path

import structlog
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from bot import advisory, database
from models import Base

log = structlog.get_logger()

# A migration gives up waiting for a lock after some seconds (migrations/env.py), and tries again.
LOCK_TRIES = 5
MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"


def config() -> Config:
    """Alembic's configuration, without an ini file."""
    alembic = Config()
    alembic.set_main_option("script_location", str(MIGRATIONS))
    return alembic


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Run the migrations that are still to be run.

    Of several processes that start at once, one runs them and the others wait. On PostgreSQL a
    database that is newer than this program is left as it is: migrations only add what the version
    before can do without, so a process of that version may start again while the next is being
    rolled out. On SQLite there is one process, and an older program has no business there.

    Args:
        engine: the database.
        revision: where to stop; the newest by default.

    Raises:
        SQLAlchemyError: the database cannot be used, or was too busy to be changed.
    """
    for tries in range(1, LOCK_TRIES + 1):
        try:
            with advisory.held(engine, advisory.MIGRATING):
                if not _is_newer(engine):
                    _upgrade(engine, revision)
        except OperationalError as error:
            # Somebody holds a table for long; whoever waits for it holds up everybody behind.
            if engine.dialect.name == "sqlite" or not _lock_timed_out(error) or tries == LOCK_TRIES:
                raise
            log.warning("migration_waits_for_locks", tries=tries)
        else:
            return


def _upgrade(engine: Engine, revision: str) -> None:
    alembic = config()
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            # The time-outs of migrations/env.py must not stay on a connection others get.
            connection.detach()
        alembic.attributes["connection"] = connection
        command.upgrade(alembic, revision)
        connection.commit()


def _lock_timed_out(error: OperationalError) -> bool:
    # PostgreSQL's lock_not_available.
    return getattr(error.orig, "sqlstate", None) == "55P03"


def _is_newer(engine: Engine) -> bool:
    """Whether a later version of this program has migrated the database already, on PostgreSQL."""
    if engine.dialect.name == "sqlite":
        return False
    known = {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    if current is None or current in known:
        return False
    log.warning("database_is_newer", revision=current)
    return True


def downgrade(engine: Engine, revision: str) -> None:
    """Undo migrations down to a revision (`base`: all of them)."""
    alembic = config()
    with engine.connect() as connection:
        alembic.attributes["connection"] = connection
        command.downgrade(alembic, revision)
        connection.commit()


def is_current(engine: Engine) -> bool:
    """Whether every migration has run, those of a later version included."""
    if _is_newer(engine):
        return True
    head = ScriptDirectory.from_config(config()).get_current_head()
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == head


def differences(engine: Engine) -> list[object]:
    """What the tables of the database and the models do not agree on; empty when all is well."""
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        return list(compare_metadata(context, Base.metadata))


def main() -> int:
    """Say whether the migrations lead to what the models describe, on a database made for it.

    Returns:
        0 if they do, 1 if a migration is missing: the exit code of `python -m bot.schema`.
    """
    with tempfile.TemporaryDirectory() as folder:
        engine = database.create(f"sqlite:///{Path(folder) / 'check.db'}")
        upgrade(engine)
        found = differences(engine)
        engine.dispose()
    sys.stdout.writelines(f"{difference}\n" for difference in found)
    sys.stdout.write(f"migrations: {len(found)} differences\n" if found else "migrations: ok\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
