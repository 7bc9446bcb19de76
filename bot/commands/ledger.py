"""`sentinel ledger`: the books, recomputed; and what only an operator books by hand."""

from typing import Annotated

import typer

from bot.commands.app import app, in_transaction, load, one_line_for_the_database

ledger_app = typer.Typer(help="The books of points.", no_args_is_help=True)
app.add_typer(ledger_app, name="ledger")

MOST_FAULTS = 50
Reason = Annotated[str, typer.Option("--reason", help="Why; the rider reads it.")]


@ledger_app.command("verify")
def verify() -> None:
    """Recompute everything from the entries, and name every row that does not fit.

    Ends with code 1 if there is one. The bot may run meanwhile.
    """
    from itertools import islice  # noqa: PLC0415

    from sqlalchemy.orm import Session  # noqa: PLC0415

    from bot import database, progress, schema  # noqa: PLC0415
    from services import verification  # noqa: PLC0415

    settings = load()
    with one_line_for_the_database():
        engine = database.create(settings.database_url, read_only=True)
        try:
            if not schema.is_current(engine):
                typer.echo("database: not at its newest; run: sentinel migrate", err=True)
                raise typer.Exit(1)
            with Session(engine) as session, progress.bars() as show:
                found = verification.verify(session, show=show)
                faults = list(islice(found, MOST_FAULTS + 1))
        finally:
            engine.dispose()
    for fault in faults[:MOST_FAULTS]:
        typer.echo(f"{fault.where} {fault.what}")
    if len(faults) > MOST_FAULTS:
        typer.echo(f"… and more; these are the first {MOST_FAULTS}.")
    if faults:
        raise typer.Exit(1)
    typer.echo("ledger: ok")


@ledger_app.command("adjust")
def adjust(
    person: Annotated[int, typer.Argument(help="The rider's Telegram id.")],
    points: Annotated[int, typer.Argument(help="How many; below zero to take.")],
    reason: Reason,
) -> None:
    """Give or take points by hand; the other side is the account of corrections.

    A number below zero needs two dashes before it: sentinel ledger adjust -- 123 -5 --reason …
    """
    from services import adjustments  # noqa: PLC0415

    number = in_transaction(
        lambda session: adjustments.adjust(session, person_id=person, points=points, why=reason)
    )
    if number is None:
        typer.echo("Nobody with that id ever wrote to the bot, or there are no points.", err=True)
        raise typer.Exit(1)
    typer.echo(f"transaction {number}")


@ledger_app.command("reverse")
def reverse(
    transaction: Annotated[int, typer.Argument(help="Its number, as `verify` or `adjust` say it.")],
    reason: Reason,
) -> None:
    """Take back what was booked by hand, by a reversing entry, once.

    What the bot booked itself is taken back where it was decided: an approval at the review desk, a
    confirmation in the shop.
    """
    from services import adjustments  # noqa: PLC0415

    done = in_transaction(
        lambda session: adjustments.take_back(session, transaction_id=transaction, why=reason)
    )
    if not done:
        typer.echo("That was not booked by hand, or was taken back before.", err=True)
        raise typer.Exit(1)
    typer.echo("taken back")
