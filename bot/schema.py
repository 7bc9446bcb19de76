"""The database's shape: bring it to the newest, and tell whether it is there."""

import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from bot import database
from models import Base

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"


def config() -> Config:
    """Alembic's configuration, without an ini file."""
    alembic = Config()
    alembic.set_main_option("script_location", str(MIGRATIONS))
    return alembic


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Run the migrations that are still to be run.

    Args:
        engine: the database.
        revision: where to stop; the newest by default.
    """
    alembic = config()
    with engine.connect() as connection:
        alembic.attributes["connection"] = connection
        command.upgrade(alembic, revision)
        connection.commit()


def downgrade(engine: Engine, revision: str) -> None:
    """Undo migrations down to a revision (`base`: all of them)."""
    alembic = config()
    with engine.connect() as connection:
        alembic.attributes["connection"] = connection
        command.downgrade(alembic, revision)
        connection.commit()


def is_current(engine: Engine) -> bool:
    """Whether every migration has run."""
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
