"""The only sender. It takes what transactions left to be sent, chat by chat, and settles it.

What became of a call is one of the outcomes of services.outbox; the table from Telegram's errors to
outcomes is `outcome_of`. Any number of processes send side by side:
one message of a chat is on its way at a time, whoever sends it, so order is kept within a chat; a
chat that must wait holds up no other.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.orm import Session
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
)

from bot import papers
from bot.aiohttp_request import was_not_sent
from bot.bot_api import BotApi, Upload
from bot.database import Database, is_away, is_full
from bot.logs import frames_of
from bot.metrics import Metrics
from handlers import cards, timers
from handlers.context import ButtonAnswer, House, Turn
from models import clock
from models.outgoing import Guarantee
from services import outbox, qr_codes, shop_statements
from services.outbox import (
    Again,
    Claimed,
    Dead,
    Moved,
    Outcome,
    Pause,
    Picture,
    Sending,
    Sent,
    Unreachable,
)
from services.photo_store import PhotoStore, StoreAway
from services.shop_statements import Form

log = structlog.get_logger()

# The first wait after a failure that may pass, doubled each time up to the longest; in seconds.
FIRST_WAIT, LONGEST_WAIT = 1.0, 300.0
# So often a message waits for a copy of ours, two minutes in all; then its words go alone.
WAITS_FOR_A_COPY = 7
# So often a message is tried that breaks our own code on its way out.
TRIES_OF_A_BUG = 5
# What may fail without anybody's having to know.
_NOT_MISSED = frozenset({"leaveChat", outbox.LAST_WORD, outbox.BOARD, outbox.PIN})
# Without news the outbox looks by itself this often, in seconds: the rows are the truth.
LOOK_AGAIN_S = 10.0
# Where no bulk waits, it is looked for this often at most: it may wait, and each look costs.
BULK_LOOK = timedelta(seconds=1)


class Outbox:
    """Sends what is queued, as long as it runs."""

    def __init__(
        self,
        *,
        database: Database,
        api: BotApi,
        store: PhotoStore,
        house: House,
        metrics: Metrics,
        process: int,
        bulk_per_second: int,
    ) -> None:
        """Nothing is sent yet.

        Args:
            database: where the rows are.
            api: how they are sent.
            store: has the copies of pictures Telegram has no photo of.
            house: languages, for alarms.
            metrics: counts what was sent and what was not.
            process: the number under which rows are held while they are on their way.
            bulk_per_second: the pace of bulk, of all processes together.
        """
        self._database = database
        self._api = api
        self._store = store
        self._house = house
        self._metrics = metrics
        self._process = process
        self._bulk_per_second = bulk_per_second
        self._news = asyncio.Event()
        self._stopping = False
        self._under_way = 0
        self._outcomes: list[Outcome] = []
        # Bulk is not looked at before then.
        self._bulk_at: datetime | None = None
        self._answers: list[ButtonAnswer] = []
        self._met_full: Callable[[], None] = _nobody

    def wake(self, answers: list[ButtonAnswer]) -> None:
        """There may be something to send; button answers are sent at once, best effort."""
        self._answers.extend(answers)
        self._news.set()

    def when_full(self, listener: Callable[[], None]) -> None:
        """Call somebody when the disk of the database turns out to be full."""
        self._met_full = listener

    def stop(self) -> None:
        """Send what can be sent at once, then end `run`; the rest waits in its rows."""
        self._stopping = True
        self._news.set()

    async def run(self) -> None:
        """Send until stopped."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._news.clear()
                for answer in self._take_answers():
                    tasks.create_task(self._answer(answer))
                try:
                    claimed, due = await self._settle_and_claim()
                except DBAPIError as error:
                    log.warning("outbox_not_claimed", error=type(error).__name__)
                    if is_full(error):
                        # Nobody may be sending us anything just now: it is ours to notice.
                        self._met_full()
                    if self._stopping:
                        break
                    await self._wait_for_news(1.0 if is_away(error) else 0.1)
                    continue
                for sending in claimed:
                    self._under_way += 1
                    tasks.create_task(self._send_one(sending))
                if self._stopping and not claimed and not self._under_way:
                    break
                await self._wait_for_news(_seconds_until(due))
        # Whatever was under way has ended with the group: remember what became of it.
        await self._settle_rest()

    async def _wait_for_news(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._news.wait(), seconds)
        except TimeoutError:
            return

    def _take_answers(self) -> list[ButtonAnswer]:
        answers, self._answers = self._answers, []
        return answers

    async def _settle_and_claim(self) -> tuple[list[Sending], datetime | None]:
        outcomes, self._outcomes = self._outcomes, []
        now = clock.now()
        held_back = self._bulk_at if self._bulk_at and self._bulk_at > now else None

        def work(session: Session) -> tuple[Claimed, datetime | None]:
            self._settle(session, outcomes)
            claimed = outbox.claim(
                session,
                holder=self._process,
                bulk_per_second=self._bulk_per_second,
                group_per_minute=self._house.group_per_minute,
                with_bulk=held_back is None,
            )
            # What was claimed brings us back here by itself once it is sent.
            return claimed, None if claimed.sendings else outbox.next_due(session)

        try:
            claimed, due = await self._database.run(work)
        except DBAPIError as error:
            if is_away(error):
                # Nothing was committed: what is known of the sendings must not be forgotten.
                self._outcomes = outcomes + self._outcomes
            else:
                await self._settle_one_by_one(outcomes)
            raise
        if claimed.more:
            return claimed.sendings, now
        moments = [moment for moment in (due, held_back, claimed.bulk_at) if moment is not None]
        if held_back is None:
            self._bulk_at = claimed.bulk_at or now + BULK_LOOK
        return claimed.sendings, min(moments, default=None)

    async def _settle_one_by_one(self, outcomes: list[Outcome]) -> None:
        # One of them cannot be written down; it must not keep the others from it.
        for outcome in outcomes:
            try:
                await self._database.run(partial(self._settle, outcomes=[outcome]))
            except DBAPIError as error:
                if is_away(error):
                    self._outcomes.append(outcome)
                    continue
                log.error(  # noqa: TRY400 - the traceback would carry what people sent
                    "outcome_not_settled",
                    outgoing=outcome.id,
                    outcome=type(outcome).__name__,
                    frames=frames_of(error)[-4:],
                )
                dead = Dead(outcome.id, f"not settled: {type(error).__name__}")
                await self._database.run(partial(self._settle, outcomes=[dead]))

    async def _settle_rest(self) -> None:
        outcomes, self._outcomes = self._outcomes, []
        if outcomes:
            try:
                await self._database.run(partial(self._settle, outcomes=outcomes))
            except DBAPIError as error:
                # They count as half sent, which the next start sorts out.
                log.warning("outbox_not_settled", error=type(error).__name__)

    def _settle(self, session: Session, outcomes: list[Outcome]) -> None:
        if not outcomes:
            return
        outbox.settle(session, holder=self._process, outcomes=outcomes)
        for outcome in outcomes:
            if isinstance(outcome, Dead):
                turn = Turn(session, self._house)
                timers.alarm(
                    turn,
                    key=f"dead_letter:{outcome.error}",
                    text=turn.words_of(None).tr(
                        "A message could not be delivered: {error}", error=outcome.error
                    ),
                )
            if isinstance(outcome, Moved):
                cards.deal_anew(Turn(session, self._house), chat_id=outcome.new_id)
            if isinstance(outcome, Unreachable):
                cards.give_back(Turn(session, self._house), person_id=outcome.chat_id)

    async def _send_one(self, sending: Sending) -> None:
        outcome = await self._send(sending)
        # The list may be another one than before the wait.
        self._outcomes.append(outcome)
        self._under_way -= 1
        self._news.set()

    async def _send(self, sending: Sending) -> Outcome:
        try:
            sent = await self._call(sending)
        except TelegramError as error:
            if isinstance(error, BadRequest) and _is_about_the_topic(error) and _topic(sending):
                log.warning("topic_not_there", outgoing=sending.id, origin=sending.origin)
                return await self._send(replace(sending, payload=_without_topic(sending)))
            outcome, reason = outcome_of(error, sending), type(error).__name__
        except (OperationalError, InterfaceError) as error:
            # Only a statement asks the database on its way out; it is away.
            outcome, reason = _later(sending, error), type(error).__name__
        except StoreAway as error:
            if sending.tries >= WAITS_FOR_A_COPY:
                log.warning("picture_left_out", outgoing=sending.id, origin=sending.origin)
                known = tuple(picture for picture in sending.pictures if picture.file_id)
                return await self._send(replace(sending, pictures=known))
            outcome, reason = _later(sending, error), type(error).__name__
        except Exception as error:  # noqa: BLE001 - one row must not take the others along
            outcome, reason = Dead(sending.id, f"a bug: {type(error).__name__}"), "a bug"
            log.error(  # noqa: TRY400 - the traceback would carry what people sent
                "sending_failed",
                outgoing=sending.id,
                origin=sending.origin,
                frames=frames_of(error)[-4:],
            )
        else:
            log.debug("sent", outgoing=sending.id, method=sending.method, origin=sending.origin)
            self._metrics.sent()
            return sent
        self._metrics.not_sent(reason, type(outcome).__name__.lower())
        say = log.error if isinstance(outcome, Dead) else log.info
        say(
            "not_sent",
            outgoing=sending.id,
            origin=sending.origin,
            method=sending.method,
            error=reason,
            outcome=type(outcome).__name__,
        )
        return outcome

    async def _call(self, sending: Sending) -> Sent:
        match sending.method:
            case outbox.SAY | outbox.LAST_WORD:
                return await self._say(sending)
            case outbox.SHOW:
                return await self._show(sending)
            case "sendMediaGroup":
                return await self._album(sending)
            case outbox.BOARD:
                return await self._board(sending)
            case outbox.STATEMENT:
                return await self._statement(sending)
            case outbox.VOUCHER:
                return await self._voucher(sending)
        await self._api.call(sending.method, {**sending.payload, "chat_id": sending.chat_id})
        return Sent(sending.id)

    async def _say(self, sending: Sending) -> Sent:
        parameters = _message_parameters(sending)
        if sending.pictures:
            caption = parameters["text"]
            under_photo = {
                name: value
                for name, value in parameters.items()
                if name not in ("text", "link_preview_options")
            }
            picture = sending.pictures[0]
            message = await self._send_photo(picture, {**under_photo, "caption": caption})
            if message is not None:
                return Sent(
                    sending.id,
                    message_id=message["message_id"],
                    has_photo=True,
                    uploaded=_uploaded([picture], [message]),
                )
        message = await self._api.call("sendMessage", parameters)
        return Sent(sending.id, message_id=message["message_id"])

    async def _send_photo(
        self, picture: Picture, parameters: dict[str, Any]
    ) -> dict[str, Any] | None:
        photo = await self._photo(picture)
        if photo is not None:
            try:
                sent: dict[str, Any] = await self._api.call(
                    "sendPhoto", {**parameters, "photo": photo}
                )
            except BadRequest as error:
                if not _is_about_the_file(error):
                    raise
            else:
                return sent
        # The words matter more than the picture.
        log.warning("picture_not_sendable", photo=picture.photo_id)
        return None

    async def _show(self, sending: Sending) -> Sent:
        if sending.message_id is None:
            return await self._say(sending)
        parameters = _message_parameters(sending)
        parameters["message_id"] = sending.message_id
        parameters.pop("reply_parameters", None)
        parameters.pop("message_thread_id", None)
        method = "editMessageText"
        if sending.has_photo:
            method = "editMessageCaption"
            parameters["caption"] = parameters.pop("text")
            parameters.pop("link_preview_options")
        try:
            await self._api.call(method, parameters)
        except BadRequest as error:
            if "message is not modified" in error.message.lower():
                return Sent(sending.id, sending.message_id, sending.has_photo)
            if _is_gone(error):
                return await self._say(sending)
            raise
        return Sent(sending.id, sending.message_id, sending.has_photo)

    async def _board(self, sending: Sending) -> Sent:
        parameters = _message_parameters(sending)
        message_id = sending.payload["message_id"]
        if message_id is not None:
            try:
                await self._api.call("editMessageText", {**parameters, "message_id": message_id})
            except BadRequest as error:
                if not _is_gone(error):
                    raise
            else:
                return Sent(sending.id, message_id=message_id, is_board=True)
        message = await self._api.call("sendMessage", parameters)
        return Sent(sending.id, message_id=message["message_id"], is_board=True)

    async def _voucher(self, sending: Sending) -> Sent:
        parameters = _message_parameters(sending)
        text = parameters.pop("text")
        del parameters["link_preview_options"]
        under_photo = {**parameters, "caption": text}
        says: str | None = sending.payload.get("qr")
        if says is not None:
            image = await asyncio.to_thread(qr_codes.drawn, says)
            upload = Upload("voucher.png", image)
            try:
                message = await self._api.call("sendPhoto", {**under_photo, "photo": upload})
            except BadRequest as error:
                if not _is_about_the_file(error):
                    raise
            else:
                voucher_id: int = sending.payload["voucher"]
                return Sent(sending.id, message_id=message["message_id"], voucher_id=voucher_id)
        elif sending.message_id is not None:
            try:
                edited = {**under_photo, "message_id": sending.message_id}
                await self._api.call("editMessageCaption", edited)
            except BadRequest as error:
                if not _is_gone(error):
                    raise
            else:
                return Sent(sending.id)
        # Its rider threw it away, or it never came: the words stand by themselves, code and all.
        await self._api.call("sendMessage", _message_parameters(sending))
        return Sent(sending.id)

    async def _album(self, sending: Sending) -> Sent:
        parameters = {k: v for k, v in sending.payload.items() if k != "photo_ids"}
        parameters["chat_id"] = sending.chat_id
        found = [(picture, await self._photo(picture)) for picture in sending.pictures]
        media = [(picture, photo) for picture, photo in found if photo is not None]
        pictures = [picture for picture, _ in media]
        if len(media) > 1:
            try:
                messages = await self._api.call_with_media(
                    "sendMediaGroup", parameters, [photo for _, photo in media]
                )
            except BadRequest as error:
                if not _is_about_the_file(error):
                    raise
            else:
                return Sent(sending.id, uploaded=_uploaded(pictures, messages))
        # One bad picture spoils an album; one by one the others still come.
        sent = [await self._send_photo(picture, parameters) for picture in pictures]
        uploaded = [
            (picture, message)
            for picture, message in zip(pictures, sent, strict=True)
            if message is not None
        ]
        return Sent(
            sending.id, uploaded=_uploaded([p for p, _ in uploaded], [m for _, m in uploaded])
        )

    async def _statement(self, sending: Sending) -> Sent:
        payload, policy = sending.payload, self._house.policy
        period = shop_statements.named(payload["period"], policy.zone)
        if period is None:
            raise ValueError(f"no period: {payload['period']!r}")
        statement = await self._database.run(
            partial(shop_statements.statement, shop_id=payload["shop_id"], period=period)
        )
        form = Form(payload["form"])
        words = self._house.words.get(payload["language"])
        words = words or self._house.words[policy.languages.default]
        data = await asyncio.to_thread(papers.drawn, statement, form=form, words=words)
        parameters = _message_parameters(sending)
        parameters.pop("link_preview_options")
        parameters["caption"] = parameters.pop("text")
        parameters["document"] = Upload(papers.file_name(statement, form), data)
        message = await self._api.call("sendDocument", parameters)
        return Sent(sending.id, message_id=message["message_id"])

    async def _photo(self, picture: Picture) -> str | Upload | None:
        if picture.file_id is not None:
            return picture.file_id
        assert picture.sha256 is not None
        try:
            data = await asyncio.to_thread(self._store.preview, picture.sha256)
        except (KeyError, OSError) as error:
            log.error(  # noqa: TRY400 - a missing file needs no traceback
                "picture_missing", photo=picture.photo_id, error=type(error).__name__
            )
            return None
        return Upload(f"{picture.photo_id}.jpg", data)

    async def _answer(self, answer: ButtonAnswer) -> None:
        parameters: dict[str, Any] = {"callback_query_id": answer.callback_query_id}
        if answer.text:
            parameters |= {"text": answer.text, "show_alert": answer.alert}
        try:
            await self._api.call("answerCallbackQuery", parameters)
        except TelegramError as error:
            # Too late, or no way out: the button's effect is in the rows all the same.
            log.debug("button_not_answered", error=type(error).__name__)


