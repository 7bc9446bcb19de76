"""How a method of the Bot API is marked as such, and found by its name."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from localchat.arguments import Arguments

Owner = TypeVar("Owner")


class BotMethod(Generic[Owner]):
    """A marked method: `api_send_message` answers to `sendMessage`."""

    def __init__(self, run: Callable[[Owner, Arguments], Any]) -> None:
        self._run = run
        self.__doc__ = run.__doc__
        first, *others = run.__name__.removeprefix("api_").split("_")
        self.api_name = first + "".join(word.capitalize() for word in others)

    def __call__(self, owner: Owner, args: Arguments) -> Any:
        """Run it on a world."""
        return self._run(owner, args)


def bot_method(run: Callable[[Owner, Arguments], Any]) -> BotMethod[Owner]:
    """Mark a method of a world as one of the Bot API."""
    return BotMethod(run)


def methods_of(kind: type) -> dict[str, BotMethod[Any]]:
    """All marked methods of a class and its bases, by their name in lower case."""
    found: dict[str, BotMethod[Any]] = {}
    for base in reversed(kind.__mro__):
        for value in vars(base).values():
            if isinstance(value, BotMethod):
                found[value.api_name.lower()] = value
    return found
