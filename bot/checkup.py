"""`sentinel check`: is everything in place? Each line is ok, or says what to do."""

import asyncio
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from telegram.error import BadRequest, Forbidden, InvalidToken, TelegramError

from bot import database, schema
from bot.application import outgoing, store_of
from bot.bot_api import BotApi
from bot.desks import unknown_codes
from bot.errands import missing_rights
from bot.settings import Settings
from services import chats
from services.districts import DistrictsError, load_districts
from services.photo_store import StoreAway, StoreFull, StoreUnusable


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the checkup: what was looked at, if it is in order, what to do if not."""

    what: str
    fine: bool
    note: str


async def look(settings: Settings) -> AsyncIterator[Finding]:
    """Look at everything the bot stands on.

    Args:
        settings: already valid.

    Yields:
        A finding for each thing.
    """
    yield Finding("configuration", True, "valid")
    yield _zones(settings)
    reviewed: _Reviewed = {}
    yield _database(settings, reviewed)
    yield await asyncio.to_thread(_photos, settings)
    _as_configured(settings, reviewed)
    token = settings.telegram.token
    if token is None:
        yield Finding(
            "token", True, "none: the local chat it is; for Telegram set SENTINEL_TELEGRAM__TOKEN"
        )
        return
    request = outgoing(settings.telegram, connections=4)
    async with BotApi(token.get_secret_value(), settings.telegram.api_url, request) as api:
        finding = await _token(api)
        yield finding
        if not finding.fine:
            return
        if settings.webhook.url is not None:
            yield await _webhook(api, settings.webhook.url)
        if not reviewed:
            yield Finding(
                "moderator chat",
                False,
                "none yet; write /here moderators in it as an admin, or set "
                "SENTINEL_CHATS__MODERATORS",
            )
        elif bare := _without_desk(settings, reviewed):
            yield Finding(
                "review desks",
                False,
                f"none for {', '.join(bare)}; write /here moderators in the group for them",
            )
        for chat_id in reviewed:
            yield await _chat(api, chat_id)


# The codes of the districts each moderator chat reviews; None: all others.
_Reviewed = dict[int, Collection[str] | None]


def _as_configured(settings: Settings, reviewed: _Reviewed) -> None:
    """What the next start will make of the desks."""
    if settings.chats.moderators is not None:
        others: _Reviewed = {chat: () for chat, codes in reviewed.items() if codes is None}
        reviewed |= others | {settings.chats.moderators: None}
    for desk in settings.chats.desks:
        reviewed[desk.chat] = desk.districts


def _without_desk(settings: Settings, reviewed: _Reviewed) -> list[str]:
    if None in reviewed.values():
        return []
    there = {code for codes in reviewed.values() for code in codes or ()}
    try:
        districts = load_districts(settings.districts.file, settings.districts.places)
    except DistrictsError:
        # That has a line of its own.
        return []
    return [district.code for district in districts if district.code not in there]


def _zones(settings: Settings) -> Finding:
    try:
        districts = load_districts(settings.districts.file, settings.districts.places)
    except DistrictsError as error:
        return Finding("districts", False, str(error))
    problems = districts.problems()
    if strange := unknown_codes(settings, districts):
        problems.append(strange)
    if problems:
        return Finding("districts", False, "; ".join(problems))
    return Finding("districts", True, f"{len(districts)} in {settings.districts.file}")


def _database(settings: Settings, reviewed: _Reviewed) -> Finding:
    try:
        engine: Engine = database.create(settings.database_url)
    except OSError as error:
        return Finding("database", False, f"its folder cannot be used ({error.strerror})")
    try:
        if not schema.is_current(engine):
            return Finding("database", False, "not at its newest; run: sentinel migrate")
        with Session(engine) as session:
            reviewed |= {chat.id: chat.districts for chat in chats.moderators(session)}
    except SQLAlchemyError as error:
        return Finding("database", False, f"cannot be used ({type(error).__name__})")
    finally:
        engine.dispose()
    return Finding("database", True, f"at its newest, {engine.dialect.name}")


def _photos(settings: Settings) -> Finding:
    try:
        store_of(settings).probe()
    except (StoreUnusable, StoreAway) as error:
        return Finding("photos", False, str(error))
    except StoreFull:
        return Finding("photos", False, "no space left where they are kept")
    except OSError as error:
        return Finding("photos", False, f"the folder cannot be used ({error.strerror})")
    where = settings.photos.url or settings.state_dir / "photos"
    return Finding("photos", True, f"can be kept and read in {where}")


async def _token(api: BotApi) -> Finding:
    try:
        me = await api.call("getMe")
    except InvalidToken:
        return Finding("token", False, "Telegram does not know it; take the one from BotFather")
    except TelegramError as error:
        return Finding("token", False, f"the Bot API does not answer ({type(error).__name__})")
    return Finding("token", True, f"@{me['username']}")


async def _webhook(api: BotApi, url: str) -> Finding:
    try:
        info = await api.call("getWebhookInfo")
    except TelegramError as error:
        return Finding("webhook", False, f"the Bot API does not answer ({type(error).__name__})")
    if info["url"] != url:
        return Finding("webhook", False, "not set there; sentinel serve sets it when it starts")
    waiting = info.get("pending_update_count", 0)
    if waiting and info.get("last_error_message"):
        return Finding("webhook", False, f"{waiting} wait: {info['last_error_message']}")
    return Finding("webhook", True, f"set, {waiting} updates wait")


async def _chat(api: BotApi, chat_id: int) -> Finding:
    what = f"moderator chat {chat_id}"
    try:
        await api.call("getChat", {"chat_id": chat_id})
        missing = await missing_rights(api, chat_id)
    except (BadRequest, Forbidden):
        return Finding(what, False, "not reachable; add the bot to the group")
    except TelegramError as error:
        return Finding(what, False, f"the Bot API does not answer ({type(error).__name__})")
    match missing:
        case []:
            return Finding(what, True, "reachable, all rights")
        case ["admin"]:
            return Finding(what, False, "make the bot an administrator of the group")
        case ["post"]:
            return Finding(what, False, "allow the bot to send messages and photos")
    return Finding(what, False, "the bot is not in it; add it")
