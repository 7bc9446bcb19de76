"""The pictures of README and docs, taken of the real thing: python -m tests.system.screenshots

Needs chromium, fonts-noto-cjk and fonts-noto-color-emoji. Three pictures a language, each of three
phones side by side. The journey: the rider who reports, the reviewer's card, the rider who reads
the answer. Reviewing: the desk with what a card tells beside, a question and its answer, the record
of a duplicate. Rewards: a voucher, the shop that confirms it, the rider who reads so.
"""

import base64
import re
import tempfile
from dataclasses import dataclass
from io import BytesIO
from itertools import product
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, expect

from localchat.seed import ENGLISH_RIDER, LIN, MODERATORS_CHAT_ID, RIDER, SHOPKEEPER
from tests.system.browser import HEIGHT, WIDTH, Phone, chromium, phone
from tests.system.process import ROOT, running

IMAGES = ROOT / "docs" / "images"
COLOURS = 256
# About as wide as the letters of a phone; what Debian shows otherwise is wider than any of them.
LETTERS = ':root { --font: "Liberation Sans", "Noto Sans CJK SC", sans-serif }'

STAGE = """
<style>
  body { margin: 0; width: max-content; background: #dcebe6; font-family: sans-serif; }
  main { display: flex; gap: 40px; padding: 44px 48px; }
  figure { margin: 0; }
  img { display: block; width: 390px; height: 844px; border-radius: 34px; border: 9px solid #17211f;
        box-shadow: 0 18px 36px #12655f40; }
</style>
"""


@dataclass(frozen=True)
class Cast:
    """Who plays, and the words they press and read."""

    language: str
    suffix: str
    rider: int
    locale: str
    where: str
    kind: str
    category: str
    reported: str
    approve: str
    approved: str
    points: str
    another: str
    ask: str
    question: str
    asked: str
    answer: str
    thanks: str
    duplicate: str
    candidate: str
    merge: str
    recorded: str
    item: str
    redeem: str
    sure: str
    yes: str
    voucher: str
    speak: str
    shows: str
    confirm: str
    confirmed: str
    used: str


CASTS = (
    Cast(
        language="zh_Hans",
        suffix="zh",
        rider=RIDER,
        locale="zh-CN",
        where="隐患在哪里？",
        kind="是哪一类？",
        category="护栏",
        reported="已上报",
        approve="采纳 ★★",
        approved="已采纳",
        points="+10 · #1",
        another="不是这个",
        ask="问骑手…",
        question="具体在哪",
        asked="关于 #2",
        answer="路北，公交站旁边那一段",
        thanks="#2 继续审核",
        duplicate="重复…",
        candidate="是同一处吗",
        merge="是，合并",
        recorded="合并到 #1",
        item="热水",
        redeem="兑换",
        sure="兑换后还剩",
        yes="兑换",
        voucher="券码：",
        speak="中文",
        shows="化名",
        confirm="核销",
        confirmed="已核销",
        used="已使用",
    ),
    Cast(
        language="en",
        suffix="en",
        rider=ENGLISH_RIDER,
        locale="en-GB",
        where="Where is it?",
        kind="What kind?",
        category="guardrail",
        reported="Reported",
        approve="Approve ★★",
        approved="approved",
        points="+10 · #1",
        another="Different",
        ask="Ask…",
        question="Where exactly",
        asked="About #2",
        answer="North side, beside the bus stop",
        thanks="#2 is back in review",
        duplicate="Duplicate…",
        candidate="the same as #1",
        merge="Yes, merge",
        recorded="merged it with #1",
        item="Hot water",
        redeem="Redeem",
        sure="will be left",
        yes="Redeem",
        voucher="Code:",
        speak="English",
        shows="V1",
        confirm="Confirm",
        confirmed="confirmed",
        used="was used at",
    ),
)


def picture_of(hand: Phone) -> bytes:
    """What the phone shows now."""
    # Nothing lights up under a pointer that no phone has.
    hand.page.mouse.move(0, 0)
    picture: bytes = hand.page.screenshot(animations="disabled", caret="hide")
    return picture


def sit_at_the_desk(hand: Phone, cast: Cast) -> None:
    """Become a reviewer whose page speaks the language of the picture."""
    hand.become(LIN, MODERATORS_CHAT_ID)
    spoken = hand.page.locator("html").get_attribute("lang") or ""
    if not spoken.startswith(cast.suffix):
        hand.page.get_by_test_id("back").click()
        hand.page.get_by_test_id("language").click()
        hand.page.get_by_test_id(f"chat-{MODERATORS_CHAT_ID}").click()


