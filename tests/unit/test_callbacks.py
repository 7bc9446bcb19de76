"""What buttons carry: written and read back exactly, and nothing else is ever taken for it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers import callbacks
from handlers.callbacks import Press, pack, parse

presses = st.builds(
    Press,
    area=st.sampled_from("dovml"),
    verb=st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True).filter(str.isascii),
    subject=st.integers(0, 2**62 - 1),
    argument=st.text("abcdefghijklmnopqrstuvwxyz0123456789_-", max_size=24),
)


@given(press=presses)
def test_what_is_written_is_read_back(press):
    data = pack(press.area, press.verb, press.subject, press.argument)
    assert parse(data) == press
    assert len(data.encode()) <= callbacks.LIMIT


@given(data=st.text())
def test_anything_else_is_none_of_ours_or_reads_the_same_again(data):
    press = parse(data)
    if press is not None:
        assert parse(pack(press.area, press.verb, press.subject, press.argument)) == press


@pytest.mark.parametrize(
    "data",
    [
        None,
        "",
        "d",
        "d:cat",
        "d:cat:",
        "D:cat:1",
        "d:cat:1:",
        "d:cat:1:a:b",
        "d:cat:-1",
        "d:cat:1\n",
        "d:cat:٣",
        "d:categories:1",
        "d:cat:1:with space",
        "d:cat:zzzzzzzzzzzzz",
        "d:cat:1:" + "x" * 41,
        "x" * 64,
    ],
)
def test_forged_codes_are_none_of_ours(data):
    assert parse(data) is None


@pytest.mark.parametrize(
    "button",
    [
        ("d", "cat", -1, ""),
        ("d", "cat", 2**62, ""),
        ("dd", "cat", 1, ""),
        ("d", "", 1, ""),
        ("d", "cat", 1, "a:b"),
        ("d", "cat", 1, "护" * 20),
    ],
)
def test_what_could_not_be_read_is_not_written(button):
    with pytest.raises(ValueError, match="button"):
        pack(*button)


def test_the_codes_of_every_configured_category_and_reason_fit(policy):
    for code in [*policy.categories, *policy.reject_reasons]:
        data = pack("v", "reject", 2**62 - 1, code.code)
        assert parse(data).argument == code.code


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        (callbacks.pattern("d"), True),
        (callbacks.pattern("d", "cat", "yes"), True),
        (callbacks.pattern("d", "yes"), False),
        (callbacks.pattern("o", "cat"), False),
        (callbacks.pattern("d", "ca"), False),
    ],
)
def test_a_pattern_routes_the_buttons_of_its_area(pattern, fits):
    assert bool(re.match(pattern, pack("d", "cat", 1042, "pothole"))) is fits
