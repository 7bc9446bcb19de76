"""handlers/links.py: what a link carries is done; what is none of ours is a guess."""

from datetime import timedelta

import pytest

from handlers.callbacks import base36
from models import Attempt, Draft, Report, clock
from models.reports import PlaceSource
from services import sanctions, shops, spots
from services.spots import Spot
from tests.conversations.people import RESIDENT, RIDER, RIDER_ZH
from tests.conversations.scene import FAR_AWAY, HERE, MOSTLY_SQLITE, Scene, labels_of
from tests.pictures import jpeg
from tests.shops import shop

pytestmark = MOSTLY_SQLITE

SPOT = Spot(*HERE, "pothole")
# 1 km north, still in the district.
ELSEWHERE = Spot(HERE[0] + 0.009, HERE[1])


async def follow(scene: Scene, payload: str, who: int = RIDER) -> None:
    scene.world.say(who, who, f"/start {payload}")
    await scene.settle()


async def photo(scene: Scene, seed: int = 1) -> None:
    scene.world.send_photos(RIDER, RIDER, [jpeg(seed)])
    await scene.settle()


def made(scene: Scene, code: str = "corner") -> int:
    return scene.database.run_here(lambda session: shop(session, code).id)


def invited(scene: Scene, shop_id: int) -> str:
    def work(session):
        policy = scene.settings.policy
        return shops.invite(session, shop_id=shop_id, admin_id=1, policy=policy).token

    return f"i_{scene.database.run_here(work)}"


def attempts(scene: Scene) -> list[tuple[int, int]]:
    return [(row.person_id, row.count) for row in scene.rows(Attempt)]


