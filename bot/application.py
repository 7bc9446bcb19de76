"""Puts the parts together from the settings, starts them, and ends them in the right order."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

import structlog
from sqlalchemy.orm import Session
from telegram.error import InvalidToken, TelegramError

import locales
from bot import database, desks, private_port, schedule
from bot.aiohttp_request import AiohttpRequest, proxy_for
from bot.bot_api import BotApi
from bot.errands import Errands
from bot.http_door import HttpDoor
from bot.intake import Intake
from bot.metrics import Metrics
from bot.outbox import Outbox
from bot.polling import Polling
from bot.presence import Presence
from bot.settings import Settings, Telegram
from bot.webhook import Webhook
from handlers import setup
from handlers.context import House, Turn
from handlers.menu import COMMANDS, DESCRIPTION, DESK_COMMANDS
from models import Chat
from models.errands import ErrandKind
from models.policy import Policy
from services import chats, errands, people, places
from services.districts import Districts, load_districts
from services.people import Code
from services.photo_store import PhotoStore, open_store

log = structlog.get_logger()

# Seconds for what is on its way out when we are told to end; the rest waits in its rows.
FAREWELL_S = 5.0


class NoSuchBot(Exception):  # noqa: N818 - an answer to the operator
    """Telegram does not know the token."""


class FrontDoor(Protocol):
    """A way for updates to reach us: `Polling` or `Webhook`."""

    async def run(self) -> None:
        """Take updates in until stopped."""

    def stop(self) -> None:
        """Finish what is being applied, then end `run`."""


class Ready(Protocol):
    """Told once the bot is listening."""

    def __call__(self, username: str, code: Code | None) -> None:
        """The bot's username, and the first admin's one-time code, if one is open."""


class Sentinel:
    """The whole bot of one process."""

    def __init__(self, settings: Settings, stop: asyncio.Event, *, webhook: bool) -> None:
        """Nothing is opened yet.

        Args:
            settings: with a token; for a webhook with its url and secret, too.
            stop: ends `run`, in order.
            webhook: Telegram brings the updates; else it is asked for them.

        Raises:
            StoreUnusable: photos cannot be kept where the settings say.
        """
        token = settings.telegram.token
        assert token is not None
        self._settings = settings
        self._store = store_of(settings)
        self._api = BotApi(
            token.get_secret_value(), settings.telegram.api_url, outgoing(settings.telegram)
        )
        self._stop = stop
        self._webhook = webhook
        self._metrics = Metrics()

    async def run(self, ready: Ready) -> None:
        """Serve until stopped.

        Args:
            ready: told once the bot is listening.

        Raises:
            NoSuchBot: the token is wrong.
            DistrictsError: the districts cannot be read, or a desk's are not there.
            CannotListen: an address of ours is taken.
            WebhookRefused: Telegram does not take the webhook.
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
                desks.require_known(settings, districts)
                presence = Presence(db)
                await presence.enter()
                code = await db.run(
                    lambda session: prepare(session, settings, house, leads=presence.leads)
                )
                await self._serve(db, house, me, presence, lambda: ready(me["username"], code))
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
        self,
        db: database.Database,
        house: House,
        me: dict[str, Any],
        presence: Presence,
        ready: Callable[[], None],
    ) -> None:
        settings = self._settings
        intake = Intake(db, house, me, self._metrics)
        out = Outbox(
            database=db,
            api=self._api,
            store=self._store,
            house=house,
            metrics=self._metrics,
            process=presence.number,
            bulk_per_second=settings.telegram.bulk_per_second,
        )
        out_errands = Errands(
            database=db,
            intake=intake,
            api=self._api,
            store=self._store,
            house=house,
            geocoder=geocoder_of(settings),
            process=presence.number,
        )
        intake.after_commit(out.wake)
        out.when_full(intake.note_full)
        intake.after_commit(lambda _: out_errands.wake())
        presence.when_taken_up(lambda: out.wake([]))
        presence.when_taken_up(out_errands.wake)
        presence.when_leading(self._metrics.leads)
        front_door, hears = self._front_door(intake)
        private = self._private_port(db, hears)
        timetable = schedule.scheduler(intake, settings.policy.zone)
        # It runs while this process leads.
        timetable.start(paused=True)
        presence.when_leading(lambda leads: schedule.lead(timetable, leads=leads))
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(out.run())
            asking = tasks.create_task(out_errands.run())
            being = tasks.create_task(presence.run())
            hearing = tasks.create_task(front_door.run())
            tasks.create_task(publish_profile(self._api, house))
            if presence.leads:
                tasks.create_task(desks.inspect(db, intake, self._api, house.districts))
            if private is not None:
                tasks.create_task(private.run())
            ready()
            stopping = tasks.create_task(self._stop.wait())
            # A part that ends by itself has failed; the group ends the others and raises.
            await asyncio.wait({stopping, hearing}, return_when=asyncio.FIRST_COMPLETED)
            timetable.shutdown(wait=False)
            front_door.stop()
            await hearing
            out_errands.stop()
            out.stop()
            _, late = await asyncio.wait({sending, asking}, timeout=FAREWELL_S)
            for task in late:
                task.cancel()
            # What is still held goes to the others with our number.
            presence.stop()
            await being
            if private is not None:
                private.stop()

    def _front_door(self, intake: Intake) -> tuple[FrontDoor, Callable[[], bool]]:
        """The door, open, and whether updates can come through it."""
        if not self._webhook:
            return Polling(self._api, intake), lambda: True
        webhook = Webhook(self._api, intake, self._settings.webhook)
        webhook.open()
        return webhook, lambda: webhook.is_set

    def _private_port(self, db: database.Database, hears: Callable[[], bool]) -> HttpDoor | None:
        address = self._settings.metrics.listen
        if address is None:
            return None
        door = HttpDoor(
            private_port.app(db, self._metrics, lambda: hears() and not self._stop.is_set()),
            address,
        )
        door.open()
        return door


