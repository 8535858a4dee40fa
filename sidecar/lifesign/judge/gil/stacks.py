"""Stacks as faulthandler writes them, and the file ``stacks`` with those that were asked for. Nothing in it is trusted.

Each thread has a headline and its frames, the innermost first; the thread that began first comes last. The formats of
Python 3.9 to 3.14 are read; anything else is skipped.
"""

from __future__ import annotations

import re
from typing import Iterable, NamedTuple

from lifesign.wire.frames import Frame
from lifesign.wire.stacks.request import StacksRequest, decode_request

STACKS_BYTES = 1 << 19
_THREADS_MAX = 200
_FRAMES_MAX = 200
_THREAD = re.compile(r"(Current thread|Thread) (0x[0-9a-fA-F]{1,16})(?: \[(.*)\])? \(most recent call first\):$")
_FRAME = re.compile(r'  File (?:"(.*)"|\?\?\?), line ([0-9]{1,9}|\?\?\?) in (.*)$')


class ThreadWords(NamedTuple):
    """One thread; frames innermost first, as they were written. `current` is the one that a signal hit."""

    ident: str
    name: str
    current: bool
    frames: tuple[Frame, ...]
    collecting: bool  # it was in the middle of a garbage collection


class Stacks(NamedTuple):
    """The newest answer of a frozen process; `requests` says how often it was asked in this freeze.

    `whole` says whether all of its threads are there.
    """

    request: StacksRequest
    requests: int
    threads: tuple[ThreadWords, ...]
    whole: bool


def parse(raw: bytes) -> Stacks | None:
    """Reads the newest answer; None where nothing was asked."""
    lines = raw.split(b"\n")
    asked = [(index, one) for index, line in enumerate(lines) if (one := decode_request(line)) is not None]
    if not asked:
        return None
    request = asked[-1][1]
    same = [index for index, one in asked if one.beats == request.beats]
    answers = [
        parse_threads(printable(line.decode("utf-8", "replace")) for line in lines[start + 1 : end])
        for start, end in zip(same, [*same[1:], len(lines)])
    ]
    threads, whole = next((answer for answer in reversed(answers) if answer[0]), ((), True))
    return Stacks(request, len(same), threads, whole)


def parse_threads(lines: Iterable[str]) -> tuple[tuple[ThreadWords, ...], bool]:
    """The threads, and whether these are all."""
    threads: list[tuple[str, str, bool]] = []
    frames: list[list[Frame]] = []
    collecting: set[int] = set()
    whole = True
    for line in lines:
        began = _THREAD.match(line)
        frame = _FRAME.match(line)
        if began is not None:
            if len(threads) == _THREADS_MAX:
                whole = False
                break
            current, ident, name = began.groups()
            threads.append((ident, name or "", current == "Current thread"))
            frames.append([])
        elif frame is not None and frames and len(frames[-1]) < _FRAMES_MAX:
            file, number, function = frame.groups()
            at = int(number) if number.isdigit() else 0
            frames[-1].append({"function": function, "file": file or "???", "line": at})
        elif line == "  Garbage-collecting" and threads:
            collecting.add(len(threads) - 1)
        elif line == "...":
            whole = False
    made = (
        ThreadWords(*thread, tuple(found), index in collecting)
        for index, (thread, found) in enumerate(zip(threads, frames))
    )
    return tuple(made), whole


def printable(line: str) -> str:
    """Without characters that could steer a terminal."""
    return line if line.isprintable() else "".join(one if one.isprintable() else "\ufffd" for one in line)