class TestSpot:
    async def test_a_photo_is_all_that_is_left_to_give(self, scene: Scene) -> None:
        await follow(scene, spots.payload(SPOT))
        said = scene.said(RIDER)
        assert "pothole" in said
        assert "Shanyao" in said
        assert said.endswith("Now a photo of it, please.")
        await photo(scene)
        [report] = scene.rows(Report)
        assert (report.category, report.place_source) == ("pothole", PlaceSource.SPOT)
        assert (report.latitude, report.longitude) == HERE
        assert scene.rows(Draft) == []

    async def test_without_a_kind_it_is_asked_for(self, scene: Scene) -> None:
        await follow(scene, spots.payload(Spot(*HERE)), RIDER_ZH)
        assert "山腰" in scene.said(RIDER_ZH)
        scene.world.send_photos(RIDER_ZH, RIDER_ZH, [jpeg(1)])
        await scene.settle()
        assert "哪一类" in scene.said(RIDER_ZH)

    async def test_a_kind_that_is_gone_is_asked_for(self, scene: Scene) -> None:
        await follow(scene, spots.payload(Spot(*HERE, "volcano")))
        await photo(scene)
        assert "What kind?" in scene.said(RIDER)

    async def test_outside_all_districts_nothing_is_begun(self, scene: Scene) -> None:
        await follow(scene, spots.payload(Spot(*FAR_AWAY)))
        assert "outside our area" in scene.said(RIDER)
        assert "draft" not in scene.said(RIDER)
        assert scene.rows(Draft) == []

    @pytest.mark.parametrize("rest", ["", "x", "99999999_1", "99000000_1_pothole", "1_2_3_4"])
    async def test_nonsense_is_said_and_no_guess(self, scene: Scene, rest: str) -> None:
        await follow(scene, f"at_{rest}")
        assert "names no place" in scene.said(RIDER)
        assert attempts(scene) == []
        assert scene.rows(Draft) == []

    async def test_words_given_before_stay(self, scene: Scene) -> None:
        scene.world.say(RIDER, RIDER, "/report")
        await scene.settle()
        scene.world.say(RIDER, RIDER, "very deep")
        await scene.settle()
        await follow(scene, spots.payload(SPOT))
        await photo(scene)
        [report] = scene.rows(Report)
        assert report.note == "very deep"

    async def test_a_place_given_before_stays_until_the_rider_says(self, scene: Scene) -> None:
        scene.world.send_location(RIDER, RIDER, *HERE, accuracy=5)
        await scene.settle()
        await follow(scene, spots.payload(ELSEWHERE))
        assert "begun a report already" in scene.said(RIDER)
        assert scene.rows(Draft)[0].latitude == HERE[0]
        await scene.press(RIDER, RIDER, "Elsewhere")
        assert scene.said(RIDER).endswith("Now a photo of it, please.")
        assert scene.rows(Draft)[0].latitude == HERE[0]
        await follow(scene, spots.payload(ELSEWHERE))
        await scene.press(RIDER, RIDER, "Yes, here")
        assert scene.rows(Draft)[0].latitude == ELSEWHERE.latitude

    async def test_a_photo_given_before_is_not_submitted_by_a_link(self, scene: Scene) -> None:
        await photo(scene)
        await follow(scene, spots.payload(SPOT))
        assert labels_of(scene.last(RIDER)) == ["Yes, here", "Elsewhere"]
        assert scene.rows(Report) == []
        await scene.press(RIDER, RIDER, "Yes, here")
        [report] = scene.rows(Report)
        assert report.category == "pothole"

    async def test_a_photo_of_elsewhere_is_asked_for_its_place(self, scene: Scene) -> None:
        await photo(scene)
        await follow(scene, spots.payload(SPOT))
        await scene.press(RIDER, RIDER, "Elsewhere")
        assert "Where is it?" in scene.said(RIDER)
        assert scene.rows(Draft)[0].latitude is None

    async def test_the_kind_the_rider_chose_goes_before_the_posters(self, scene: Scene) -> None:
        scene.world.send_location(RIDER, RIDER, *HERE, accuracy=5)
        await scene.settle()
        data = f"d:cat:{base36(scene.rows(Draft)[0].id)}:guardrail"
        scene.world.press(RIDER, RIDER, scene.last(RIDER)["message_id"], data, forge=True)
        await scene.settle()
        await follow(scene, spots.payload(Spot(ELSEWHERE.latitude, HERE[1], "pothole")))
        await scene.press(RIDER, RIDER, "Yes, here")
        assert scene.rows(Draft)[0].category == "guardrail"

    async def test_the_same_code_once_more_asks_the_same_once_more(self, scene: Scene) -> None:
        await follow(scene, spots.payload(SPOT))
        await follow(scene, spots.payload(SPOT))
        assert scene.said(RIDER).endswith("Now a photo of it, please.")

    async def test_a_forged_button_changes_nothing(self, scene: Scene) -> None:
        await photo(scene)
        draft = scene.rows(Draft)[0]
        data = f"d:spot:{base36(draft.id)}:{'f' * 15}"
        scene.world.press(RIDER, RIDER, scene.last(RIDER)["message_id"], data, forge=True)
        await scene.settle()
        assert scene.rows(Draft)[0].latitude is None

    async def test_after_a_report_the_next_photo_is_the_spots(self, scene: Scene) -> None:
        await follow(scene, spots.payload(SPOT))
        await photo(scene)
        await scene.press(RIDER, RIDER, "Add photo")
        await follow(scene, spots.payload(ELSEWHERE))
        await photo(scene, 2)
        assert scene.rows(Draft)[0].latitude == ELSEWHERE.latitude
        assert "What kind?" in scene.said(RIDER)

    async def test_who_may_not_report_is_told(self, scene: Scene) -> None:
        await follow(scene, spots.payload(SPOT))
        scene.world.say(RIDER, RIDER, "/cancel")
        await scene.settle()
        until = clock.now() + timedelta(days=7)
        scene.database.run_here(lambda session: ban(session, until))
        await follow(scene, spots.payload(SPOT))
        assert "You can report again" in scene.said(RIDER)
        assert scene.rows(Draft) == []


def ban(session, until) -> None:
    sanctions.people.find(session, person_id=RIDER).banned_until = until


class TestInvitation:
    async def test_who_comes_first_is_staff(self, scene: Scene) -> None:
        link = invited(scene, made(scene))
        await follow(scene, link)
        assert "You are staff of Corner shop now." in scene.said(RIDER)
        await follow(scene, link, RESIDENT)
        assert "邀请已失效" in scene.said(RESIDENT)
        assert attempts(scene) == [(RESIDENT, 1)]

    async def test_guesses_of_links_are_counted_together_and_end(self, scene: Scene) -> None:
        link = invited(scene, made(scene))
        for payload in ("i_", "i_wrong", "r_nowhere", "nonsense", "x_y"):
            await follow(scene, payload)
        assert attempts(scene) == [(RIDER, 5)]
        await follow(scene, link)
        assert "Too many wrong tries" in scene.said(RIDER)
        clock.advance(timedelta(hours=1))
        await follow(scene, link)
        assert "You are staff" in scene.said(RIDER)


class TestShopPoster:
    async def test_it_says_where_points_are_welcome(self, scene: Scene) -> None:
        made(scene)
        await follow(scene, "r_corner")
        assert "Corner shop takes your points.\n" in scene.said(RIDER)
        assert attempts(scene) == []
