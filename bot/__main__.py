"""The command line: `sentinel run | migrate | check | export | version`.

What is heavy is imported by the command that needs it: `--help` should not wait for Telegram.
"""

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from importlib.metadata import version as version_of
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot import instance
from bot import settings as configuration
from bot.export import Format
from bot.settings import ConfigError, Settings

if TYPE_CHECKING:
    from services.people import Code

app = typer.Typer(
    name="sentinel",
    help="流动哨兵 Street Sentinel: report street hazards by chat.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
export_app = typer.Typer(help="Write rows for other programs.", no_args_is_help=True)
app.add_typer(export_app, name="export")


def _load() -> Settings:
    try:
        settings = configuration.load()
    except ConfigError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    from bot import logs  # noqa: PLC0415

    logs.configure(settings.logs)
    return settings


@contextmanager
def _one_line_for_the_database() -> Iterator[None]:
    """What is wrong with the database or its folder is for the operator: a line, no traceback.

    Raises:
        typer.Exit: with code 1.
    """
    from alembic.util import CommandError  # noqa: PLC0415
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    try:
        yield
    except (SQLAlchemyError, CommandError, OSError) as error:
        typer.echo(f"database: {_in_one_line(error)}", err=True)
        raise typer.Exit(1) from None


def _in_one_line(error: BaseException) -> str:
    # What the driver or the system said; SQLAlchemy would add the statement and a link.
    return " ".join(str(getattr(error, "orig", None) or error).split()) or type(error).__name__


@app.command()
def run() -> None:
    """Start the bot; without a token, start the local chat with it."""
    settings = _load()
    try:
        with _one_line_for_the_database(), instance.only_one(settings.state_dir):
            _run_alone(settings)
    except instance.AlreadyRunning:
        typer.echo(
            f"{settings.state_dir} is in use: another sentinel runs there. "
            "End that one first, or set SENTINEL_DATA_DIR.",
            err=True,
        )
        raise typer.Exit(1) from None


def _run_alone(settings: Settings) -> None:
    _migrate(settings)
    if settings.telegram.token is None:
        from bot import local  # noqa: PLC0415 - only here is the local chat known

        try:
            _serve(lambda stop: local.run(settings, stop))
        except local.CannotStart as error:
            typer.echo(f"local chat: {error}", err=True)
            raise typer.Exit(1) from None
    else:
        from bot.application import serve  # noqa: PLC0415

        _serve(lambda stop: serve(settings, stop, _listening))


def _listening(username: str, code: "Code | None") -> None:
    typer.echo(f"流动哨兵 Street Sentinel is listening as @{username}. Ctrl-C ends it.")
    if code is not None:
        typer.echo(f"No admin yet: send this code to @{username} in private: {code.text}")
        typer.echo("Then add the bot to the moderators' group as an administrator")
        typer.echo("and write there: /here moderators")
    typer.echo("Is everything in place? sentinel check")


def _serve(main: Callable[[asyncio.Event], Coroutine[None, None, None]]) -> None:
    from sqlalchemy.exc import InterfaceError, OperationalError  # noqa: PLC0415

    from bot.application import NoSuchBot  # noqa: PLC0415
    from services.districts import DistrictsError  # noqa: PLC0415

    async def until_told() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for signal_number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(signal_number, stop.set)
        await main(stop)

    try:
        asyncio.run(until_told())
    except* NoSuchBot:
        typer.echo("Telegram does not know this token; take the one from BotFather.", err=True)
        raise typer.Exit(2) from None
    except* DistrictsError as errors:
        for error in errors.exceptions:
            typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    except* (OperationalError, InterfaceError) as errors:
        typer.echo(f"database: {_in_one_line(_first(errors))}", err=True)
        raise typer.Exit(1) from None
    except* OSError as errors:
        typer.echo(_in_one_line(_first(errors)), err=True)
        raise typer.Exit(1) from None


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _migrate(settings: Settings) -> None:
    from bot import database, schema  # noqa: PLC0415

    with _one_line_for_the_database():
        engine = database.create(settings.database_url)
        try:
            schema.upgrade(engine)
        finally:
            engine.dispose()


@app.command()
def migrate() -> None:
    """Bring the database to its newest shape."""
    _migrate(_load())
    typer.echo("database: at its newest")


@app.command()
def check() -> None:
    """Look whether everything is in place; each line is ok, or says what to do."""
    from bot import checkup  # noqa: PLC0415

    settings = _load()

    async def look() -> bool:
        fine = True
        async for finding in checkup.look(settings):
            sign = "ok " if finding.fine else "do "
            typer.echo(f"{sign} {finding.what}: {finding.note}")
            fine = fine and finding.fine
        return fine

    if not asyncio.run(look()):
        raise typer.Exit(1)


FormatOption = Annotated[Format, typer.Option("--format", help="How rows are written.")]
OutOption = Annotated[
    Path | None, typer.Option("--out", help="File to write; the standard output if none.")
]


@export_app.command("reports")
def export_reports(format_: FormatOption = Format.CSV, out: OutOption = None) -> None:
    """Every report, oldest first."""
    _export("reports", format_, out)


@export_app.command("points")
def export_points(format_: FormatOption = Format.CSV, out: OutOption = None) -> None:
    """Every ledger entry, oldest first."""
    _export("points", format_, out)


def _export(what: str, format_: Format, out: Path | None) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress  # noqa: PLC0415
    from sqlalchemy.orm import Session  # noqa: PLC0415

    from bot import database, export, schema  # noqa: PLC0415
    from services import exports  # noqa: PLC0415

    settings = _load()
    with _one_line_for_the_database():
        engine = database.create(settings.database_url)
        is_current = schema.is_current(engine)
    if not is_current:
        typer.echo("database: not at its newest; run: sentinel migrate", err=True)
        raise typer.Exit(1)
    try:
        file = sys.stdout if out is None else out.open("w", encoding="utf-8", newline="")
    except OSError as error:
        typer.echo(f"--out: {_in_one_line(error)}", err=True)
        raise typer.Exit(1) from None
    try:
        with (
            Session(engine) as session,
            Progress(
                console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()
            ) as progress,
        ):
            if what == "reports":
                total, rows = exports.count_reports(session), exports.reports(session)
            else:
                total, rows = exports.count_points(session), exports.points(session)
            bar = progress.add_task(what, total=total)
            export.write(
                export.counted(rows, lambda: progress.advance(bar)),
                file,
                format_=format_,
                has_places=what == "reports",
            )
    except export.NoPlaces as error:
        typer.echo("Points have no places: use --format csv or json.", err=True)
        raise typer.Exit(2) from error
    finally:
        if out is not None:
            file.close()
        engine.dispose()


@app.command()
def version() -> None:
    """Tell the version."""
    typer.echo(version_of("street-sentinel"))


if __name__ == "__main__":
    app()
