"""Both files are read with bounds, and nothing in them is trusted."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from lifesign.wire.folder import PulseError, open_regular

if TYPE_CHECKING:
    from typing_extensions import TypeGuard

_NUMBER_MAX = 1 << 62


def read_file(name: str, directory: int, most: int) -> bytes:
    """The end of a file in a process folder, at most so many bytes; empty where there is none that can be read."""
    try:
        descriptor = open_regular(name, directory)
    except (OSError, PulseError):
        return b""
    try:
        return os.pread(descriptor, most, max(0, os.fstat(descriptor).st_size - most))
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def json_object(raw: bytes) -> dict[str, Any]:
    """An empty one where it is none."""
    import json  # which the process that is watched reads nothing with

    try:
        content = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def is_number(value: object) -> TypeGuard[int]:
    """Whether it is a whole number that can be one of ours."""
    return type(value) is int and 0 <= value < _NUMBER_MAX
