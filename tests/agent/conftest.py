"""An agent inside the test's own process, and a reader of its pulse."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from lifesign.agent import harmless, lifecycle, loops, native
from lifesign.agent.checks.registry import Registry, registry
from lifesign.agent.dryrun import registration
from lifesign.agent.loops import LoopBeats
from lifesign.wire.lane import LaneRead
from lifesign.wire.reader import PulseReader
from support.waiting import eventually


class Pulse:
    """What the agent wrote so far."""

    def __init__(self, folder: str) -> None:
        self._directory = os.open(folder, os.O_RDONLY)
        self.reader = PulseReader(self._directory)

    def close(self) -> None:
        self.reader.close()
        os.close(self._directory)

    def boot(self) -> list[dict[str, Any]]:
        return _decoded(self.reader.boot())

    def ring(self, kind: str) -> list[dict[str, Any]]:
        return [record for record in _decoded(self.reader.ring()) if record["kind"] == kind]

    def watched(self, every: float = 0.003) -> None:
        """Waits until the watchdog has done all that it does at a beat."""
        until = self._beats() + 1
        eventually(lambda: self._beats() > until, every=every)  # the newest one may be half done

    def _beats(self) -> int:
        watchdog = self.reader.vitals().watchdog
        return 0 if watchdog is None else watchdog.beats

    def checkpoints(self) -> list[str]:
        return [record["name"] for record in self.boot() if record["kind"] == "checkpoint"]


def _decoded(lane: LaneRead) -> list[dict[str, Any]]:
    return [json.loads(record.payload) for record in lane.records]


@pytest.fixture(autouse=True, scope="session")
def counted() -> Iterator[None]:
    """What the watchdog's thread runs counts as covered too, though `threading` does not know of that thread."""
    start, trace = native.start_thread, getattr(threading, "gettrace", lambda: None)()  # 3.9 has none

    def traced(run: Callable[..., Any], arguments: tuple[Any, ...]) -> int:
        def begin() -> None:
            sys.settrace(trace)
            run(*arguments)

        return start(begin, ())

    with pytest.MonkeyPatch.context() as patched:
        if trace is not None:
            patched.setattr(native, "start_thread", traced)
        yield


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every test starts as a process does that has not heard of us."""
    monkeypatch.delenv("LIFESIGN_DIR", raising=False)
    monkeypatch.setattr(lifecycle, "_owner", lifecycle._Owner())
    monkeypatch.setattr(harmless, "_next_warning", 0.0)
    monkeypatch.setattr(registry, "__dict__", vars(Registry()))
    monkeypatch.setattr(registry, "pause", 0.003)
    monkeypatch.setattr(registration, "_global", registration._Global())
    monkeypatch.setattr(loops, "in_dry_runs", [])
    monkeypatch.setattr(lifecycle, "_beats", LoopBeats(lifecycle.running))
    for module in (asyncio, asyncio.events):  # what start() wraps is unwrapped again
        monkeypatch.setattr(module, "_set_running_loop", asyncio.events._set_running_loop)
    yield
    agent = lifecycle.peek()
    lifecycle.stop()
    if agent is not None:
        agent.watchdog.thread.stop()  # at the end of a process it would beat on


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Pulse]]:
    """Starts the agent with settings from variables; the pulse is closed at the end."""
    opened: list[Pulse] = []

    def start(**environ: str) -> Pulse:
        monkeypatch.setenv("LIFESIGN_DIR", str(tmp_path))
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        agent = lifecycle.running()
        assert agent is not None
        opened.append(Pulse(agent.folder))
        return opened[-1]

    yield start
    for pulse in opened:
        pulse.close()


class Clock:
    """The monotonic clock of this process, which a test sets ahead instead of waiting."""

    def __init__(self) -> None:
        self._real = time.monotonic_ns
        self._ahead = 0

    def monotonic_ns(self) -> int:
        return self._real() + self._ahead

    def monotonic(self) -> float:
        return self.monotonic_ns() / 1e9

    def set_ahead(self, seconds: float) -> None:
        self._ahead += int(seconds * 1e9)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic_ns", clock.monotonic_ns)
    monkeypatch.setattr(time, "monotonic", clock.monotonic)
    return clock
