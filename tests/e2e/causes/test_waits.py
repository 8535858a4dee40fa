"""Waits that something else has to end, on every Python at hand; leaks; and a service that stands still."""

from __future__ import annotations

import contextlib
import json
from functools import partial
from pathlib import Path
from typing import Any, Iterator, Mapping

import pytest

from support import victims
from support.built import PYTHONS
from support.illnesses import explained
from support.paths import VICTIMS
from support.waiting import eventually

PROGRAM = VICTIMS / "waits.py"
line_of = partial(explained.line_of, PROGRAM)
why = partial(explained.why, heartbeat_timeout="2s")
PROMISE = {"LIFESIGN_EVENTS": "order=1s", "LIFESIGN_HEARTBEAT_TIMEOUT": "2s"}
NEWEST = list(PYTHONS)[-1]


@contextlib.contextmanager
def service(
    directory: Path, *names: str, version: str = NEWEST, settings: Mapping[str, str] = PROMISE
) -> Iterator[Path]:
    directory.mkdir(exist_ok=True)
    with victims.start([PYTHONS[version], str(PROGRAM), *names], directory, settings) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            eventually(lambda: victims.folders(directory))
            yield directory
        finally:
            process.kill()


def causes_of(directory: Path, state: str, words: set[str]) -> dict[str, dict[str, Any]]:
    """The causes by their places in the program, once all of these are there."""
    seen: dict[str, Any] = {}

    def there() -> bool:
        seen.update(why(directory))
        return seen["state"] == state and words <= {cause["word"] for cause in seen["causes"]}

    try:
        eventually(there, 30.0)
    except AssertionError:
        raise AssertionError(json.dumps(seen, indent=1)) from None
    return {cause["word"]: cause for cause in seen["causes"]}


@pytest.mark.parametrize("version", PYTHONS)
def test_each_wait_is_named_with_its_line(version: str, tmp_path: Path) -> None:
    names = ["lost", "kept", "child", "resolve", "ask", "back_off", "hear", "deliver", "close"]
    said = {
        "lost-future": "that nothing else refers to",
        "child-process": "sleep, pid",
        "dns": "getaddrinfo",
        "peer-silent": "probably the server at port",
        "long-sleep": "s left",
        "event-not-set": "the Event Desk.ready",
        "queue-join": "2 items of the Queue Desk.parcels were taken and not marked by task_done()",
    }
    if version not in ("3.9", "3.10"):
        names, said = [*names, "meet"], {**said, "barrier": "1 of 3 there"}
    # Of a name that takes for ever to resolve nobody connects: that service has a server of its own.
    with service(tmp_path, *[name for name in names if name != "resolve"], version=version):
        seen = causes_of(tmp_path, "silent", said.keys() - {"dns"})
    with service(tmp_path / "dns", "resolve", version=version):
        seen |= causes_of(tmp_path / "dns", "silent", {"dns"})
    for word, part in said.items():
        assert (seen[word]["file"], seen[word]["line"]) == (str(PROGRAM), line_of(word)), word
        assert part in seen[word]["sentence"]
    assert "queue-empty" not in seen
    assert "1 x lost waits" in seen["lost-future"]["sentence"]  # and not that one whose future is kept


def test_the_slowest_of_several_is_followed_to_what_it_waits_for(tmp_path: Path) -> None:
    with service(tmp_path, "children"):
        cause = causes_of(tmp_path, "silent", {"peer-silent"})["peer-silent"]
    assert cause["line"] == line_of("peer-silent")
    assert f"behind it: 1 x children waits (waits.py:{line_of('the slowest')})" in cause["evidence"]


def test_a_pipe_is_a_child_too(tmp_path: Path) -> None:
    with service(tmp_path, "pipe"):
        cause = causes_of(tmp_path, "silent", {"child-process"})["child-process"]
    assert cause["line"] == line_of("a pipe")
    assert "sleep, pid" in cause["sentence"]


@pytest.mark.parametrize("version", PYTHONS)
def test_a_service_whose_waits_end_has_no_cause(version: str, tmp_path: Path) -> None:
    with service(tmp_path, "moving_children", "moving_futures", "moving_processes", "ticks", version=version):
        for seen in explained.looks(tmp_path, 3, heartbeat_timeout="2s"):
            assert (seen["state"], seen["causes"]) == ("healthy", [])


@pytest.mark.parametrize(
    ("name", "function", "word"), [("leaks", "answered", "finished-retained"), ("grows", "pushes", "task-leak")]
)
def test_tasks_that_become_more_and_more(name: str, function: str, word: str, tmp_path: Path) -> None:
    version = "3.13" if "3.13" in PYTHONS else next(iter(PYTHONS))  # 3.14 does not know its finished tasks
    with service(tmp_path, name, version=version, settings={}):
        cause = causes_of(tmp_path, "healthy", {word})[word]
    assert f" tasks of {function}" in cause["sentence"]


def test_a_gather_of_many_is_no_leak(tmp_path: Path) -> None:
    with service(tmp_path, "gathers_many", settings={}):
        for seen in explained.looks(tmp_path, 12):
            assert seen["causes"] == []


def test_a_service_in_which_nothing_moves_is_probably_stuck_and_an_idle_one_is_not(tmp_path: Path) -> None:
    settings: dict[str, str] = {}
    with contextlib.ExitStack() as running:
        stuck = running.enter_context(service(tmp_path / "stuck", "hold", "read", "read", "ticks", settings=settings))
        pool = running.enter_context(service(tmp_path / "pool", *["drive"] * 6, settings=settings))
        idle = running.enter_context(service(tmp_path / "idle", "work", "work", "hear", "back_off", settings=settings))
        moves = running.enter_context(service(tmp_path / "moves", "hold", "read", "moving_futures", settings=settings))
        eventually(lambda: [cause["word"] for cause in why(stuck)["causes"]] == ["no-progress"], 150.0, 0.5)
        eventually(lambda: [cause["word"] for cause in why(pool)["causes"]] == ["no-progress"], 60.0, 0.5)
        seen = {directory: why(directory) for directory in (stuck, pool, idle, moves)}
    assert {one["state"] for one in seen.values()} == {"healthy"}
    assert seen[stuck]["causes"][0]["line"] == line_of("held")
    assert "the Lock Desk.ledger" in seen[stuck]["causes"][0]["sentence"]
    assert seen[pool]["causes"][0]["line"] == line_of("a second car")
    assert (seen[idle]["causes"], seen[moves]["causes"]) == ([], [])
