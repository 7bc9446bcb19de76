"""The catalogues: complete in both languages, and a gap in them is told."""

import shutil

import pytest
from babel.messages.pofile import read_po, write_po

import locales
from locales import LANGUAGES
from locales import __main__ as command


def test_every_sentence_is_there_in_every_language():
    assert list(command.problems()) == []


def test_there_is_something_to_say():
    assert len(command.extracted()) > 50


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """The catalogues in a folder where they may be spoiled."""
    for language in LANGUAGES:
        file = tmp_path / language / "LC_MESSAGES" / "sentinel.po"
        file.parent.mkdir(parents=True)
        shutil.copyfile(locales.po_file(language), file)
    monkeypatch.setattr(
        command, "po_file", lambda language: tmp_path / language / "LC_MESSAGES" / "sentinel.po"
    )
    return command.po_file


def spoil(file, change):
    with file.open("rb") as source:
        catalogue = read_po(source, locale="zh_Hans")
    message = next(m for m in catalogue if isinstance(m.id, str) and "{" in m.id)
    change(catalogue, message)
    with file.open("wb") as target:
        write_po(target, catalogue)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda catalogue, message: catalogue.delete(message.id), "missing"),
        (lambda catalogue, message: catalogue.add("A dragon", "龙"), "said nowhere"),
        (lambda catalogue, message: setattr(message, "string", ""), "not translated"),
        (lambda catalogue, message: message.flags.add("fuzzy"), "not translated"),
        (lambda catalogue, message: setattr(message, "string", "{龙}"), "other placeholders"),
        (lambda catalogue, message: setattr(message, "string", "没有"), "other placeholders"),
    ],
)
def test_what_lags_is_told(copied, capsys, monkeypatch, change, told):
    spoil(copied("zh_Hans"), change)
    monkeypatch.setattr(command.sys, "argv", ["locales", "check"])

    assert command.main() == 1

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"zh_Hans: {told}: ")
    assert lines[-1] == "catalogues: 1 problems"


def test_the_command_says_that_all_is_well(capsys, monkeypatch):
    monkeypatch.setattr(command.sys, "argv", ["locales", "check"])
    assert command.main() == 0
    assert capsys.readouterr().out == "catalogues: ok\n"


def test_updating_what_is_up_to_date_changes_nothing(copied, monkeypatch):
    before = {language: copied(language).read_bytes() for language in LANGUAGES}
    monkeypatch.setattr(command.sys, "argv", ["locales", "update"])
    assert command.main() == 0
    assert {language: copied(language).read_bytes() for language in LANGUAGES} == before


def test_any_other_word_gets_the_usage(capsys, monkeypatch):
    monkeypatch.setattr(command.sys, "argv", ["locales", "dance"])
    assert command.main() == 2
    assert "usage" in capsys.readouterr().err
