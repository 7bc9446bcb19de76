"""Drill 2: the database goes away for twenty seconds, the Bot API answers amiss or not at all."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest
from sqlalchemy import select

from bot.database import Database, create
from models import Outgoing
from models.outgoing import Guarantee, OutgoingState
from services import outbox
from tests.drills.aftermath import differences, look, quiet, unexcused
from tests.drills.rides import DESK, Crowd, Watched
from tests.localchat.serving import served

pytestmark = pytest.mark.drill

RESIDENTS = tuple(range(50_001, 50_007))
AWAY_S = 20.0
# Errors that are logged when a message that may arrive only once may have arrived.
GIVEN_UP = "not_sent"


class Mail:
    """Numbered messages to residents: some must arrive, some may arrive only once."""

    def __init__(self, world: Watched, url: str) -> None:
        self._world = world
        self._database = Database(create(url))
        self._numbers: Counter[int] = Counter()
        for who in RESIDENTS:
            world.add_person({"id": who, "first_name": f"Resident {who}"}, started=True)

    def post(self, rounds: int) -> None:
        """Queue some more of both for everybody."""
        with self._database.transaction() as session:
            for _ in range(rounds):
                for who in RESIDENTS:
                    self._numbers[who] += 1
                    number = self._numbers[who]
                    outbox.queue(
                        session,
                        chat_id=who,
                        method="sendMessage",
                        payload={"text": f"Letter {number}"},
                    )
                    outbox.queue(
                        session,
                        chat_id=who,
                        method="sendMessage",
                        payload={"text": f"Leaflet {number}"},
                        guarantee=Guarantee.AT_MOST_ONCE,
                        bulk=True,
                    )

    def check(self, *, in_doubt: Sequence[float]) -> None:
        """Every letter has arrived, no leaflet has twice, and each kind in its order.

        Args:
            in_doubt: when it could not be written down that something had arrived.
        """
        with self._database.transaction() as session:
            rows = session.scalars(select(Outgoing)).all()
        assert {row.state for row in rows} <= {OutgoingState.DEAD}
        assert all(row.guarantee == Guarantee.AT_MOST_ONCE for row in rows)
        dead = Counter(row.chat_id for row in rows)
        for who in RESIDENTS:
            arrived = [call for call in self._world.calls if call.chat_id == who]
            letters = _numbered(arrived, "Letter")
            everything = list(range(1, self._numbers[who] + 1))
            # Where the answer was lost a letter comes twice; the first time it comes in its place.
            assert list(dict.fromkeys(letters)) == everything
            doubtful = {call.words for call in arrived if call.lost}
            twice = {f"Letter {number}" for number, times in Counter(letters).items() if times > 1}
            assert in_doubt or twice <= doubtful
            leaflets = _numbered(arrived, "Leaflet")
            assert leaflets == sorted(set(leaflets))
            assert len(leaflets) + dead[who] >= self._numbers[who]

    def close(self) -> None:
        self._database.close()


def _numbered(calls, kind) -> list[int]:
    words = [call.words.split() for call in calls]
    return [int(number) for name, number in words if name == kind]


@pytest.fixture
def crowd(rides) -> Crowd:
    """A quarter of the riders."""
    return Crowd(Watched(), [ride for ride in rides if ride.rider % 4 == 3])


@pytest.fixture
def mail(crowd, house) -> Iterator[Mail]:
    """What is sent beside what the crowd makes the bot say."""
    posted = Mail(crowd.world, house.url)
    yield posted
    posted.close()


@pytest.mark.parametrize("house", ["webhook"], indirect=True)
async def test_postgresql_is_away_for_twenty_seconds(
    house, crowd, mail, calm, postgresql_server
) -> None:
    with postgresql_server.durable():
        async with served(crowd.world) as address, house.open(address) as bots:
            acting = bots.group.create_task(crowd.run())
            await crowd.world.said(2 * len(crowd.rides))
            mail.post(10)
            away = time.monotonic()
            await asyncio.to_thread(postgresql_server.crash)
            await asyncio.sleep(AWAY_S)
            await asyncio.to_thread(postgresql_server.start_again)
            back = time.monotonic()
            await asyncio.wait({acting})
            await quiet(house.url, crowd.world, within_s=60.0)
            assert set(await bots.end()) == {0}
    after, copies = look(house.url, crowd)
    left = after.left_over.pop("outgoing", 0)
    assert differences(after, calm) == []
    assert unexcused(copies, [away, back]) == []
    mail.check(in_doubt=[away, back])
    # Leaflets that were on their way: one a chat at the most.
    assert left <= len(RESIDENTS)
    assert bots.complaints() == []


async def test_the_bot_api_falters(house, crowd, mail, calm, chance) -> None:
    world = crowd.world
    world.faults.add("getMe", error=502, times=2)
    world.faults.add("setWebhook", retry_after=1, times=1)
    async with served(world) as address, house.open(address) as bots:
        acting = bots.group.create_task(crowd.run())
        faltering = bots.group.create_task(falter(world, chance))
        for who in RESIDENTS:
            world.faults.lose_every(4, who)
        for _ in range(4):
            mail.post(3)
            await world.said(len(world.calls) + len(crowd.rides))
        await asyncio.wait({acting})
        faltering.cancel()
        await asyncio.wait({faltering})
        world.faults.clear()
        await quiet(house.url, world, within_s=60.0)
        assert set(await bots.end()) == {0}
    after, copies = look(house.url, crowd)
    after.left_over.pop("outgoing", None)
    assert differences(after, calm) == []
    assert unexcused(copies, []) == []
    mail.check(in_doubt=[])
    assert bots.complaints(GIVEN_UP) == []


CALLS = (
    "sendMessage",
    "sendPhoto",
    "editMessageText",
    "editMessageCaption",
    "editMessageReplyMarkup",
    "answerCallbackQuery",
    "getFile",
)


# So many faults lie in wait at the most: some methods are called seldom.
AT_ONCE = 3


async def falter(world: Watched, chance: random.Random) -> None:
    """Let something go wrong with every eighth call or so, until cancelled.

    The next fault waits until something has gone well again: a bot waits longer after each failure,
    and what nobody asks for any more cannot fail.
    """
    while True:
        await world.said(len(world.calls) + chance.randint(4, 12))
        if len(world.faults._planned) >= AT_ONCE:
            continue
        method = chance.choice(CALLS)
        match chance.choice(("error", "gateway", "rest", "hang", "drop_before", "drop_after")):
            case "error":
                world.faults.add(method, error=500, times=chance.randint(1, 3))
            case "gateway":
                world.faults.add(chance.choice((method, "getUpdates")), error=502)
            case "rest":
                chat_id = chance.choice((DESK, *RESIDENTS))
                world.faults.add(chat_id=chat_id, retry_after=chance.randint(1, 2))
            case "hang":
                world.faults.add(method, kind="hang")
            case "drop_before":
                world.faults.add(method, kind="drop_before")
            case "drop_after":
                world.faults.add(method, kind="drop_after", times=chance.randint(1, 2))
