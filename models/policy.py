"""The rules an operator tunes, as the domain sees them: categories, points, limits, languages.

`bot.settings` reads them from config.yaml; everything below it gets this one frozen object.
"""

import re
from datetime import timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Language = Literal["zh_Hans", "en"]


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"no such time zone: {name!r}") from error
    return name


ZoneName = Annotated[str, AfterValidator(_zone)]


class Section(BaseModel):
    """A part of the configuration: frozen, and strict about its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Words(Section):
    """The same words in each language."""

    zh: str = Field(min_length=1, max_length=64, description="In Simplified Chinese.")
    en: str = Field(min_length=1, max_length=64, description="In English.")

    def of(self, language: str) -> str:
        """The words in a language of ours."""
        return self.zh if language.startswith("zh") else self.en


class Category(Section):
    """A kind of hazard riders may report."""

    code: str = Field(pattern=r"^[a-z][a-z0-9_]{0,23}$", description="Short name; never change it.")
    name: Words
    emoji: str = Field(min_length=1, max_length=8)
    keywords: tuple[str, ...] = Field((), description="Words in a caption that suggest it.")
    danger: bool = Field(False, description="It can hurt somebody today.")
    deadline_hours: int = Field(
        72, ge=1, le=24 * 366, description="Hours until it should be fixed."
    )


class RejectReason(Section):
    """An answer a reviewer may reject with; the rider reads it."""

    code: str = Field(pattern=r"^[a-z][a-z0-9_]{0,15}$")
    button: Words = Field(description="What the reviewer taps.")
    answer_zh: str = Field(min_length=1, max_length=300, description="What the rider reads.")
    answer_en: str = Field(min_length=1, max_length=300, description="What the rider reads.")


class Question(Section):
    """A question a reviewer may put to a rider with one tap."""

    code: str = Field(pattern=r"^[a-z][a-z0-9_]{0,15}$")
    button: Words = Field(description="What the reviewer taps.")
    text_zh: str = Field(min_length=1, max_length=300, description="What the rider reads.")
    text_en: str = Field(min_length=1, max_length=300, description="What the rider reads.")


class SecondEyes(Section):
    """Which reports two reviewers have to agree on."""

    from_reviewers: int = Field(
        3, ge=0, le=1000, description="Only at desks of at least so many reviewers; 0: nowhere."
    )
    first_reports: int = Field(3, ge=0, le=100, description="So many of each rider's first ones.")
    top_grade: bool = Field(True, description="Every approval with ★★★.")
    share: float = Field(0.05, ge=0, le=1, description="Of all others, drawn by lot.")


class Review(Section):
    """How the review desk works."""

    claim_minutes: int = Field(5, ge=1, le=120, description="A card that was taken is reserved.")
    undo_minutes: int = Field(10, ge=1, le=24 * 60, description="A decision may be undone.")
    answer_days: int = Field(5, ge=1, le=90, description="Then an open question closes a report.")
    appeal_days: int = Field(14, ge=1, le=365, description="A rejection may be appealed.")
    duplicate_m: float = Field(
        150, ge=10, le=2000, description="How far duplicates are looked for."
    )
    second_eyes: SecondEyes = SecondEyes()
    warnings_before_ban: int = Field(2, ge=0, le=10, description="Of the last half year.")
    ban_days: tuple[int, ...] = Field((7, 30), min_length=1, max_length=3)

    @model_validator(mode="after")
    def _bans_end(self) -> "Review":
        if not all(0 < days <= 3660 for days in self.ban_days):
            raise ValueError("ban_days must be between 1 and 3660")
        return self


class Points(Section):
    """What riders earn, and how much at most."""

    grades: tuple[int, int, int] = Field(
        (5, 10, 20), description="Points for ★, ★★ and ★★★, by contribution."
    )
    joiner_share: float = Field(
        0.2,
        ge=0,
        le=1,
        description="Of the reporter's points, for each who joined before; 0: none.",
    )
    fix_bonus: int = Field(
        0, ge=0, le=10_000, description="For the reporter, once the fix is confirmed; 0: none."
    )
    fading: tuple[float, ...] = Field(
        (1.0, 0.5, 0.25),
        min_length=1,
        max_length=10,
        description="Share of the points for the first, second, third … report of one category in "
        "one 100 m cell on one day; the last holds for all after it.",
    )
    per_day: int = Field(100, ge=0, description="A rider's points for one day at most; 0: no cap.")
    hold_hours: int = Field(
        0, ge=0, le=24 * 90, description="So long points wait before they can be spent."
    )
    monthly_budget: int = Field(
        50_000, ge=0, description="Points the programme pays in a calendar month; 0: no limit."
    )

    @model_validator(mode="after")
    def _falling(self) -> "Points":
        falling = sorted(self.fading, reverse=True) == list(self.fading)
        if not falling or not all(0 <= share <= 1 for share in self.fading):
            raise ValueError("fading must be falling shares between 1 and 0")
        return self

    @model_validator(mode="after")
    def _rising(self) -> "Points":
        if not 0 < self.grades[0] <= self.grades[1] <= self.grades[2] <= 10_000:
            raise ValueError("grades must be three rising numbers between 1 and 10000")
        return self


class Rewards(Section):
    """How points become vouchers."""

    voucher_days: int = Field(
        14, ge=1, le=366, description="A voucher is good for so long, unless its item says."
    )
    undo_minutes: int = Field(
        10, ge=1, le=24 * 60, description="So long a shop may undo what it confirmed."
    )
    wrong_codes_per_hour: int = Field(
        20,
        ge=1,
        le=1000,
        description="Wrong codes of a shop's staff together before it has to wait.",
    )
    invite_days: int = Field(
        7, ge=1, le=90, description="A link for new staff is good for so long."
    )


class Limits(Section):
    """How much, how near, how long."""

    reports_per_day: int = Field(20, ge=1, le=1000, description="Per rider and calendar day.")
    photos_per_report: int = Field(5, ge=1, le=10)
    note_characters: int = Field(1000, ge=100, le=3000)
    vague_above_m: float = Field(100, gt=0, description="A less accurate place asks to confirm.")
    nearby_m: float = Field(30, ge=0, le=500, description="The same hazard, if as near; 0: off.")
    nearby_days: int = Field(30, ge=1, le=3660, description="Older reports are not offered.")
    remind_after_minutes: int = Field(30, ge=1, le=24 * 60, description="For unfinished drafts.")
    draft_hours: int = Field(24, ge=1, le=24 * 30, description="Then an unfinished draft goes.")
    burst: int = Field(60, ge=10, le=1000, description="Messages and taps of a person at once.")
    updates_per_minute: int = Field(
        60, ge=6, le=6000, description="Messages and taps of a person that go on for long."
    )
    guesses_per_hour: int = Field(
        5, ge=1, le=100, description="Wrong codes and links of a person before they have to wait."
    )

    @property
    def remind_after(self) -> timedelta:
        """How long an unfinished draft rests before its one reminder."""
        return timedelta(minutes=self.remind_after_minutes)

    @property
    def step(self) -> timedelta:
        """How long a person's token bucket takes to get one token back."""
        return timedelta(minutes=1) / self.updates_per_minute

    @property
    def draft_life(self) -> timedelta:
        """How long an unfinished draft is kept."""
        return timedelta(hours=self.draft_hours)


