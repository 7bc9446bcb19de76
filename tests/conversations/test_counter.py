"""How a shop confirms a voucher: scanned, photographed or typed (handlers/counter.py)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from handlers import counter
from handlers import vouchers as cards
from handlers.context import Turn
from models import Draft, Errand, Item, Outgoing, Photo, Report, Shop, ShopStaff, Voucher, clock
from services import errands, ledger, people, qr_codes, voucher_codes, vouchers
from services import outbox as outbox_rows
from services.vouchers import Issued
from tests.conversations.people import CHEN, LIN, RESIDENT, RIDER, RIDER_ZH
from tests.conversations.scene import HERE, MOSTLY_SQLITE, Scene, labels_of, text_of
from tests.pictures import jpeg

pytestmark = MOSTLY_SQLITE

# Whom the shops know: two of the tea house, one of the bakery. All of them speak English here.
TEA, COLLEAGUE, BAKERY = CHEN, LIN, RESIDENT


@dataclass
class Counter:
    """A scene with two shops in it, and a rider who has points enough."""

    scene: Scene

    def run(self, work: Callable[[Any], Any]) -> Any:
        return self.scene.database.run_here(work)

    async def say(self, who: int, text: str) -> None:
        self.scene.world.say(who, who, text)
        await self.scene.settle()

    async def issue(self, who: int = RIDER) -> Issued:
        """A voucher of the tea house, its card on its rider's phone."""
        made: list[Issued] = []

        def redeem(turn: Turn) -> None:
            person = people.locked(turn.session, person_id=who)
            assert person is not None
            turn.person = person
            issued = vouchers.redeem(
                turn.session,
                person=person,
                item_id=1,
                number=vouchers.next_number(turn.session, person_id=who),
                cost=30,
                policy=turn.policy,
            )
            cards.issue(turn, issued)
            made.append(issued)

        await self.scene.intake.say(redeem, origin="test:redeem")
        await self.scene.settle()
        return made[0]

    def voucher(self) -> Voucher:
        row: Voucher = self.scene.rows(Voucher)[-1]
        return row

    @property
    def state(self) -> str:
        return str(self.voucher().state)

    def card(self, who: int = RIDER) -> dict[str, Any]:
        """The voucher's message on its rider's phone."""
        return [message for message in self.scene.from_bot(who) if "photo" in message][-1]

    def balance(self, who: int = RIDER) -> int:
        return int(self.run(lambda session: ledger.balance(session, person_id=who).points))


@pytest.fixture
async def at(scene: Scene) -> Counter:
    for who in (RIDER, RIDER_ZH, TEA, COLLEAGUE, BAKERY):
        scene.world.say(who, who, "/start")
    await scene.settle()

    def set_up(session: Any) -> None:
        now = clock.now()
        for number, name in ((1, "Tea house"), (2, "Bakery")):
            session.add(
                Shop(id=number, code=f"s{number}", name_zh=name, name_en=name, created_at=now)
            )
        session.flush()
        for shop, who in ((1, TEA), (1, COLLEAGUE), (2, BAKERY)):
            session.add(ShopStaff(shop_id=shop, person_id=who, name="x", joined_at=now))
            person = people.find(session, person_id=who)
            assert person is not None
            people.choose_language(session, person=person, language="en")
        session.add(
            Item(
                id=1, code="tea", shop_id=1, title_zh="一杯茶", title_en="Cup of tea", cost=30,
                stock=5, valid_days=14, created_at=now,
            )
        )  # fmt: skip
        ledger.move(
            session,
            points=100,
            source=ledger.PROGRAMME,
            to=ledger.rider(RIDER),
            rule="test",
            subject="test",
            terms={},
        )

    scene.database.run_here(set_up)
    return Counter(scene)


def picture_of(message: dict[str, Any], scene: Scene) -> bytes:
    record = scene.world.file(message["photo"][-1]["file_id"])
    assert record is not None
    return scene.world.read_file(record)


