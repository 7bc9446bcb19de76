"""Riders, reviewers and a resident who use the bot as people do, each step by chance.

They act through the local world, so what they send has real pictures, real message numbers and the
buttons the bot really offered. Between their steps the fuzz arrives: conversations are in every
state by then.
"""

import random

from localchat.errors import PeopleError
from localchat.world import World
from tests.conversations.people import CHEN, DESK, LIN, RESIDENT, RIDER, RIDER_ZH
from tests.conversations.scene import FAR_AWAY, HERE, buttons_of
from tests.drills.contract_updates import WORDS
from tests.pictures import jpeg, jpeg_with_gps

RIDERS = (RIDER, RIDER_ZH, RESIDENT)
REVIEWERS = (LIN, CHEN)


class Crowd:
    """Everybody in a world."""

    def __init__(self, world: World, chance: random.Random) -> None:
        self.world = world
        self._chance = chance

    def act(self) -> None:
        """Somebody does something."""
        try:
            if self._chance.random() < 0.25:
                self._press(self._chance.choice(REVIEWERS), DESK)
            else:
                self._ride(self._chance.choice(RIDERS))
        except PeopleError:
            # They cannot: what they meant to press is gone, or they have blocked the bot.
            return

    def _ride(self, rider: int) -> None:
        chance, world = self._chance, self.world
        match chance.randrange(24):
            case 0 | 1 | 2:
                caption = chance.choice(WORDS)[:1024] if chance.random() < 0.3 else None
                world.send_photos(rider, rider, [self._picture()], caption)
            case 3:
                count = chance.randint(2, 7)
                world.send_photos(rider, rider, [self._picture() for _ in range(count)])
            case 4:
                data = self._picture() if chance.random() < 0.5 else jpeg_with_gps(*HERE)
                name, mime = chance.choice((("a.jpg", "image/jpeg"), ("a.zip", "application/zip")))
                world.send_document(rider, rider, data, name, mime)
            case 5 | 6 | 7:
                world.send_location(rider, rider, *self._place(), accuracy=self._accuracy())
            case 8:
                sent = world.send_location(
                    rider, rider, *self._place(), accuracy=self._accuracy(), live_period=900
                )
                if chance.random() < 0.5:
                    number = sent["message_id"]
                    world.move_live(rider, rider, number, *self._place(), accuracy=5)
            case 9:
                world.send_venue(rider, rider, *self._place(), "Market")
            case 10 | 11:
                self._write(rider)
            case 12:
                world.send_voice(rider, rider)
            case 13:
                world.send_sticker(rider, rider)
            case 14:
                said = self._write(rider)
                world.edit(rider, rider, said, text=chance.choice(WORDS) + "!")
            case 15 if chance.random() < 0.2:
                world.block(rider)
            case 15 | 16:
                world.unblock(rider)
            case _:
                self._press(rider, rider)

    def _write(self, rider: int) -> int:
        number: int = self.world.say(rider, rider, self._chance.choice(WORDS))["message_id"]
        return number

    def _picture(self) -> bytes:
        return jpeg(self._chance.randrange(12))

    def _place(self) -> tuple[float, float]:
        if self._chance.random() < 0.1:
            return FAR_AWAY
        return HERE[0] + self._chance.randrange(20) * 0.0007, HERE[1]

    def _accuracy(self) -> float | None:
        return self._chance.choice((None, 8, 20, 700))

    def _press(self, who: int, chat: int) -> None:
        # Mostly one of the newest buttons, now and then one long forgotten.
        messages = [message for message in self.world.messages(chat) if buttons_of(message)]
        if not messages:
            return
        back = min(len(messages), 1 + int(self._chance.expovariate(0.7)))
        message = messages[-back]
        data, _ = self._chance.choice(buttons_of(message))
        late = self._chance.random() < 0.1
        self.world.press(who, chat, message["message_id"], data, forge=late)
