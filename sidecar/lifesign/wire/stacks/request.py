"""The line in ``stacks`` that whoever asks adds to it, before it sends the signal.

``asked``, and what the kernel says of the threads, as an object of the fields of `StacksRequest`.
"""

from __future__ import annotations

import json
import os
from typing import Mapping, NamedTuple

from lifesign.wire.folder import STACKS, open_regular
from lifesign.wire.stacks.reading import is_number, json_object

NOTED_MAX = 256  # threads
_ASKED = b"asked "


class ThreadUse(NamedTuple):
    """What a thread did while it was looked at: its state, how long it ran, and how often it was put to a processor.

    `ran` is in nanoseconds; `began` is when the thread did, in the kernel's ticks.
    """

    state: str
    ran: int
    turns: int
    began: int = 0


class StacksRequest(NamedTuple):
    """Stacks that were asked for: at what time (wall clock), after which beat of the watchdog, and the threads by their
    native ids, as they were during the `over` nanoseconds before."""

    at: int
    beats: int
    over: int
    threads: Mapping[int, ThreadUse]


def encode_request(request: StacksRequest) -> bytes:
    """The line, with its end."""
    threads = [[native, *use] for native, use in list(request.threads.items())[:NOTED_MAX]]
    return _ASKED + json.dumps({**request._asdict(), "threads": threads}).encode() + b"\n"


def decode_request(line: bytes) -> StacksRequest | None:
    """None where it is another line."""
    if not line.startswith(_ASKED):
        return None
    content = json_object(line[len(_ASKED) :])
    at, beats, over, threads = (content.get(name) for name in StacksRequest._fields)
    if not (is_number(at) and is_number(beats) and is_number(over) and isinstance(threads, list)):
        return None
    used = {
        one[0]: ThreadUse(one[1][:1], *one[2:])
        for one in threads[:NOTED_MAX]
        if isinstance(one, list) and len(one) == 1 + len(ThreadUse._fields)
        if isinstance(one[1], str) and all(map(is_number, (one[0], *one[2:])))
    }
    return StacksRequest(at, beats, over, used)


def add_request(directory: int, request: StacksRequest) -> None:
    """Adds the line to ``stacks``.

    Raises:
        OSError, PulseError: we may not, or it is no file.
    """
    descriptor = open_regular(STACKS, directory, os.O_WRONLY | os.O_APPEND)
    try:
        os.write(descriptor, encode_request(request))
    finally:
        os.close(descriptor)