def photo_of(message: dict[str, Any], scene: Scene) -> bytes:
    """A photo of a phone that shows a voucher, lying on a desk."""
    screen = Image.open(BytesIO(picture_of(message, scene)))
    desk = Image.effect_noise((1200, 900), 50).convert("RGB")
    desk.paste(screen.convert("RGB").resize((420, 420)).rotate(9, expand=True), (300, 200))
    buffer = BytesIO()
    desk.save(buffer, "JPEG", quality=60)
    return buffer.getvalue()


class TestScanned:
    async def test_staff_see_it_confirm_it_and_the_rider_hears(self, at: Counter) -> None:
        scene, issued = at.scene, await at.issue()
        await at.say(TEA, f"/start v_{issued.token}")
        shown = scene.said(TEA)
        assert shown.startswith("🎟 V1 · Cup of tea · 30 points\n👤 ")
        assert "issued 09:15" in shown
        assert "good until the end of Dec 8" in shown
        assert "Mei" not in shown
        # The other way round a rider could give it back with the item in hand.
        assert shown.endswith("Confirm first, then hand it over.")
        await scene.press(TEA, TEA, "Confirm")
        assert at.state == "used"
        assert scene.said(TEA) == "✅ V1 · Cup of tea · 30 points\nConfirmed 09:15"
        assert labels_of(scene.last(TEA)) == ["Undo"]
        assert text_of(at.card()) == "✅ V1 · Cup of tea\nUsed at 09:15: Tea house"
        assert "V1 was used at 09:15: Tea house" in scene.said(RIDER)
        assert at.balance() == 70
        # The same card, not a new one.
        assert at.card()["message_id"] == at.voucher().message_id

    async def test_not_now_changes_nothing(self, at: Counter) -> None:
        scene, issued = at.scene, await at.issue()
        await at.say(TEA, f"/start v_{issued.token}")
        await scene.press(TEA, TEA, "Not now")
        assert scene.said(TEA) == "V1 was not confirmed."
        assert labels_of(scene.last(TEA)) == []
        assert at.state == "issued"

    async def test_undo_makes_it_good_again_for_ten_minutes(self, at: Counter) -> None:
        scene, issued = at.scene, await at.issue()
        await at.say(TEA, f"/start v_{issued.token}")
        await scene.press(TEA, TEA, "Confirm")
        await scene.press(TEA, TEA, "Undo")
        assert at.state == "issued"
        assert "it is good again" in text_of(at.card())
        assert scene.said(RIDER) == "V1 is good again: Tea house took its confirmation back."
        assert labels_of(scene.last(RIDER)) == ["Show V1"]
        assert labels_of(scene.last(TEA)) == ["✅ Confirm", "Not now"]
        await scene.press(TEA, TEA, "Confirm")
        clock.advance(timedelta(minutes=10, seconds=1))
        await scene.press(TEA, TEA, "Undo")
        assert at.state == "used"
        assert scene.toasts()[-1] == "Undoing works for 10 minutes only."

    async def test_undone_after_its_last_day_the_points_go_back(self, at: Counter) -> None:
        scene, issued = at.scene, await at.issue()
        clock.advance(at.voucher().expires_at - clock.now() - timedelta(minutes=2))
        await at.say(TEA, f"/start v_{issued.token}")
        await scene.press(TEA, TEA, "Confirm")
        clock.advance(timedelta(minutes=5))
        await scene.press(TEA, TEA, "Undo")
        assert scene.toasts()[-1].startswith("It expired on Dec 8")
        assert "It expired on Dec 8" in scene.said(TEA)
        assert labels_of(scene.last(TEA)) == []
        assert "It was not used in time" in text_of(at.card())
        assert (at.state, at.balance()) == ("expired", 100)

    async def test_a_code_that_lacks_a_letter_is_no_hazard(self, at: Counter) -> None:
        issued = await at.issue()
        await at.say(TEA, issued.code[:-1])
        assert "has 8 letters and digits" in at.scene.said(TEA)

    async def test_help_names_what_staff_have_more(self, at: Counter) -> None:
        await at.say(BAKERY, "/help")
        assert "/shop –" in at.scene.said(BAKERY)
        await at.say(RIDER, "/help")
        assert "/shop" not in at.scene.said(RIDER)

    async def test_its_own_rider_is_told_what_it_is_for(self, at: Counter) -> None:
        scene, issued = at.scene, await at.issue()
        await at.say(RIDER, f"/start v_{issued.token}")
        assert scene.said(RIDER) == "This is your own voucher. Let the shop scan it."

    async def test_others_learn_nothing_of_it(self, at: Counter) -> None:
        scene, issued = at.scene, await at.issue()
        await at.say(BAKERY, f"/start v_{issued.token}")
        assert scene.said(BAKERY) == "That voucher is for another shop."
        await at.say(RIDER_ZH, f"/start v_{issued.token}")
        assert "只有店铺" in scene.said(RIDER_ZH)
        for who in (BAKERY, RIDER_ZH):
            assert "茶" not in scene.said(who)
            assert labels_of(scene.last(who)) == []

    async def test_who_left_the_shop_confirms_nothing_any_more(self, at: Counter) -> None:
        scene, issued = at.scene, await at.issue()
        await at.say(TEA, f"/start v_{issued.token}")

        def leave(session: Any) -> None:
            row = session.get(ShopStaff, (1, TEA))
            row.left_at = clock.now()

        at.run(leave)
        await scene.press(TEA, TEA, "Confirm")
        assert at.state == "issued"
        assert scene.toasts()[-1] == "That is not yours to change."

    async def test_screens_that_were_replaced_keep_nobody_from_scanning(self, at: Counter) -> None:
        scene, issued = at.scene, await at.issue()
        for _ in range(scene.settings.policy.limits.guesses_per_hour + 1):
            await at.say(TEA, "/start v_" + "A" * 22)
            assert scene.said(TEA).startswith("No voucher has that code.")
        await at.say(TEA, f"/start v_{issued.token}")
        assert scene.said(TEA).startswith("🎟 V1")


