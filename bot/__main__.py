"""The command line: `sentinel run | serve | migrate | check | export | outbox | webhook | db | …`.

What is heavy is imported by the command that needs it: `--help` should not wait for Telegram.
"""

import asyncio
import shlex
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from importlib.metadata import version as version_of
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from bot import instance
from bot import settings as configuration
from bot.export import Format
from bot.settings import ConfigError, DatabaseSettings, Settings
from models.outgoing import OutgoingState

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from bot.restore import Restored
    from services.people import Code

Result = TypeVar("Result")

app = typer.Typer(
    name="sentinel",
    help="流动哨兵 Street Sentinel: report street hazards by chat.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
export_app = typer.Typer(help="Write rows for other programs.", no_args_is_help=True)
app.add_typer(export_app, name="export")
outbox_app = typer.Typer(
    help="What is to be sent, and what could not be delivered.", no_args_is_help=True
)
app.add_typer(outbox_app, name="outbox")
webhook_app = typer.Typer(help="How Telegram brings updates.", no_args_is_help=True)
app.add_typer(webhook_app, name="webhook")
db_app = typer.Typer(help="The database as a whole.", no_args_is_help=True)
app.add_typer(db_app, name="db")


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
    with _alone_in(settings):
        _run_alone(settings)


@contextmanager
def _alone_in(
    settings: Settings, advice: str = "End that one first, or set SENTINEL_DATA_DIR."
) -> Iterator[None]:
    try:
        with _one_line_for_the_database(), instance.only_one(settings.state_dir):
            yield
    except instance.AlreadyRunning:
        typer.echo(
            f"{settings.state_dir} is in use: another sentinel runs there. {advice}", err=True
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


@app.command()
def serve() -> None:
    """Start the bot behind a webhook; on PostgreSQL as many at once as you like."""
    settings = _load()
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
    with _one_line_for_the_database() if several else _alone_in(settings):
        _migrate(settings)
        from bot.application import serve as serve_bot  # noqa: PLC0415

        _serve(lambda stop: serve_bot(settings, stop, _listening, webhook=True))


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
        engine = database.create(settings.database_url, read_only=True)
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


StateOption = Annotated[
    OutgoingState,
    typer.Option("--state", help="Dead letters, what waits, or what is on its way."),
]
LimitOption = Annotated[int, typer.Option("--limit", min=1, help="How many at most.")]
IdsArgument = Annotated[list[int] | None, typer.Argument(help="Numbers from `outbox list`.")]
AllOption = Annotated[bool, typer.Option("--all", help="Every dead letter.")]


@outbox_app.command("list")
def outbox_list(state: StateOption = OutgoingState.DEAD, limit: LimitOption = 50) -> None:
    """List messages that could not be delivered, oldest first; never what they say."""
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from services import outbox  # noqa: PLC0415

    rows = _in_transaction(lambda session: outbox.rows(session, state=state, limit=limit))
    if not rows:
        typer.echo(f"none {state}")
        return
    table = Table("number", "chat", "method", "written (UTC)", "tries", "origin", "error")
    for row in rows:
        written = f"{row.created_at:%Y-%m-%d %H:%M}"
        table.add_row(
            str(row.id),
            str(row.chat_id),
            row.method,
            written,
            str(row.tries),
            row.origin or "",
            row.error or "",
        )
    Console().print(table)


@outbox_app.command("retry")
def outbox_retry(ids: IdsArgument = None, every: AllOption = False) -> None:
    """Send dead letters once more; a running bot takes them up within seconds."""
    from services import outbox  # noqa: PLC0415

    chosen = _chosen(ids, every=every)
    count = _in_transaction(lambda session: outbox.retry(session, ids=chosen))
    typer.echo(f"{count} to be sent again")


@outbox_app.command("drop")
def outbox_drop(ids: IdsArgument = None, every: AllOption = False) -> None:
    """Give dead letters up for good."""
    from services import outbox  # noqa: PLC0415

    chosen = _chosen(ids, every=every)
    count = _in_transaction(lambda session: outbox.drop(session, ids=chosen))
    typer.echo(f"{count} given up")


def _chosen(ids: list[int] | None, *, every: bool) -> list[int] | None:
    if bool(ids) == every:
        typer.echo("Name the numbers `sentinel outbox list` shows, or --all.", err=True)
        raise typer.Exit(2)
    return ids or None


def _in_transaction(work: Callable[["Session"], Result]) -> Result:
    """Do something in a transaction of its own.

    Raises:
        typer.Exit: with code 1, where the database cannot be used or is not at its newest.
    """
    from bot import database, schema  # noqa: PLC0415

    settings = _load()
    with _one_line_for_the_database():
        db = database.Database(database.create(settings.database_url))
        try:
            if not schema.is_current(db.engine):
                typer.echo("database: not at its newest; run: sentinel migrate", err=True)
                raise typer.Exit(1)
            return db.run_here(work)
        finally:
            db.close()


@webhook_app.command("show")
def webhook_show() -> None:
    """What Telegram says of the webhook: where it is, what waits, what failed last."""
    info = _call_telegram("getWebhookInfo")
    typer.echo(f"url: {info['url'] or 'none: the bot asks by itself (sentinel run)'}")
    typer.echo(f"waiting updates: {info.get('pending_update_count', 0)}")
    if info.get("last_error_message"):
        when = datetime.fromtimestamp(info["last_error_date"], UTC)
        typer.echo(f"last error: {info['last_error_message']} ({when:%Y-%m-%d %H:%M} UTC)")


@webhook_app.command("remove")
def webhook_remove() -> None:
    """Have Telegram bring updates no more; what waits is kept for who asks next."""
    _call_telegram("deleteWebhook", {"drop_pending_updates": False})
    typer.echo("webhook: removed")


def _call_telegram(method: str, parameters: dict[str, Any] | None = None) -> Any:
    """Call a method of the Bot API.

    Raises:
        typer.Exit: with code 1 or 2, where there is no token or no answer.
    """
    from telegram.error import TelegramError  # noqa: PLC0415

    from bot.application import outgoing  # noqa: PLC0415
    from bot.bot_api import BotApi  # noqa: PLC0415

    settings = _load()
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
        typer.echo(f"Telegram: {_in_one_line(error)}", err=True)
        raise typer.Exit(1) from None


@db_app.command("copy")
def db_copy(
    to: Annotated[str, typer.Option("--to", help="Where to: postgresql://… or sqlite:///…")],
    rehearsal: Annotated[
        bool,
        typer.Option(
            "--rehearsal",
            help="Copy while the bot runs, to see that it works and how long it takes. What the "
            "bot writes meanwhile is not in the copy, so empty it before the move itself.",
        ),
    ] = False,
) -> None:
    """Copy everything into another, empty database: the move from SQLite to PostgreSQL.

    End the bot, copy, start it on the new database. What is written to the old one after the copy
    has begun is not in the new one. All of it arrives and is compared, or none of it stays; the old
    database and the photos are left as they are.
    """
    settings = _load()
    moved = _with_database(settings, to)
    photos = _where_photos_are(settings, moved)
    with ExitStack() as until_the_end:
        if not rehearsal:
            until_the_end.enter_context(_alone_in(settings, _END_IT))
        _copy(settings, moved, rehearsal=rehearsal)
    if rehearsal:
        typer.echo("That was a rehearsal: what the bot wrote meanwhile is not in the copy.")
        typer.echo("To move: end the bot, empty the new database, copy without --rehearsal.")
        return
    typer.echo(photos)
    typer.echo("Now set SENTINEL_DATABASE__URL to the new one, and start no bot on the old one.")


_END_IT = "End it first; to try while it runs: --rehearsal"


def _with_database(settings: Settings, url: str) -> Settings:
    from pydantic import ValidationError  # noqa: PLC0415

    try:
        chosen = DatabaseSettings(url=url, threads=settings.database.threads)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        typer.echo(f"--to: {problem}", err=True)
        raise typer.Exit(2) from None
    if chosen.url is None:
        typer.echo("--to: not a database URL", err=True)
        raise typer.Exit(2)
    return settings.model_copy(update={"database": chosen})


def _copy(settings: Settings, moved: Settings, *, rehearsal: bool) -> None:
    from bot import database, moving, progress, schema  # noqa: PLC0415

    with ExitStack() as until_the_end:
        until_the_end.enter_context(_one_line_for_the_database())
        source = database.create(settings.database_url, read_only=True)
        until_the_end.callback(source.dispose)
        if not schema.is_current(source):
            typer.echo("database: not at its newest; run: sentinel migrate", err=True)
            raise typer.Exit(1)
        if not rehearsal and moving.is_at_work(source):
            typer.echo(f"database: a sentinel runs on it. {_END_IT}", err=True)
            raise typer.Exit(1)
        target = database.Database(database.create(moved.database_url))
        until_the_end.callback(target.close)
        try:
            with progress.bars() as show:
                counts = moving.copy(source, target, show=show)
        except moving.NotEmpty as error:
            typer.echo(f"--to: there are rows already, in {error}; give an empty one", err=True)
            raise typer.Exit(1) from None
        except (moving.WouldNotFit, moving.Differs) as error:
            typer.echo(f"nothing was copied: {_in_one_line(error)}", err=True)
            raise typer.Exit(1) from None
    typer.echo(
        f"{sum(counts.values()):,} rows of {len(counts)} tables copied; counts and points agree"
    )


def _where_photos_are(settings: Settings, moved: Settings) -> str:
    here, there = _photo_folder(settings), _photo_folder(moved)
    if here is None:
        return f"Photos stay where they are: {settings.photos.url}"
    if here != there:
        return f"Move the photos from {here} to {there}"
    return f"Photos stay in {here}; every process must reach them there, or in photos.url"


def _photo_folder(settings: Settings) -> Path | None:
    from bot.backup import photo_folder  # noqa: PLC0415
    from services.photo_store import StoreUnusable  # noqa: PLC0415

    try:
        return photo_folder(settings)
    except StoreUnusable as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None


@app.command()
def backup(
    where: Annotated[Path, typer.Argument(help="A folder, or a file that is not there yet.")],
) -> None:
    """Put the SQLite database and the photos into one archive; the bot may run.

    In a folder the file is named after the moment. It appears when it is complete, and only your
    user can read it. Settings and secrets are not in it.
    """
    from bot import backup as backups  # noqa: PLC0415
    from bot import progress  # noqa: PLC0415

    settings = _load()
    photos = _photo_folder(settings)
    archive = backups.name_for(where)
    try:
        with progress.bars() as show:
            manifest, missing = backups.make(
                archive, database=backups.database_file(settings), photos=photos, show=show
            )
    except backups.OnPostgreSQL:
        typer.echo(
            "PostgreSQL has a tool of its own; the photos come after it (docs/backup.md): "
            f"pg_dump --format=custom --file=sentinel.dump {_for_the_shell(settings)}",
            err=True,
        )
        raise typer.Exit(1) from None
    except (backups.NoDatabase, backups.Damaged, OSError) as error:
        typer.echo(f"backup: {_in_one_line(error)}", err=True)
        raise typer.Exit(1) from None
    files = manifest.photos.files if manifest.photos else 0
    reports = manifest.database.rows.get("report", 0)
    typer.echo(f"{archive}: {reports:,} reports, {files:,} files of photos")
    if photos is None:
        typer.echo(f"Not in it: the photos, which are in {settings.photos.url}")
    if missing:
        typer.echo(f"Missing or damaged in {photos}: {missing:,} files of reports", err=True)


@app.command()
def restore(
    archive: Annotated[Path, typer.Argument(help="A file that `sentinel backup` made.")],
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Move aside what is there already; nothing is deleted."),
    ] = False,
) -> None:
    """Put a backup in place: database and photos, all of it or nothing. The bot must not run."""
    settings = _load()
    with _alone_in(settings, "End it first."):
        restored = _put_in_place(settings, archive, replace=replace)
    manifest = restored.manifest
    files = manifest.photos.files if manifest.photos else 0
    reports = manifest.database.rows.get("report", 0)
    typer.echo(
        f"Restored as of {manifest.made_at:%Y-%m-%d %H:%M} UTC: "
        f"{reports:,} reports, {files:,} files of photos"
    )
    for path in restored.aside:
        typer.echo(f"What was there is now {path}")
    if _photo_folder(settings) is None and files:
        typer.echo(f"Not restored: the photos; they belong into {settings.photos.url}")
    typer.echo("New reports leave some numbers out, so that none is given twice.")


def _put_in_place(settings: Settings, archive: Path, *, replace: bool) -> "Restored":
    from bot import backup as backups  # noqa: PLC0415
    from bot import progress  # noqa: PLC0415
    from bot import restore as restoring  # noqa: PLC0415

    try:
        with progress.bars() as show:
            return restoring.restore(
                archive,
                database=backups.database_file(settings),
                photos=_photo_folder(settings),
                replace=replace,
                show=show,
            )
    except backups.OnPostgreSQL:
        said = (
            "PostgreSQL has a tool of its own, for an empty database (docs/backup.md): pg_restore "
            f"--no-owner --single-transaction --dbname={_for_the_shell(settings)} sentinel.dump"
        )
    except restoring.Occupied as error:
        said = f"{error} is there already; to move it aside: --replace"
    except restoring.TooNew as error:
        said = f"The backup is of a newer sentinel ({error}); install that first."
    except backups.Damaged as error:
        said = f"{archive} is damaged: {error}; nothing was changed"
    except (backups.NoDatabase, OSError) as error:
        said = f"restore: {_in_one_line(error)}"
    typer.echo(said, err=True)
    raise typer.Exit(1)


def _for_the_shell(settings: Settings) -> str:
    """The database's URL as PostgreSQL's own tools take it; passwords stay where they are."""
    from sqlalchemy.engine import URL, make_url  # noqa: PLC0415

    url = make_url(settings.database_url)
    query = {name: value for name, value in url.query.items() if "password" not in name}
    bare = URL.create(
        "postgresql",
        username=url.username,
        host=url.host,
        port=url.port,
        database=url.database,
        query=query,
    )
    return shlex.quote(bare.render_as_string())


@app.command()
def version() -> None:
    """Tell the version."""
    typer.echo(version_of("street-sentinel"))


if __name__ == "__main__":
    app()
