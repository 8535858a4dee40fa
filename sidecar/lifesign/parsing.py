"""The text of a setting becomes a value, or a `MalformedError` that says what is wanted."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Literal

from lifesign.errors import MalformedError

if TYPE_CHECKING:
    from lifesign.checkspec import Spec


def text(raw: str) -> str:
    return raw


def number(raw: str, wanted: str, most: float = math.inf) -> float:
    try:
        value = float(raw)
    except ValueError:
        raise MalformedError("a number") from None
    if not math.isfinite(value) or not 0 < value <= most:
        raise MalformedError(wanted)
    return value


def whole(raw: str) -> int:
    try:
        return int(raw)
    except ValueError:
        raise MalformedError("a whole number") from None


def flag(raw: str) -> bool:
    word = raw.strip().lower()
    if word in ("1", "true", "yes", "on"):
        return True
    if word in ("", "0", "false", "no", "off"):
        return False
    raise MalformedError("1 or 0")


def seconds(raw: str) -> float:
    # The bound is what the sidecar believes of a pulse: 31 years.
    return number(raw.strip().removesuffix("s"), "a number of seconds above 0", most=1e9)


_THRESHOLD_MIN = 0.01  # below it, a loop that only had much to do would count as one that stalled


def threshold(raw: str) -> float:
    """``0`` turns off what has it."""
    wanted = f"a number of seconds from {_THRESHOLD_MIN} on, or 0"
    digits = raw.strip().removesuffix("s")
    if digits.strip("0.") == "" and "0" in digits:
        return 0.0
    value = number(digits, wanted, most=1e9)
    if value < _THRESHOLD_MIN:
        raise MalformedError(wanted)
    return value


_SIZE_UNITS = {"": 1, "B": 1, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30}


def size(raw: str) -> int:
    digits = raw.strip().rstrip("BKMGikmgb")
    unit = raw.strip()[len(digits) :].upper()
    if unit not in _SIZE_UNITS:
        raise MalformedError("bytes, or a number with KiB, MiB or GiB")
    value = number(digits, "a size above 0") * _SIZE_UNITS[unit]
    if not 1 <= value < math.inf:
        raise MalformedError("a size above 0")
    return int(value)


def address(raw: str) -> tuple[str, int]:
    host, colon, port = raw.strip().rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > 65535:
        raise MalformedError("HOST:PORT, such as 127.0.0.1:7317")
    return host.strip("[]"), int(port)


def events(raw: str) -> dict[str, float]:
    """``order=30s,tick=5`` -> ``{"order": 30.0, "tick": 5.0}``."""
    promised: dict[str, float] = {}
    for part in filter(None, (piece.strip() for piece in raw.split(","))):
        name, equals, deadline = part.partition("=")
        if not equals or not name.strip():
            raise MalformedError("NAME=SECONDS,NAME=SECONDS such as order=30s,tick=5s")
        promised[name.strip()] = seconds(deadline)
    return promised


def checks(raw: str) -> dict[str, Spec]:
    """``tcp:5432,web=http://localhost/health`` by name."""
    if not raw:
        return {}
    from lifesign.checkspec import parse_list  # the main process seldom needs it

    return parse_list(raw)


def level(raw: str) -> int:
    import logging  # half of what a probe would spend on imports

    level = logging.getLevelName(raw.strip().upper())
    if not isinstance(level, int):
        raise MalformedError("debug, info, warning or error")
    return level


def last_words(raw: str) -> str:
    word = raw.strip().lower()
    if word not in ("on", "signals", "off"):
        raise MalformedError("on, signals or off")
    return word


UNTIL_EVENT: Final = "event"


def until(raw: str) -> Literal["event"] | Spec | None:
    word = raw.strip()
    if word in ("", UNTIL_EVENT):
        return UNTIL_EVENT if word else None
    from lifesign.checkspec import parse

    try:
        return parse(word)
    except MalformedError as error:
        raise MalformedError(f"{UNTIL_EVENT}, or {error.wanted}") from None


def names(raw: str) -> tuple[str, ...]:
    """``config loaded, broker connected`` -> a name each, in their order, none twice."""
    return tuple(dict.fromkeys(name for name in (piece.strip() for piece in raw.split(",")) if name))


DRY_RUN_PATTERNS = ("sequential", "random", "burst")


def pattern(raw: str) -> str:
    word = raw.strip().lower()
    if word not in DRY_RUN_PATTERNS:
        raise MalformedError("sequential, random or burst")
    return word


def rate(raw: str) -> float:
    return number(raw, "a number of events a second, above 0")