class TestOver:
    """Opened or confirmed too late, each said differently; none of it counts as a guess."""

    async def test_used_before_says_when_and_where(self, at: Counter) -> None:
        scene, issued = at.scene, await at.issue()
        await at.say(TEA, f"/start v_{issued.token}")
        await scene.press(TEA, TEA, "Confirm")
        clock.advance(timedelta(minutes=11))
        await at.say(COLLEAGUE, issued.code)
        assert "It was used already: 09:15, Tea house." in scene.said(COLLEAGUE)
        assert labels_of(scene.last(COLLEAGUE)) == []

    async def test_of_two_staff_one_wins_and_the_other_reads_when(self, at: Counter) -> None:
        scene, issued = at.scene, await at.issue()
        await at.say(TEA, f"/start v_{issued.token}")
        await at.say(COLLEAGUE, f"/start v_{issued.token}")
        await scene.press(TEA, TEA, "Confirm")
        told = len(scene.from_bot(RIDER))
        await scene.press(COLLEAGUE, COLLEAGUE, "Confirm")
        assert scene.toasts()[-1] == "It was used already: 09:15, Tea house."
        assert "It was used already" in scene.said(COLLEAGUE)
        assert at.voucher().used_by == TEA
        assert len(scene.from_bot(RIDER)) == told

    async def test_a_double_tap_confirms_once_and_keeps_the_undo(self, at: Counter) -> None:
        scene, issued = at.scene, await at.issue()
        await at.say(TEA, issued.code)
        card = scene.last(TEA)
        await scene.press(TEA, TEA, "Confirm", card)
        told = len(scene.from_bot(RIDER))
        await scene.press(TEA, TEA, "Confirm", card, late=True)
        assert "Confirmed 09:15" in scene.said(TEA)
        assert labels_of(scene.last(TEA)) == ["Undo"]
        assert len(scene.from_bot(RIDER)) == told

    async def test_cancelled_while_the_shop_looks(self, at: Counter) -> None:
        scene, issued = at.scene, await at.issue()
        await at.say(TEA, f"/start v_{issued.token}")
        at.run(lambda session: vouchers.cancel(session, voucher_id=1, person_id=RIDER))
        await scene.press(TEA, TEA, "Confirm")
        assert scene.toasts()[-1] == "The rider gave it back: 09:15."
        assert "The rider gave it back" in scene.said(TEA)
        assert (at.state, at.balance()) == ("cancelled", 100)
        await at.say(TEA, issued.code)
        assert "The rider gave it back" in scene.said(TEA)

    async def test_expired_before_the_sweep_has_come_by(self, at: Counter) -> None:
        scene, issued = at.scene, await at.issue()
        await at.say(TEA, f"/start v_{issued.token}")
        clock.advance(timedelta(days=15))
        await scene.press(TEA, TEA, "Confirm")
        assert scene.toasts()[-1].startswith("It expired on Dec 8")
        await at.say(TEA, issued.code)
        assert "It expired on Dec 8" in scene.said(TEA)
        assert at.state == "issued"

    async def test_shown_anew_the_code_before_is_worth_nothing(self, at: Counter) -> None:
        scene, issued = at.scene, await at.issue()
        await at.say(TEA, f"/start v_{issued.token}")
        at.run(lambda session: vouchers.show_anew(session, voucher_id=1, person_id=RIDER))
        await scene.press(TEA, TEA, "Confirm")
        assert scene.toasts()[-1].startswith("No voucher has that code.")
        assert at.state == "issued"


