"""The picture of a report's life: it shows the table of moves as it is, in both languages."""

import xml.etree.ElementTree as ET

import pytest

from bot import workflow_chart
from models.workflow import TRANSITIONS, State, Transition
from models.workflow import Actor as By


@pytest.mark.parametrize("language", workflow_chart.LANGUAGES)
def test_the_picture_in_the_docs_is_the_one_the_table_draws(language):
    there = workflow_chart.file_of(language).read_text(encoding="utf-8")

    assert there == workflow_chart.draw(language), "run: python -m bot.workflow_chart"


@pytest.mark.parametrize("language", workflow_chart.LANGUAGES)
def test_it_is_a_picture_with_every_state_on_it(language):
    root = ET.fromstring(workflow_chart.draw(language))

    words = {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {getattr(box, language) for box in workflow_chart._BOXES.values()} <= words


def test_a_move_that_is_not_drawn_is_noticed(monkeypatch):
    more = Transition("forgotten", State.WITHDRAWN, State.SUBMITTED, By.CHIEF)
    monkeypatch.setattr(workflow_chart, "TRANSITIONS", (*TRANSITIONS, more))

    with pytest.raises(workflow_chart.Incomplete, match="forgotten"):
        workflow_chart.draw("en")


@pytest.mark.parametrize("language", ["", ".zh"])
def test_the_guide_for_reviewers_shows_it(language):
    guide = workflow_chart.IMAGES.parent / f"reviewing{language}.md"

    assert f"images/workflow.{language[1:] or 'en'}.svg" in guide.read_text(encoding="utf-8")
