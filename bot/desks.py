"""Are the review desks what they should be? Asked by `sentinel check`, and at every start.

Every district has a desk, the bot is in it, and what the configuration names is there.
"""

import structlog
from telegram.error import BadRequest, Forbidden, TelegramError

from bot.bot_api import BotApi
from bot.database import Database, is_away
from bot.errands import missing_rights
from bot.intake import Intake
from bot.settings import Settings
from handlers import timers
from handlers.context import Turn
from services import chats
from services.districts import Districts, DistrictsError

log = structlog.get_logger()


def unknown_codes(settings: Settings, districts: Districts) -> str:
    """What `chats.desks` names that is not there, in one line; empty if all is.

    Args:
        settings: name desks, with districts and topics.
        districts: those there are.
    """
    known = {district.code for district in districts}
    kinds = {category.code for category in settings.categories}
    strange = sorted({code for desk in settings.chats.desks for code in desk.districts} - known)
    if strange:
        return f"chats.desks: no such district: {', '.join(strange)}"
    topics = {code for desk in settings.chats.desks for code in desk.topics}
    if strange := sorted(topics - known - kinds - {chats.ANY}):
        return f"chats.desks: a topic of no district or category: {', '.join(strange)}"
    return ""


def require_known(settings: Settings, districts: Districts) -> None:
    """Stop where a desk reviews a district there is none of: nobody would review what was meant.

    Raises:
        DistrictsError: `chats.desks` names something that is not there.
    """
    if strange := unknown_codes(settings, districts):
        raise DistrictsError(settings.districts.file, None, strange)


async def is_reached(api: BotApi, chat_id: int) -> bool:
    """Whether the bot is in a chat.

    Raises:
        TelegramError: Telegram cannot be asked.
    """
    try:
        await api.call("getChat", {"chat_id": chat_id})
    except (BadRequest, Forbidden):
        return False
    return "member" not in await missing_rights(api, chat_id)


async def inspect(db: Database, intake: Intake, api: BotApi, districts: Districts) -> None:
    """Raise an alarm for each district without a desk, and each desk the bot is not in.

    Args:
        db: knows the desks.
        intake: takes the alarms in.
        api: asks Telegram.
        districts: those there are.
    """
    codes = [district.code for district in districts]
    try:
        desks = await db.run(lambda session: [chat.id for chat in chats.moderators(session)])
        bare = await db.run(lambda session: chats.without_desk(session, codes=codes))
        away = [chat_id for chat_id in desks if not await is_reached(api, chat_id)]
        if not bare and not away:
            return
        log.error("desks_missing", districts=bare, chats=away)

        def tell(turn: Turn) -> None:
            timers.alarm_desks(turn, bare=bare, away=away)

        await intake.say(tell, origin="timer:inspect")
    except TelegramError as error:
        log.warning("desks_not_inspected", error=type(error).__name__)
    except Exception as error:
        if not is_away(error):
            raise
        log.warning("desks_not_inspected", error=type(error).__name__)
