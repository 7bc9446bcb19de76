"""A phone in somebody's hand: the local chat's page in a real Chromium."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Request, expect, sync_playwright

from tests.system.process import PATIENCE

WIDTH, HEIGHT = 390, 844
# As many steps of the Tab key as a person would bear.
TABS_MOST = 40

expect.set_options(timeout=PATIENCE * 1000)


@contextmanager
def chromium() -> Iterator[Browser]:
    """The Chromium of this machine; skips the test, with the reason, where there is none."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium on the PATH (Debian: apt install chromium fonts-noto-cjk)")
    with sync_playwright() as playwright:
        # The sandbox does not work for root, and the only page opened is ours.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def phone(browser: Browser, address: str, *, touch: bool = True, **look: Any) -> Iterator["Phone"]:
    """A phone with the page open; at the end nothing may have gone wrong in it.

    Args:
        browser: where it opens.
        address: of the local chat.
        touch: fingers; False for somebody with a keyboard.
        look: more for the browser's context, such as `device_scale_factor`.
    """
    context = browser.new_context(
        viewport={"width": WIDTH, "height": HEIGHT},
        timezone_id="Asia/Shanghai",
        is_mobile=touch,
        has_touch=touch,
        **look,
    )
    context.set_default_timeout(PATIENCE * 1000)
    opened = Phone(context.new_page(), address)
    opened.page.goto(address)
    yield opened
    context.close()
    assert opened.faults == []


class Phone:
    """The page at the size of a phone, by what a person does with it.

    Attributes:
        page: for what has no words here.
        faults: what the page did wrong: errors, and requests to anybody but the local chat.
        connected: False while the local chat is away on purpose; broken connections are no faults
            then, since the browser itself reports them.
    """

    def __init__(self, page: Any, address: str) -> None:
        self.page = page
        self.faults: list[str] = []
        self._address = address
        self.connected = True
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", self._heard)
        page.on("request", self._asked)

    def _heard(self, message: ConsoleMessage) -> None:
        lost = not self.connected and "net::ERR_" in message.text
        if message.type in ("error", "warning") and not lost:
            self.faults.append(message.text)

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((f"{self._address}/", "data:", "blob:")):
            self.faults.append(f"asked {request.url}")

    def see_it_wait(self) -> None:
        """The page says that nobody answers."""
        expect(self.page.locator(".app.offline")).to_be_visible()

    def see_it_recover(self) -> None:
        """The page found the local chat again by itself."""
        expect(self.page.locator(".app:not(.offline)")).to_be_visible()
        self.connected = True

    def become(self, person: int, chat: int) -> None:
        """Be somebody, and open one of their chats."""
        back = self.page.get_by_test_id("back")
        if back.is_visible():
            back.click()
        self.page.get_by_test_id(f"person-{person}").click()
        self._tap(self.page.get_by_test_id(f"chat-{chat}"))
        expect(self.page.get_by_test_id("log")).to_have_attribute("aria-busy", "false")

    def start(self) -> None:
        """Begin to talk with the bot."""
        self.page.get_by_test_id("start-button").click()

    def say(self, text: str) -> None:
        """Type something and send it."""
        self.page.get_by_test_id("composer").fill(text)
        self.page.get_by_test_id("send").click()

    def send_sample(self, name: str, *, as_file: bool = False) -> None:
        """Send a sample picture from under the paper clip."""
        self.page.get_by_test_id("attach").click()
        self.page.get_by_test_id("sample-as-file").set_checked(as_file)
        self.page.get_by_test_id(f"sample-{name}").click()

    def send_photos(self, *photos: Path, caption: str) -> None:
        """Pick photos, write under them, and send them together."""
        self.page.get_by_test_id("photo-input").set_input_files(photos)
        expect(self.page.get_by_test_id("tray").locator("img")).to_have_count(len(photos))
        self.say(caption)

    def answer_with_place(self) -> None:
        """Press the bot's location button and send the place the map's pin stands at."""
        self._tap(self.page.get_by_test_id("reply-button"))
        self.page.get_by_test_id("map-confirm").click()
        expect(self.page.get_by_test_id("map-picker")).to_have_count(0)

    def send_named_place(self, name: str) -> None:
        """Attach a place that was found by its name."""
        self.page.get_by_test_id("attach").click()
        self.page.get_by_test_id("attach-location").click()
        self.page.get_by_test_id("map-search").fill(name)
        self.page.get_by_test_id("place-0").click()
        self.page.get_by_test_id("map-confirm").click()
        expect(self.page.get_by_test_id("map-picker")).to_have_count(0)

    def message(self, words: str) -> Locator:
        """The newest message with some words; waits until it is there."""
        found = self.page.get_by_test_id("log").get_by_role("article").filter(has_text=words).last
        expect(found).to_be_visible()
        return found

    def press(self, words: str, label: str) -> None:
        """Press the button with some words on it under the newest message with others."""
        buttons = self.message(words).get_by_test_id("inline-button")
        buttons.filter(has_text=label).first.click()

    def _tap(self, target: Locator) -> None:
        # The list of chats and the bot's keyboard are drawn anew with every event: a finger going
        # down on one button and up on the next has not clicked. So this is a click in one piece.
        target.click(trial=True)
        target.dispatch_event("click")

    @property
    def photos(self) -> Locator:
        """Every photo in the open chat."""
        return self.page.get_by_test_id("log").locator(".photo img")

    def tab_to(self, testid: str) -> None:
        """Go on by the Tab key until something has the focus."""
        expect(self.page.get_by_test_id(testid)).to_be_visible()
        for _ in range(TABS_MOST):
            self.page.keyboard.press("Tab")
            if self.page.locator(":focus").get_attribute("data-testid") == testid:
                return
        raise AssertionError(f"{testid} cannot be reached by {TABS_MOST} Tabs")
