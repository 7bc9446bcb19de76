"""What no Bot API should send: updates with something missing, wrong, huge, or out of place."""

import random
from copy import deepcopy
from typing import Any

Json = dict[str, Any]
# Written by JSON encoders that know no better; Python reads them.
NOT_QUITE_NUMBERS = (float("nan"), float("inf"), float("-inf"))
ODD = (
    None, True, False, 0, -1, 1, 2**31, -(2**31), 2**52, 2**53, 2**63 - 1, 2**63, -(2**63) - 1,
    10**40, 0.5, 1e308, -0.0, "", "0", "null", "x" * 5000, "\0", "\ud800", "[object Object]",
    [], {}, [[]], [None], {"": None}, {"id": 1}, [{"id": "1"}], *NOT_QUITE_NUMBERS,
)  # fmt: skip
STRANGE_KEYS = ("something_of_2030", "", "日本", "__class__", "from_user", "de_json", "a.b", "\0")


def mutate(update: Json, chance: random.Random) -> Json:
    """Spoil an update in one place or a few; its number stays, without which nobody hands it on.

    Args:
        update: changed in place; its parts must not be shared.
        chance: seeded.

    Returns:
        The same update.
    """
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        holder, key = _somewhere(update, chance)
        _spoil(holder, key, chance)
    return update


def _somewhere(update: Json, chance: random.Random) -> tuple[Any, Any]:
    # Any key or index but the update's own number, those near the surface more often.
    kinds = [key for key in update if key != "update_id"]
    if not kinds:
        update["message"] = _odd(chance)
        return update, "message"
    holder: Any = update
    key: Any = chance.choice(kinds)
    while isinstance(holder[key], dict | list) and holder[key] and chance.random() < 0.85:
        holder = holder[key]
        key = chance.choice(list(holder)) if isinstance(holder, dict) else _index(holder, chance)
    return holder, key


def _index(held: list[Any], chance: random.Random) -> int:
    return chance.randrange(len(held))


def _spoil(holder: Any, key: Any, chance: random.Random) -> None:
    value = holder[key]
    match chance.randrange(9):
        case 0:
            del holder[key]
        case 1:
            holder[key] = _odd(chance)
        case 2:
            holder[key] = None
        case 3:
            holder[key] = _other_form(value, chance)
        case 4:
            holder[key] = _nested(chance)
        case 5 if isinstance(holder, dict):
            holder[chance.choice(STRANGE_KEYS)] = chance.choice((value, _odd(chance)))
        case 6 if isinstance(value, dict) and value:
            value[chance.choice(list(value))] = _odd(chance)
        case 7 if isinstance(value, list):
            holder[key] = value * chance.choice((0, 2, 50))
        case 8 if isinstance(value, int):
            holder[key] = -value if chance.random() < 0.5 else value * 2**40
        case _:
            holder[key] = [value]


def _odd(chance: random.Random) -> Any:
    # A copy: what is spoiled further must not spoil the next one.
    return deepcopy(chance.choice(ODD))


def _other_form(value: Any, chance: random.Random) -> Any:
    # The same, said in another type.
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return chance.choice((str(value), float(value), [value]))
        case str():
            return chance.choice((len(value), {"text": value}, value.split(), float(len(value))))
        case dict():
            return list(value.values())
    # Not as JSON: where a call is checked, a text that is JSON counts as what it says.
    return f"a {value}"[:100]


def _nested(chance: random.Random) -> Any:
    garbage: Any = _odd(chance)
    for _ in range(chance.choice((1, 3, 20, 400))):
        garbage = {"message": garbage} if chance.random() < 0.5 else [garbage]
    return garbage
