"""Numbers, distances and times in words, and the rules every written sentence keeps."""

import ast
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml

from handlers import record
from handlers.menu import COMMANDS, DESK_COMMANDS
from handlers.views import _BIRDS, sentences
from locales import LANGUAGES, Words, catalogue
from locales.__main__ import SPOKEN_IN, extracted, problems, read
from services.people import BIRDS

ROOT = Path(__file__).resolve().parents[2]
ZONE = ZoneInfo("Asia/Shanghai")
ZH = Words("zh_Hans", ZONE)
EN = Words("en", ZONE)
NOW = datetime(2026, 11, 24, 6, 5, tzinfo=UTC)

# Telegram's limit for what a pressed button answers with; any sentence may end up there.
TOAST_LIMIT = 200
BUTTON_LIMIT = 6

CJK = "[\u3400-\u9fff]"
WIDE = "[，。：；？！（）、“”]"
# What stands for a placeholder while the rules are looked at: what it starts and ends with counts.
# 中 is text that is Chinese to a Chinese reader (a name is taken as it is, without a space).
SAMPLES = {
    **dict.fromkeys(
        (
            "approved",
            "balance",
            "budget",
            "count",
            "decided",
            "kilometres",
            "least",
            "left",
            "merged",
            "metres",
            "minutes",
            "most",
            "new",
            "number",
            "one",
            "old",
            "paid",
            "rejected",
            "three",
            "two",
        ),
        "3",
    ),
    **dict.fromkeys(
        ("category", "district", "districts", "error", "group", "name", "place", "reason"), "中"
    ),
    **dict.fromkeys(("shop", "state", "title", "what"), "中"),
    "code": "ABCD-EFGH",
    **dict.fromkeys(("share", "shares"), "20%"),
    **dict.fromkeys(("distance", "time"), "3 米"),
    "age": "3 天前",
    "day": "12 月 1 日",
    "details": "±3 米",
    **dict.fromkeys(("days", "span"), "3 天"),
    **dict.fromkeys(("median", "p90"), "3 分钟"),
    **dict.fromkeys(("names", "period", "query", "question", "shop", "text", "why"), "中"),
    **dict.fromkeys(("month", "page", "pages", "today"), "3"),
    "other": "3",
    "pseudonym": "海鸥-27",
    "rider": "海鸥-27",
    "speed": "3",
    **dict.fromkeys(("clock", "since", "until"), "00:00"),
    "points": "+3",
    "stars": "★",
}
SLIPS = {
    "no space between Chinese and Latin letters, digits or signs": (
        rf"{CJK}[A-Za-z0-9#/+★±]|[A-Za-z0-9%★]{CJK}"
    ),
    "a space inside Chinese": rf"{CJK} +{CJK}",
    "a space about full-width punctuation": rf" {WIDE}|{WIDE} ",
    "half-width punctuation": rf"{CJK}[,.:;?!()\"']|[,.:;?!()\"']{CJK}",
    "full-width letters or digits": "[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]",
    "three full stops for an ellipsis": r"\.\.\.|。。",
    "您": "您",
}


def calls_in_code():
    """Every call in the folders whose sentences people read."""
    for folder in SPOKEN_IN:
        for file in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    yield node


def sentences_of(node):
    """The sentences a call of tr, trn or N_ is given literally."""
    if not isinstance(node, ast.Call):
        return []
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    given = node.args[: {"tr": 1, "trn": 2, "N_": 1}.get(name, 0)]
    return [argument.value for argument in given if isinstance(argument, ast.Constant)]


def buttons_in_code():
    """What stands on buttons, in English."""
    labels = set()
    for call in calls_in_code():
        if getattr(call.func, "id", "") == "Button":
            labels.update(sentences_of(call.args[0]))
        for keyword in call.keywords:
            if keyword.arg == "location_button":
                labels.update(sentences_of(keyword.value))
    return sorted(labels)


def written(language):
    """Every sentence of a catalogue with its English; of a plural each form."""
    for message in read(language):
        if message.id:
            one = message.id[0] if isinstance(message.id, tuple) else message.id
            said = message.string if isinstance(message.string, tuple) else (message.string,)
            yield from ((one, text) for text in said)


