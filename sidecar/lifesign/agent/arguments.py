"""What the service's code hands to our calls: taken as it is meant, complained of where it cannot be used."""

from __future__ import annotations

import math
from typing import Any, TypeVar

from lifesign.agent.harmless import complain

Default = TypeVar("Default", float, None)

_SECONDS_MAX = 1e9  # as nanoseconds it still fits 63 bits


def text(value: object) -> str:
    """As a string; empty where it has none."""
    try:
        return "".join((str(value),))  # a plain str, also of a subclass with methods of its own
    except Exception as error:  # noqa: BLE001 - the user's __str__
        complain(f"a {type(value).__name__} cannot be read as a name", error)
        return ""


def name_of(function: object) -> str:
    """Its ``__name__``; empty where it has none."""
    try:
        return text(getattr(function, "__name__", ""))
    except Exception:  # noqa: BLE001 - a proxy's __getattr__
        return ""


def seconds(name: str, value: Any, default: Default) -> float | Default:
    """As a number of seconds above 0."""
    try:
        number = float(value)
        if 0 < number <= _SECONDS_MAX and math.isfinite(number):
            return number
    except Exception:  # noqa: BLE001, S110 - anything at all
        pass
    complain(f"{name} is a number of seconds above 0, not {_shown(value)}: it counts as {default}")
    return default


def truth(name: str, value: object) -> bool:
    """As True or False; True where it is neither."""
    try:
        return bool(value)
    except Exception:  # noqa: BLE001 - such as an array's
        complain(f"{name} is True or False, not {_shown(value)}: it counts as True")
        return True


def _shown(value: object) -> str:
    """A number or a string as it is written; of anything else only the type, which can be read without harm."""
    return repr(value)[:100] if type(value) in (int, float, str, bool) else f"a {type(value).__name__}"
