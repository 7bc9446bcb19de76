"""handlers/catalogue.py: admins change stock, prices and pauses; nobody else does."""

from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import update

from models import Draft, Item, clock
from services import catalogue_file, catalogue_import, people
from tests.conversations.people import LIN, RIDER
from tests.conversations.scene import MOSTLY_SQLITE, Scene, labels_of
from tests.pictures import jpeg

pytestmark = MOSTLY_SQLITE
EXAMPLE = Path(__file__).parents[2] / "rewards" / "example.yaml"


@pytest.fixture
async def office(scene: Scene) -> Scene:
    """The example's shops are open, and Lin is an admin with the first item before her."""
    wanted = catalogue_file.read(EXAMPLE)
    policy = scene.house.policy

    def open_shops(session):
        people.make_admin(session, person_id=LIN, policy=policy)
        catalogue_import.bring_in(session, wanted=wanted, restock=False, policy=policy)

    scene.database.run_here(open_shops)
    await says(scene, "/catalogue")
    await scene.press(LIN, LIN, "招牌奶茶")
    return scene


async def says(scene: Scene, text: str, who: int = LIN) -> str:
    scene.world.say(who, who, text)
    await scene.settle()
    return scene.said(who)


def milk_tea(scene: Scene) -> Item:
    return next(row for row in scene.rows(Item) if row.code == "milk-tea")


def change(scene: Scene, **values) -> None:
    scene.database.run_here(
        lambda session: session.execute(
            update(Item).where(Item.code == "milk-tea").values(**values)
        )
    )


class TestTheCard:
    async def test_shows_how_it_stands_on_the_message_of_the_list(self, office: Scene) -> None:
        assert office.said(LIN) == "🎁 招牌奶茶一杯\n🏪 永嘉茶饮\n30 分 · 库存：60"
        assert labels_of(office.last(LIN)) == [
            "−10",
            "+10",
            "改库存…",
            "改积分…",
            "暂停",
            "全部奖品",
        ]
        await office.press(LIN, LIN, "全部奖品")
        assert "招牌奶茶一杯 · 永嘉茶饮\n    30 分 · 库存：60" in office.said(LIN)
        assert len(office.from_bot(LIN)) == 1

    async def test_pauses_and_resumes(self, office: Scene) -> None:
        await office.press(LIN, LIN, "暂停")
        assert milk_tea(office).paused
        assert office.said(LIN).startswith("⏸")
        await office.press(LIN, LIN, "恢复")
        assert not milk_tea(office).paused

    async def test_steps_change_the_stock_at_once(self, office: Scene) -> None:
        await office.press(LIN, LIN, "+10")
        await office.press(LIN, LIN, "+10")
        await office.press(LIN, LIN, "−10")
        assert milk_tea(office).stock == 70
        assert "库存：70" in office.said(LIN)

    async def test_without_a_limit_there_are_no_steps(self, office: Scene) -> None:
        change(office, stock=None)
        await office.press(LIN, LIN, "全部奖品")
        await office.press(LIN, LIN, "招牌奶茶")
        assert "库存：不限" in office.said(LIN)
        assert "+10" not in labels_of(office.last(LIN))
        await office.press(LIN, LIN, "改库存")
        assert await says(office, "5") == "招牌奶茶一杯的库存：不限 → 5？"
        await office.press(LIN, LIN, "改")
        assert milk_tea(office).stock == 5


