"""The first words: /start with or without a deep link, /help, /language, /cancel of nothing."""

from telegram import Update
from telegram.ext import CallbackQueryHandler, CommandHandler, filters

from handlers import callbacks, links
from handlers.callbacks import LANGUAGE
from handlers.context import Context, Turn
from handlers.views import Button, View
from locales import Words
from services import attempts, drafts, people, shops
from services.refusals import OutOfDate

NAMES = {"zh_Hans": "中文", "en": "English"}
# A button carries no capital letters after its verb's colon worth parsing: short codes instead.
_CODES = {"zh": "zh_Hans", "en": "en"}


def welcome(words: Words) -> str:
    """What the bot is for and how it goes, in two lines."""
    return words.tr(
        "Photo, place, kind: three touches report a hazard, and approved reports earn points.\n"
        "Seen one? Send a photo of it. /help tells more."
    )


async def start(update: Update, context: Context) -> None:
    """Say hello, or do what the link that led here stands for.

    Whatever else comes with a link is a wrong guess.

    Raises:
        TooManyGuesses: they came by too many wrong links of late.
    """
    turn = context.turn
    text = welcome(turn.words)
    if context.args:
        if len(context.args) == 1 and links.follow(update, turn, context.args[0]):
            return
        attempts.require_chance(
            turn.session, person=turn.me, kind=attempts.LINK, limits=turn.policy.limits
        )
        attempts.wrong(turn.session, person=turn.me, kind=attempts.LINK)
        text = turn.words.tr("That link is not valid any more.") + "\n" + text
    turn.tell(View(text))


async def show_help(update: Update, context: Context) -> None:
    """Tell what can be done here."""
    context.turn.tell(View(help_text(context.turn)))


def help_text(turn: Turn) -> str:
    """The help of the private chat."""
    words = turn.words
    text = words.tr(
        "📷 A photo starts a report; place and kind may come first, too.\n"
        "Several photos, a note or a voice message are welcome.\n\n"
        "/report – start a report\n"
        "/myreports – your reports and how they stand\n"
        "/points – your points, and the rules\n"
        "/rewards – what they are good for\n"
        "/vouchers – what you redeemed\n"
        "/language – 中文 / English\n"
        "/cancel – throw the unfinished report away\n\n"
        "Stop first, then tap. Ride safe."
    )
    more = []
    if shops.shops_of(turn.session, person_id=turn.me.id):
        more.append(words.tr("/shop – your shop's vouchers and statements"))
    if people.is_admin(turn.session, person_id=turn.me.id):
        more.append(words.tr("/shops – shops and their staff"))
        more.append(words.tr("/catalogue – stock, prices and pauses"))
    return "\n".join([text, "", *more]) if more else text


async def offer_languages(update: Update, context: Context) -> None:
    """Offer our languages, each in its own words."""
    context.turn.tell(
        View(
            context.turn.words.tr("Which language?"),
            rows=(
                [
                    Button(NAMES[language], callbacks.pack(LANGUAGE, "set", 0, code))
                    for code, language in _CODES.items()
                ],
            ),
        )
    )


async def choose_language(update: Update, context: Context) -> None:
    """Keep to a language from now on."""
    turn = context.turn
    press = callbacks.pressed(update)
    if press.argument not in _CODES:
        raise OutOfDate
    language = "zh_Hans" if press.argument == "zh" else "en"
    people.choose_language(turn.session, person=turn.me, language=language)  # type: ignore[arg-type]
    turn.toast(update)
    turn.tell(View(turn.words.tr("We speak English now.")))


async def cancel_nothing(update: Update, context: Context) -> None:
    """Throw away a draft nobody is asking about any more; else there is nothing to cancel."""
    turn = context.turn
    draft = drafts.current(turn.session, person_id=turn.me.id)
    if draft is not None:
        drafts.discard(turn.session, draft=draft)
        turn.tell(View(turn.words.tr("Draft thrown away. A photo starts a new one.")))
        return
    turn.tell(View(turn.words.tr("Nothing is open. A photo of the hazard starts a report.")))


PRIVATE = filters.UpdateType.MESSAGE & filters.ChatType.PRIVATE
HANDLERS = (
    CommandHandler("start", start, filters=PRIVATE),
    CommandHandler("help", show_help, filters=PRIVATE),
    CommandHandler("language", offer_languages, filters=PRIVATE),
    CommandHandler("cancel", cancel_nothing, filters=PRIVATE),
    CallbackQueryHandler(choose_language, callbacks.pattern(LANGUAGE, "set")),
)
