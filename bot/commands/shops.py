"""`sentinel shops`: which there are, and what their books say."""

from pathlib import Path
from typing import Annotated

import typer

from bot.commands.app import app, in_one_line, in_transaction, load
from models.policy import Language
from services.shop_statements import Form

shops_app = typer.Typer(help="Shops and their statements.", no_args_is_help=True)
app.add_typer(shops_app, name="shops")

ShopOption = Annotated[str, typer.Option("--shop", help="Its code, as `shops list` shows it.")]
MonthOption = Annotated[str | None, typer.Option("--month", help="As 2026-11.")]
DayOption = Annotated[str | None, typer.Option("--day", help="As 2026-11-24.")]
FormOption = Annotated[Form, typer.Option("--form", help="For people or for a spreadsheet.")]
OutOption = Annotated[Path, typer.Option("--out", help="File to write.")]
LanguageOption = Annotated[
    Language | None, typer.Option("--language", help="The default of the bot if none is named.")
]


@shops_app.command("list")
def shops_list() -> None:
    """List the shops, by their code."""
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from sqlalchemy.orm import Session  # noqa: PLC0415

    from services import shops  # noqa: PLC0415

    def read(session: Session) -> list[tuple[str, str, str, str]]:
        return [
            (
                shop.code,
                shop.name_zh,
                shop.name_en,
                str(len(shops.staff_of(session, shop_id=shop.id))),
            )
            for shop in shops.all_shops(session)
        ]

    rows = in_transaction(read)
    if not rows:
        typer.echo("no shop")
        return
    table = Table("code", "name (zh)", "name (en)", "staff")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


@shops_app.command("statement")
def shops_statement(  # noqa: PLR0917 - options, which are named
    shop: ShopOption,
    out: OutOption,
    month: MonthOption = None,
    day: DayOption = None,
    form: FormOption = Form.PDF,
    language: LanguageOption = None,
) -> None:
    """Write a shop's statement of a month or a day, from the books."""
    from sqlalchemy.orm import Session  # noqa: PLC0415

    from bot import papers  # noqa: PLC0415
    from locales import Words  # noqa: PLC0415
    from services import shop_statements, shops  # noqa: PLC0415

    policy = load().policy
    if (month is None) == (day is None):
        typer.echo("Name one of --month and --day.", err=True)
        raise typer.Exit(2)
    period = shop_statements.named(month or day or "", policy.zone)
    if period is None or period.is_month != (month is not None):
        typer.echo("--month: as 2026-11" if day is None else "--day: as 2026-11-24", err=True)
        raise typer.Exit(2)

    def read(session: Session) -> shop_statements.Statement | None:
        row = shops.by_code(session, code=shop)
        if row is None:
            return None
        return shop_statements.statement(session, shop_id=row.id, period=period)

    statement = in_transaction(read)
    if statement is None:
        typer.echo(f"--shop: there is no {shop!r}; `sentinel shops list` shows them", err=True)
        raise typer.Exit(2)
    words = Words(language or policy.languages.default, policy.zone)
    try:
        out.write_bytes(papers.drawn(statement, form=form, words=words))
    except OSError as error:
        typer.echo(f"--out: {in_one_line(error)}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{len(statement.lines)} bookings, {statement.total} points: {out}")
