"""`sentinel run` without a token: the local chat and the bot together, one address to open.

The only place of the project that knows the local chat.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import typer

import localchat
from bot import application
from bot.settings import Settings
from localchat import seed, server
from localchat.journal import open_world
from services.people import Code

FOLDER = Path(localchat.__file__).parent


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Serve the local chat, and the bot in it, until an event says stop.

    Args:
        settings: without a token.
        stop: ends both, the bot first.
    """
    folder = settings.data_dir / "localchat"
    folder.mkdir(parents=True, exist_ok=True)
    port = server.find_port(settings.local_chat.port)
    address = f"http://127.0.0.1:{port}"
    with open_world(folder) as world:
        app = server.build(
            world,
            page=FOLDER / "page",
            districts=_json(settings.districts.file),
            places=_json(settings.districts.places),
            samples=FOLDER / "samples",
        )
        async with asyncio.TaskGroup() as tasks, server.serving(app, port=port):
            bot_settings = _for_local_chat(settings, address)
            await application.serve(bot_settings, stop, lambda name, code: _ready(address, code))
    del tasks


def _for_local_chat(settings: Settings, address: str) -> Settings:
    telegram = settings.telegram.model_copy(update={"token": seed.TOKEN, "api_url": address})
    return settings.model_copy(update={"telegram": telegram})


def _json(file: Path | None) -> dict[str, Any] | None:
    if file is None or not file.exists():
        return None
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content


def _ready(address: str, code: Code | None) -> None:
    del code
    typer.echo(f"流动哨兵 Street Sentinel is running. Open {address}")
    typer.echo("1. As a rider, send a photo (samples are under the paper clip), a place, a kind.")
    typer.echo("2. As a reviewer, open the review desk and tap Approve.")
    typer.echo("3. As the rider again, read the answer and send /points.")
    typer.echo("It is all on this machine. Ctrl-C ends it; a restart goes on where you were.")
