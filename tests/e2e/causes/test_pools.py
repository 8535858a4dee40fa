"""Pools and primitives of real packages, used up by code that is named, on real servers; busy ones are not named."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any, Iterator

import pytest

from support import victims
from support.backends import stores as servers
from support.illnesses import explained
from support.illnesses.explained import why
from support.paths import VICTIMS
from support.waiting import eventually

PROGRAM = VICTIMS / "pools.py"
line_of = partial(explained.line_of, PROGRAM)
PROMISE = {"LIFESIGN_EVENTS": "order=1s", "LIFESIGN_HEARTBEAT_TIMEOUT": "1s"}
# By package: the cause, who waits, who holds it, and what is said of it.
POOLS = {
    "anyio_lock": ("lock-held", "sits", "", "holds a Lock"),
    "anyio_semaphore": ("pool-exhausted", "wants", "holds", "0 of 2 free"),
    "anyio_limiter": ("pool-exhausted", "wants", "holds", "2 of 2 in use"),
    "anyio_stream": ("queue-full", "sends", "", "full, 2 of 2"),
    "aiohttp": ("pool-exhausted", "wants", "holds", "2 of 2 connections in use"),
    "httpx": ("pool-exhausted", "wants", "holds", "2 of 2 connections in use"),
    "asyncpg": ("pool-exhausted", "wants", "holds", "2 of 2 connections in use"),
    "sqlalchemy": ("pool-exhausted", "wants", "holds", "2 of 2 connections in use"),
    "redis": ("pool-exhausted", "pings", "listens", "2 of 2 connections in use"),
}


@pytest.fixture(scope="module")
def ports(stores: dict[str, str]) -> Iterator[dict[str, int]]:
    with servers.postgres(stores["postgres"]) as postgres, servers.redis(stores["redis"]) as redis:
        yield {"asyncpg": postgres, "sqlalchemy": postgres, "redis": redis}


@pytest.mark.parametrize("package", POOLS)
def test_what_is_used_up_and_by_whom(package: str, apps: Path, ports: dict[str, int], tmp_path: Path) -> None:
    word, waits, holds, said = POOLS[package]
    command = [str(apps / "python"), str(PROGRAM), package, "ill", str(ports.get(package, 0))]
    seen: dict[str, Any] = {}
    with victims.start(command, tmp_path, PROMISE) as process:
        try:
            eventually(lambda: victims.folders(tmp_path))

            def there() -> bool:
                seen.update(why(tmp_path))
                return seen["state"] == "silent" and word in [cause["word"] for cause in seen["causes"]]

            eventually(there, 30.0)
        finally:
            process.kill()
    first = seen["causes"][0]
    assert (first["word"], first["file"], first["line"]) == (word, str(PROGRAM), line_of(waits))
    assert said in first["sentence"]
    assert not holds or f"pools.py:{line_of(holds)}" in "\n".join(first["evidence"])


def test_a_scope_that_cancels_again_and_again_and_the_task_that_swallows_it(apps: Path, tmp_path: Path) -> None:
    found: dict[str, Any] = {}
    with victims.start([str(apps / "python"), str(PROGRAM), "anyio_scope", "ill", "0"], tmp_path, PROMISE) as process:
        try:
            eventually(lambda: victims.folders(tmp_path))

            def busy() -> bool:
                found.update({cause["word"]: cause for cause in why(tmp_path)["causes"]})
                return "busy" in found

            eventually(busy, 60.0)
        finally:
            process.kill()
    assert found["busy"]["line"] == line_of("swallows it")
    assert f"is in Desk.swallow (pools.py:{line_of('swallows it')})" in found["busy"]["sentence"]


@pytest.mark.parametrize("package", POOLS)
def test_a_busy_one_is_no_cause(package: str, apps: Path, ports: dict[str, int], tmp_path: Path) -> None:
    command = [str(apps / "python"), str(PROGRAM), package, "busy", str(ports.get(package, 0))]
    with victims.start(command, tmp_path, PROMISE) as process:
        try:
            eventually(lambda: victims.folders(tmp_path))
            time.sleep(1.0)  # it is in full swing
            eventually(lambda: why(tmp_path)["state"] == "healthy", 30.0)  # what it does at its start is over
            for seen in explained.looks(tmp_path, 2):
                assert (seen["state"], seen["causes"]) == ("healthy", [])
        finally:
            process.kill()
