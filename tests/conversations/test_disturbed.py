"""A few days of riders and reviewers, delivered as Telegram may deliver: doubled, swapped, at once.

Many more days are a drill (tests/drills/test_disturbed.py).
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text

from handlers import answers, cards, receipts, timers
from handlers.context import Turn
from models import Card, Photo, Report
from models.cards import CardPurpose
from services import chats, photos, reports, review
from services.districts import Districts
from services.reviewers import Reviewer
from tests.conversations.people import DESK, LIN
from tests.conversations.scene import Scene
from tests.drills.flights import FLIGHTS, ONE, Flight, a_report, possible_outcomes
from tests.drills.journeys import (
    Day,
    check_sound,
    come_to_rest,
    differences,
    fetch,
    in_order,
    outcome_of,
    side_by_side,
    swapped,
    twice,
)
from tests.drills.stage import Stage, more_intakes

SEED, RIDERS = 2, 4


@pytest.fixture
def stage(request: pytest.FixtureRequest, tmp_path: Path, districts: Districts) -> Stage:
    return Stage(request, tmp_path, districts)


async def test_a_day_comes_out_the_same_however_it_is_delivered(stage: Stage) -> None:
    with stage.scene("sqlite") as scene:
        await Day(scene, SEED, riders=RIDERS).live(in_order)
        check_sound(scene)
        undisturbed = outcome_of(scene)
    assert len(undisturbed["reports"]) > 3
    for deliver in (twice(), swapped(SEED)):
        with stage.scene("sqlite") as scene:
            await Day(scene, SEED, riders=RIDERS).live(deliver)
            found = outcome_of(scene)
            assert found == undisturbed, differences(found, undisturbed)
    with stage.scene("postgresql") as scene, more_intakes(scene, 1) as intakes:
        await Day(scene, SEED, riders=RIDERS).live(side_by_side(intakes, SEED))
        found = outcome_of(scene)
        assert found == undisturbed, differences(found, undisturbed)


async def test_everybody_at_once_does_no_harm(stage: Stage) -> None:
    with stage.scene("postgresql") as scene, more_intakes(scene, 1) as intakes:
        day = Day(scene, SEED, riders=RIDERS, orderly=False)
        await day.live(side_by_side(intakes, SEED))
        check_sound(scene)


@pytest.mark.parametrize("flight", FLIGHTS, ids=lambda flight: flight.name)
async def test_at_once_is_as_if_one_came_first(stage: Stage, flight: Flight) -> None:
    with stage.scene("postgresql") as scene, more_intakes(scene, 1) as intakes:
        found = await flight.outcome(scene, side_by_side(intakes, SEED))
    possible = await possible_outcomes(flight, partial(stage.scene, "sqlite"))
    assert found in possible, min((differences(found, one) for one in possible), key=len)


class TestWhatComesBesideADecision:
    """What is not committed yet is waited for: nothing is shown as it was a moment ago."""

    async def test_a_file_that_is_no_photo(self, stage: Stage) -> None:
        with stage.scene("postgresql") as scene:
            await a_report(scene)
            await scene.press(ONE, ONE, "Add photo")
            scene.world.send_document(ONE, ONE, b"no photo", "a.jpg", "image/jpeg")
            await in_order(scene, fetch(scene))
            [report], photo = scene.rows(Report), scene.rows(Photo)[-1]

            def approve(turn: Turn) -> None:
                row = reports.get(turn.session, report_id=report.id)
                assert row is not None
                review.approve(
                    turn.session,
                    report=row,
                    reviewer=Reviewer(LIN, "Lin", is_chief=False),
                    grade=1,
                    policy=turn.policy,
                    desk_size=1,
                )
                cards.refresh_review_cards(turn, row)
                receipts.tell_riders(turn, row)

            def refuse_file(turn: Turn) -> None:
                why = photos.Refused.NOT_A_PICTURE
                answers.picture_refused(turn, photo_id=photo.id, why=why)

            beside(scene, approve, refuse_file)
            await come_to_rest(scene)
            check_sound(scene)

    async def test_a_card_dealt_late(self, stage: Stage) -> None:
        with stage.scene("postgresql") as scene:
            set_desk(scene, "left")
            await a_report(scene)
            set_desk(scene, "member")
            [report] = scene.rows(Report)

            def withdraw(turn: Turn) -> None:
                row = reports.get(turn.session, report_id=report.id)
                assert row is not None
                reports.withdraw(turn.session, report=row)
                cards.refresh_review_cards(turn, row)

            def deal(turn: Turn) -> None:
                row = reports.get(turn.session, report_id=report.id)
                assert row is not None
                timers.deal(turn, row)

            beside(scene, withdraw, deal)
            assert [card.purpose for card in scene.rows(Card)] == [CardPurpose.RECEIPT]


def beside(scene: Scene, first: Callable[[Turn], None], second: Callable[[Turn], None]) -> None:
    """Do something in one transaction, and something else in another before the first has ended."""

    def alone() -> None:
        scene.database.run_here(lambda session: second(Turn(session, scene.house)))

    with ThreadPoolExecutor(1) as pool:
        with scene.database.transaction() as session:
            first(Turn(session, scene.house))
            session.flush()
            other = pool.submit(alone)
            # Until it is through, or can go no further: it waits for what is to be committed here.
            while not other.done() and not somebody_waits(scene):
                wait([other], timeout=0.01)
        other.result()


def somebody_waits(scene: Scene) -> bool:
    question = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    return scene.database.run_here(lambda session: bool(session.scalar(question)))


def set_desk(scene: Scene, status: str) -> None:
    scene.database.run_here(
        lambda session: chats.bot_standing(session, chat_id=DESK, title="", status=status)
    )
