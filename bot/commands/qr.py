"""`sentinel qr`: posters with a code to scan, as PDF in Chinese and English."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bot.commands.app import app, call_telegram, in_one_line, in_transaction, load

if TYPE_CHECKING:
    from bot.posters import NamedSpot, Poster
    from bot.settings import Settings
    from locales import Words
    from services.districts import Districts

qr_app = typer.Typer(help="Posters with a code to scan, as PDF.", no_args_is_help=True)
app.add_typer(qr_app, name="qr")

AtOption = Annotated[
    str | None, typer.Option("--at", help="Latitude and longitude: 25.118,118.905")
]
ZhOption = Annotated[str, typer.Option("--name-zh", help="What the place is called, in Chinese.")]
EnOption = Annotated[str, typer.Option("--name-en", help="The same in English.")]
CategoryOption = Annotated[
    str, typer.Option("--category", help="Code of the kind of hazard, filled in with the place.")
]
FromOption = Annotated[
    Path | None,
    typer.Option(
        "--from",
        help="Many spots from a csv file instead: latitude, longitude, name_zh, name_en, category.",
    ),
]
# As bot/posters.py has it, which the command line does without until it draws.
Size = Literal["A4", "A5"]
SizeOption = Annotated[Size, typer.Option("--size", help="The paper.")]
BotOption = Annotated[
    str | None,
    typer.Option("--bot", help="The bot's name, as in t.me/NAME; asked of Telegram if none."),
]
OutOption = Annotated[Path, typer.Option("--out", help="File to write.")]
CodeArgument = Annotated[str, typer.Argument(help="The shop's code.")]

_BOT_NAME = re.compile(r"[A-Za-z0-9_]{4,32}")


@qr_app.command("spot")
def qr_spot(  # noqa: PLR0917 - options, which are named
    out: OutOption,
    at: AtOption = None,
    name_zh: ZhOption = "",
    name_en: EnOption = "",
    category: CategoryOption = "",
    many: FromOption = None,
    size: SizeOption = "A4",
    bot: BotOption = None,
) -> None:
    """Posters of street spots: the code opens the bot with the place filled in."""
    from bot import posters  # noqa: PLC0415
    from handlers import views  # noqa: PLC0415
    from services import spots  # noqa: PLC0415

    if (at is None) == (many is None):
        typer.echo("Name one of --at and --from.", err=True)
        raise typer.Exit(2)
    settings = load()
    if many is not None:
        named = _spots_from(many, settings)
    else:
        named = [_spot_at(at or "", name_zh, name_en, category, settings)]
    name = _bot_name(bot)
    zh, en = _languages(settings)
    pages = [
        posters.of_spot(
            one,
            link=views.deep_link(name, spots.payload(one.spot)),
            policy=settings.policy,
            zh=zh,
            en=en,
        )
        for one in named
    ]
    _write(pages, size, out)


@qr_app.command("shop")
def qr_shop(
    code: CodeArgument, out: OutOption, size: SizeOption = "A4", bot: BotOption = None
) -> None:
    """A shop's poster: points are welcome here."""
    from sqlalchemy.orm import Session  # noqa: PLC0415

    from bot import posters  # noqa: PLC0415
    from handlers import links, views  # noqa: PLC0415
    from services import shops  # noqa: PLC0415

    def read(session: Session) -> tuple[str, str] | None:
        shop = shops.by_code(session, code=code)
        return (shop.name_zh, shop.name_en) if shop else None

    names = in_transaction(read)
    if names is None:
        typer.echo(f"There is no shop {code!r}; `sentinel shops list` shows them.", err=True)
        raise typer.Exit(2)
    zh, en = _languages(load())
    link = views.deep_link(_bot_name(bot), f"{links.SHOP_POSTER}_{code}")
    _write([posters.of_shop(*names, link=link, zh=zh, en=en)], size, out)


def _spot_at(
    at: str, name_zh: str, name_en: str, category: str, settings: "Settings"
) -> "NamedSpot":
    from bot import posters  # noqa: PLC0415

    latitude, _, longitude = at.partition(",")
    try:
        return posters.spot(
            latitude=latitude,
            longitude=longitude,
            name_zh=name_zh,
            name_en=name_en,
            category=category,
            policy=settings.policy,
            districts=_districts(settings),
        )
    except posters.SpotFault as fault:
        typer.echo(str(fault), err=True)
        raise typer.Exit(2) from None


def _spots_from(file: Path, settings: "Settings") -> "list[NamedSpot]":
    from bot import posters  # noqa: PLC0415

    try:
        # Excel puts a mark before UTF-8.
        with file.open(encoding="utf-8-sig", newline="") as opened:
            found, faults = posters.spots_in(
                opened, policy=settings.policy, districts=_districts(settings)
            )
    except (OSError, UnicodeDecodeError) as error:
        typer.echo(f"--from: {in_one_line(error)}", err=True)
        raise typer.Exit(1) from None
    if faults:
        for fault in faults:
            typer.echo(f"{file.name}, {fault}", err=True)
        typer.echo("Nothing was written.", err=True)
        raise typer.Exit(2)
    return found


def _districts(settings: "Settings") -> "Districts":
    from services.districts import DistrictsError, load_districts  # noqa: PLC0415

    try:
        return load_districts(settings.districts.file, settings.districts.places)
    except DistrictsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


def _bot_name(given: str | None) -> str:
    name = given.removeprefix("@") if given else str(call_telegram("getMe")["username"])
    if not _BOT_NAME.fullmatch(name):
        typer.echo("--bot: the name in t.me/NAME, without the rest", err=True)
        raise typer.Exit(2)
    return name


def _languages(settings: "Settings") -> "tuple[Words, Words]":
    from locales import Words  # noqa: PLC0415

    zone = settings.policy.zone
    return Words("zh_Hans", zone), Words("en", zone)


def _write(pages: "Sequence[Poster]", size: Size, out: Path) -> None:
    from bot import posters  # noqa: PLC0415

    try:
        out.write_bytes(posters.drawn(pages, size=size))
    except OSError as error:
        typer.echo(f"--out: {in_one_line(error)}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{len(pages)} posters, {size}: {out}" if len(pages) > 1 else f"{size}: {out}")
