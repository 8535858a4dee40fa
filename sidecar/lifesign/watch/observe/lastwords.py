"""Last words: what faulthandler wrote into ``last-words`` at a crash, read back. Nothing in it is trusted.

Each dump has a headline, then the stacks of the threads (`judge.gil.stacks`). The formats of Python 3.9 to 3.14 are
read; anything else is skipped.
"""

from __future__ import annotations

import os
import re
import textwrap
from typing import Iterable, NamedTuple, Sequence

from lifesign import semconv
from lifesign.judge.gil.stacks import ThreadWords, parse_threads, printable
from lifesign.watch.emit.causes import stack_text
from lifesign.watch.sources import Source
from lifesign.watch.telemetry import Attributes
from lifesign.wire.folder import LAST_WORDS, PulseError, open_regular
from lifesign.wire.records import Frame

_BYTES_MAX = 1 << 16
_HEAD_BYTES = 1 << 12  # of a longer file: where the newest dump may have begun
_TEXT_CHARACTERS = 1 << 15
_NATIVE_MAX = 32

_HEADLINE = re.compile(r"Fatal Python error: (.*)$")
_SIGNALS = {
    "Segmentation fault": "SIGSEGV",
    "Aborted": "SIGABRT",
    "Bus error": "SIGBUS",
    "Floating point exception": "SIGFPE",
    "Floating-point exception": "SIGFPE",
    "Illegal instruction": "SIGILL",
}


class LastWords(NamedTuple):
    """One dump.

    `what` is its headline, `signal` the name of the fatal signal or None where it was another error, `native`
    the stack of C functions that Python 3.14 adds, and `at` when the file was written last, wall clock nanoseconds.
    """

    what: str
    signal: str | None
    threads: tuple[ThreadWords, ...]
    native: tuple[str, ...]
    at: int

    @property
    def focus(self) -> ThreadWords | None:
        """The thread that it is about: the current one."""
        return next((thread for thread in self.threads if thread.current), None)

    def where(self) -> str:
        """Where the thread that it is about was: ``in FUNCTION (FILE:LINE)``; empty where that is not known."""
        if self.focus is None or not self.focus.frames:
            return ""
        innermost = self.focus.frames[0]
        return f"in {innermost['function']} ({innermost['file']}:{innermost['line']})"

    def attributes(self, source: Source) -> Attributes:
        """The ``exception.*`` and ``code.*`` attributes of a log record."""
        made: Attributes = {semconv.EXCEPTION_MESSAGE: self.what, semconv.EXCEPTION_STACKTRACE: self.stacktrace(source)}
        made[semconv.EXCEPTION_TYPE] = self.signal or "Fatal Python error"
        if self.signal is not None:
            made[semconv.EXIT_SIGNAL] = self.signal
        if self.focus is not None and self.focus.frames:
            innermost = self.focus.frames[0]
            made[semconv.CODE_FUNCTION] = innermost["function"]
            made[semconv.CODE_FILE] = innermost["file"]
            made[semconv.CODE_LINE] = innermost["line"]
        return made

    def stacktrace(self, source: Source) -> str:
        """All threads, the current one first."""
        text = threads_text(self.threads, self.focus, source)
        if self.native:
            text += "C functions of the current thread (innermost first):\n" + "\n".join(self.native) + "\n"
        return text[: 2 * _TEXT_CHARACTERS]


def threads_text(threads: Sequence[ThreadWords], first: ThreadWords | None, source: Source) -> str:
    """Threads as Python writes stacks, innermost frame last, one of them before the others."""
    ordered = [thread for thread in threads if thread is first]
    ordered += [thread for thread in threads if thread is not first]
    text = ""
    for index, thread in enumerate(ordered):
        made = _thread_text(thread, source)
        if len(text) + len(made) > _TEXT_CHARACTERS:
            return f"{text or made[:_TEXT_CHARACTERS]}\nand {len(ordered) - index} more threads\n"
        text += made
    return text


def read(directory: int) -> LastWords | None:
    """The newest dump in the process folder behind `directory` (a descriptor); None where there is none."""
    try:
        descriptor = open_regular(LAST_WORDS, directory)
    except (OSError, PulseError):
        return None
    try:
        seen = os.fstat(descriptor)
        if not seen.st_size:
            return None
        if seen.st_size <= _BYTES_MAX:
            return parse(os.pread(descriptor, _BYTES_MAX, 0), at=seen.st_mtime_ns)
        tail = os.pread(descriptor, _BYTES_MAX - _HEAD_BYTES, seen.st_size - _BYTES_MAX + _HEAD_BYTES)
        return parse(tail, os.pread(descriptor, _HEAD_BYTES, 0), at=seen.st_mtime_ns)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def parse(raw: bytes, before: bytes = b"", *, at: int = 0) -> LastWords | None:
    """Reads the last dump in `raw`; its headline may be in `before`, the start of a file whose middle is missing."""
    lines = _lines(raw)
    headline, start = _last_headline(lines)
    if headline is None:
        headline, _ = _last_headline(_lines(before))
    if headline is None:
        return None
    error = headline.group(1)
    threads, _ = parse_threads(lines[start:])
    return LastWords(
        what=error[:200],
        signal=_SIGNALS.get(error),
        threads=threads,
        native=tuple(line for line in lines[start:] if line.startswith("  Binary file "))[:_NATIVE_MAX],
        at=at,
    )


def _lines(raw: bytes) -> list[str]:
    return [printable(line) for line in raw.decode("utf-8", "replace").split("\n")]


def _last_headline(lines: list[str]) -> tuple[re.Match[str] | None, int]:
    for index in range(len(lines) - 1, -1, -1):
        found = _HEADLINE.match(lines[index])
        if found is not None:
            return found, index + 1
    return None, 0


def _thread_text(thread: ThreadWords, source: Source) -> str:
    name = f" {thread.name}" if thread.name else ""
    kind = "Current thread" if thread.current else "Thread"
    frames: Iterable[Frame] = reversed(thread.frames)
    stack = textwrap.indent(stack_text(frames, source), "  ") or "  no Python frame"
    collecting = "\n  (collecting garbage)" if thread.collecting else ""
    return f"{kind} {thread.ident}{name} (most recent call last):\n{stack}{collecting}\n\n"
