"""The pictures of the READMEs, taken of the real thing: python -m tests.system.screenshots

Needs chromium and fonts-noto-cjk. One picture a language, three phones side by side: the rider who
reports, the reviewer's card, the rider who reads the answer.
"""

import base64
import tempfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, expect

from localchat.seed import ENGLISH_RIDER, LIN, MODERATORS_CHAT_ID, RIDER
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
    """Who plays, and the words they press."""

    language: str
    file: str
    rider: int
    locale: str
    where: str
    kind: str
    category: str
    reported: str
    approve: str
    approved: str
    points: str


CASTS = (
    Cast(
        language="zh_Hans",
        file="journey.zh.png",
        rider=RIDER,
        locale="zh-CN",
        where="隐患在哪里？",
        kind="是哪一类？",
        category="护栏",
        reported="已上报",
        approve="采纳 ★★",
        approved="已采纳",
        points="+10 · #1",
    ),
    Cast(
        language="en",
        file="journey.en.png",
        rider=ENGLISH_RIDER,
        locale="en-GB",
        where="Where is it?",
        kind="What kind?",
        category="guardrail",
        reported="Reported",
        approve="Approve ★★",
        approved="approved",
        points="+10 · #1",
    ),
)


def shots(hand: Phone, cast: Cast) -> list[bytes]:
    """Play the journey and take three pictures on the way."""
    taken = []

    def shoot() -> None:
        # Nothing lights up under a pointer that no phone has.
        hand.page.mouse.move(0, 0)
        taken.append(hand.page.screenshot(animations="disabled", caret="hide"))

    hand.page.add_style_tag(content=LETTERS)
    hand.become(cast.rider, cast.rider)
    hand.start()
    hand.send_sample("guardrail")
    hand.message(cast.where)
    hand.answer_with_place()
    hand.message(cast.kind)
    shoot()
    hand.press(cast.kind, cast.category)
    hand.message(cast.reported)
    hand.become(LIN, MODERATORS_CHAT_ID)
    if cast.language == "en":
        hand.page.get_by_test_id("back").click()
        hand.page.get_by_test_id("language").click()
        hand.page.get_by_test_id(f"chat-{MODERATORS_CHAT_ID}").click()
    expect(hand.message("#1").locator("img")).to_be_visible()
    shoot()
    hand.press("#1", cast.approve)
    hand.message("+10")
    hand.become(cast.rider, cast.rider)
    hand.message(cast.approved)
    hand.say("/points")
    hand.message(cast.points)
    shoot()
    return taken


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
    """Take both pictures anew."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with chromium() as browser, tempfile.TemporaryDirectory() as folder:
        for cast in CASTS:
            data = Path(folder) / cast.language
            with (
                running(data, 0, SENTINEL_LANGUAGES__MODERATORS=cast.language) as sentinel,
                phone(
                    browser, sentinel.address(), locale=cast.locale, device_scale_factor=2
                ) as hand,
            ):
                pictures = shots(hand, cast)
            (IMAGES / cast.file).write_bytes(side_by_side(browser, pictures))


if __name__ == "__main__":
    main()
