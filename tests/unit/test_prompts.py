"""What a reviewer's next reply is for: one thing at a time, and not for ever."""

from datetime import timedelta

import pytest

from models import clock
from services import prompts
from services.prompts import PromptKind

DESK = -1001


def expect(session, report, kind, *, person_id=7, text=""):
    prompts.expect(
        session, chat_id=DESK, person_id=person_id, report_id=report.id, kind=kind, text=text
    )


def find(session, report, *, chat_id=DESK, person_id=7):
    return prompts.find(session, chat_id=chat_id, person_id=person_id, report_id=report.id)


@pytest.mark.parametrize("kind", [*PromptKind, None])
def test_it_is_found_again(database, scene, midday, kind):
    with database.transaction() as session:
        report = scene.report(session)
        expect(session, report, kind, text="7")

    with database.transaction() as session:
        prompt = find(session, report)
        assert (prompt.kind, prompt.text, prompt.at) == (kind, "7", midday)


def test_it_is_for_one_person_one_chat_and_one_report(database, scene):
    with database.transaction() as session:
        report, other = scene.report(session), scene.report(session)
        expect(session, report, PromptKind.ASK)
        assert find(session, other) is None
        assert find(session, report, person_id=8) is None
        assert find(session, report, chat_id=7) is None


def test_the_next_button_takes_its_place(database, scene):
    with database.transaction() as session:
        report, other = scene.report(session), scene.report(session)
        expect(session, report, PromptKind.ASK, text="old")
        assert find(session, report).kind == PromptKind.ASK
        expect(session, other, PromptKind.HOLD)
        expect(session, report, PromptKind.REJECT, person_id=8)
        assert find(session, report) is None
        assert (find(session, other).kind, find(session, other).text) == (PromptKind.HOLD, "")
        assert find(session, report, person_id=8).kind == PromptKind.REJECT


def test_it_is_forgotten(database, scene):
    with database.transaction() as session:
        report = scene.report(session)
        expect(session, report, PromptKind.ASK)
        expect(session, report, PromptKind.ASK, person_id=8)
        prompts.forget(session, chat_id=DESK, person_id=7, report_id=report.id + 1)
        assert find(session, report) is not None
        for _ in range(2):
            prompts.forget(session, chat_id=DESK, person_id=7, report_id=report.id)
        assert find(session, report) is None
        assert find(session, report, person_id=8) is not None


def test_a_reply_half_an_hour_later_is_asked_again_what_it_is_for(database, scene, midday):
    with database.transaction() as session:
        report = scene.report(session)
        expect(session, report, PromptKind.REJECT)
        clock.advance(prompts.LIFE)
        assert find(session, report) is not None
        clock.advance(timedelta(seconds=1))
        assert find(session, report) is None
