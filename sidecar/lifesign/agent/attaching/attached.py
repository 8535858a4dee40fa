"""The agent in a process that runs already: brought in by ``lifesign attach``, and taken out again without a trace.

`attach` is called in the main thread, between any two instructions of the program: it may hold locks, and its loop may
be in the middle of anything. So the loop is handed nothing but what a signal handler may hand it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import time
from asyncio import AbstractEventLoop
from inspect import CO_OPTIMIZED
from types import FrameType
from typing import Any, Iterator, Mapping, NamedTuple

from lifesign.agent import lifecycle
from lifesign.agent.complaints import futures, threads, unawaited
from lifesign.agent.native import Ticker, get_ident, sleep
from lifesign.agent.process import Agent
from lifesign.agent.tasks import odd
from lifesign.loading import forget_forks
from lifesign.settings import Settings
from lifesign.wire import folder

_FRAMES_MAX = 200  # of a thread that are searched for its event loop
_LOCALS_MAX = 100  # of one frame
_PATIENCE = 2.0  # seconds for a loop to have its last beat: a blocked one has it when it turns again
_LOOK = 0.02


class Order(NamedTuple):
    """What ``lifesign attach`` wants.

    Args:
        directory: the run directory.
        private: folders that were made for it, innermost first: whoever leaves last removes them.
        settings: variables of the agent's settings. The process's own environment was not meant for us.
        seconds: until it leaves by itself; 0 for never.
        ours: the package was imported for this alone, and goes with the agent.
    """

    directory: str
    private: tuple[str, ...]
    settings: Mapping[str, str]
    seconds: float
    ours: bool


def attach(order: Order) -> dict[str, Any]:
    """Starts the agent; returns the answer for the command.

    Where one runs already, only where it writes: it was asked for by somebody else.

    Raises:
        RuntimeError: it cannot be started.
    """
    running = lifecycle.peek()
    if running is not None:
        return {"watched": running.folder}
    leaving = _Leaving(order)
    agent = lifecycle.start(order.directory, make=leaving.make, between=True)
    if agent is None:
        raise RuntimeError(leaving.failure)
    lifecycle.join(_loops_of_other_threads())
    return {"attached": agent.folder}


class _Leaving:
    """Makes the agent, and takes it out again when it is time."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._until = time.monotonic() + order.seconds if order.seconds else None
        self._marker = ""
        self._left = False
        self.failure = "it is a subinterpreter, or the agent was starting"

    def make(self, directory: str) -> Agent:
        settings = Settings(environ=self._order.settings, strict=False)
        try:
            agent = Agent(directory, settings, attached=True, at_beat=self._beat)
        except Exception as error:
            self.failure = f"{type(error).__name__}: {error}"
            raise
        agent.mark(folder.ATTACHED)
        self._marker = os.path.join(agent.folder, folder.ATTACHED)
        return agent

    def _beat(self) -> None:
        """At each beat of the watchdog; its own thread cannot end what it runs in."""
        over = self._until is not None and time.monotonic() >= self._until
        if not self._left and self._marker and (over or not os.path.exists(self._marker)):
            self._left = True
            self._thread = Ticker(0.0, self._leave)
            lifecycle.guard_forks(self._thread)
            self._thread.start()

    def _leave(self) -> None:
        try:
            self._take_out()
        finally:
            lifecycle.guard_forks(None)
            self._thread.stop()

    def _take_out(self) -> None:
        agent = lifecycle.leave()
        if agent is None:
            return
        deadline = time.monotonic() + _PATIENCE
        while agent.watchdog.thread.is_there() or (lifecycle.beating() and time.monotonic() < deadline):
            sleep(_LOOK)
        agent.close()
        unawaited.forget()
        threads.forget()
        futures.forget()
        _remove(agent.folder, self._order.private)
        if self._order.ours:  # else the program goes on using it
            forget_forks()
            _forget_package()


def _forget_package() -> None:
    for name in [name for name in sys.modules if name == "lifesign" or name.startswith("lifesign.")]:
        sys.modules.pop(name, None)
    logging.root.manager.loggerDict.pop("lifesign", None)


def _remove(path: str, private: tuple[str, ...]) -> None:
    directory, key = os.path.split(path)
    with contextlib.suppress(OSError):
        descriptor = folder.open_directory(directory)
        try:
            folder.remove(descriptor, key)
        finally:
            os.close(descriptor)
    for made in private:
        with contextlib.suppress(OSError):  # others are there, or it is another user's
            os.rmdir(made)


def _loops_of_other_threads() -> list[AbstractEventLoop]:
    """The event loops that run in other threads, as far as the local variables there show them."""
    found: dict[int, AbstractEventLoop] = {}
    for thread, frame in sys._current_frames().items():
        if thread != get_ident():
            for loop in _loops(frame):
                found[id(loop)] = loop
    return list(found.values())


def _loops(innermost: FrameType) -> Iterator[AbstractEventLoop]:
    frame: FrameType | None = innermost
    for _ in range(_FRAMES_MAX):
        if frame is None:
            return
        if frame.f_code.co_flags & CO_OPTIMIZED and len(frame.f_code.co_varnames) <= _LOCALS_MAX:
            for value in list(frame.f_locals.values()):
                with contextlib.suppress(Exception):  # a local variable may be anything
                    loop = odd.read(value, "_loop") if type(value) is asyncio.Runner else value
                    if issubclass(type(loop), AbstractEventLoop) and loop.is_running():
                        yield loop
        frame = frame.f_back
