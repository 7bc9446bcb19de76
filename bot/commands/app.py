"""The command line, and what its commands share: settings, answers in one line, transactions."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from bot import instance
from bot import settings as configuration
from bot.settings import ConfigError, Settings

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

Result = TypeVar("Result")

app = typer.Typer(
    name="sentinel",
    help="流动哨兵 Street Sentinel: report street hazards by chat.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def load() -> Settings:
    """The settings, with logging set up as they say.

    Raises:
        typer.Exit: with code 2, where the configuration cannot be used.
    """
    try:
        settings = configuration.load()
    except ConfigError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    from bot import logs  # noqa: PLC0415

    logs.configure(settings.logs)
    return settings


@contextmanager
def one_line_for_the_database() -> Iterator[None]:
    """What is wrong with the database or its folder is for the operator: a line, no traceback.

    Raises:
        typer.Exit: with code 1.
    """
    from alembic.util import CommandError  # noqa: PLC0415
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    try:
        yield
    except (SQLAlchemyError, CommandError, OSError) as error:
        typer.echo(f"database: {in_one_line(error)}", err=True)
        raise typer.Exit(1) from None


def in_one_line(error: BaseException) -> str:
    """What went wrong, as one line for the operator."""
    # What the driver or the system said; SQLAlchemy would add the statement and a link.
    return " ".join(str(getattr(error, "orig", None) or error).split()) or type(error).__name__


@contextmanager
def alone_in(
    settings: Settings, advice: str = "End that one first, or set SENTINEL_DATA_DIR."
) -> Iterator[None]:
    """Hold the folder for the length of a `with` block.

    Args:
        settings: name the folder.
        advice: what to do where another process holds it.

    Raises:
        typer.Exit: with code 1, where it is held, or it or the database cannot be used.
    """
    try:
        with one_line_for_the_database(), instance.only_one(settings.state_dir):
            yield
    except instance.AlreadyRunning:
        typer.echo(
            f"{settings.state_dir} is in use: another sentinel runs there. {advice}", err=True
        )
        raise typer.Exit(1) from None


def bring_to_newest(settings: Settings) -> None:
    """Run the migrations that are still to be run.

    Raises:
        typer.Exit: with code 1, where the database cannot be used.
    """
    from bot import database, schema  # noqa: PLC0415

    with one_line_for_the_database():
        engine = database.create(settings.database_url)
        try:
            schema.upgrade(engine)
        finally:
            engine.dispose()


def in_transaction(work: Callable[["Session"], Result]) -> Result:
    """Do something in a transaction of its own.

    Raises:
        typer.Exit: with code 1, where the database cannot be used or is not at its newest.
    """
    from bot import database, schema  # noqa: PLC0415

    settings = load()
    with one_line_for_the_database():
        db = database.Database(database.create(settings.database_url))
        try:
            if not schema.is_current(db.engine):
                typer.echo("database: not at its newest; run: sentinel migrate", err=True)
                raise typer.Exit(1)
            return db.run_here(work)
        finally:
            db.close()


def call_telegram(method: str, parameters: dict[str, Any] | None = None) -> Any:
    """Call a method of the Bot API.

    Raises:
        typer.Exit: with code 1 or 2, where there is no token or no answer.
    """
    from telegram.error import TelegramError  # noqa: PLC0415

    from bot.application import outgoing  # noqa: PLC0415
    from bot.bot_api import BotApi  # noqa: PLC0415

    settings = load()
    token = settings.telegram.token
    if token is None:
        typer.echo("No token: set SENTINEL_TELEGRAM__TOKEN.", err=True)
        raise typer.Exit(2)

    async def call() -> Any:
        request = outgoing(settings.telegram, connections=2)
        url = settings.telegram.api_url
        async with BotApi(token.get_secret_value(), url, request) as api:
            return await api.call(method, parameters)

    try:
        return asyncio.run(call())
    except TelegramError as error:
        typer.echo(f"Telegram: {in_one_line(error)}", err=True)
        raise typer.Exit(1) from None
