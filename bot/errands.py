"""Runs errands: asks the outside world after the commit, and has the answer taken in.

Asking may be slow and may fail; it happens outside any transaction and is tried again. The answer
is one transaction, in which the errand's row goes: asked twice, taken in once. What fails to the
last is given up, and the admins are told.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from telegram.error import BadRequest, Forbidden, TelegramError

from bot.bot_api import BotApi
from bot.database import Database, is_away
from bot.intake import Intake
from bot.logs import frames_of
from handlers import answers, timers
from handlers.context import House, Turn
from models import clock
from models.errands import ErrandKind
from services import chats, errands, exif, photos, pictures, places, qr_codes
from services.errands import Task
from services.photo_store import PhotoStore, StoreAway, StoreFull
from services.photos import ExifFault, Found, Refused
from services.places import Geocoder, GeocoderUnavailable

log = structlog.get_logger()

AT_ONCE = 4
LOOK_AGAIN_S = 30.0
# Between two looks while the database is away.
AWAY = timedelta(seconds=1)
Finish = Callable[[Turn], None]


class TryAgain(Exception):  # noqa: N818 - a state of the world
    """The outside world did not answer this time."""


class Errands:
    """Does what is to be found out, as long as it runs."""

    def __init__(
        self,
        *,
        database: Database,
        intake: Intake,
        api: BotApi,
        store: PhotoStore,
        house: House,
        geocoder: Geocoder | None,
        process: int,
    ) -> None:
        """Nothing is asked yet.

        Args:
            database: where the rows are.
            intake: takes the answers in.
            api: fetches files, and asks what the bot may do.
            store: keeps pictures.
            house: rules and languages.
            geocoder: finds typed addresses; None where nobody does.
            process: the number under which errands are held while they run.
        """
        self._database = database
        self._intake = intake
        self._api = api
        self._store = store
        self._house = house
        self._geocoder = geocoder
        self._process = process
        self._news = asyncio.Event()
        self._stopping = False
        self._running = 0
        # Errands that could not be finished, nor put back, for want of the database.
        self._unfinished: list[Task] = []

    def wake(self) -> None:
        """There may be something to find out."""
        self._news.set()

    def stop(self) -> None:
        """End after what is being asked; the rest waits in its rows."""
        self._stopping = True
        self._news.set()

    async def run(self) -> None:
        """Ask until stopped."""
        await self._sweep_store()
        async with asyncio.TaskGroup() as tasks:
            while not self._stopping:
                self._news.clear()
                unfinished, self._unfinished = self._unfinished, []
                try:
                    taken, due = await self._database.run(
                        partial(self._take, unfinished=unfinished)
                    )
                except SQLAlchemyError as error:
                    log.warning("errands_database_away", error=type(error).__name__)
                    self._unfinished += unfinished
                    taken, due = [], clock.now() + AWAY
                for task in taken:
                    self._running += 1
                    tasks.create_task(self._do(task))
                try:
                    await asyncio.wait_for(self._news.wait(), _seconds_until(due))
                except TimeoutError:
                    continue

    def _take(
        self, session: Session, unfinished: Sequence[Task] = ()
    ) -> tuple[list[Task], datetime | None]:
        for task in unfinished:
            errands.hand_back(session, task=task)
        room = AT_ONCE - self._running
        if room <= 0:
            # Whatever is due waits for one of those under way, and that one says when it is done.
            return [], None
        taken = errands.take(session, limit=room, holder=self._process)
        return taken, errands.next_due(session)

    async def _sweep_store(self) -> None:
        try:
            strays = await asyncio.to_thread(self._store.sweep)
        except OSError as error:
            log.warning("photo_store_not_swept", error=type(error).__name__)
            return
        if strays:
            log.info("photo_store_swept", files=strays)

    async def _do(self, task: Task) -> None:
        try:
            await self._carry_out(task)
        except (TryAgain, StoreAway) as why:
            log.info("errand_again", kind=task.kind, origin=_origin_of(task), why=str(why))
            await self._again(task)
        except Exception as error:  # noqa: BLE001 - a bug must not take the others along
            if is_away(error):
                self._leave_unfinished(task, error)
                return
            _log_failure("errand_failed", task, error)
            await self._again(task)
        finally:
            self._running -= 1
            self._news.set()

    async def _again(self, task: Task) -> None:
        try:
            if task.last:
                log.error("errand_given_up", kind=task.kind, origin=_origin_of(task))
                await self._intake.say(lambda turn: _give_up(turn, task), origin=_origin_of(task))
            else:
                await self._database.run(lambda session: errands.again(session, task=task))
        except Exception as error:  # noqa: BLE001 - a bug must not take the others along
            if is_away(error):
                self._leave_unfinished(task, error)
                return
            # The lease ends, and it comes up once more.
            _log_failure("errand_not_put_back", task, error)

    def _leave_unfinished(self, task: Task, error: Exception) -> None:
        # Nobody need wait for its lease to end: it is due as soon as that can be written down.
        self._unfinished.append(task)
        log.warning(
            "errand_not_finished",
            kind=task.kind,
            origin=_origin_of(task),
            error=type(error).__name__,
        )

    async def _finish(self, task: Task, finish: Finish) -> None:
        def work(turn: Turn) -> None:
            if errands.done(turn.session, task=task):
                finish(turn)

        await self._intake.say(work, origin=_origin_of(task))

    async def _carry_out(self, task: Task) -> None:
        match task.kind:
            case ErrandKind.PHOTO:
                await self._photo(task)
            case ErrandKind.ADDRESS:
                await self._finish(task, await self._address(task))
            case ErrandKind.RIGHTS:
                await self._finish(task, await self._rights(task))
            case ErrandKind.MEMBER:
                await self._finish(task, await self._member(task))
            case ErrandKind.FORGET:
                await self._forget(task)
            case ErrandKind.VOUCHER:
                await self._finish(task, await self._voucher(task))

    async def _photo(self, task: Task) -> None:
        photo_id = task.payload["photo_id"]
        try:
            data = await self._download(task.payload["file_id"])
            picture = await asyncio.to_thread(pictures.examine, data)
        except pictures.BadPicture as bad:
            why = _REFUSALS.get(type(bad), Refused.NOT_A_PICTURE)
            await self._finish(
                task, lambda turn: answers.picture_refused(turn, photo_id=photo_id, why=why)
            )
            return
        except TelegramError as error:
            await self._finish(task, _unreachable(task, error))
            return
        found = _found(picture, len(data), self._house.policy.zone)
        async with self._database.shelves(shared=True):
            await self._keep(picture, data)
            await self._finish(
                task, lambda turn: answers.picture_found(turn, photo_id=photo_id, found=found)
            )

    async def _keep(self, picture: pictures.Picture, data: bytes) -> None:
        try:
            await asyncio.to_thread(
                self._store.put, picture.sha256, data, picture.preview, picture.suffix
            )
        except StoreFull as full:
            log.error("photo_store_full")  # noqa: TRY400 - that says it all
            await self._intake.say(
                lambda turn: timers.alarm(
                    turn,
                    key="store_full",
                    text=turn.words_of(None).tr("There is no space left for photos."),
                ),
                origin="store",
            )
            raise TryAgain("store full") from full
        except StoreAway as away:
            log.error("photo_store_away", why=str(away))  # noqa: TRY400 - that says it all
            await self._intake.say(
                lambda turn: timers.alarm(
                    turn,
                    key="store_away",
                    text=turn.words_of(None).tr(
                        "The photo store cannot be reached; trying again. Why: sentinel check"
                    ),
                ),
                origin="store",
            )
            raise

    async def _forget(self, task: Task) -> None:
        digests: list[str] = task.payload["sha256"]
        async with self._database.shelves():
            free = await self._database.run(
                lambda session: photos.unreferenced(session, digests=digests)
            )
            await asyncio.to_thread(self._delete, free)
        await self._finish(task, _nothing_more)

    def _delete(self, digests: list[str]) -> None:
        for digest in digests:
            self._store.delete(digest)

    async def _download(self, file_id: str) -> bytes:
        file = await self._api.call("getFile", {"file_id": file_id})
        if file.get("file_size", 0) > photos.MAX_BYTES:
            raise pictures.PictureTooLarge
        return await self._api.download(file["file_path"])

    async def _address(self, task: Task) -> Finish:
        found = None
        address, language = task.payload["address"], task.payload["language"]
        if self._geocoder is not None:
            try:
                found = await asyncio.to_thread(self._geocoder.find, address, language)
            except GeocoderUnavailable as error:
                log.warning("geocoder_unavailable", error=type(error).__name__)
        return _addresses(task, found)

    async def _rights(self, task: Task) -> Finish:
        chat_id = task.payload["chat_id"]
        try:
            missing = await missing_rights(self._api, chat_id)
        except TelegramError as error:
            raise TryAgain(type(error).__name__) from error
        return lambda turn: answers.rights_found(turn, chat_id=chat_id, missing=missing)

    async def _voucher(self, task: Task) -> Finish:
        person_id = task.payload["person_id"]
        try:
            data = await self._download(task.payload["file_id"])
        except pictures.PictureTooLarge:
            return lambda turn: answers.qr_codes_read(turn, person_id=person_id, texts=())
        except (BadRequest, Forbidden):
            return lambda turn: answers.voucher_not_fetched(turn, person_id=person_id)
        except TelegramError as error:
            if task.first:
                await self._intake.say(
                    lambda turn: answers.voucher_slow(turn, person_id=person_id),
                    origin=_origin_of(task),
                )
            raise TryAgain(type(error).__name__) from error
        texts = await asyncio.to_thread(qr_codes.read, data)
        return lambda turn: answers.qr_codes_read(turn, person_id=person_id, texts=texts)

    async def _member(self, task: Task) -> Finish:
        about = task.payload
        chat_id, person_id = about["chat_id"], about["person_id"]
        try:
            if person_id is None:
                found = await administrators(self._api, chat_id)
                return lambda turn: answers.administrators_found(turn, chat_id=chat_id, found=found)
            place = await place_of(self._api, chat_id, person_id)
        except TelegramError as error:
            if task.first and person_id is not None and about["press"] is not None:
                await self._intake.say(
                    lambda turn: answers.still_checking(
                        turn, person_id=person_id, query_id=about["press"]["id"]
                    ),
                    origin=_origin_of(task),
                )
            raise TryAgain(type(error).__name__) from error
        return lambda turn: answers.member_found(
            turn,
            chat_id=chat_id,
            person_id=person_id,
            name=about["name"],
            place=place,
            press=about["press"],
            reply=about["reply"],
        )


async def missing_rights(api: BotApi, chat_id: int) -> list[str]:
    """What the bot lacks in a moderator chat.

    Args:
        api: asks Telegram.
        chat_id: the chat.

    Returns:
        Codes out of `member`, `post`, `admin`; none when all is well.

    Raises:
        TelegramError: Telegram cannot be asked.
    """
    me = await api.call("getMe")
    try:
        member = await api.call("getChatMember", {"chat_id": chat_id, "user_id": me["id"]})
    except (BadRequest, Forbidden):
        return ["member"]
    match member["status"]:
        case "administrator" | "creator":
            return []
        case "member":
            return ["admin"]
        case "restricted" if member.get("is_member", True):
            return ["post"] if not member.get("can_send_messages") else ["admin"]
    return ["member"]


async def place_of(api: BotApi, chat_id: int, person_id: int) -> str | None:
    """Where somebody stands in a chat.

    Args:
        api: asks Telegram.
        chat_id: the chat.
        person_id: who.

    Returns:
        Their place, in the words of `chats.place`; None where Telegram does not let the bot know.

    Raises:
        TelegramError: Telegram cannot be asked.
    """
    try:
        told = await api.call("getChatMember", {"chat_id": chat_id, "user_id": person_id})
    except (BadRequest, Forbidden) as error:
        # "user not found", "invalid user_id specified", "PARTICIPANT_ID_INVALID"; anything else is
        # about the chat, or the bot's rights in it.
        message = error.message.lower()
        return "left" if "user" in message or "participant" in message else None
    return chats.place(told["status"], is_member=told.get("is_member", True))


async def administrators(api: BotApi, chat_id: int) -> list[tuple[int, str, str]]:
    """The people who run a chat, each with id, place and first name; none if that is not told.

    Args:
        api: asks Telegram.
        chat_id: the chat.

    Raises:
        TelegramError: Telegram cannot be asked.
    """
    try:
        told = await api.call("getChatAdministrators", {"chat_id": chat_id})
    except (BadRequest, Forbidden):
        return []
    return [
        (one["user"]["id"], one["status"], one["user"]["first_name"])
        for one in told
        if not one["user"]["is_bot"]
    ]


def _origin_of(task: Task) -> str:
    return task.origin or f"errand:{task.id}"


def _nothing_more(turn: Turn) -> None:
    """Taking in this answer changes nothing."""


def _found(picture: pictures.Picture, size: int, zone: ZoneInfo) -> Found:
    place = fault = None
    if picture.latitude is not None and picture.longitude is not None:
        place = (picture.latitude, picture.longitude)
    elif picture.gps_fault not in (None, exif.GpsFault.MISSING):
        fault = ExifFault.UNREADABLE
    return Found(
        sha256=picture.sha256,
        dhash=picture.dhash,
        width=picture.width,
        height=picture.height,
        size=size,
        taken_at=picture.taken_at or _in_zone(picture.taken_local, zone),
        place=place,
        exif_fault=fault,
    )


def _in_zone(local: str | None, zone: ZoneInfo) -> datetime | None:
    """Most cameras do not write down their zone; they are where we are."""
    if local is None:
        return None
    try:
        return datetime.fromisoformat(local).replace(tzinfo=zone).astimezone(UTC)
    except OverflowError:
        # A clock that was never set may stand at the edge of time.
        return None


def _unreachable(task: Task, error: TelegramError) -> Finish:
    photo_id = task.payload["photo_id"]
    if not task.last and not isinstance(error, BadRequest | Forbidden):
        raise TryAgain(type(error).__name__) from error
    if task.payload["as_file"]:
        why = Refused.TOO_LARGE if "too big" in error.message else Refused.UNREACHABLE
        return lambda turn: answers.picture_refused(turn, photo_id=photo_id, why=why)
    # Telegram shows it by its id all the same; only our own copy is missing.
    log.warning("photo_given_up", photo=photo_id, error=type(error).__name__)
    return _nothing_more


def _addresses(task: Task, found: Sequence[places.Found] | None) -> Finish:
    return lambda turn: answers.addresses_found(
        turn,
        draft_id=task.payload["draft_id"],
        person_id=task.payload["person_id"],
        address=task.payload["address"],
        message_id=task.payload["message_id"],
        found=found,
    )


def _give_up(turn: Turn, task: Task) -> None:
    if not errands.done(turn.session, task=task):
        return
    try:
        # What is told in place of an answer may break where the answer broke.
        with turn.session.begin_nested():
            _instead(task)(turn)
    except Exception as error:
        if is_away(error):
            raise
        _log_failure("errand_given_up_in_silence", task, error)
    timers.alarm(
        turn,
        key=f"errand:{task.kind}",
        text=turn.words_of(None).tr("Something could not be finished and was given up (see log)."),
    )


def _instead(task: Task) -> Finish:
    """What becomes of those who wait for an answer there will not be."""
    if task.kind is ErrandKind.ADDRESS:
        return _addresses(task, None)
    if task.kind is ErrandKind.PHOTO and task.payload["as_file"]:
        photo_id = task.payload["photo_id"]
        return lambda turn: answers.picture_refused(
            turn, photo_id=photo_id, why=Refused.UNREACHABLE
        )
    if task.kind is ErrandKind.VOUCHER:
        person_id = task.payload["person_id"]
        return lambda turn: answers.voucher_not_fetched(turn, person_id=person_id)
    return _nothing_more


def _log_failure(event: str, task: Task, error: Exception) -> None:
    # Not the traceback: it would carry what people sent.
    log.error(
        event,
        kind=task.kind,
        origin=_origin_of(task),
        error=type(error).__name__,
        frames=frames_of(error)[-4:],
    )


_REFUSALS: dict[type[pictures.BadPicture], Refused] = {
    pictures.NotAPicture: Refused.NOT_A_PICTURE,
    pictures.PictureTooLarge: Refused.TOO_LARGE,
    pictures.PictureBroken: Refused.BROKEN,
}


def _seconds_until(due: datetime | None) -> float:
    if due is None:
        return LOOK_AGAIN_S
    return min(max((due - clock.now()).total_seconds(), 0.05), LOOK_AGAIN_S)
