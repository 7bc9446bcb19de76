"""`sentinel outbox`: what could not be delivered, and what becomes of it."""

from typing import Annotated

import typer

from bot.commands.app import app, in_transaction
from models.outgoing import OutgoingState

outbox_app = typer.Typer(
    help="What is to be sent, and what could not be delivered.", no_args_is_help=True
)
app.add_typer(outbox_app, name="outbox")

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

    rows = in_transaction(lambda session: outbox.rows(session, state=state, limit=limit))
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
    count = in_transaction(lambda session: outbox.retry(session, ids=chosen))
    typer.echo(f"{count} to be sent again")


@outbox_app.command("drop")
def outbox_drop(ids: IdsArgument = None, every: AllOption = False) -> None:
    """Give dead letters up for good."""
    from services import outbox  # noqa: PLC0415

    chosen = _chosen(ids, every=every)
    count = in_transaction(lambda session: outbox.drop(session, ids=chosen))
    typer.echo(f"{count} given up")


def _chosen(ids: list[int] | None, *, every: bool) -> list[int] | None:
    if bool(ids) == every:
        typer.echo("Name the numbers `sentinel outbox list` shows, or --all.", err=True)
        raise typer.Exit(2)
    return ids or None
