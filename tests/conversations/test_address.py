"""A typed address, where a geocoder is configured: looked up after the commit, then offered."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from bot.database import Database
from bot.settings import Settings, load
from localchat.seed import BOT, MODERATORS_CHAT_ID, TOKEN, seed
from models import Draft, Report, clock
from services import errands
from services.districts import Districts
from services.places import Found, GeocoderUnavailable
from tests.conversations.conftest import MORNING
from tests.conversations.people import RIDER
from tests.conversations.scene import HERE, Scene, buttons_of
from tests.localchat.contract import ContractWorld
from tests.pictures import jpeg


class FakeGeocoder:
    """Knows one street."""

    def __init__(self) -> None:
        self.away = False

    def find(self, address: str, language: str) -> list[Found]:
        if self.away:
            raise GeocoderUnavailable
        if "Yongjia" not in address:
            return [Found(51.38, -2.36, "Bath")]
        return [Found(*HERE, "Yongjia Rd 1"), Found(HERE[0] + 0.01, HERE[1], "Yongjia Rd 99")]


@pytest.fixture
def scene(
    database: Database,
    districts: Districts,
    settings_for: Callable[[int | None], Settings],
    tmp_path: object,
):
    # Clears the environment, so that only the shipped file and these count.
    settings_for(MODERATORS_CHAT_ID)
    settings = load(
        {
            "data_dir": tmp_path,
            "chats": {"moderators": MODERATORS_CHAT_ID},
            "geocoder": {"provider": "photon"},
        }
    )
    with clock.stopped(MORNING):
        yield Scene(
            world=seed(ContractWorld(token=TOKEN, bot=BOT, clock=lambda: clock.now().timestamp())),
            database=database,
            settings=settings,
            districts=districts,
            geocoder=FakeGeocoder(),
        )


async def typed(scene: Scene, address: str) -> None:
    scene.world.send_photos(RIDER, RIDER, [jpeg(1)])
    scene.world.say(RIDER, RIDER, address)
    await scene.settle()


async def test_what_is_found_is_offered(scene: Scene) -> None:
    await typed(scene, "Yongjia Rd")
    assert [label for _, label in buttons_of(scene.last(RIDER))] == [
        "Yongjia Rd 1",
        "Yongjia Rd 99",
    ]
    await scene.press(RIDER, RIDER, "Yongjia Rd 1")
    await scene.press(RIDER, RIDER, "guardrail")
    [report] = scene.rows(Report)
    assert report.place_source == "address"
    assert report.latitude == pytest.approx(HERE[0], abs=1e-4)


async def take_in_without_errands(scene: Scene) -> None:
    for update in scene.pending():
        await scene.intake.apply(update)
        scene.call("getUpdates", offset=update["update_id"] + 1, limit=1, timeout=0)
    await scene.send()


async def test_a_place_that_comes_first_makes_the_address_a_note(scene: Scene) -> None:
    scene.world.send_photos(RIDER, RIDER, [jpeg(1)])
    scene.world.say(RIDER, RIDER, "Yongjia Rd")
    scene.world.send_location(RIDER, RIDER, *HERE, accuracy=12)
    await take_in_without_errands(scene)
    await scene.settle()
    [draft] = scene.rows(Draft)
    assert draft.note == "Yongjia Rd"
    assert "What kind?" in scene.said(RIDER)


async def reported_before_the_answer(scene: Scene) -> None:
    scene.world.send_location(RIDER, RIDER, *HERE, accuracy=12)
    await take_in_without_errands(scene)
    keyboard = scene.last(RIDER)
    data = next(data for data, label in buttons_of(keyboard) if "guardrail" in label)
    scene.world.press(RIDER, RIDER, keyboard["message_id"], data)
    await take_in_without_errands(scene)


async def test_a_report_that_was_faster_than_the_answer_keeps_the_words(scene: Scene) -> None:
    scene.world.send_photos(RIDER, RIDER, [jpeg(1)])
    scene.world.say(RIDER, RIDER, "Yongjia Rd")
    await reported_before_the_answer(scene)
    await scene.settle()
    [report] = scene.rows(Report)
    assert report.note == "Yongjia Rd"
    assert "Yongjia Rd" in scene.said(MODERATORS_CHAT_ID)


async def test_an_address_of_a_draft_that_is_gone_goes_with_it(scene: Scene) -> None:
    scene.world.send_photos(RIDER, RIDER, [jpeg(1)])
    await reported_before_the_answer(scene)
    await scene.settle()
    scene.world.send_photos(RIDER, RIDER, [jpeg(2)])
    await scene.settle()
    scene.world.say(RIDER, RIDER, "Yongjia Rd")
    scene.world.say(RIDER, RIDER, "/cancel")
    await take_in_without_errands(scene)
    await scene.settle()
    [report] = scene.rows(Report)
    assert report.note == ""


async def test_a_geocoder_that_breaks_costs_no_words(scene: Scene) -> None:
    def find(address: str, language: str) -> list[Found]:
        raise RuntimeError(address)

    assert scene.geocoder is not None
    scene.geocoder.find = find
    await typed(scene, "behind the school")
    for wait in errands.WAITS:
        clock.advance(timedelta(seconds=wait))
        await scene.settle()
    assert "kept as a note" in scene.said(RIDER)
    assert scene.rows(Draft)[0].note == "behind the school"


@pytest.mark.parametrize("away", [False, True])
async def test_what_leads_nowhere_is_kept_as_a_note(scene: Scene, away: bool) -> None:
    assert isinstance(scene.geocoder, FakeGeocoder)
    scene.geocoder.away = away
    await typed(scene, "behind the school")
    assert "kept as a note" in scene.said(RIDER)
    assert "Where is it?" in scene.said(RIDER)
    assert scene.rows(Draft)[0].note == "behind the school"
