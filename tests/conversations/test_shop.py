"""handlers/shop.py: a shop's day, its statements, and its staff, as staff and admins see them."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from bot import schedule
from models import Outgoing, ShopInvite, ShopStaff, ShopStatement, clock
from services import people, shops
from tests import pdf
from tests.conversations.people import CHEN, LIN, RESIDENT, RIDER
from tests.conversations.scene import MOSTLY_SQLITE, Message, Scene, labels_of, text_of
from tests.shops import confirmed, shop

pytestmark = MOSTLY_SQLITE


async def words(scene: Scene, text: str, who: int = RIDER) -> None:
    scene.world.say(who, who, text)
    await scene.settle()


async def forged(scene: Scene, data: str, who: int = RIDER) -> None:
    scene.world.press(who, who, scene.last(who)["message_id"], data, forge=True)
    await scene.settle()


def make_admin(scene: Scene, who: int) -> None:
    policy = scene.settings.policy
    scene.database.run_here(
        lambda session: people.make_admin(session, person_id=who, policy=policy)
    )


async def employ(scene: Scene, *staff: int, code: str = "corner") -> int:
    """A shop with staff; everybody has met the bot."""
    policy = scene.settings.policy

    def work(session):
        row = shops.by_code(session, code=code) or shop(session, code, name_en=code.title())
        tokens = [
            shops.invite(session, shop_id=row.id, admin_id=1, policy=policy).token for _ in staff
        ]
        return row.id, tokens

    shop_id, tokens = scene.database.run_here(work)
    for who, token in zip(staff, tokens, strict=True):
        await words(scene, f"/start i_{token}", who)
    return shop_id


def sell(scene: Scene, shop_id: int, *costs: int, rider: int = LIN) -> None:
    def work(session):
        policy = scene.settings.policy
        person = people.meet(session, person_id=rider, language_code="en", policy=policy)
        row = shops.get(session, shop_id=shop_id)
        for cost in costs:
            confirmed(session, row, person, cost=cost)

    scene.database.run_here(work)


def documents(scene: Scene, who: int) -> list[Message]:
    return [message for message in scene.from_bot(who) if "document" in message]


def file_of(scene: Scene, message: Message) -> tuple[str, bytes]:
    record = scene.world.file(message["document"]["file_id"])
    return message["document"]["file_name"], scene.world._files.read(record)


async def morning(scene: Scene) -> None:
    await scene.intake.say(schedule.send_statements, origin="timer:send_statements")
    await scene.settle()


class TestStaff:
    async def test_a_stranger_gets_a_polite_line(self, scene: Scene) -> None:
        await words(scene, "/shop")
        assert "for shops' staff" in scene.said(RIDER)
        make_admin(scene, RIDER)
        await words(scene, "/shop")
        assert "/shops shows all" in scene.said(RIDER)

    async def test_the_day_as_it_stands(self, scene: Scene) -> None:
        shop_id = await employ(scene, RIDER)
        sell(scene, shop_id, 100)
        clock.advance(timedelta(days=1))
        sell(scene, shop_id, 30, 20)
        await words(scene, "/shop")
        title, first, second, sums = scene.said(RIDER).splitlines()
        assert title == "Corner · Nov 25"
        assert first.startswith("09:15 · V2 · Soy milk · ")
        assert first.endswith(" · +30")
        assert second.endswith(" · +20")
        assert sums == "Today: 50 points. This month: 150 points."
        assert labels_of(scene.last(RIDER)) == [
            "Today PDF", "Today CSV", "This month PDF", "This month CSV",
            "Last month PDF", "Last month CSV", "Refresh", "Leave",
        ]  # fmt: skip
        sell(scene, shop_id, 5)
        await scene.press(RIDER, RIDER, "Refresh")
        assert "Today: 55 points" in scene.said(RIDER)

    async def test_a_busy_day_shows_its_end(self, scene: Scene) -> None:
        shop_id = await employ(scene, RIDER)
        sell(scene, shop_id, *range(1, 19))
        await words(scene, "/shop")
        assert "3 earlier bookings" in scene.said(RIDER)
        assert "+4\n" in scene.said(RIDER)
        assert "+3\n" not in scene.said(RIDER)

    async def test_of_several_shops_one_is_chosen(self, scene: Scene) -> None:
        await employ(scene, RIDER)
        await employ(scene, RIDER, code="bakery")
        await words(scene, "/shop")
        assert labels_of(scene.last(RIDER)) == ["Bakery", "Corner"]
        await scene.press(RIDER, RIDER, "Corner")
        assert scene.said(RIDER).startswith("Corner · ")
        assert "No voucher yet today." in scene.said(RIDER)

    async def test_leaving_is_asked_once_more_and_ends_it(self, scene: Scene) -> None:
        shop_id = await employ(scene, RIDER)
        await words(scene, "/shop")
        await scene.press(RIDER, RIDER, "Leave")
        await scene.press(RIDER, RIDER, "Stay")
        assert scene.rows(ShopStaff)[0].left_at is None
        await scene.press(RIDER, RIDER, "Leave")
        await scene.press(RIDER, RIDER, "Leave")
        assert "not staff of Corner any more" in scene.said(RIDER)
        assert scene.rows(ShopStaff)[0].left_at is not None
        # A button kept from before opens nothing.
        await forged(scene, f"p:doc:{shop_id}:2026-11.pdf")
        await forged(scene, f"p:day:{shop_id}")
        assert documents(scene, RIDER) == []
        assert scene.toasts()[-2:] == ["That is not yours to change."] * 2


class TestStatements:
    async def test_as_pdf_in_ones_language(self, scene: Scene) -> None:
        shop_id = await employ(scene, RESIDENT)
        sell(scene, shop_id, 30, 20)
        await words(scene, "/shop", RESIDENT)
        await scene.press(RESIDENT, RESIDENT, "本月 PDF")
        [message] = documents(scene, RESIDENT)
        assert text_of(message) == "街角小店对账单，2026 年 11 月"
        name, data = file_of(scene, message)
        assert name == "corner-2026-11.pdf"
        assert message["document"]["mime_type"] == "application/pdf"
        [page] = pdf.lines(data)
        assert page[1:3] == ["街角小店", "2026 年 11 月"]
        assert "合计 | 50" in page

    async def test_as_csv_equal_to_the_books(self, scene: Scene) -> None:
        shop_id = await employ(scene, RIDER)
        sell(scene, shop_id, 30, 20)
        await words(scene, "/shop")
        await scene.press(RIDER, RIDER, "Today PDF")
        await scene.press(RIDER, RIDER, "CSV", documents(scene, RIDER)[0])
        name, data = file_of(scene, documents(scene, RIDER)[1])
        assert name == "corner-2026-11-24.csv"
        assert data.decode("utf-8-sig").splitlines()[-1] == "Balance after,50"

    @pytest.mark.parametrize("argument", ["2026-11", "2026-13.pdf", "2026-11.exe", "x.pdf", ".pdf"])
    async def test_a_forged_button_sends_nothing(self, scene: Scene, argument: str) -> None:
        shop_id = await employ(scene, RIDER)
        await forged(scene, f"p:doc:{shop_id}:{argument}")
        assert documents(scene, RIDER) == []
        assert "out of date" in scene.toasts()[-1]

    async def test_of_another_shop_is_not_shown(self, scene: Scene) -> None:
        await employ(scene, RIDER)
        other = await employ(scene, RESIDENT, code="bakery")
        await forged(scene, f"p:doc:{other}:2026-11.pdf")
        assert documents(scene, RIDER) == []

    async def test_while_the_database_is_away_it_waits(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await employ(scene, RIDER)
        await words(scene, "/shop")

        def away(*args: Any, **told: Any) -> None:
            raise OperationalError("SELECT 1", {}, OSError("gone"))

        with monkeypatch.context() as patch:
            patch.setattr("services.shop_statements.statement", away)
            data = next(d for d in buttons(scene) if d.endswith("2026-11.pdf"))
            scene.world.press(RIDER, RIDER, scene.last(RIDER)["message_id"], data)
            await scene.settle()
        [row] = scene.rows(Outgoing)
        assert (row.state, row.tries) == ("queued", 1)
        clock.advance(timedelta(seconds=5))
        await scene.settle()
        assert len(documents(scene, RIDER)) == 1


def buttons(scene: Scene) -> list[str]:
    rows = scene.last(RIDER)["reply_markup"]["inline_keyboard"]
    return [button["callback_data"] for row in rows for button in row]


class TestAdmin:
    async def test_nobody_else_sees_the_shops(self, scene: Scene) -> None:
        shop_id = await employ(scene, RIDER)
        await words(scene, "/shops")
        assert "not yours" in scene.said(RIDER)
        for data in (
            f"p:open:{shop_id}",
            f"p:invite:{shop_id}",
            f"p:remove:{shop_id}:1jm",
            "p:page:0",
        ):
            await forged(scene, data)
        assert scene.toasts()[-4:] == ["That is not yours to change."] * 4
        assert len(scene.rows(ShopInvite)) == 1
        assert scene.rows(ShopStaff)[0].left_at is None

    async def test_an_invitation_makes_staff(self, scene: Scene) -> None:
        await employ(scene)
        make_admin(scene, RIDER)
        await words(scene, "/shops")
        await scene.press(RIDER, RIDER, "Corner")
        assert "No staff yet" in scene.said(RIDER)
        await scene.press(RIDER, RIDER, "Invite")
        said = scene.said(RIDER)
        assert "It is good until Dec 1, 09:15." in said
        link = said.splitlines()[1]
        assert link.startswith("https://t.me/street_sentinel_bot?start=i_")
        [[button]] = scene.last(RIDER)["reply_markup"]["inline_keyboard"]
        assert button["copy_text"] == {"text": link}
        await words(scene, f"/start {link.partition('=')[2]}", CHEN)
        assert "Corner" not in scene.said(CHEN)
        assert "街角小店的店员了" in scene.said(CHEN)

    async def test_staff_is_removed_and_told(self, scene: Scene) -> None:
        await employ(scene, CHEN, RESIDENT)
        make_admin(scene, RIDER)
        await words(scene, "/shops")
        await scene.press(RIDER, RIDER, "Corner")
        assert "Staff: 陈 审核, 阿芳 庄" in scene.said(RIDER)
        await scene.press(RIDER, RIDER, "Remove 陈")
        assert "Staff: 阿芳 庄" in scene.said(RIDER)
        assert "不是街角小店的店员" in scene.said(CHEN)
        await words(scene, "/shop", CHEN)
        assert "店员用的" in scene.said(CHEN)
        await words(scene, "/shop", RESIDENT)
        assert "今天还没有核销" in scene.said(RESIDENT)

    async def test_many_shops_have_pages(self, scene: Scene) -> None:
        make_admin(scene, RIDER)
        await words(scene, "/shops")
        assert "No shop yet" in scene.said(RIDER)
        for number in range(11):
            await employ(scene, code=f"shop-{number:02}")
        await words(scene, "/shops")
        assert "1/2" in scene.said(RIDER)
        await scene.press(RIDER, RIDER, "▶")
        assert labels_of(scene.last(RIDER)) == ["Shop-10", "◀"]


class TestMorning:
    async def test_yesterday_goes_to_staff_and_admins_once(self, scene: Scene) -> None:
        shop_id = await employ(scene, RIDER, CHEN)
        await employ(scene, RESIDENT, code="bakery")
        make_admin(scene, LIN)
        await words(scene, "/start", LIN)
        sell(scene, shop_id, 30)
        await morning(scene)
        assert scene.rows(ShopStatement) == []
        scene.world.block(CHEN)
        await scene.settle()
        clock.advance(timedelta(days=1))
        await morning(scene)
        await morning(scene)
        assert [len(documents(scene, who)) for who in (RIDER, CHEN, LIN, RESIDENT)] == [1, 0, 1, 0]
        [message] = documents(scene, RIDER)
        assert text_of(message) == "Statement of Corner, Nov 24, 2026"
        assert file_of(scene, message)[0] == "corner-2026-11-24.pdf"
        assert labels_of(message) == ["CSV"]

    async def test_the_month_comes_in_both_forms(self, scene: Scene) -> None:
        shop_id = await employ(scene, RIDER)
        sell(scene, shop_id, 30)
        clock.advance(timedelta(days=7))
        await morning(scene)
        # One of many goes at the pace of bulk.
        clock.advance(timedelta(seconds=1))
        await scene.settle()
        names = [file_of(scene, message)[0] for message in documents(scene, RIDER)]
        assert names == ["corner-2026-11.pdf", "corner-2026-11.csv"]