async def serve(
    settings: Settings, stop: asyncio.Event, ready: Ready, *, webhook: bool = False
) -> None:
    """Run the whole bot of one process until an event says stop.

    Args:
        settings: with a token; for a webhook with its url and secret, too.
        stop: ends it, in order.
        ready: told once the bot is listening.
        webhook: Telegram brings the updates; else it is asked for them.

    Raises:
        NoSuchBot: the token is wrong.
        DistrictsError: the districts cannot be read.
        StoreUnusable: photos cannot be kept where the settings say.
        CannotListen: an address of ours is taken.
        WebhookRefused: Telegram does not take the webhook.
    """
    await Sentinel(settings, stop, webhook=webhook).run(ready)


def outgoing(telegram: Telegram, *, connections: int | None = None) -> AiohttpRequest:
    """How calls reach the Bot API: through the configured proxy, or the environment's.

    Args:
        telegram: the way to the Bot API.
        connections: how many at once; as configured where none is said.
    """
    return AiohttpRequest(
        connections=connections or telegram.connections,
        proxy=telegram.proxy or proxy_for(telegram.api_url),
    )


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
        group_per_minute=settings.telegram.group_per_minute,
    )


def store_of(settings: Settings) -> PhotoStore:
    """The configured photo store: a folder beside the database, if nothing else was said.

    Raises:
        StoreUnusable: its URL or the environment cannot be right.
    """
    return open_store(settings.photos.url, settings.state_dir / "photos")


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


def prepare(session: Session, settings: Settings, house: House, *, leads: bool) -> Code | None:
    """At the start: take in what the configuration says of chats and people.

    What it says of a desk goes before what /here said meanwhile.

    Args:
        session: a transaction of its own.
        settings: names the moderator chats, the admins and the chiefs.
        house: languages, for desks that lose something to others.
        leads: this process leads; of several, one tells the code and asks who runs the desks.

    Returns:
        A one-time code for the first admin, while there is none.
    """
    policy = settings.policy
    turn = Turn(session, house)
    if settings.chats.moderators is not None:
        chat = _registered(session, settings.chats.moderators, policy)
        setup.take_over(turn, chat, districts=None)
    for desk in settings.chats.desks:
        chat = _registered(session, desk.chat, policy)
        setup.take_over(turn, chat, districts=desk.districts)
        if desk.topics:
            chat.topics = dict(desk.topics)
    for admin in settings.chats.admins:
        people.make_admin(session, person_id=admin, policy=policy)
    for chief in settings.chats.chiefs:
        people.make_chief(session, person_id=chief, policy=policy)
    if leads:
        # Who runs a desk is known from the start; everybody else once they act in it.
        for chat in chats.moderators(session):
            errands.ask(
                session, kind=ErrandKind.MEMBER, payload={"chat_id": chat.id, "person_id": None}
            )
    return people.new_setup_code(session) if leads else None


def _registered(session: Session, chat_id: int, policy: Policy) -> Chat:
    return chats.register(
        session,
        chat_id=chat_id,
        title="",
        purpose=chats.MODERATORS,
        name=None,
        language=policy.languages.moderators,
    )


async def publish_profile(api: BotApi, house: House) -> None:
    """Tell Telegram what the bot is and which commands it offers, in each language. Best effort."""
    languages: tuple[tuple[str, str | None], ...] = (("en", None), ("zh_Hans", "zh"))
    for language, code in languages:
        words = house.words[language]
        private, desk = (
            [{"command": command, "description": words.tr(text)} for command, text in commands]
            for commands in (COMMANDS, DESK_COMMANDS)
        )
        about = {"language_code": code} if code is not None else {}
        calls: tuple[tuple[str, dict[str, Any]], ...] = (
            ("setMyCommands", {"commands": private, "scope": {"type": "all_private_chats"}}),
            ("setMyCommands", {"commands": desk, "scope": {"type": "all_group_chats"}}),
            ("setMyDescription", {"description": words.tr(DESCRIPTION)}),
            ("setMyShortDescription", {"short_description": words.tr(DESCRIPTION)}),
        )
        try:
            for method, parameters in calls:
                await api.call(method, {**parameters, **about})
        except TelegramError as error:
            log.warning("profile_not_published", error=type(error).__name__)