class TestTyped:
    async def test_a_code_in_any_dress(self, at: Counter) -> None:
        scene, issued = at.scene, await at.issue()
        await at.say(TEA, f" {voucher_codes.spoken(issued.code).lower()} ")
        assert scene.said(TEA).startswith("🎟 V1 · Cup of tea")
        await scene.press(TEA, TEA, "Confirm")
        assert at.state == "used"

    async def test_each_wrong_one_is_told_differently(self, at: Counter) -> None:
        scene, issued = at.scene, await at.issue()
        mistyped = issued.code[:-1] + ("2" if issued.code[-1] != "2" else "3")
        await at.say(TEA, mistyped)
        assert scene.said(TEA).startswith("That code was mistyped.")
        await at.say(TEA, voucher_codes.new_code())
        assert scene.said(TEA).startswith("No voucher has that code.")
        await at.say(BAKERY, issued.code)
        assert scene.said(BAKERY) == "That voucher is for another shop."
        assert at.state == "issued"

    async def test_wrong_ones_of_a_person_are_limited_and_mistyped_ones_are_not(
        self, at: Counter
    ) -> None:
        scene, issued = at.scene, await at.issue()
        mistyped = issued.code[:-1] + ("2" if issued.code[-1] != "2" else "3")
        for _ in range(7):
            await at.say(TEA, mistyped)
        for _ in range(5):
            await at.say(TEA, voucher_codes.new_code())
        await at.say(TEA, issued.code)
        assert scene.said(TEA).startswith("Too many wrong tries.")
        # Neither a colleague nor scanning is in the way of that.
        await at.say(COLLEAGUE, issued.code)
        assert scene.said(COLLEAGUE).startswith("🎟 V1")
        await at.say(TEA, f"/start v_{issued.token}")
        assert scene.said(TEA).startswith("🎟 V1")

    async def test_what_was_confirmed_can_be_undone_all_the_same(self, at: Counter) -> None:
        scene, issued = at.scene, await at.issue()
        await at.say(TEA, issued.code)
        await scene.press(TEA, TEA, "Confirm")
        confirmed = scene.last(TEA)
        for _ in range(5):
            await at.say(TEA, voucher_codes.new_code())
        await scene.press(TEA, TEA, "Undo", confirmed)
        assert at.state == "issued"

    async def test_wrong_ones_of_a_shop_are_limited(self, at: Counter) -> None:
        scene, issued = at.scene, await at.issue()

        def nearly(session: Any) -> None:
            shop = session.get(Shop, 1)
            shop.wrong_since, shop.wrong_count = clock.now(), 19

        at.run(nearly)
        await at.say(TEA, voucher_codes.new_code())
        await at.say(COLLEAGUE, issued.code)
        assert scene.said(COLLEAGUE).startswith("Too many wrong codes in this shop.")
        clock.advance(timedelta(hours=1))
        await at.say(COLLEAGUE, issued.code)
        assert scene.said(COLLEAGUE).startswith("🎟 V1")

    async def test_a_forged_button_is_a_guess(self, at: Counter) -> None:
        scene, _ = at.scene, await at.issue()
        await at.say(TEA, "/help")
        message = scene.last(TEA)
        for _ in range(6):
            data = f"s:ok:1:{voucher_codes.new_code()}"
            scene.world.press(TEA, TEA, message["message_id"], data, forge=True)
            await scene.settle()
        assert scene.toasts()[-1].startswith("Too many wrong tries.")
        for data in ("s:ok:1", f"s:ok:1:{'A' * 22}", "s:undo:1"):
            scene.world.press(TEA, TEA, message["message_id"], data, forge=True)
            await scene.settle()
        assert at.state == "issued"

    async def test_a_right_code_confirms_no_other_voucher(self, at: Counter) -> None:
        scene, first = at.scene, await at.issue()
        await at.issue()
        await at.say(TEA, "/help")
        data = f"s:ok:2:{first.code}"
        scene.world.press(TEA, TEA, scene.last(TEA)["message_id"], data, forge=True)
        await scene.settle()
        assert {row.state for row in scene.rows(Voucher)} == {"issued"}

    async def test_nobody_confirms_their_own(self, at: Counter) -> None:
        scene = at.scene
        at.run(
            lambda session: session.add(
                ShopStaff(shop_id=1, person_id=RIDER, name="x", joined_at=clock.now())
            )
        )
        issued = await at.issue()
        await at.say(RIDER, issued.code)
        assert scene.said(RIDER) == "A colleague has to confirm your own voucher."

    async def test_anybody_else_is_sent_to_the_shop_with_it(self, at: Counter) -> None:
        scene, issued = at.scene, await at.issue()
        await at.say(RIDER, voucher_codes.spoken(issued.code).lower())
        assert scene.said(RIDER).startswith("Only the shop confirms a voucher.")
        await at.say(RIDER_ZH, issued.code)
        assert scene.said(RIDER_ZH) == "券码要由店员核销。请店员扫码，或报券码。"
        assert at.state == "issued"

    async def test_in_a_report_one_that_adds_up_is_none_of_its_words(self, at: Counter) -> None:
        scene, issued = at.scene, await at.issue()
        await at.say(TEA, "/report")
        await at.say(TEA, issued.code)
        assert scene.said(TEA).startswith("🎟 V1")
        mistyped = issued.code[:-1] + ("2" if issued.code[-1] != "2" else "3")
        await at.say(TEA, mistyped)
        assert scene.said(TEA).startswith("Note saved.")
        [draft] = scene.rows(Draft)
        assert draft.note == mistyped


