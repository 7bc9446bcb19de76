"""Notes: made of several messages, each edited by itself, never longer than they may be."""

import pytest

from models import Draft
from services import notes


def note(*messages, limit=1000):
    draft = Draft(note="", note_parts=[])
    for number, text in enumerate(messages, start=1):
        notes.append(draft, text=text, message_id=number, limit=limit)
    return draft


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (" 断了\n小心 ", "断了\n小心"),
        ("a\0b", "ab"),
        ("\ud83d hole \udd73", "hole"),
        ("🕳", "🕳"),
        ("\0", ""),
    ],
)
def test_only_what_every_database_takes_is_kept(text, kept):
    assert notes.clean(text) == kept


def test_an_edit_leaves_the_words_of_other_messages_alone():
    draft = note("one", "two", "three")
    notes.replace(draft, text="zwei", message_id=2, limit=1000)
    assert draft.note == "one\nzwei\nthree"


def test_a_message_edited_to_nothing_can_still_be_edited_back():
    draft = note("one", "two")
    notes.replace(draft, text=" ", message_id=1, limit=1000)
    assert draft.note == "two"
    notes.replace(draft, text="first", message_id=1, limit=1000)
    assert draft.note == "first\ntwo"


def test_the_whole_note_stays_within_its_limit():
    draft = note("aaaa", "bbbb", "cccc", limit=8)
    assert draft.note == "aaaa\nbbb"
    assert not notes.has_part(draft, message_id=3)
    notes.replace(draft, text="x" * 20, message_id=1, limit=8)
    assert draft.note == "xxxx\nbbb"


def test_nothing_said_is_no_part():
    draft = note("", "two")
    assert draft.note == "two"
    assert not notes.has_part(draft, message_id=1)
    assert notes.has_part(draft, message_id=2)
