"""`sentinel export`: rows for other programs."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from bot.commands.app import app, in_one_line, load, one_line_for_the_database
from bot.export import Format

export_app = typer.Typer(help="Write rows for other programs.", no_args_is_help=True)
app.add_typer(export_app, name="export")

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

    settings = load()
    with one_line_for_the_database():
        engine = database.create(settings.database_url, read_only=True)
        is_current = schema.is_current(engine)
    if not is_current:
        typer.echo("database: not at its newest; run: sentinel migrate", err=True)
        raise typer.Exit(1)
    try:
        file = sys.stdout if out is None else out.open("w", encoding="utf-8", newline="")
    except OSError as error:
        typer.echo(f"--out: {in_one_line(error)}", err=True)
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
