"""`sentinel run | serve | migrate | check | version`."""

import asyncio
import gc
import signal
from collections.abc import Callable, Coroutine
from importlib.metadata import version as version_of
from typing import TYPE_CHECKING

import typer

from bot.commands.app import (
    alone_in,
    app,
    bring_to_newest,
    in_one_line,
    load,
    one_line_for_the_database,
)
from bot.settings import Settings

if TYPE_CHECKING:
    from services.people import Code


@app.command()
def run() -> None:
    """Start the bot; without a token, start the local chat with it."""
    settings = load()
    with alone_in(settings):
        _run_alone(settings)


def _run_alone(settings: Settings) -> None:
    bring_to_newest(settings)
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


@app.command()
def serve() -> None:
    """Start the bot behind a webhook; on PostgreSQL as many at once as you like."""
    settings = load()
    missing = [
        name
        for name, value in (
            ("SENTINEL_TELEGRAM__TOKEN", settings.telegram.token),
            ("SENTINEL_WEBHOOK__URL", settings.webhook.url),
            ("SENTINEL_WEBHOOK__SECRET", settings.webhook.secret),
        )
        if value is None
    ]
    if missing:
        typer.echo(f"serve needs {', '.join(missing)}.", err=True)
        raise typer.Exit(2)
    # On SQLite there is one process; on PostgreSQL the database keeps them apart.
    several = settings.database_url.startswith("postgresql")
    with one_line_for_the_database() if several else alone_in(settings):
        bring_to_newest(settings)
        from bot.application import serve as serve_bot  # noqa: PLC0415

        _serve(lambda stop: serve_bot(settings, stop, _listening, webhook=True))


def _listening(username: str, code: "Code | None") -> None:
    typer.echo(f"流动哨兵 Street Sentinel is listening as @{username}. Ctrl-C ends it.")
    if code is not None:
        typer.echo(f"No admin yet: send this code to @{username} in private: {code.text}")
        typer.echo("Then add the bot to the moderators' group as an administrator")
        typer.echo("and write there: /here moderators")
    typer.echo("Is everything in place? sentinel check")
    # What is there by now stays to the end: to look through it for garbage, again and again, would
    # take a thirtieth of the time under load.
    gc.collect()
    gc.freeze()


def _serve(main: Callable[[asyncio.Event], Coroutine[None, None, None]]) -> None:
    from sqlalchemy.exc import InterfaceError, OperationalError  # noqa: PLC0415

    from bot.application import NoSuchBot  # noqa: PLC0415
    from bot.http_door import CannotListen  # noqa: PLC0415
    from bot.webhook import WebhookRefused  # noqa: PLC0415
    from services.districts import DistrictsError  # noqa: PLC0415
    from services.photo_store import StoreUnusable  # noqa: PLC0415

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
    except* WebhookRefused as errors:
        typer.echo(f"Telegram refuses the webhook: {_first(errors)}", err=True)
        raise typer.Exit(2) from None
    except* CannotListen as errors:
        typer.echo(str(_first(errors)), err=True)
        raise typer.Exit(1) from None
    except* (DistrictsError, StoreUnusable) as errors:
        for error in errors.exceptions:
            typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    except* (OperationalError, InterfaceError) as errors:
        typer.echo(f"database: {in_one_line(_first(errors))}", err=True)
        raise typer.Exit(1) from None
    except* OSError as errors:
        typer.echo(in_one_line(_first(errors)), err=True)
        raise typer.Exit(1) from None


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


@app.command()
def migrate() -> None:
    """Bring the database to its newest shape."""
    bring_to_newest(load())
    typer.echo("database: at its newest")


@app.command()
def check() -> None:
    """Look whether everything is in place; each line is ok, or says what to do."""
    from bot import checkup  # noqa: PLC0415

    settings = load()

    async def look() -> bool:
        fine = True
        async for finding in checkup.look(settings):
            sign = "ok " if finding.fine else "do "
            typer.echo(f"{sign} {finding.what}: {finding.note}")
            fine = fine and finding.fine
        return fine

    if not asyncio.run(look()):
        raise typer.Exit(1)


@app.command()
def version() -> None:
    """Tell the version."""
    typer.echo(version_of("street-sentinel"))
