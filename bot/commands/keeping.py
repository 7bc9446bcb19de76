"""`sentinel db copy | backup | restore`: the installation as a whole."""

import shlex
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.commands.app import alone_in, app, in_one_line, load, one_line_for_the_database
from bot.settings import DatabaseSettings, Settings

if TYPE_CHECKING:
    from bot.restore import Restored

db_app = typer.Typer(help="The database as a whole.", no_args_is_help=True)
app.add_typer(db_app, name="db")


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
    settings = load()
    moved = _with_database(settings, to)
    photos = _where_photos_are(settings, moved)
    with ExitStack() as until_the_end:
        if not rehearsal:
            until_the_end.enter_context(alone_in(settings, _END_IT))
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
        until_the_end.enter_context(one_line_for_the_database())
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
            typer.echo(f"nothing was copied: {in_one_line(error)}", err=True)
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

    settings = load()
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
        typer.echo(f"backup: {in_one_line(error)}", err=True)
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
    settings = load()
    with alone_in(settings, "End it first."):
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
        said = f"restore: {in_one_line(error)}"
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
