"""The journey as a stranger makes it: a real browser as small as a phone, the real process."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

from localchat.seed import ENGLISH_RIDER, LIN, MODERATORS_CHAT_ID, RIDER
from tests.pictures import jpeg
from tests.system.browser import Phone, chromium, phone
from tests.system.process import running

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all; every phone in it starts empty."""
    with chromium() as opened:
        yield opened


def decide(hand: Phone, number: str, label: str) -> None:
    """Decide about a report as Lin."""
    hand.become(LIN, MODERATORS_CHAT_ID)
    hand.press(number, label)


def test_report_approve_points_and_a_power_cut(tmp_path: Path, browser: Browser) -> None:
    with running(tmp_path, 0) as sentinel:
        address = sentinel.address()
        with phone(browser, address, locale="zh-CN") as hand:
            hand.become(RIDER, RIDER)
            hand.start()
            hand.message("三步上报街头隐患")
            hand.send_sample("guardrail")
            hand.message("照片收到。隐患在哪里？")
            hand.answer_with_place()
            hand.press("是哪一类？", "护栏")
            hand.message("✅ 已上报 #1 · 护栏")

            decide(hand, "#1", "采纳 ★★")
            card = hand.message("✅ ★★ +10 · 林")
            expect(card.get_by_test_id("inline-button")).to_have_text(["撤销"])
            expect(card.locator("img")).to_be_visible()

            hand.become(RIDER, RIDER)
            hand.message("✅ #1 已采纳 · +10 分（余额 10）")
            hand.say("/points")
            expect(hand.message("10 分").last).to_contain_text("#1")

            hand.send_sample("pothole")
            hand.answer_with_place()
            hand.message("南埔镇，")
            hand.connected = False
            sentinel.kill()
            hand.see_it_wait()
            with running(tmp_path, urlsplit(address).port) as again:
                assert again.address() == address
                hand.see_it_recover()
                hand.press("南埔镇，", "坑洼")
                hand.message("✅ 已上报 #2 · 坑洼")
                decide(hand, "#2", "采纳 ★★★")
                hand.become(RIDER, RIDER)
                hand.message("✅ #2 已采纳 · +20 分（余额 30）")
                hand.connected = False


def test_an_album_in_english_at_a_named_place(tmp_path: Path, browser: Browser) -> None:
    pictures = [tmp_path / f"{number}.jpg" for number in (1, 2)]
    for number, picture in enumerate(pictures, start=1):
        picture.write_bytes(jpeg(number))
    with (
        running(tmp_path / "data", 0) as sentinel,
        phone(browser, sentinel.address(), locale="en-GB") as hand,
    ):
        hand.become(ENGLISH_RIDER, ENGLISH_RIDER)
        hand.start()
        hand.send_photos(*pictures, caption="The cover is gone, drain wide open")
        hand.message("Where is it?")
        hand.send_named_place("Yongjia")
        hand.press("What kind?", "manhole")
        hand.message("Reported #1 · manhole")

        decide(hand, "#1", "采纳 ★")
        # An album cannot carry buttons: it goes first, the card right after it.
        expect(hand.photos).to_have_count(2)
        expect(hand.message("The cover is gone")).to_contain_text("✅ ★ +5 · 林")
        hand.become(ENGLISH_RIDER, ENGLISH_RIDER)
        hand.message("#1 approved · +5 points (balance 5)")


def test_a_photo_as_file_knows_its_place_and_may_be_rejected(
    tmp_path: Path, browser: Browser
) -> None:
    with (
        running(tmp_path, 0) as sentinel,
        phone(browser, sentinel.address(), locale="en-GB") as hand,
    ):
        hand.become(ENGLISH_RIDER, ENGLISH_RIDER)
        hand.start()
        hand.send_sample("flooded", as_file=True)
        hand.press("The photo says:", "Use it")
        hand.press("What kind?", "More…")
        hand.press("What kind?", "flooding")
        hand.message("Reported #1 · flooding")

        decide(hand, "#1", "驳回…")
        hand.press("#1", "不是隐患")
        expect(hand.message("✖️ 已驳回 · 不是隐患 · 林")).to_be_visible()
        hand.become(ENGLISH_RIDER, ENGLISH_RIDER)
        hand.message("We looked at it; this is no hazard for now.")


def test_the_keyboard_is_enough(tmp_path: Path, browser: Browser) -> None:
    with (
        running(tmp_path, 0) as sentinel,
        phone(browser, sentinel.address(), touch=False, locale="en-GB") as hand,
    ):
        for target in (f"person-{ENGLISH_RIDER}", f"chat-{ENGLISH_RIDER}", "start-button"):
            hand.tab_to(target)
            hand.page.keyboard.press("Enter")
        hand.message("three touches report a hazard")
        hand.tab_to("composer")
        hand.page.keyboard.type("/points")
        hand.page.keyboard.press("Enter")
        hand.message("0 points")