class Languages(Section):
    """Which language is spoken where nobody has chosen."""

    default: Language = Field("zh_Hans", description="For people whose app speaks neither.")
    moderators: Language = Field("zh_Hans", description="For moderator chats.")


class Policy(Section):
    """All of it together."""

    languages: Languages
    timezone: ZoneName
    categories: tuple[Category, ...] = Field(min_length=1, max_length=40)
    reject_reasons: tuple[RejectReason, ...] = Field(min_length=1, max_length=12)
    questions: tuple[Question, ...] = Field(min_length=1, max_length=8)
    points: Points
    rewards: Rewards = Rewards()
    review: Review
    limits: Limits

    @model_validator(mode="after")
    def _codes_once(self) -> "Policy":
        for what, codes in (
            ("categories", [category.code for category in self.categories]),
            ("reject_reasons", [reason.code for reason in self.reject_reasons]),
            ("questions", [question.code for question in self.questions]),
        ):
            twice = sorted({code for code in codes if codes.count(code) > 1})
            if twice:
                raise ValueError(f"{what}: code used twice: {', '.join(twice)}")
        return self

    @property
    def zone(self) -> ZoneInfo:
        """The time zone days and hours are told in."""
        return ZoneInfo(self.timezone)

    def category(self, code: str) -> Category | None:
        """The category of a code; None if there is none (any more)."""
        return next((category for category in self.categories if category.code == code), None)

    def reject_reason(self, code: str) -> RejectReason | None:
        """The reason of a code; None if there is none (any more)."""
        return next((reason for reason in self.reject_reasons if reason.code == code), None)

    def question(self, code: str) -> Question | None:
        """The question of a code; None if there is none (any more)."""
        return next((question for question in self.questions if question.code == code), None)

    def suggested(self, text: str) -> list[Category]:
        """Categories whose name or keywords stand in a text, the most words first.

        Args:
            text: what a rider wrote, in any language.

        Returns:
            The matching categories; none when nothing matches.
        """
        if not text:
            return []
        lowered = text.casefold()
        scored = [
            (sum(_contains(lowered, word) for word in _spellings(category)), category)
            for category in self.categories
        ]
        return [
            category for score, category in sorted(scored, key=lambda pair: -pair[0]) if score > 0
        ]


def _spellings(category: Category) -> set[str]:
    words = {category.name.zh, category.name.en, *category.keywords}
    return {word.casefold() for word in words}


def _contains(text: str, word: str) -> bool:
    if word.isascii():
        # English needs its word borders: "lightning" is no "light".
        return re.search(rf"\b{re.escape(word)}(s|es)?\b", text) is not None
    return word in text