class TestNumbers:
    async def test_a_price_is_asked_twice(self, office: Scene) -> None:
        await office.press(LIN, LIN, "改积分")
        assert await says(office, "twenty") == "请写 1 到 100,000 之间的数。不改就发 /cancel。"
        assert await says(office, "0") == "请写 1 到 100,000 之间的数。不改就发 /cancel。"
        assert await says(office, "25") == "招牌奶茶一杯：从 30 改为 25 分？"
        assert milk_tea(office).cost == 30
        await office.press(LIN, LIN, "改")
        assert milk_tea(office).cost == 25
        assert "25 分" in office.said(LIN)

    async def test_a_price_another_admin_changed_is_asked_anew(self, office: Scene) -> None:
        await office.press(LIN, LIN, "改积分")
        await says(office, "25")
        change(office, cost=40)
        await office.press(LIN, LIN, "改")
        assert milk_tea(office).cost == 40
        assert "请再看一眼" in office.toasts()[-1]
        assert office.said(LIN) == "招牌奶茶一杯：从 40 改为 25 分？"
        await office.press(LIN, LIN, "改")
        assert milk_tea(office).cost == 25

    async def test_stock_riders_drew_upon_meanwhile_is_asked_anew(self, office: Scene) -> None:
        await office.press(LIN, LIN, "改库存")
        assert await says(office, "80") == "招牌奶茶一杯的库存：60 → 80？"
        change(office, stock=58)
        await office.press(LIN, LIN, "改")
        assert milk_tea(office).stock == 58
        assert office.said(LIN) == "招牌奶茶一杯的库存：58 → 80？"

    async def test_what_is_left_alone_asks_for_nothing_more(self, office: Scene) -> None:
        await office.press(LIN, LIN, "改库存")
        assert await says(office, "/cancel") == "好，不改。"
        await office.press(LIN, LIN, "改库存", office.from_bot(LIN)[0])
        await office.press(LIN, LIN, "不改")
        assert "上报" in await says(office, "25")
        assert milk_tea(office).stock == 60

    async def test_a_number_much_later_is_a_note_like_any(self, office: Scene) -> None:
        await office.press(LIN, LIN, "改库存")
        clock.advance(timedelta(minutes=16))
        office.world.send_photos(LIN, LIN, [jpeg(3)])
        await says(office, "25")
        [draft] = office.rows(Draft)
        assert draft.note == "25"

    async def test_a_report_begun_since_has_the_words(self, office: Scene) -> None:
        await office.press(LIN, LIN, "改库存")
        clock.advance(timedelta(minutes=1))
        office.world.send_photos(LIN, LIN, [jpeg(3)])
        await says(office, "夜里看不清")
        [draft] = office.rows(Draft)
        assert draft.note == "夜里看不清"


class TestOthers:
    async def test_help_names_it_to_admins(self, office: Scene) -> None:
        assert "/catalogue" in await says(office, "/help")
        assert "/catalogue" not in await says(office, "/help", RIDER)

    async def test_only_admins_see_it(self, office: Scene) -> None:
        text = await says(office, "/catalogue", RIDER)
        assert "not yours" in text

    async def test_forged_presses_change_nothing(self, office: Scene) -> None:
        await says(office, "/start", RIDER)
        number = milk_tea(office).id
        message = office.last(RIDER)["message_id"]
        for verb in ("item", "page", "pause", "more", "fewer", "stock", "price"):
            office.world.press(RIDER, RIDER, message, f"k:{verb}:{number}", forge=True)
        for data in (f"k:setprice:{number}:30-1", f"k:setstock:{number}:60-0"):
            office.world.press(RIDER, RIDER, message, data, forge=True)
        await office.settle()
        # An admin's own may be made up as well.
        message = office.last(LIN)["message_id"]
        for data in (
            f"k:setprice:{number}:30-0",
            f"k:setprice:{number}:x-1",
            f"k:setprice:{number}:30-999999",
            f"k:setstock:{number}:60",
            "k:more:zzzz",
        ):
            office.world.press(LIN, LIN, message, data, forge=True)
        await office.settle()
        item = milk_tea(office)
        assert (item.cost, item.stock, item.paused) == (30, 60, False)
        assert "not yours" in " ".join(office.toasts())

    async def test_who_is_no_admin_any_more_cannot_finish(self, office: Scene) -> None:
        await office.press(LIN, LIN, "改积分")
        await says(office, "25")
        office.database.run_here(
            partial(people.make_admin, person_id=RIDER, policy=office.house.policy)
        )
        office.database.run_here(
            partial(people.set_role, person_id=LIN, role=None, policy=office.house.policy)
        )
        await office.press(LIN, LIN, "改")
        assert milk_tea(office).cost == 30
