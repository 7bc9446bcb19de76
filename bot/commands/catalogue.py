"""`sentinel catalogue import | list`: what riders may redeem points for."""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.commands.app import app, in_one_line, in_transaction, load, one_line_for_the_database
from bot.settings import Settings

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from rich.table import Table

    from models import Item
    from services.catalogue_file import CatalogueFile
    from services.catalogue_import import Change, Difference

catalogue_app = typer.Typer(help="What riders may redeem points for.", no_args_is_help=True)
app.add_typer(catalogue_app, name="catalogue")

FileArgument = Annotated[
    Path, typer.Argument(help="A .yaml or .csv file; see rewards/example.yaml.")
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")
]
RestockOption = Annotated[
    bool,
    typer.Option(
        "--restock",
        help="Set the stock of items that are there already to what the file says.",
    ),
]


@catalogue_app.command("import")
def catalogue_import(
    file: FileArgument, dry_run: DryRunOption = False, restock: RestockOption = False
) -> None:
    """Make the catalogue what a file says, and show what that changes; the bot may run.

    One fault in the file, and nothing is imported. A second time changes nothing.

    The stock of an item that is there already is left as riders and admins have left it, unless you
    add --restock. An item that was paused in the chat stays paused, unless the file says
    `paused: false`. What is no longer in the file is paused, never deleted.
    """
    from services import catalogue_import as importing  # noqa: PLC0415

    settings = load()
    wanted = _read(file)
    policy = settings.policy
    # Compared in any case: it says so where the database is not at its newest.
    difference = in_transaction(
        lambda session: importing.compare(session, wanted=wanted, restock=restock, policy=policy)
    )
    if not dry_run:
        difference = _bring_in(settings, wanted, restock=restock)
    _show(difference, restock=restock, dry_run=dry_run)


def _read(file: Path) -> "CatalogueFile":
    from services import catalogue_file  # noqa: PLC0415

    try:
        return catalogue_file.read(file)
    except OSError as error:
        typer.echo(f"{file}: {error.strerror or in_one_line(error)}", err=True)
        raise typer.Exit(1) from None
    except catalogue_file.FaultyFile as faulty:
        for fault in faulty.faults:
            typer.echo(f"{file}: {fault}", err=True)
        typer.echo("Nothing was imported.", err=True)
        raise typer.Exit(1) from None


def _bring_in(settings: Settings, wanted: "CatalogueFile", *, restock: bool) -> "Difference":
    from bot import catalogue  # noqa: PLC0415
    from services.photo_store import StoreAway, StoreFull, StoreUnusable  # noqa: PLC0415

    with one_line_for_the_database():
        try:
            return catalogue.bring_in(settings, wanted, restock=restock)
        except (StoreUnusable, StoreAway, StoreFull) as error:
            typer.echo(f"photos: {in_one_line(error)}; nothing was imported", err=True)
            raise typer.Exit(1) from None


def _show(difference: "Difference", *, restock: bool, dry_run: bool) -> None:
    from rich.console import Console  # noqa: PLC0415

    if difference.changes:
        Console().print(_table(difference.changes))
    counts = [
        f"{sum(change.kind == kind for change in difference.changes)} {told}"
        for kind, told in (("new", "new"), ("changed", "changed"), ("gone", "gone and paused"))
    ]
    typer.echo(f"{', '.join(counts)}, {difference.unchanged} unchanged")
    if difference.stay_paused:
        typer.echo(f"paused, and stay so: {', '.join(difference.stay_paused)}")
    if difference.stock_kept and not restock:
        typer.echo("The stock of items that were there is kept; --restock sets it.")
    if dry_run:
        typer.echo("Nothing was changed: this was a dry run.")


def _table(changes: "Iterable[Change]") -> "Table":
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table("what", "code", "becomes", "key", "before", "after")
    for change in changes:
        head = (change.what, change.code, "paused" if change.kind == "gone" else change.kind)
        for number, field in enumerate(change.fields):
            first = head if number == 0 else ("", "", "")
            # Whatever the file says is text, no markup.
            before = "" if change.kind == "new" else _told(field.name, field.old)
            after = _told(field.name, field.new)
            table.add_row(*first, field.name, Text(before), Text(after))
        if not change.fields:
            table.add_row(*head, "", "", "")
    return table


def _told(name: str, value: Any) -> str:
    if value is None:
        return "unlimited" if name == "stock" else ""
    if name == "photo":
        return f"picture {value[:8]}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


@catalogue_app.command("list")
def catalogue_list() -> None:
    """List every item with its price and stock."""
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from services import catalogue  # noqa: PLC0415

    zone = load().policy.zone
    rows = in_transaction(catalogue.every_item)
    if not rows:
        typer.echo("There is nothing yet; sentinel catalogue import rewards/example.yaml")
        return
    table = Table("shop", "item", "title", "points", "stock", "a person", "offered")
    for item, shop in rows:
        title = Text(f"{item.title_zh} {item.title_en}")
        table.add_row(
            shop.code,
            item.code,
            title,
            str(item.cost),
            _told("stock", item.stock),
            _told("per_person", item.per_person),
            _offered(item, zone),
        )
    Console().print(table)


def _offered(item: "Item", zone: "ZoneInfo") -> str:
    told = []
    if item.paused:
        told.append("paused")
    if item.offered_from is not None:
        told.append(f"from {item.offered_from.astimezone(zone):%Y-%m-%d}")
    if item.offered_until is not None:
        last = item.offered_until - timedelta(microseconds=1)
        told.append(f"until {last.astimezone(zone):%Y-%m-%d}")
    return ", ".join(told) or "yes"