class TestPhotographed:
    async def test_a_photo_of_the_card_opens_it(self, at: Counter) -> None:
        scene, _ = at.scene, await at.issue()
        photo = photo_of(at.card(), scene)
        scene.world.send_photos(TEA, TEA, [photo])
        await scene.settle()
        assert scene.said(TEA).startswith("🎟 V1 · Cup of tea")
        await scene.press(TEA, TEA, "Confirm")
        assert at.state == "used"
        # It is no report's, so nothing of it is kept.
        assert scene.rows(Photo) == []
        assert scene.rows(Errand) == []

    async def test_so_does_a_file(self, at: Counter) -> None:
        scene, _ = at.scene, await at.issue()
        scene.world.send_document(TEA, TEA, photo_of(at.card(), scene), "p.jpg", "image/jpeg")
        await scene.settle()
        assert scene.said(TEA).startswith("🎟 V1")

    @pytest.mark.parametrize("what", ["nothing", "another bot", "a shop's poster"])
    async def test_none_of_ours_is_said_with_the_ways_on(self, at: Counter, what: str) -> None:
        scene = at.scene
        links = {
            "another bot": "https://t.me/other_bot?start=v_" + "A" * 22,
            "a shop's poster": f"https://t.me/{scene.me['username']}?start=r_s1",
        }
        photo = qr_codes.drawn(links[what]) if what in links else jpeg(1)
        scene.world.send_photos(TEA, TEA, [photo])
        await scene.settle()
        assert scene.said(TEA).startswith("I see no voucher in that photo.")
        assert "/report first" in scene.said(TEA)
        assert scene.rows(Photo) == []

    async def test_a_code_that_is_none_any_more_says_so(self, at: Counter) -> None:
        scene = at.scene
        photo = qr_codes.drawn(f"https://t.me/{scene.me['username']}?start=v_" + "A" * 22)
        scene.world.send_photos(TEA, TEA, [photo])
        await scene.settle()
        assert scene.said(TEA).startswith("No voucher has that code.")

    async def test_in_a_report_it_is_its_photo(self, at: Counter) -> None:
        scene = at.scene
        await at.say(TEA, "/report")
        scene.world.send_photos(TEA, TEA, [jpeg(1), jpeg(2)])
        scene.world.send_location(TEA, TEA, *HERE, accuracy=12)
        await scene.settle()
        await scene.press(TEA, TEA, "guardrail")
        assert len(scene.rows(Report)) == 1
        assert len(scene.rows(Photo)) == 2

    async def test_a_riders_photo_begins_a_report_as_ever(self, at: Counter) -> None:
        scene, _ = at.scene, await at.issue()
        scene.world.send_photos(RIDER, RIDER, [photo_of(at.card(), scene)])
        await scene.settle()
        assert "Where is it?" in scene.said(RIDER)

    async def test_a_network_that_is_slow_then_gone(self, at: Counter) -> None:
        scene, _ = at.scene, await at.issue()
        photo = photo_of(at.card(), scene)
        scene.world.faults.add("getFile", error=502)
        scene.world.send_photos(TEA, TEA, [photo])
        await scene.settle()
        assert scene.said(TEA).startswith("The photo is slow to come")
        clock.advance(timedelta(seconds=errands.WAITS[0]))
        await scene.settle()
        assert scene.said(TEA).startswith("🎟 V1")
        scene.world.faults.add("getFile", error=502, times=99)
        scene.world.send_photos(TEA, TEA, [photo])
        await scene.settle()
        for wait in errands.WAITS:
            clock.advance(timedelta(seconds=wait))
            await scene.settle()
        assert scene.said(TEA).startswith("That photo could not be fetched.")
        assert scene.rows(Errand) == []

    async def test_a_photo_telegram_does_not_have_any_more(self, at: Counter) -> None:
        scene = at.scene
        scene.world.faults.add("getFile", error=400, description="Bad Request: invalid file_id")
        scene.world.send_photos(TEA, TEA, [jpeg(1)])
        await scene.settle()
        assert scene.said(TEA).startswith("That photo could not be fetched.")


