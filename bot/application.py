"""Puts the parts together from the settings, starts them, and ends them in the right order."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog
from sqlalchemy.orm import Session
from telegram.error import InvalidToken, TelegramError

import locales
from bot import database, schedule
from bot.aiohttp_request import AiohttpRequest, proxy_for
from bot.bot_api import BotApi
from bot.errands import Errands
from bot.intake import Intake
from bot.outbox import Outbox
from bot.polling import Polling
from bot.settings import Settings
from handlers.context import House
from handlers.menu import COMMANDS, DESCRIPTION
from services import chats, errands, outbox, people, places
from services.districts import Districts, load_districts
from services.people import Code
from services.photo_store import PhotoStore

log = structlog.get_logger()

# Seconds for what is on its way out when we are told to end; the rest waits in its rows.
FAREWELL_S = 5.0


class NoSuchBot(Exception):  # noqa: N818 - an answer to the operator
    """Telegram does not know the token."""


class Sentinel:
    """The whole bot of one process, on front door 1."""

    def __init__(self, settings: Settings, stop: asyncio.Event) -> None:
        """Nothing is opened yet.

        Args:
            settings: with a token.
            stop: ends `run`, in order.
        """
        token = settings.telegram.token
        assert token is not None
        self._settings = settings
        self._policy = settings.policy
        url = settings.telegram.api_url
        request = AiohttpRequest(proxy=proxy_for(url))
        self._api = BotApi(token.get_secret_value(), url, request)
        self._stop = stop

    async def run(self, ready: Callable[[str, Code | None], None]) -> None:
        """Serve until stopped.

        Args:
            ready: told the bot's username and the first admin's one-time code, if one is open,
                once the bot is listening.

        Raises:
            NoSuchBot: the token is wrong.
            DistrictsError: the districts cannot be read.
        """
        settings = self._settings
        districts = load_districts(settings.districts.file, settings.districts.places)
        engine = database.create(settings.database_url)
        db = database.Database(engine, threads=settings.database.threads)
        try:
            async with self._api:
                me = await self._introduce()
                if me is None:
                    return
                house = house_of(settings, districts, me["username"])
                code = await db.run(lambda session: prepare(session, settings))
                await self._serve(db, house, me, lambda: ready(me["username"], code))
        finally:
            db.close()

    async def _introduce(self) -> dict[str, Any] | None:
        wait = 1.0
        while not self._stop.is_set():
            try:
                me: dict[str, Any] = await self._api.call("getMe")
            except InvalidToken as error:
                raise NoSuchBot from error
            except TelegramError as error:
                log.warning("telegram_not_reached", error=type(error).__name__, again_in_s=wait)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), wait)
                wait = min(wait * 2, 60.0)
            else:
                return me
        return None

    async def _serve(
        self, db: database.Database, house: House, me: dict[str, Any], ready: Callable[[], None]
    ) -> None:
        settings = self._settings
        store = PhotoStore(settings.data_dir / "photos")
        intake = Intake(db, house, me)
        out = Outbox(db, self._api, store, house)
        out_errands = Errands(
            database=db,
            intake=intake,
            api=self._api,
            store=store,
            house=house,
            geocoder=geocoder_of(settings),
        )
        polling = Polling(self._api, intake)
        intake.after_commit(out.wake)
        intake.after_commit(lambda _: out_errands.wake())
        timetable = schedule.scheduler(intake, self._policy.zone)
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(out.run())
            asking = tasks.create_task(out_errands.run())
            hearing = tasks.create_task(polling.run())
            tasks.create_task(publish_profile(self._api, house))
            timetable.start()
            ready()
            stopping = tasks.create_task(self._stop.wait())
            # A part that ends by itself has failed; the group ends the others and raises.
            await asyncio.wait({stopping, hearing}, return_when=asyncio.FIRST_COMPLETED)
            timetable.shutdown(wait=False)
            polling.stop()
            await hearing
            out_errands.stop()
            out.stop()
            _, late = await asyncio.wait({sending, asking}, timeout=FAREWELL_S)
            for task in late:
                task.cancel()


async def serve(
    settings: Settings, stop: asyncio.Event, ready: Callable[[str, Code | None], None]
) -> None:
    """Run the whole bot of one process until an event says stop.

    Args:
        settings: with a token.
        stop: ends it, in order.
        ready: as `Sentinel.run` takes it.

    Raises:
        NoSuchBot: the token is wrong.
        DistrictsError: the districts cannot be read.
    """
    await Sentinel(settings, stop).run(ready)


def house_of(settings: Settings, districts: Districts, bot_username: str) -> House:
    """What is the same for every update while the process runs."""
    policy = settings.policy
    return House(
        policy=policy,
        districts=districts,
        words={name: locales.Words(name, policy.zone) for name in locales.LANGUAGES},
        bot_username=bot_username,
        map_url=settings.districts.map_url,
        finds_addresses=settings.geocoder.provider is not None,
    )


def geocoder_of(settings: Settings) -> places.Geocoder | None:
    """The configured geocoder; None where there is none."""
    wanted = settings.geocoder
    if wanted.provider is None:
        return None
    return places.build_geocoder(
        wanted.provider,
        domain=wanted.domain,
        scheme=wanted.scheme,
        api_key=wanted.api_key.get_secret_value() if wanted.api_key else None,
        security_key=wanted.security_key.get_secret_value() if wanted.security_key else None,
        timeout_s=wanted.timeout_s,
    )


def prepare(session: Session, settings: Settings) -> Code | None:
    """At the start: pick up what a killed process left, and what the configuration says of chats.

    Args:
        session: a transaction of its own.
        settings: names the moderator chat and the admins.

    Returns:
        A one-time code for the first admin, while there is none.
    """
    outbox.recover(session)
    errands.release_all(session)
    policy = settings.policy
    if settings.chats.moderators is not None:
        chats.register(
            session,
            chat_id=settings.chats.moderators,
            title="",
            purpose=chats.MODERATORS,
            name=None,
            language=policy.languages.moderators,
        )
    for admin in settings.chats.admins:
        people.make_admin(session, person_id=admin, policy=policy)
    return people.new_setup_code(session)


async def publish_profile(api: BotApi, house: House) -> None:
    """Tell Telegram what the bot is and which commands it offers, in each language. Best effort."""
    languages: tuple[tuple[str, str | None], ...] = (("en", None), ("zh_Hans", "zh"))
    for language, code in languages:
        words = house.words[language]
        commands = [
            {"command": command, "description": words.tr(text)} for command, text in COMMANDS
        ]
        about = {"language_code": code} if code is not None else {}
        calls: tuple[tuple[str, dict[str, Any]], ...] = (
            ("setMyCommands", {"commands": commands, "scope": {"type": "all_private_chats"}}),
            ("setMyDescription", {"description": words.tr(DESCRIPTION)}),
            ("setMyShortDescription", {"short_description": words.tr(DESCRIPTION)}),
        )
        try:
            for method, parameters in calls:
                await api.call(method, {**parameters, **about})
        except TelegramError as error:
            log.warning("profile_not_published", error=type(error).__name__)
