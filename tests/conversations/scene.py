"""A whole conversation in one process: the local world, the real intake, outbox and errands.

People act through the world; `settle` lets everything happen that follows from it, as often as it
takes until nothing is left to do. Nothing sleeps and nothing is mocked.
"""

from pathlib import Path
from typing import Any

import pytest

from bot import schedule
from bot.application import house_of, prepare
from bot.bot_api import BotApi
from bot.database import Database
from bot.errands import Errands
from bot.intake import ALLOWED_UPDATES, Intake, Outcome
from bot.metrics import Metrics
from bot.outbox import Outbox
from bot.settings import Settings
from localchat import seed
from localchat.world import World
from services import errands as errand_rows
from services import outbox as outbox_rows
from services.districts import Districts
from services.photo_store import FolderStore, PhotoStore
from services.places import Geocoder
from tests.localchat.ptb_request import WorldRequest

Message = dict[str, Any]
# For long pages whose services are tested on both databases anyway: on PostgreSQL they are a drill.
MOSTLY_SQLITE = pytest.mark.parametrize(
    "database_url",
    ["sqlite", pytest.param("postgresql", marks=pytest.mark.drill)],
    indirect=True,
)
# In the illustrative zones: Shanyao's centre.
HERE = (25.118, 118.905)
FAR_AWAY = (51.38, -2.36)
# The number under which what is under way is held.
PROCESS = 1


class Scene:
    """One world with the bot in it."""

    def __init__(
        self,
        *,
        world: World,
        database: Database,
        settings: Settings,
        districts: Districts,
        geocoder: Geocoder | None = None,
    ) -> None:
        self.world = world
        self.database = database
        self.settings = settings
        self.request = WorldRequest(world)
        self.api = BotApi(seed.TOKEN, "http://world", self.request)
        self.me = self.call("getMe")
        self.house = house_of(settings, districts, self.me["username"])
        self.store: PhotoStore = FolderStore(Path(settings.data_dir) / "photos")
        self.metrics = Metrics()
        self.intake = Intake(database, self.house, self.me, self.metrics)
        self.geocoder = geocoder
        self.answers: list[Any] = []
        self.intake.after_commit(self.answers.extend)
        self.outcomes: list[Outcome] = []
        # A handler that raises fails the test, unless that is what it is about.
        self.may_fail = False
        # As at the start of a process: what the one before left is taken up.
        database.run_here(lambda session: outbox_rows.recover(session, gone={0, PROCESS}))
        database.run_here(lambda session: errand_rows.recover(session, gone={PROCESS}))
        self.code = database.run_here(
            lambda session: prepare(session, settings, self.house, leads=True)
        )

    def call(self, method: str, **params: Any) -> Any:
        answer = self.world.call(seed.TOKEN, method, params, {})
        assert answer["ok"], answer
        return answer["result"]

    # --- letting things happen ---

    def pending(self) -> list[dict[str, Any]]:
        """The updates the bot has not confirmed yet."""
        return self.call("getUpdates", limit=100, timeout=0, allowed_updates=ALLOWED_UPDATES)

    async def settle(self) -> None:
        """Apply every update, run every errand that is due, send everything that can be sent."""
        while True:
            updates = self.pending()
            for update in updates:
                outcome = await self.intake.apply(update)
                while not outcome.settled and self.may_fail:
                    outcome = await self.intake.apply(update)
                assert outcome.settled, f"update {update['update_id']} failed, see the log"
                self.outcomes.append(outcome)
                self.call("getUpdates", offset=update["update_id"] + 1, limit=1, timeout=0)
            await self.send()
            if not await self.run_errands() and not updates:
                return

    async def send(self) -> None:
        """Send what can be sent now."""
        outbox = Outbox(
            database=self.database,
            api=self.api,
            store=self.store,
            house=self.house,
            metrics=self.metrics,
            process=PROCESS,
            bulk_per_second=1000,
        )
        outbox.wake(self.answers)
        self.answers.clear()
        outbox.stop()
        await outbox.run()

    async def run_errands(self) -> int:
        """Run what is due; how much that was."""
        runner = Errands(
            database=self.database,
            intake=self.intake,
            api=self.api,
            store=self.store,
            house=self.house,
            geocoder=self.geocoder,
            process=PROCESS,
        )
        tasks = self.database.run_here(
            lambda session: errand_rows.take(session, limit=20, holder=PROCESS)
        )
        for task in tasks:
            runner._running += 1
            await runner._do(task)
        return len(tasks)

    async def sweep(self) -> None:
        """What the timetable does every half minute."""
        for part in schedule.SWEEP:
            await self.intake.say(part, origin="timer:sweep")
        await self.deal()

    async def deal(self) -> None:
        """What the timetable does every three seconds."""
        for part in schedule.OFTEN:
            await self.intake.say(part, origin="timer:often")
        await self.settle()

    # --- reading along ---

    def chat(self, chat_id: int) -> list[Message]:
        """Everything in a chat, oldest first."""
        return list(self.world.messages(chat_id))

    def from_bot(self, chat_id: int) -> list[Message]:
        """What the bot has said in a chat."""
        return [m for m in self.chat(chat_id) if m.get("from", {}).get("id") == self.me["id"]]

    def cards(self, chat_id: int) -> list[Message]:
        """What the bot has said of reports in a chat."""
        return [m for m in self.from_bot(chat_id) if "#" in text_of(m)]

    def last(self, chat_id: int) -> Message:
        """The bot's newest message in a chat."""
        return self.from_bot(chat_id)[-1]

    def said(self, chat_id: int) -> str:
        """The words of the bot's newest message in a chat."""
        return text_of(self.last(chat_id))

    def toasts(self) -> list[str]:
        """What buttons were answered with, oldest first; empty ones left out."""
        return [answer["text"] for answer in self.world.callback_answers if answer.get("text")]

    def rows(self, model: type[Any]) -> list[Any]:
        """Every row of a table."""
        return self.database.run_here(lambda session: session.query(model).all())

    # --- acting ---

    async def press(
        self,
        user: int,
        chat_id: int,
        label: str,
        message: Message | None = None,
        *,
        late: bool = False,
    ) -> None:
        """Press the button whose label contains some words, on a message or the newest one.

        A late press is one on a phone that has not heard yet that the button is gone.
        """
        message = message or self.last(chat_id)
        for data, text in buttons_of(message):
            if label in text:
                self.world.press(user, chat_id, message["message_id"], data, forge=late)
                await self.settle()
                return
        raise AssertionError(f"no button {label!r} among {buttons_of(message)}")


def text_of(message: Message) -> str:
    """The text or caption of a message."""
    return message.get("text") or message.get("caption") or ""


def buttons_of(message: Message) -> list[tuple[str, str]]:
    """The inline buttons of a message: data and label."""
    rows = message.get("reply_markup", {}).get("inline_keyboard", [])
    return [(button.get("callback_data", ""), button["text"]) for row in rows for button in row]


def labels_of(message: Message) -> list[str]:
    """The words on the inline buttons of a message."""
    return [label for _, label in buttons_of(message)]
