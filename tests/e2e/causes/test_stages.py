"""A boot that does not get on and an end that does not come are named with the user's own line."""

from __future__ import annotations

import os
import signal
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from support.backends.collector import Collector
from support.built import PYTHONS
from support.illnesses import explained
from support.paths import VICTIMS
from support.supervised import environment, supervised
from support.waiting import eventually

PROGRAM = VICTIMS / "stages.py"
line_of = partial(explained.line_of, PROGRAM)
why = partial(explained.why, heartbeat_timeout="3s")
NEWEST, *OLDER = reversed(PYTHONS)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    directory = tmp_path / "run"
    directory.mkdir()
    return directory


def started(name: str, version: str, directory: Path, **environ: str) -> Any:
    command = [PYTHONS[version], str(PROGRAM), name]
    return supervised(command, "--dir", str(directory), env=environment(**environ))


def named(directory: Path, word: str) -> dict[str, Any]:
    """The cause with this word, once `why` has it."""
    found: dict[str, Any] = {}

    def there() -> bool:
        found.update(next((cause for cause in why(directory)["causes"] if cause["word"] == word), {}))
        return bool(found)

    eventually(there, 30.0)
    return found


def pid_of(directory: Path) -> int:
    return int(why(directory)["pid"])


SHUTDOWNS = [
    ("swallows", "swallows", "s ago: worker swallowed CancelledError and goes on at poll (stages.py:", NEWEST),
    ("cleans-up", "cleans up", "s ago: worker was cancelled and cleans up at flush (stages.py:", NEWEST),
    ("drains", "drains", "s ago: 2 tasks are left, worker waits at drain (stages.py:", NEWEST),
    ("swallows", "swallows", "(stages.py:", next(iter(PYTHONS))),
]


@pytest.mark.parametrize(("name", "comment", "said", "version"), SHUTDOWNS)
def test_an_end_that_does_not_come(name: str, comment: str, said: str, version: str, run: Path) -> None:
    with started(name, version, run) as process:
        process.line_with("ready")
        process.process.send_signal(signal.SIGTERM)
        cause = named(run, "shutdown-hangs")
        assert cause["sentence"].startswith("SIGTERM ")
        assert said in cause["sentence"]
        assert (cause["file"], cause["line"]) == (str(PROGRAM), line_of(comment))


def test_an_end_that_comes_has_no_cause(run: Path) -> None:
    with started("quick", NEWEST, run) as process:
        process.line_with("ready")
        process.process.send_signal(signal.SIGTERM)
        assert why(run)["causes"] == []
        process.end()


def test_one_that_was_killed_in_its_shutdown_has_the_cause_in_its_record(run: Path, collector: Collector) -> None:
    with started("swallows", NEWEST, run, **collector.environment("http/protobuf")) as process:
        process.line_with("ready")
        process.process.send_signal(signal.SIGTERM)
        eventually(lambda: any(log.event == "lifesign.task_dump" for log in collector.logs()), 30.0)
        os.kill(pid_of(run), signal.SIGKILL)
        process.end()
        eventually(lambda: any(log.event == "lifesign.process.died" for log in collector.logs()), 30.0)
    dumped = next(log for log in collector.logs() if log.event == "lifesign.task_dump")
    died = next(log for log in collector.logs() if log.event == "lifesign.process.died")
    assert dumped.attributes["lifesign.cause"] == died.attributes["lifesign.cause"] == "shutdown-hangs"
    assert "killed by SIGKILL" in died.body
    assert "worker swallowed CancelledError and goes on at poll (stages.py:" in died.body
    assert died.attributes["code.line.number"] == line_of("swallows")


EXITS = [
    (
        "leaves",
        "swallows",
        "asyncio.run() has cancelled all tasks",
        "worker swallowed CancelledError and goes on at poll",
    ),
    ("keeps-a-thread", "takes", "the main thread has ended", "Python waits for the thread taker, which is in take"),
]


@pytest.mark.parametrize(("name", "comment", "began", "said"), EXITS)
def test_a_program_that_nobody_asked_and_that_does_not_end(
    name: str, comment: str, began: str, said: str, run: Path
) -> None:
    with started(name, NEWEST, run, LIFESIGN_HEARTBEAT_TIMEOUT="1s") as process:
        process.line_with("ready")
        cause = named(run, "exit-waits")
        assert cause["sentence"].startswith(began)
        assert said in cause["sentence"]
        assert (cause["file"], cause["line"]) == (str(PROGRAM), line_of(comment))
        process.process.kill()


def test_a_program_that_goes_on_after_its_loop_waits_for_nothing(run: Path) -> None:
    with started("goes-on", NEWEST, run, LIFESIGN_HEARTBEAT_TIMEOUT="1s") as process:
        process.line_with("ready")
        eventually(lambda: why(run)["state"] == "idle", 30.0)
        time.sleep(3.0)
        assert why(run)["causes"] == []
        process.process.kill()


BOOTS = [("connects", "boot-waits", "connects"), ("loads", "blocking-call", "loads")]


@pytest.mark.parametrize(("name", "word", "comment"), BOOTS)
def test_a_boot_that_timed_out_says_where(name: str, word: str, comment: str, run: Path, collector: Collector) -> None:
    settings = {"BOOT_TIMEOUT_S": "2", "LIFESIGN_EVENTS": "order=60s", "LIFESIGN_HEARTBEAT_TIMEOUT": "1s"}
    with started(name, NEWEST, run, **settings, **collector.environment("http/protobuf")) as process:
        process.line_with("ready")
        eventually(lambda: any(log.event == "lifesign.boot.failed" for log in collector.logs()), 30.0)
        process.process.kill()
    failed = next(log for log in collector.logs() if log.event == "lifesign.boot.failed")
    assert failed.attributes["code.file.path"] == str(PROGRAM)
    assert failed.attributes["code.line.number"] == line_of(comment)
    assert f"(stages.py:{line_of(comment)}" in failed.body
    assert failed.attributes["lifesign.cause"] in (word, "future-pending")


def test_a_boot_that_takes_its_time_has_no_cause(run: Path) -> None:
    with started("is-slow", NEWEST, run, LIFESIGN_EVENTS="order=60s") as process:
        process.line_with("ready")
        assert why(run)["causes"] == []
        process.process.terminate()
        process.end()
