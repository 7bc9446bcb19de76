"""A typed address, where a geocoder is configured: looked up after the commit, then offered."""

from collections.abc import Callable

import pytest

from bot.database import Database
from bot.settings import Settings, load
from localchat.seed import BOT, MODERATORS_CHAT_ID, TOKEN, seed
from models import Draft, Report, clock
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


@pytest.mark.parametrize("away", [False, True])
async def test_what_leads_nowhere_is_kept_as_a_note(scene: Scene, away: bool) -> None:
    assert isinstance(scene.geocoder, FakeGeocoder)
    scene.geocoder.away = away
    await typed(scene, "behind the school")
    assert "kept as a note" in scene.said(RIDER)
    assert "Where is it?" in scene.said(RIDER)
    assert scene.rows(Draft)[0].note == "behind the school"
