"""What the domain refuses, each a thing a rider or a reviewer would understand.

A service raises before it writes, so a refusal leaves nothing half done; only a wrong guess is
counted first, and stays counted. The words are found once, in handlers/errors.py.
"""

from dataclasses import dataclass
from datetime import datetime

from services.districts import District


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not an error
    """The wish cannot be granted; nothing was changed."""


@dataclass(eq=False)
class OutsideDistricts(Refusal):
    """The place lies outside every district.

    Attributes:
        nearest: the nearest district.
        distance_m: how far away it is, in metres.
        draft_kept: there is a draft, and it is as it was.
    """

    nearest: District
    distance_m: float
    draft_kept: bool = True


@dataclass(eq=False)
class TooManyToday(Refusal):
    """The rider's reports of the day are used up.

    Attributes:
        limit: how many there are a day.
        again_at: when it goes on.
    """

    limit: int
    again_at: datetime


@dataclass(eq=False)
class TooManyPhotos(Refusal):
    """A report takes no more photos; `limit` is how many it takes."""

    limit: int


@dataclass(eq=False)
class TooManyVoices(Refusal):
    """Nothing more is spoken to a report; `limit` is how often it is."""

    limit: int


class SamePhoto(Refusal):
    """That photo is in the report already."""


class OutOfDate(Refusal):
    """The button belongs to something that has moved on."""


class NoButtonOfOurs(OutOfDate):
    """What was pressed is nothing we ever made."""


class NotForYou(Refusal):
    """The one who asks has not the power for it."""


@dataclass(eq=False)
class StandingInDoubt(Refusal):
    """Whether the one who asks is in the desk's chat is not known, or was learned too long ago.

    Attributes:
        chat_id: the chat of the desk; Telegram knows.
    """

    chat_id: int


class OwnReport(Refusal):
    """Nobody decides on a report of their own, or one they joined."""


@dataclass(eq=False)
class AlreadyDecided(Refusal):
    """Somebody was faster.

    Attributes:
        state: what became of the report.
        by: the name of who decided, as colleagues know them; None: nobody in the desk.
    """

    state: str
    by: str | None


@dataclass(eq=False)
class Claimed(Refusal):
    """A colleague has reserved the card.

    Attributes:
        by: their name, as colleagues know them.
        until: when the claim ends by itself.
    """

    by: str
    until: datetime


class VotedBefore(Refusal):
    """Two reviewers have to agree, and this one has had their say."""


class ChiefOnly(Refusal):
    """Reviewers could not agree; a chief decides."""


class DecidedBefore(Refusal):
    """Who rejected a report does not decide on the appeal."""


class NotYourDecision(Refusal):
    """Only who made a decision may undo it."""


@dataclass(eq=False)
class TooLateToUndo(Refusal):
    """The time to undo a decision is over; `minutes` is how long it was."""

    minutes: int


class MovedOn(Refusal):
    """What would be undone has been built upon meanwhile."""


class AppealedBefore(Refusal):
    """A rejection may be appealed once."""


@dataclass(eq=False)
class TooLateToAppeal(Refusal):
    """The time for an appeal is over; `days` is how long it was."""

    days: int


@dataclass(eq=False)
class NoSuchReport(Refusal):
    """There is no report of that number that could be meant."""

    number: int


class NothingSaid(Refusal):
    """Words were needed, and there were none."""


class Busy(Refusal):
    """What is needed for it is being worked on at this very moment."""


class LastAdmin(Refusal):
    """There would be no admin left."""


class OwnCase(Refusal):
    """Nobody decides about themselves."""


@dataclass(eq=False)
class NotWarnedYet(Refusal):
    """A ban comes after warnings; `needed` is how many more it takes."""

    needed: int


class WarnedAlready(Refusal):
    """The rider was warned for that report before."""


class ChiefLifts(Refusal):
    """Only a chief ends a ban before its time."""


class NotBanned(Refusal):
    """There is no ban to lift."""


@dataclass(eq=False)
class Banned(Refusal):
    """The rider may not report for a while.

    Attributes:
        until: when they may again.
        draft_kept: there is a draft, and it is as it was.
    """

    until: datetime
    draft_kept: bool


class UnknownCode(Refusal):
    """A category or reason that does not exist (any more)."""


class WrongSetupCode(Refusal):
    """It looks like the one-time code of the first admin, and is not."""


class InviteNotValid(Refusal):
    """A shop's invitation is used, has run out, or never was one."""


class NoSuchSpot(Refusal):
    """A link names a place that is nowhere on earth."""


@dataclass(eq=False)
class TooManyGuesses(Refusal):
    """Somebody guessed wrong too often; `again_at` is when they may try again."""

    again_at: datetime


class ItemGone(Refusal):
    """What was to be redeemed is not offered (any more)."""


class SoldOut(Refusal):
    """Somebody took the last one."""


@dataclass(eq=False)
class PriceChanged(Refusal):
    """It costs something else than was said; `cost` is what it costs now, in points."""

    cost: int


@dataclass(eq=False)
class LimitReached(Refusal):
    """Somebody has had as many of an item as one person may, which is `limit`."""

    limit: int


@dataclass(eq=False)
class NotEnoughPoints(Refusal):
    """Points are missing.

    Attributes:
        missing: how many.
        pending: how many of these are there already and cannot be spent yet.
    """

    missing: int
    pending: int


@dataclass(eq=False)
class SpendingFrozen(Refusal):
    """Who is banned redeems nothing; `until` is when they may again."""

    until: datetime


class RedeemedAlready(Refusal):
    """That confirmation was tapped before: the voucher is there."""


class OtherShop(Refusal):
    """The voucher is another shop's."""


@dataclass(eq=False)
class VoucherUsed(Refusal):
    """The voucher was used: `at` when, and the name of the shop in each language."""

    at: datetime
    shop_zh: str
    shop_en: str


@dataclass(eq=False)
class VoucherCancelled(Refusal):
    """The rider gave the voucher back; `at` is when."""

    at: datetime


@dataclass(eq=False)
class VoucherExpired(Refusal):
    """The voucher's time is over; `at` is when it ended."""

    at: datetime


class WrongCheckDigit(Refusal):
    """It looks like the code of a voucher, but was mistyped."""


class NoSuchVoucher(Refusal):
    """No voucher has that code or token (any more)."""


class OwnVoucher(Refusal):
    """Nobody confirms a voucher of their own."""


@dataclass(eq=False)
class TooManyWrongCodes(Refusal):
    """A shop's staff typed too many wrong codes; `again_at` is when they may type again."""

    again_at: datetime
