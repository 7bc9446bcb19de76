"""Worlds, clocks and pictures for these tests."""

import io

from PIL import Image

from localchat.seed import BOT, TOKEN, seed
from tests.localchat.contract import ContractWorld


class Clock:
    """Stands still until told."""

    def __init__(self, at=1_790_000_000.0):
        self.at = at

    def __call__(self):
        return self.at

    def pass_(self, seconds):
        self.at += seconds


def checked_world(**more):
    """A seeded world in memory that is held to the contract."""
    more.setdefault("clock", Clock())
    return seed(ContractWorld(token=TOKEN, bot=BOT, **more))


def call(world, method, files=None, **params):
    """A call that must succeed; gives its result."""
    answer = world.call(world.token, method, params, files)
    assert answer["ok"], answer
    return answer["result"]


def refused(world, method, files=None, **params):
    """A call that must fail; gives code and description."""
    answer = world.call(world.token, method, params, files)
    assert not answer["ok"], answer
    return answer["error_code"], answer["description"]


def updates(world):
    """All that waits, confirmed by reading."""
    found = call(world, "getUpdates")
    if found:
        call(world, "getUpdates", offset=found[-1]["update_id"] + 1)
    return found


def picture(colour="red", size=(640, 480), kind="JPEG", **more):
    """A picture's bytes."""
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, kind, **more)
    return out.getvalue()