def _nobody() -> None:
    """Nobody asked to be told."""


def _message_parameters(sending: Sending) -> dict[str, Any]:
    payload = sending.payload
    parameters: dict[str, Any] = {
        "chat_id": sending.chat_id,
        "text": payload["text"],
        "parse_mode": "HTML",
        "link_preview_options": {"is_disabled": True},
    }
    if "reply_markup" in payload:
        parameters["reply_markup"] = payload["reply_markup"]
    if "message_thread_id" in payload:
        parameters["message_thread_id"] = payload["message_thread_id"]
    if "reply_to" in payload:
        parameters["reply_parameters"] = {
            "message_id": payload["reply_to"],
            "allow_sending_without_reply": True,
        }
    return parameters


def _topic(sending: Sending) -> int | None:
    topic: int | None = sending.payload.get("message_thread_id")
    return topic


def _without_topic(sending: Sending) -> dict[str, Any]:
    # A topic that was deleted or closed must hold up nothing.
    return {k: v for k, v in sending.payload.items() if k != "message_thread_id"}


def _uploaded(
    pictures: list[Picture], messages: list[dict[str, Any]]
) -> tuple[tuple[int, str], ...]:
    return tuple(
        (picture.photo_id, message["photo"][-1]["file_id"])
        for picture, message in zip(pictures, messages, strict=False)
        if picture.file_id is None and message.get("photo")
    )


