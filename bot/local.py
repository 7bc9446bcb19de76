"""`sentinel run` without a token: the local chat and the bot together, one address to open.

The only place of the project that knows the local chat.
"""

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import typer
from pydantic import SecretStr

import localchat
from bot import application, catalogue, database, schema
from bot.settings import Settings
from localchat import seed, server
from localchat.journal import DiskJournal
from localchat.world import World
from models.base import Session
from services import catalogue_file, people, shops

EXAMPLE = Path(__file__).resolve().parent.parent / "rewards" / "example.yaml"
FOLDER = Path(localchat.__file__).parent


class CannotStart(Exception):  # noqa: N818 - an answer to the operator
    """The local chat finds no port, or cannot use its file; the message is one line."""


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Serve the local chat, and the bot in it, until an event says stop.

    Args:
        settings: without a token.
        stop: ends both, the bot first.

    Raises:
        CannotStart: no port is free, or the local chat's file cannot be used.
        DistrictsError: the districts cannot be read.
        StoreUnusable: photos cannot be kept where the settings say.
    """
    port, opened = _open(settings)
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    with closing(opened) as journal:
        world = seed.seed(World(token=seed.TOKEN, bot=seed.BOT, journal=journal))
        app = server.build(
            world,
            page=FOLDER / "page",
            districts=_json(settings.districts.file),
            places=_json(settings.districts.places),
            samples=FOLDER / "samples",
        )
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(server.serve(app, port=port, ready=address.set_result))
            here = await address
            local = _in_local_chat(settings, here)
            await asyncio.to_thread(_open_shops, local)
            await application.serve(
                local,
                stop,
                lambda username, code: _ready(here),  # noqa: ARG005
            )
            serving.cancel()


def _open(settings: Settings) -> tuple[int, DiskJournal]:
    preferred = settings.local_chat.port
    try:
        port = server.find_port(preferred) if preferred else 0
        return port, DiskJournal(settings.local_chat_dir / "world.db")
    except (server.PortTakenError, sqlite3.DatabaseError, OSError) as error:
        raise CannotStart(" ".join(str(error).split())) from error


def _in_local_chat(settings: Settings, address: str) -> Settings:
    telegram = settings.telegram.model_copy(
        update={"token": SecretStr(seed.TOKEN), "api_url": address}
    )
    # The seed's desk is there from the start, and its chief reviewer may set things up.
    chats = settings.chats.model_copy(
        update={
            "moderators": settings.chats.moderators or seed.MODERATORS_CHAT_ID,
            "admins": settings.chats.admins or (seed.LIN,),
        }
    )
    return settings.model_copy(
        update={"telegram": telegram, "chats": chats, "data_dir": settings.state_dir}
    )


def _open_shops(settings: Settings) -> None:
    """The example's shops, where there are none yet; the seed's shopkeeper is staff of one."""
    db = database.Database(database.create(settings.database_url))
    try:
        schema.upgrade(db.engine)
        if not EXAMPLE.exists() or db.run_here(shops.all_shops):
            return
        catalogue.bring_in(settings, catalogue_file.read(EXAMPLE), restock=False)
        db.run_here(lambda session: _employ(session, settings))
    finally:
        db.close()


def _employ(session: Session, settings: Settings) -> None:
    policy = settings.policy
    shop = shops.by_code(session, code="harbour-noodles")
    assert shop is not None
    invite = shops.invite(session, shop_id=shop.id, admin_id=seed.LIN, policy=policy)
    keeper = people.meet(session, person_id=seed.SHOPKEEPER, language_code="zh-hans", policy=policy)
    shops.join(session, person=keeper, token=invite.token, name="郑", policy=policy)


def _json(file: Path | None) -> dict[str, Any] | None:
    if file is None or not file.exists():
        return None
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content


def _ready(address: str) -> None:
    typer.echo(f"流动哨兵 Street Sentinel is running. Open {address}")
    typer.echo("1. As a rider, send a photo (samples are under the paper clip), a place, a kind.")
    typer.echo("2. As a reviewer, open the review desk and tap Approve.")
    typer.echo("3. As the rider again, read the answer, send /rewards and redeem something;")
    typer.echo("   the shopkeeper (阿忠) confirms its code.")
    typer.echo(
        "Everything stays on this machine. Ctrl-C ends it; a restart goes on where you were."
    )
