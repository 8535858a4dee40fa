"""Last words: what faulthandler wrote into ``last-words``, read back. Nothing in it is trusted.

Each dump has a headline, then the stacks of the threads, innermost frame first, the thread that began
first at the end. The formats of Python 3.9 to 3.14 are read; anything else is skipped.
"""

from __future__ import annotations

import os
import re
import textwrap
from typing import Iterable, NamedTuple

from lifesign import semconv
from lifesign.watch.dead_letter import printable
from lifesign.watch.emit.causes import stack_text
from lifesign.watch.sources import Source
from lifesign.watch.telemetry import Attributes
from lifesign.wire.folder import LAST_WORDS, PulseError, open_regular
from lifesign.wire.records import Frame

_BYTES_MAX = 1 << 16
_HEAD_BYTES = 1 << 12  # of a longer file: where the newest dump may have begun
_TEXT_CHARACTERS = 1 << 15
_NATIVE_MAX = 32

_HEADLINE = re.compile(r"(?:Fatal Python error: (.*)|Timeout \(([0-9:.]{1,20})\)!)$")
_THREAD = re.compile(r"(Current thread|Thread) (0x[0-9a-fA-F]{1,16})(?: \[(.*)\])? \(most recent call first\):$")
_FRAME = re.compile(r'  File (?:"(.*)"|\?\?\?), line ([0-9]{1,9}|\?\?\?) in (.*)$')
_SIGNALS = {
    "Segmentation fault": "SIGSEGV",
    "Aborted": "SIGABRT",
    "Bus error": "SIGBUS",
    "Floating point exception": "SIGFPE",
    "Floating-point exception": "SIGFPE",
    "Illegal instruction": "SIGILL",
}


class ThreadWords(NamedTuple):
    """One thread; frames innermost first, as they were written. `current` is the one that a signal hit."""

    ident: str
    name: str
    current: bool
    frames: tuple[Frame, ...]
    collecting: bool  # it was in the middle of a garbage collection


class LastWords(NamedTuple):
    """One dump.

    `what` is its headline, `signal` the name of the fatal signal or None for the dead-man's switch, `native`
    the stack of C functions that Python 3.14 adds, `whole` whether all threads are there, and `at` when the
    file was written last, wall clock nanoseconds.
    """

    what: str
    fatal: bool
    signal: str | None
    threads: tuple[ThreadWords, ...]
    native: tuple[str, ...]
    whole: bool
    at: int

    @property
    def focus(self) -> ThreadWords | None:
        """The thread that it is about: the current one, or else the main thread."""
        for thread in self.threads:
            if thread.current:
                return thread
        return self.threads[-1] if self.threads and self.whole and not self.fatal else None

    def where(self) -> str:
        """Where the thread that it is about was: ``in FUNCTION (FILE:LINE)``; empty where that is not known."""
        if self.focus is None or not self.focus.frames:
            return ""
        innermost = self.focus.frames[0]
        return f"in {innermost['function']} ({innermost['file']}:{innermost['line']})"

    def attributes(self, source: Source) -> Attributes:
        """The ``exception.*`` and ``code.*`` attributes of a log record."""
        made: Attributes = {semconv.EXCEPTION_MESSAGE: self.what, semconv.EXCEPTION_STACKTRACE: self.stacktrace(source)}
        if self.fatal:
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
        """All threads as Python writes stacks, innermost frame last, the thread that it is about first."""
        first = self.focus
        ordered = [thread for thread in self.threads if thread is first]
        ordered += [thread for thread in self.threads if thread is not first]
        text = ""
        for index, thread in enumerate(ordered):
            made = _thread_text(thread, source)
            if len(text) + len(made) > _TEXT_CHARACTERS:
                return f"{text or made[:_TEXT_CHARACTERS]}\nand {len(ordered) - index} more threads\n"
            text += made
        if self.native:
            text += "C functions of the current thread (innermost first):\n" + "\n".join(self.native) + "\n"
        return text[: 2 * _TEXT_CHARACTERS]


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
    error, after = headline.groups()
    threads: list[ThreadWords] = []
    native: list[str] = []
    whole = True
    for line in lines[start:]:
        began = _THREAD.match(line)
        frame = _FRAME.match(line)
        if began is not None:
            current, ident, name = began.groups()
            threads.append(ThreadWords(ident, name or "", current == "Current thread", (), False))
        elif frame is not None and threads:
            threads[-1] = threads[-1]._replace(frames=(*threads[-1].frames, _frame(*frame.groups())))
        elif line == "  Garbage-collecting" and threads:
            threads[-1] = threads[-1]._replace(collecting=True)
        elif line.startswith("  Binary file ") and len(native) < _NATIVE_MAX:
            native.append(line)
        elif line == "...":
            whole = False
    return LastWords(
        what=error[:200] if error is not None else f"no beat for {after}",
        fatal=error is not None,
        signal=_SIGNALS.get(error or ""),
        threads=tuple(threads),
        native=tuple(native),
        whole=whole,
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


def _frame(file: str | None, line: str, function: str) -> Frame:
    return {"function": function, "file": file or "???", "line": int(line) if line.isdigit() else 0}


def _thread_text(thread: ThreadWords, source: Source) -> str:
    name = f" {thread.name}" if thread.name else ""
    kind = "Current thread" if thread.current else "Thread"
    frames: Iterable[Frame] = reversed(thread.frames)
    stack = textwrap.indent(stack_text(frames, source), "  ") or "  no Python frame"
    collecting = "\n  (collecting garbage)" if thread.collecting else ""
    return f"{kind} {thread.ident}{name} (most recent call last):\n{stack}{collecting}\n\n"