def configured():
    """The Chinese in the configuration we ship."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    for category in config["categories"]:
        yield category["name"]["zh"]
    for reason in config["reject_reasons"]:
        yield reason["button"]["zh"]
        yield reason["answer_zh"]


def slips(text):
    """The rules a Chinese text breaks."""
    plain = re.sub(r"</?\w+>", "", text.format_map(SAMPLES))
    return [rule for rule, pattern in SLIPS.items() if re.search(pattern, plain)]


# --- numbers


@pytest.mark.parametrize("words", [ZH, EN])
@pytest.mark.parametrize(
    ("value", "said"), [(0, "0"), (1, "1"), (0.5, "0.5"), (1042, "1,042"), (1234567, "1,234,567")]
)
def test_numbers_are_grouped(words, value, said):
    assert words.number(value) == said


@pytest.mark.parametrize("words", [ZH, EN])
@pytest.mark.parametrize(("points", "said"), [(10, "+10"), (0, "0"), (-3, "-3"), (1200, "+1,200")])
def test_points_carry_their_sign(words, points, said):
    assert words.signed(points) == said


@pytest.mark.parametrize(
    ("metres", "zh", "en"),
    [
        (0, "0 米", "0 m"),
        (1, "1 米", "1 m"),
        (39.6, "40 米", "40 m"),
        (99.6, "100 米", "100 m"),
        (123, "120 米", "120 m"),
        (949, "950 米", "950 m"),
        (950, "1 公里", "1 km"),
        (951, "1 公里", "1 km"),
        (1240, "1.2 公里", "1.2 km"),
        (9960, "10 公里", "10 km"),
        (12_300, "12 公里", "12 km"),
        (1_234_567, "1,235 公里", "1,235 km"),
    ],
)
def test_distances_are_as_exact_as_people_need_them(metres, zh, en):
    assert (ZH.distance(metres), EN.distance(metres)) == (zh, en)


# --- times


@pytest.mark.parametrize(
    ("delta", "zh", "en"),
    [
        (timedelta(), "刚刚", "just now"),
        (timedelta(seconds=1), "刚刚", "just now"),
        (timedelta(seconds=59), "刚刚", "just now"),
        (timedelta(seconds=60), "1 分钟前", "1 min ago"),
        (timedelta(minutes=59, seconds=59), "59 分钟前", "59 min ago"),
        (timedelta(hours=1), "1 小时前", "1 hour ago"),
        (timedelta(hours=2), "2 小时前", "2 hours ago"),
        (timedelta(hours=23, minutes=59, seconds=59), "23 小时前", "23 hours ago"),
        (timedelta(days=1), "1 天前", "1 day ago"),
        (timedelta(days=2, hours=23), "2 天前", "2 days ago"),
        (timedelta(days=1500), "1,500 天前", "1,500 days ago"),
    ],
)
def test_ages_are_told_in_one_unit(delta, zh, en):
    then = NOW - delta
    assert (ZH.ago(then, now=NOW), EN.ago(then, now=NOW)) == (zh, en)


def test_a_clock_that_runs_ahead_is_just_now():
    assert EN.ago(NOW + timedelta(seconds=5), now=NOW) == "just now"


@pytest.mark.parametrize(
    ("minutes", "zh", "en"),
    [
        (0, "0 分钟", "0 min"),
        (1, "1 分钟", "1 min"),
        (59, "59 分钟", "59 min"),
        (60, "1 小时", "1 hour"),
        (61, "2 小时", "2 hours"),
        (120, "2 小时", "2 hours"),
    ],
)
def test_a_wait_is_rounded_up_to_whole_hours(minutes, zh, en):
    assert (ZH.minutes(minutes), EN.minutes(minutes)) == (zh, en)


@pytest.mark.parametrize(
    ("moment", "clock", "zh", "en"),
    [
        (datetime(2026, 11, 24, 15, 59, tzinfo=UTC), "23:59", "11 月 24 日", "Nov 24"),
        (datetime(2026, 11, 24, 16, 0, tzinfo=UTC), "00:00", "11 月 25 日", "Nov 25"),
        (datetime(2026, 12, 31, 16, 5, tzinfo=UTC), "00:05", "1 月 1 日", "Jan 1"),
        (datetime(2026, 3, 5, 0, 7, tzinfo=UTC), "08:07", "3 月 5 日", "Mar 5"),
    ],
)
def test_days_and_hours_are_those_of_the_place(moment, clock, zh, en):
    assert (ZH.clock(moment), EN.clock(moment)) == (clock, clock)
    assert (ZH.day(moment), EN.day(moment)) == (zh, en)


# --- sentences


@pytest.mark.parametrize(
    ("count", "zh", "en"),
    [
        (0, "已收到 0 张照片。", "0 photos saved."),
        (1, "已收到 1 张照片。", "1 photo saved."),
        (2, "已收到 2 张照片。", "2 photos saved."),
        (1000, "已收到 1,000 张照片。", "1,000 photos saved."),
    ],
)
def test_plurals_follow_the_language(count, zh, en):
    assert ZH.trn("{count} photo saved.", "{count} photos saved.", count) == zh
    assert EN.trn("{count} photo saved.", "{count} photos saved.", count) == en


def test_what_a_person_wrote_is_not_filled_in():
    said = ZH.tr("{name} approved it a moment ago.", name="{number}")
    assert said == "{number}刚刚已采纳。"


def test_only_english_puts_a_space_between_sentences():
    assert sentences("照片收到。", "隐患在哪里？", words=ZH) == "照片收到。隐患在哪里？"
    assert sentences("Got the photo.", "Where is it?", words=EN) == "Got the photo. Where is it?"
    assert sentences("", "Where is it?", words=EN) == "Where is it?"


def test_a_choice_of_data_texts_follows_the_language():
    assert (ZH.choose("护栏", "guardrail"), EN.choose("护栏", "guardrail")) == ("护栏", "guardrail")


def test_a_language_we_do_not_have_is_refused():
    with pytest.raises(FileNotFoundError):
        catalogue("tlh")


# --- the catalogues


def test_the_catalogues_say_all_the_code_says():
    assert sorted(problems()) == []


def test_every_sentence_in_the_code_is_one_the_extraction_sees():
    # Babel does not look inside f-strings: a sentence there would stay English for everybody.
    seen = {
        text
        for message in extracted()
        for text in (message.id if isinstance(message.id, tuple) else (message.id,))
    }
    said = {text for call in calls_in_code() for text in sentences_of(call)}
    assert said
    assert said <= seen


@pytest.mark.parametrize("language", LANGUAGES)
def test_birds_are_told_apart(language):
    words = Words(language, ZONE)
    names = [words.tr(bird) for bird in _BIRDS]
    assert len(set(names)) == len(names) == BIRDS
    if words.is_chinese:
        assert {len(name) for name in names} == {2}


def test_the_help_names_every_command_once():
    (text,) = (text for one, text in written("zh_Hans") if "/myreports" in one)
    listed = re.findall(r"^/(\w+) – ", text, flags=re.MULTILINE)
    assert sorted([*listed, "help"]) == sorted(command for command, _ in COMMANDS)


@pytest.mark.parametrize("words", [ZH, EN])
def test_the_help_of_a_desk_names_every_command_once(words):
    listed = re.findall(r"^/(\w+)(?: 1042)? – ", record.help_text(words), flags=re.MULTILINE)
    assert sorted([*listed, "help"]) == sorted(command for command, _ in DESK_COMMANDS)


# --- how they are written


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("余额35分", "no space between Chinese and Latin letters, digits or signs"),
        ("要给#{number}", "no space between Chinese and Latin letters, digits or signs"),
        ("通常{time}内", "no space between Chinese and Latin letters, digits or signs"),
        ("照片 收到", "a space inside Chinese"),
        ("照片收到。 在哪里", "a space about full-width punctuation"),
        ("在哪里?", "half-width punctuation"),
        ("共３张", "full-width letters or digits"),
        ("正在找...", "three full stops for an ellipsis"),
        ("您好", "您"),
    ],
)
def test_the_rules_catch_what_they_are_for(text, rule):
    assert rule in slips(text)


@pytest.mark.parametrize(("english", "text"), list(written("zh_Hans")))
def test_chinese_is_written_as_chinese(english, text):
    assert slips(text) == []
    if english.endswith((".", "?")) and not re.search(r"/\w+( \w+)*$", text):
        # A command at the end stands bare, so that it can be touched and copied.
        assert text.endswith(("。", "？"))


@pytest.mark.parametrize("text", list(configured()))
def test_the_shipped_configuration_is_written_as_chinese(text):
    assert slips(text) == []


@pytest.mark.parametrize("english", buttons_in_code())
def test_buttons_are_short(english):
    text = ZH.tr(english, stars="★")
    assert 0 < len(re.findall(CJK, text)) <= BUTTON_LIMIT
    assert not re.search(WIDE, text)


@pytest.mark.parametrize(
    ("language", "text"),
    [(language, text) for language in LANGUAGES for _, text in written(language)],
)
def test_a_sentence_is_two_lines_and_one_question_at_most(language, text):
    if (text.startswith("📷") and "/myreports" in text) or "/here topic" in text:
        # The help, and how a command is written, are to be looked up, not a step.
        return
    assert text.count("\n") <= 1
    assert len(re.findall("[?？]", text)) <= 1
    assert len(text) <= TOAST_LIMIT