def _is_gone(error: BadRequest) -> bool:
    message = error.message.lower()
    return "message to edit not found" in message or "can't be edited" in message


def _is_about_the_topic(error: BadRequest) -> bool:
    message = error.message.lower()
    return "message thread not found" in message or "topic_closed" in message


def _is_about_the_file(error: BadRequest) -> bool:
    message = error.message.lower()
    return any(word in message for word in ("file", "photo", "image"))


def outcome_of(error: TelegramError, sending: Sending) -> Outcome:
    """What becomes of a message whose call failed.

    Args:
        error: what PTB made of the answer, or of its absence.
        sending: the message.

    Returns:
        The outcome: wait, try again, move, or give up.
    """
    now = clock.now()
    # BadRequest and TimedOut are NetworkErrors to PTB: the order matters.
    match error:
        case RetryAfter():
            return Pause(sending.id, sending.chat_id, until=now + _retry_after(error))
        case ChatMigrated():
            return Moved(sending.id, old_id=sending.chat_id, new_id=error.new_chat_id)
        case Forbidden() if sending.chat_id > 0:
            return Unreachable(sending.id, sending.chat_id)
        case BadRequest() if "message is not modified" in error.message.lower():
            return Sent(sending.id)
        case BadRequest() if sending.method.startswith("editMessage"):
            # Buttons of a message that is gone: there is nothing left to change.
            return Sent(sending.id)
        case BadRequest() | Forbidden() if sending.method in _NOT_MISSED:
            # We are out already, may not speak there, or may not pin.
            return Sent(sending.id)
        case Forbidden() | BadRequest():
            return Dead(sending.id, error.message)
        case InvalidToken():
            return Again(sending.id, at=now + timedelta(seconds=LONGEST_WAIT), error="token")
        case NetworkError() if _is_a_bug(error) and sending.tries >= TRIES_OF_A_BUG:
            return Dead(sending.id, "a bug on the way out")
        case NetworkError() if sending.guarantee is Guarantee.AT_MOST_ONCE and not was_not_sent(
            error
        ):
            return Dead(sending.id, "nobody knows whether it arrived")
    return _later(sending, error)


def _is_a_bug(error: NetworkError) -> bool:
    # PTB wraps whatever is raised in our own request in a NetworkError, which else would be tried
    # for ever and hold up its chat. What the network itself did comes by other names.
    return error.message.startswith("Unknown error in HTTP implementation")


def _later(sending: Sending, error: Exception) -> Again:
    wait = min(FIRST_WAIT * 2 ** min(sending.tries, 12), LONGEST_WAIT)
    at = clock.now() + timedelta(seconds=wait)
    return Again(sending.id, at=at, error=type(error).__name__)


def _retry_after(error: RetryAfter) -> timedelta:
    after = error.retry_after
    return after if isinstance(after, timedelta) else timedelta(seconds=after)


def _seconds_until(due: datetime | None) -> float:
    if due is None:
        return LOOK_AGAIN_S
    return min(max((due - clock.now()).total_seconds(), 0.01), LOOK_AGAIN_S)
