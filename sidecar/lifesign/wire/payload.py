"""What is written of a record or a block: JSON that every reader takes, whatever strings the user's program has."""

from __future__ import annotations

import json
from typing import Any, Mapping

from lifesign.wire import layout

_SHORTENED = (1000, 300, 100, 30, 20)  # characters of each text, for what is too long otherwise
_IDS = frozenset(("kind", "id", "trace", "span", "dump", "same_as", "boot_span", "parent_span", "instance"))
_NAMES = frozenset(("name", "names", "type"))
_ENDS = frozenset(("stack", "file"))

_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def encode(content: Mapping[str, Any], most: int = layout.RECORD_BYTES_MAX) -> bytes:
    """Compact JSON, in at most so many bytes if that can be had by shortening its texts.

    Raises:
        TypeError, ValueError, RecursionError: it holds what JSON does not have.
    """
    payload = _encode(content)
    for characters in _SHORTENED:
        if len(payload) <= most:
            break
        payload = _encode(_shortened(content, characters, ""))
    return payload


def _encode(content: Any) -> bytes:
    # "replace": the user's strings may hold half a surrogate pair, and no decoder of JSON takes that.
    return _json.encode(content).encode("utf-8", "replace")


def _shortened(content: Any, characters: int, key: str) -> Any:
    """The same with no text longer than so many characters; of a stack and of a path the end is kept.

    Ids stay whole, and names while there is another way: they say what belongs together.
    """
    if isinstance(content, str):
        if key in _IDS or (key in _NAMES and characters != _SHORTENED[-1]):
            return content
        return content[-characters:] if key in _ENDS else content[:characters]
    if isinstance(content, dict):
        return {inner: _shortened(value, characters, inner) for inner, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_shortened(value, characters, key) for value in content]
    return content