class TestTheRidersCard:
    async def test_it_is_a_qr_code_with_the_code_to_be_copied(self, at: Counter) -> None:
        scene, issued = at.scene, await at.issue()
        card = at.card()
        link = f"https://t.me/{scene.me['username']}?start=v_{issued.token}"
        assert qr_codes.read(picture_of(card, scene)) == [link]
        copied = [
            button["copy_text"]["text"]
            for row in card["reply_markup"]["inline_keyboard"]
            for button in row
            if "copy_text" in button
        ]
        assert copied == [voucher_codes.spoken(issued.code)]
        assert at.voucher().message_id == card["message_id"]
        # Its secrets went with the row that carried them.
        assert scene.rows(Outgoing) == []

    async def test_a_card_that_was_thrown_away_is_told_in_words(self, at: Counter) -> None:
        scene, issued = at.scene, await at.issue()
        scene.call("deleteMessage", chat_id=RIDER, message_id=at.card()["message_id"])
        await at.say(TEA, issued.code)
        await scene.press(TEA, TEA, "Confirm")
        said = [text_of(message) for message in scene.from_bot(RIDER)]
        assert "✅ V1 · Cup of tea\nUsed at 09:15: Tea house" in said

    async def test_a_kill_between_sending_and_settling_sends_it_twice(self, at: Counter) -> None:
        scene = at.scene
        scene.world.faults.add("sendPhoto", chat_id=RIDER, kind="drop_after")
        issued = await at.issue()
        clock.advance(timedelta(seconds=2))
        await scene.settle()
        photos = [message for message in scene.from_bot(RIDER) if "photo" in message]
        assert len(photos) == 2
        assert at.voucher().message_id == photos[-1]["message_id"]
        await at.say(TEA, issued.code)
        await scene.press(TEA, TEA, "Confirm")
        assert text_of(at.card()).startswith("✅ V1")

    async def test_a_picture_telegram_will_not_take_leaves_the_code(self, at: Counter) -> None:
        scene = at.scene
        scene.world.faults.add(
            "sendPhoto", chat_id=RIDER, error=400, description="Bad Request: IMAGE_PROCESS_FAILED"
        )
        issued = await at.issue()
        assert voucher_codes.spoken(issued.code) in scene.said(RIDER)
        await at.say(TEA, issued.code)
        await scene.press(TEA, TEA, "Confirm")
        assert at.state == "used"
        assert "✅ V1 · Cup of tea" in text_of(scene.from_bot(RIDER)[-2])

    async def test_a_rider_who_blocked_the_bot_does_not_stop_the_shop(self, at: Counter) -> None:
        scene, issued = at.scene, await at.issue()
        scene.world.block(RIDER)
        await at.say(TEA, issued.code)
        await scene.press(TEA, TEA, "Confirm")
        assert at.state == "used"
        assert "Confirmed 09:15" in scene.said(TEA)
        assert scene.rows(Outgoing) == []

    async def test_no_log_line_and_no_list_shows_a_secret(
        self, at: Counter, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
    ) -> None:
        scene = at.scene
        scene.world.faults.add(
            "sendPhoto", chat_id=RIDER, error=400, description="Bad Request: chat is weird"
        )
        issued = await at.issue()
        rows = at.run(lambda session: outbox_rows.rows(session, state="dead", limit=9))
        assert [row.method for row in rows] == ["voucher"]
        await at.say(TEA, issued.code)
        scene.world.send_photos(TEA, TEA, [qr_codes.drawn("x")])
        await scene.settle()
        printed = capsys.readouterr()
        for text in (str(rows), caplog.text, printed.out, printed.err):
            assert issued.token not in text
            assert issued.code not in text


