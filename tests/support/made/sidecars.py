"""A sidecar in the test's own loop, and what it stands on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
from collections.abc import Callable, Iterator

import pytest

from lifesign.cli.sidecar.observer import Observer
from support.mainprocess import STARTED, Main
from support.waiting import until

MakeMain = Callable[..., Main]

FAST = {"LIFESIGN_POLL_INTERVAL": "0.005"}


class Running:
    """A sidecar that runs, and what it said so far."""

    def __init__(self, observer: Observer, task: asyncio.Task[None], capfd: pytest.CaptureFixture[str]) -> None:
        self.task = task
        self.said = ""
        self._observer = observer
        self._capfd = capfd

    async def says(self, text: str) -> re.Match[str]:
        """Waits for a line with this pattern."""
        try:
            return await until(lambda: re.search(text, self.hear()))
        except asyncio.TimeoutError:
            raise AssertionError(f"it said only {self.said!r}") from None

    async def sees(self, *pids: int) -> None:
        """Waits until these are the processes that it watches."""
        await until(lambda: [snapshot.pid for snapshot in self._observer._board.watched()] == list(pids))

    async def is_leaving(self) -> None:
        """Waits until it ends with the last watched process."""
        await until(lambda: self._observer._leaving)

    async def sees_dead(self, pid: int) -> None:
        """Waits until it has taken a process for dead and done what follows from that."""
        await until(lambda: (pid, "dead") in [(seen.pid, seen.state) for seen in self._observer._board.watched()])

    async def expects_the_end(self) -> None:
        """Waits until no more heartbeats of any process are due."""
        await until(lambda: not any(seen.expected for seen in self._observer._board.watched()))

    @property
    def stopping(self) -> bool:
        return self._observer._stopping.is_set()

    async def ends(self) -> str:
        """Waits for its end; returns all that it said."""
        await asyncio.wait_for(self.task, 10)
        return self.hear()

    def remark(self) -> None:
        """As the timer does that says so where nobody comes."""
        self._observer._remark_who_is_missing()

    def request_dump(self, key: str) -> int:
        return self._observer._actions().dump(key)

    def stop(self) -> None:
        self._observer._stopping.set()

    def hear(self) -> str:
        self.said += self._capfd.readouterr().err
        return self.said


def booted(main: Main) -> Main:
    main.pulse.boot.append({"kind": "boot_ended", "outcome": "complete", "diagnostic": "", "end": STARTED + 1})
    return main


@contextlib.contextmanager
def fresh_logging() -> Iterator[None]:
    """The root logger as a new process has it, for as long as the context lasts."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    root.handlers = []
    try:
        yield
    finally:
        root.handlers = handlers
        root.setLevel(level)


@contextlib.contextmanager
def standard_input(descriptor: int) -> Iterator[None]:
    """`descriptor` as standard input."""
    before = os.dup(0)
    os.dup2(descriptor, 0)
    try:
        yield
    finally:
        os.dup2(before, 0)
        os.close(before)
