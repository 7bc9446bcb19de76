"""The rules: what they allow, and which categories a rider's words suggest."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from models.policy import Category, Limits, Points, Policy, Words


def category(code="pothole", zh="坑洼", en="pothole", **told):
    return Category(code=code, name=Words(zh=zh, en=en), emoji="🕳", **told)


def changed(policy, **told):
    return Policy(**(dict(policy) | told))


def codes(found):
    return [category.code for category in found]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("护栏断了一截，夜里看不清", "guardrail"),
        ("A GUARDRAIL is broken", "guardrail"),
        ("two potholes here", "pothole"),
        ("井盖松了", "manhole"),
        ("路灯不亮，太黑", "light"),
        ("water everywhere after the leak", "flooding"),
        ("垃圾没人收", "sanitation"),
    ],
)
def test_words_suggest_their_category(policy, text, first):
    assert codes(policy.suggested(text))[0] == first


def test_the_most_words_come_first(policy):
    text = "井盖松了，下水道盖和窨井都坏了，旁边有个坑"
    assert codes(policy.suggested(text))[:2] == ["manhole", "pothole"]


@pytest.mark.parametrize("text", ["", "lightning", "holed", "你好", "!?", "signal"])
def test_a_part_of_an_english_word_suggests_nothing(policy, text):
    assert policy.suggested(text) == []


@given(text=st.text())
def test_no_text_breaks_the_suggestion(text, policy):
    found = codes(policy.suggested(text))
    assert len(found) == len(set(found))


def test_signs_in_a_keyword_mean_themselves(policy):
    odd = changed(policy, categories=(category(keywords=("a.c", "(", "路(口")),))
    assert odd.suggested("abc") == []
    assert codes(odd.suggested("这条路(口不好走")) == ["pothole"]


def test_a_code_finds_its_category_and_reason(policy):
    assert policy.category("light").emoji == "💡"
    assert policy.category("dragon") is None
    assert policy.reject_reason("known").code == "known"
    assert policy.reject_reason("because") is None


def test_words_are_there_in_each_language():
    words = Words(zh="护栏", en="guardrail")
    assert (words.of("zh_Hans"), words.of("en")) == ("护栏", "guardrail")


@pytest.mark.parametrize("what", ["categories", "reject_reasons"])
def test_a_code_used_twice_is_refused(policy, what):
    first = getattr(policy, what)[0]
    with pytest.raises(ValidationError, match=f"{what}: code used twice: {first.code}"):
        changed(policy, **{what: (first, first)})


@pytest.mark.parametrize("grades", [(0, 1, 2), (10, 5, 20), (5, 20, 10), (1, 2, 10_001)])
def test_grades_rise(grades):
    with pytest.raises(ValidationError, match="three rising numbers"):
        Points(grades=grades)


@pytest.mark.parametrize("grades", [(1, 1, 1), (1, 2, 10_000)])
def test_grades_may_be_equal(grades):
    assert Points(grades=grades).grades == grades


@pytest.mark.parametrize("code", ["", "Pothole", "1st", "a:b", "坑", "x" * 25])
def test_a_code_fits_into_a_button(code):
    with pytest.raises(ValidationError):
        category(code=code)


@pytest.mark.parametrize("zone", ["Asia/Quangang", "", "../etc/passwd", "CET6"])
def test_a_time_zone_exists(policy, zone):
    with pytest.raises(ValidationError, match="no such time zone"):
        changed(policy, timezone=zone)


def test_lengths_of_time_are_told_as_such():
    limits = Limits(remind_after_minutes=45, draft_hours=2)
    assert limits.remind_after == timedelta(minutes=45)
    assert limits.draft_life == timedelta(hours=2)


def test_the_rules_cannot_be_changed_under_anybodys_feet(policy):
    with pytest.raises(ValidationError, match="frozen"):
        policy.limits.reports_per_day = 1
    with pytest.raises(ValidationError, match="Extra inputs"):
        Limits(reports_a_day=1)


def test_the_shipped_zone_is_quangangs(policy):
    assert policy.zone.key == "Asia/Shanghai"