def begin_report(hand: Phone, cast: Cast) -> None:
    """Send a photo and its place, as somebody who has started the bot."""
    hand.send_sample("guardrail")
    hand.message(cast.where)
    hand.answer_with_place()
    hand.message(cast.kind)


def journey(hand: Phone, cast: Cast) -> list[bytes]:
    """Report, approve and read the points, and take three pictures on the way."""
    hand.become(cast.rider, cast.rider)
    hand.start()
    begin_report(hand, cast)
    reporting = picture_of(hand)
    hand.press(cast.kind, cast.category)
    hand.message(cast.reported)
    sit_at_the_desk(hand, cast)
    expect(hand.message("#1").locator("img")).to_be_visible()
    at_the_desk = picture_of(hand)
    hand.press("#1", cast.approve)
    hand.message("+10")
    hand.become(cast.rider, cast.rider)
    hand.message(cast.approved)
    hand.say("/points")
    hand.message(cast.points)
    return [reporting, at_the_desk, picture_of(hand)]


def reviewing(hand: Phone, cast: Cast) -> list[bytes]:
    """Ask, merge and look it up, and take three pictures on the way."""
    before = next(other for other in CASTS if other is not cast)
    for rider in (before, cast):
        hand.become(rider.rider, rider.rider)
        hand.start()
        begin_report(hand, rider)
        hand.press(rider.kind, rider.category)
        if rider is cast:
            hand.press("#1", cast.another)
        hand.message(rider.reported)
    sit_at_the_desk(hand, cast)
    expect(hand.message("#2").locator("img")).to_be_visible()
    at_the_desk = picture_of(hand)
    hand.press("#2", cast.ask)
    hand.press("#2", cast.question)
    hand.become(cast.rider, cast.rider)
    hand.message(cast.asked)
    hand.say(cast.answer)
    hand.message(cast.thanks)
    answered = picture_of(hand)
    hand.become(LIN, MODERATORS_CHAT_ID)
    hand.message(cast.answer)
    hand.press(cast.answer, cast.duplicate)
    hand.press(cast.candidate, cast.merge)
    hand.say("/show 2")
    expect(hand.message(cast.recorded).locator("img")).to_be_visible()
    return [at_the_desk, answered, picture_of(hand)]


def rewards(hand: Phone, cast: Cast) -> list[bytes]:
    """Redeem points, let the shop confirm, read that it was used; three pictures on the way."""
    journey(hand, cast)
    hand.say("/rewards")
    hand.press(cast.item, cast.item)
    hand.press(cast.item, cast.redeem)
    hand.press(cast.sure, cast.yes)
    card = hand.message(cast.voucher)
    expect(card.locator("img")).to_be_visible()
    code = re.search(r"[2-9A-HJKMNP-Z]{4}-[2-9A-HJKMNP-Z]{4}", card.inner_text())
    assert code is not None
    redeemed = picture_of(hand)
    hand.become(SHOPKEEPER, SHOPKEEPER)
    hand.start()
    hand.say("/language")
    hand.press(cast.speak, cast.speak)
    hand.say(code[0].lower())
    hand.press(cast.item, cast.confirm)
    hand.message(cast.confirmed)
    at_the_counter = picture_of(hand)
    hand.become(cast.rider, cast.rider)
    hand.message(cast.used)
    return [redeemed, at_the_counter, picture_of(hand)]


def side_by_side(browser: Browser, pictures: list[bytes]) -> bytes:
    """Three phones on one ground, as a PNG of few colours."""
    context = browser.new_context(viewport={"width": 3 * WIDTH + 400, "height": HEIGHT + 200})
    page = context.new_page()
    images = "".join(
        f'<figure><img src="data:image/png;base64,{base64.b64encode(picture).decode()}"></figure>'
        for picture in pictures
    )
    page.set_content(f"{STAGE}<main>{images}</main>", wait_until="load")
    whole = page.locator("main").screenshot()
    context.close()
    few = Image.open(BytesIO(whole)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    buffer = BytesIO()
    few.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def main() -> None:
    """Take all pictures anew."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with chromium() as browser, tempfile.TemporaryDirectory() as folder:
        for cast, play in product(CASTS, (journey, reviewing, rewards)):
            name = f"{play.__name__}.{cast.suffix}"
            with (
                running(
                    Path(folder) / name, 0, SENTINEL_LANGUAGES__MODERATORS=cast.language
                ) as sentinel,
                phone(
                    browser, sentinel.address(), locale=cast.locale, device_scale_factor=2
                ) as hand,
            ):
                hand.page.add_style_tag(content=LETTERS)
                pictures = play(hand, cast)
            (IMAGES / f"{name}.png").write_bytes(side_by_side(browser, pictures))


if __name__ == "__main__":
    main()
