"""What the tests of this room share: telemetry, and a Collector that answers as scripted."""

from __future__ import annotations

from typing import Callable, Iterator

import pytest

from lifesign.watch.telemetry import Log, Profile, Resource, Snapshot, Span
from lifesign.wire.frames import Frame
from support.otlp_server import HttpServer

TRACE = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def resource() -> Resource:
    return Resource("7-abc", {"service.name": "shop", "process.pid": 7})


@pytest.fixture
def span() -> Callable[..., Span]:
    def make(number: int = 1, **more: object) -> Span:
        fields = {"resource": "7-abc", "trace": TRACE, "id": f"{number:016x}", "name": f"span {number}"}
        return Span(**{**fields, "start": 1_000, "end": 2_000, **more})  # type: ignore[arg-type]

    return make


@pytest.fixture
def log() -> Callable[..., Log]:
    def make(number: int = 1, **more: object) -> Log:
        fields = {"resource": "7-abc", "uid": f"uid-{number}", "event": "lifesign.silence", "body": f"log {number}"}
        return Log(**{**fields, "time": 3_000, "observed": 4_000, "severity": 13, **more})  # type: ignore[arg-type]

    return make


@pytest.fixture
def profile() -> Callable[..., Profile]:
    outer: Frame = {"function": "main", "file": "app.py", "line": 9}
    inner: Frame = {"function": "render", "file": "app.py", "line": 70}

    def make(number: int = 1, **more: object) -> Profile:
        stacks = [
            {"stack": [outer, inner], "samples": 3, "time": 300, "computing": 250},
            {"stack": [outer], "samples": 1, "time": 100, "computing": 0},
        ]
        fields = {"resource": "7-abc", "id": f"{number:032x}", "start": 5_000, "end": 6_500, "stacks": stacks}
        return Profile(**{**fields, **more})  # type: ignore[arg-type]

    return make


@pytest.fixture
def snapshot() -> Callable[..., Snapshot]:
    def make(**more: object) -> Snapshot:
        fields = {
            "key": "7-abc",
            "pid": 7,
            "command": "shop.py",
            "service": "shop",
            "instance": "i-1",
            "state": "healthy",
            "why": "",
            "alive": True,
            "expected": True,
            "uptime": 60.0,
            "beats": 0,
            "beat_age": 0.05,
            "heartbeat_timeout": 3.0,
            "tasks": 4,
            "loops": 1,
            "events": (),
            "postconditions": (),
            "checkpoints": (),
            "boot": "complete",
            "boot_duration": 1.5,
            "dropped": {},
        }
        return Snapshot(**{**fields, **more})  # type: ignore[arg-type]

    return make


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpServer]:
    """A Collector that speaks HTTP, named in the environment."""
    server = HttpServer()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.url)
    yield server
    server.stop()
