"""Markup in, text and entities out; and the words for markup that is wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localchat.errors import BadRequestError
from localchat.formatting import formatted, utf16


def html(source):
    return formatted(source, parse_mode="HTML")


@pytest.mark.parametrize(
    ("source", "text", "entities"),
    [
        ("a &lt;b&gt; &amp;amp; &nbsp; &#x1F600;", "a <b> &amp; &nbsp; 😀", []),
        ("<b>粗</b>😀<i>斜</i>", "粗😀斜", [("bold", 0, 1), ("italic", 3, 1)]),
        ("<b><i>x</i></b>", "x", [("bold", 0, 1), ("italic", 0, 1)]),
        ("  <u>a</u> \n", "a", [("underline", 0, 1)]),
        ("<b> a </b>", "a", [("bold", 0, 1)]),
        ("<b></b>x", "x", []),
        ("<s>a</s><tg-spoiler>b</tg-spoiler><span class='tg-spoiler'>c</span>", "abc",
         [("strikethrough", 0, 1), ("spoiler", 1, 1), ("spoiler", 2, 1)]),
        ("<code>/x</code> /y", "/x /y", [("code", 0, 2), ("bot_command", 3, 2)]),
        ("<blockquote expandable>q</blockquote>", "q", [("expandable_blockquote", 0, 1)]),
        ("<b>see /help</b>", "see /help", [("bold", 0, 9), ("bot_command", 4, 5)]),
        ("#护栏 a@b.cn https://x.cn/a", "#护栏 a@b.cn https://x.cn/a",
         [("hashtag", 0, 3), ("email", 4, 6), ("url", 11, 14)]),
        ("<a href='nowhere'>x</a>", "x", []),
    ],
)  # fmt: skip
def test_markup_becomes_entities(source, text, entities):
    given_text = html(source)
    assert given_text.text == text
    found = [(one["type"], one["offset"], one["length"]) for one in given_text.entities]
    assert found == entities


def test_entities_carry_what_belongs_to_them():
    link = html('<a href="https://osm.org/?a=1&amp;b=2">地图</a>').entities[0]
    assert link["url"] == "https://osm.org/?a=1&b=2"
    assert html("<a href='osm.org'>x</a>").entities[0]["url"] == "http://osm.org/"
    time = html('<tg-time unix="1790000000" format="r">刚才</tg-time>').entities[0]
    assert (time["type"], time["unix_time"], time["date_time_format"]) == (
        "date_time",
        1790000000,
        "r",
    )
    pre = html('<pre><code class="language-python">x</code></pre>').entities
    assert pre == [{"type": "pre", "offset": 0, "length": 1, "language": "python"}]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("<b>x", "Can't find end tag corresponding to start tag \"b\""),
        ("<b>x</i>", 'Unmatched end tag at byte offset 4, expected "</b>", found "</i>"'),
        ("x</b>", "Unexpected end tag at byte offset 1"),
        ("护<foo>x</foo>", 'Unsupported start tag "foo" at byte offset 3'),
        ("1 < 2", 'Unsupported start tag "" at byte offset 2'),
        ("<a href=", 'Unclosed start tag "a" at byte offset 0'),
        ("<b>x</b", "Unclosed end tag at byte offset 4"),
        ("<span>x</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
        ("<b x>y</b>",
         'Expected equal sign in declaration of an attribute of the tag "b" at byte offset 0'),
    ],
)  # fmt: skip
def test_bad_markup_is_refused(source, words):
    with pytest.raises(BadRequestError) as refusal:
        html(source)
    assert refusal.value.description == f"Bad Request: can't parse entities: {words}"


def test_an_unknown_parse_mode_is_refused():
    with pytest.raises(BadRequestError):
        formatted("x", parse_mode="Wiki")


def test_entities_may_be_given_directly():
    listed = [
        {"type": "bold", "offset": 2, "length": 99},
        {"type": "unheard", "offset": 0, "length": 1},
    ]
    assert formatted("  ab", entities=listed).entities == [
        {"type": "bold", "offset": 0, "length": 2}
    ]
    with pytest.raises(BadRequestError):
        formatted("a", entities=["bold"])


@given(st.text())
def test_any_text_is_read_or_refused(source):
    try:
        result = html(source)
    except BadRequestError:
        return
    for entity in result.entities:
        assert entity["offset"] >= 0
        assert 0 < entity["length"] <= utf16(result.text) - entity["offset"]


@given(st.text())
def test_escaped_text_comes_back(source):
    escaped = source.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert html(escaped).text == source.strip()
