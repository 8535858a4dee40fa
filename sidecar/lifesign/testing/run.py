"""One test with the agent in its process, in a run directory of its own, in the place of whichever agent ran before."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from typing import Callable, Iterator, NamedTuple

from lifesign.agent import lifecycle
from lifesign.agent.checks.registry import registry
from lifesign.agent.process import Agent
from lifesign.settings import Settings
from lifesign.testing.lifesigns import LifeSigns
from lifesign.testing.records import WrittenRecords

STALL_SECONDS = 0.2  # from which on a stall is recorded, where nothing else is asked for
_MEMORY = "/dev/shm"  # noqa: S108 - a folder with a name of its own is made there
_LAST_SECONDS = 2.0  # that are waited for threads that end


class _Ended(NamedTuple):
    agent: Agent
    directory: str


_ended: list[_Ended] = []


class AgentRun:
    """Watches this process from now on.

    Args:
        stall_seconds: from which on a stall is recorded; 0 for none.
        track_tasks: note where each task is created.
        search_seconds: between two searches for a deadlock.
        at_beat: called at each beat of the watchdog, in its thread.
    """

    def __init__(
        self,
        *,
        stall_seconds: float = STALL_SECONDS,
        track_tasks: bool = False,
        search_seconds: float = 1e9,
        at_beat: Callable[[], None] | None = None,
    ) -> None:
        remove_ended()
        settings = _settings(stall_seconds, track_tasks=track_tasks)
        memory = _MEMORY if os.access(_MEMORY, os.W_OK | os.X_OK) else None
        with contextlib.ExitStack() as undone:
            directory = tempfile.mkdtemp(prefix="lifesign-test-", dir=memory)
            undone.callback(shutil.rmtree, directory, ignore_errors=True)
            self.agent = agent = Agent(directory, settings, search_seconds=search_seconds, at_beat=at_beat)
            undone.callback(_ended.append, _Ended(agent, directory))
            undone.callback(agent.end)
            self._directory = directory
            self.records = WrittenRecords(agent.folder)
            undone.pop_all()
        self.signs = LifeSigns(agent, self.records)
        self._registered = registry.saved()
        self._put_back = lifecycle.replace(agent)

    def end(self) -> None:
        """Watches no longer; what was recorded can still be read until `close`."""
        self._put_back()
        self._registered()
        self.records.new()

    def close(self) -> None:
        """Lets go of the files. They are removed when the watchdog's thread is gone, which is not waited for."""
        self.signs.keep_what_was_read()
        self.records.close()
        _ended.append(_Ended(self.agent, self._directory))


@contextlib.contextmanager
def observe(*, stall_threshold: float = STALL_SECONDS) -> Iterator[LifeSigns]:
    """Watches this process as long as the block lasts.

    The agent of the block takes the place of one that runs already. Loops that start in the block, and the one that it
    stands in, are watched.

    Args:
        stall_threshold: seconds from which on a stall of an event loop counts, from 0.01 on; 0 counts none.
    """
    run = AgentRun(stall_seconds=stall_threshold)
    try:
        yield run.signs
    finally:
        run.end()
        run.close()
        remove_ended(wait=True)


def remove_ended(*, wait: bool = False) -> None:
    """Removes what is left of runs that have ended, as far as their threads are gone.

    Args:
        wait: for all of them.
    """
    deadline = time.monotonic() + _LAST_SECONDS
    for one in list(_ended):
        ticker = one.agent.watchdog.thread
        while wait and ticker.is_there() and time.monotonic() < deadline:
            time.sleep(0.001)
        if not ticker.is_there() or wait:
            _ended.remove(one)
            one.agent.close()
            shutil.rmtree(one.directory, ignore_errors=True)


def _settings(stall_seconds: float, *, track_tasks: bool) -> Settings:
    """Of a test; the environment has no say, for it is about the service that runs."""
    given = {
        "heartbeat_interval": "0.02",
        "stall_threshold": f"{stall_seconds:g}",
        "boot_timeout": "86400",
        "ring_size": "256KiB",
        "task_origin": "1" if track_tasks else "0",
        "last_words": "off",
    }
    return Settings(given, {}, strict=False)