async def test_an_update_that_comes_twice_confirms_once(at: Counter) -> None:
    scene, issued = at.scene, await at.issue()
    await at.say(TEA, issued.code)
    data = next(
        button["callback_data"]
        for row in scene.last(TEA)["reply_markup"]["inline_keyboard"]
        for button in row
        if "Confirm" in button["text"]
    )
    scene.world.press(TEA, TEA, scene.last(TEA)["message_id"], data)
    [update] = scene.pending()
    outcomes = [await scene.intake.apply(update) for _ in range(2)]
    assert outcomes == ["applied", "duplicate"]
    await scene.settle()
    told = [text_of(one) for one in scene.from_bot(RIDER) if "was used at" in text_of(one)]
    assert len(told) == 1


def test_every_link_of_ours_is_known_and_no_other(at_house: Turn) -> None:
    token = "Zx81_abcDEFghij-456789"
    bot = at_house.house.bot_username
    for text in (
        f"https://t.me/{bot}?start=v_{token}",
        f" HTTP://T.me/{bot.upper()}?start=v_{token}\n",
    ):
        assert counter._token_in(at_house, text) == token
    for text in (
        token,
        f"v_{token}",
        f"https://t.me/{bot}?start=i_{token}",
        f"https://t.me/{bot}x?start=v_{token}",
        f"https://evil.example/t.me/{bot}?start=v_{token}",
        f"https://t.me/{bot}?start=v_{token}&x=1",
        f"https://t.me/{bot}?start=v_" + "A" * 41,
    ):
        assert counter._token_in(at_house, text) is None


@pytest.fixture
def at_house(scene: Scene) -> Turn:
    return Turn(None, scene.house)  # type: ignore[arg-type]
