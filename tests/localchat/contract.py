"""The Bot API as aiogram wrote it down: every call and every answer of a world is held to it.

aiogram's models let unknown keys pass as extras, and unions swallow misspelt ones that way, so what
was validated is walked through and any extra fails.
"""

import json
from functools import cache

import aiogram.methods
from aiogram.methods.base import TelegramMethod
from aiogram.types import Update
from pydantic import BaseModel, TypeAdapter, ValidationError

from localchat.world import World


class ContractError(AssertionError):
    """A call or an answer Telegram would not know."""


@cache
def _methods():
    found = {}
    for name in aiogram.methods.__all__:
        kind = getattr(aiogram.methods, name)
        if isinstance(kind, type) and issubclass(kind, TelegramMethod):
            api_name = getattr(kind, "__api_method__", None)
            if isinstance(api_name, str):
                found[api_name.lower()] = kind
    return found


@cache
def _returning(method):
    return TypeAdapter(_methods()[method].__returning__)


def _no_extras(value, where):
    if isinstance(value, BaseModel):
        if value.model_extra:
            raise ContractError(f"{where}: unknown {sorted(value.model_extra)} in {type(value)}")
        for name in value.model_fields_set:
            _no_extras(getattr(value, name), f"{where}.{name}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _no_extras(item, f"{where}[{index}]")
    elif isinstance(value, dict):
        for name, item in value.items():
            _no_extras(item, f"{where}.{name}")


def _plain(value):
    """A parameter as JSON; forms hold JSON in strings."""
    if isinstance(value, str) and value[:1] in {"[", "{"}:
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def check_request(method, params, files=None):
    """Hold a call's parameters to the contract.

    Raises:
        ContractError: they are not as the Bot API has them.
    """
    kind = _methods().get(method.lower())
    if kind is None:
        raise ContractError(f"{method} is no method of the Bot API")
    given = {name: _plain(value) for name, value in (params or {}).items()}
    for name in files or {}:
        if name in kind.model_fields:
            given[name] = f"attach://{name}"
    # getUpdates and others take numbers; forms bring them as text, which pydantic reads as well.
    try:
        _no_extras(kind.model_validate(given), method)
    except ValidationError as error:
        raise ContractError(f"{method} called with {given}: {error}") from error


def check_result(method, result):
    """Hold a result to the contract.

    Raises:
        ContractError: it is not what the Bot API returns.
    """
    try:
        _no_extras(_returning(method.lower()).validate_python(result), f"{method} ->")
    except ValidationError as error:
        raise ContractError(f"{method} answered {result}: {error}") from error


def check_update(update):
    """Hold an update to the contract.

    Raises:
        ContractError: Telegram sends no such update.
    """
    try:
        _no_extras(Update.model_validate(update), "update")
    except ValidationError as error:
        raise ContractError(f"update {update}: {error}") from error


def check_envelope(answer):
    """Hold the frame of an answer to the contract."""
    if answer["ok"] is True:
        wrong = answer.keys() - {"ok", "result"}
    else:
        wrong = answer.keys() - {"ok", "error_code", "description", "parameters"}
        wrong |= (answer.get("parameters") or {}).keys() - {"retry_after", "migrate_to_chat_id"}
        assert isinstance(answer["error_code"], int)
        assert isinstance(answer["description"], str)
    if wrong:
        raise ContractError(f"unknown {sorted(wrong)} in {answer}")


class ContractWorld(World):
    """A world whose every call is checked: what goes in, what comes out, and every update."""

    # What a test sends wrong on purpose is refused by the world; only accepted calls are checked,
    # unless this says that even refused ones must be well-formed.
    strict = False

    def call(self, token, method, params=None, files=None):
        answer = super().call(token, method, params, files)
        check_envelope(answer)
        if answer["ok"] or self.strict:
            check_request(method, params, files)
        if answer["ok"]:
            check_result(method, answer["result"])
        return answer

    def _put_update(self, kind, payload):
        check_update({"update_id": 1, kind: payload})
        return super()._put_update(kind, payload)


def check_contract(world):
    """Have every call of a world checked from now on.

    Args:
        world: a `World`; it is changed in place.

    Returns:
        The same world.
    """
    world.__class__ = ContractWorld
    return world
