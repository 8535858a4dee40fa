"""Last words and stacks in what is exported: with the record of an end or of a freeze, or after it."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any, Callable

from lifesign.watch.telemetry import Log

SAMPLES = Path(__file__).parent / "last_words"
SEGV = (SAMPLES / "3.13.0-segv.txt").read_bytes()
STACKS = Path(__file__).parents[2] / "judge" / "gil" / "samples" / "3.13.0.txt"
S = 1_000_000_000
HELD = "the main thread holds the GIL: it waits in handle (desk.py:7), called from main (desk.py:12)"


def write(service: Any, content: bytes, age: float) -> None:
    """The process's last words, written `age` seconds ago."""
    file = service.folder / "last-words"
    file.write_bytes(content)
    at = time.time_ns() - int(age * S)
    os.utime(file, ns=(at, at))


def answer(service: Any, beats: int | None = None) -> None:
    """The process's stacks, which somebody else has asked for after this beat of the watchdog."""
    line, _, rest = STACKS.read_bytes().partition(b"\n")
    asked = json.loads(line.removeprefix(b"asked "))
    asked |= {"beats": service.beats if beats is None else beats}
    (service.folder / "stacks").write_bytes(b"asked " + json.dumps(asked).encode() + b"\n" + rest)
    (service.folder / "stacks.json").write_bytes(STACKS.with_suffix(".json").read_bytes())


def frozen(service: Any, watching: Any, age: float = 10.0) -> None:
    watching.has_watched_for_long()
    service.beat(age=age)


def logs(reported: list[Any], event: str) -> list[Log]:
    return [one for one in reported if isinstance(one, Log) and one.event == event]


async def test_stacks_that_come_after_the_record_are_one_of_their_own(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service, watching = main(), sidecar()
    frozen(service, watching)
    (entered,) = logs(await watching.poll(), "lifesign.process.frozen")
    assert entered.body.endswith("; no stacks: it is in another PID namespace")
    assert "exception.stacktrace" not in entered.attributes
    answer(service)
    (late,) = await watching.poll()
    assert (late.event, late.severity) == ("lifesign.last_words", 17)
    assert late.body == f"GIL held by C code; {HELD}"
    assert late.attributes["lifesign.state"] == "frozen"
    assert late.attributes["lifesign.cause"] == "gil-held"
    assert late.attributes["code.function.name"] == "handle"
    assert str(late.attributes["code.stacktrace"]).endswith('File "/srv/desk.py", line 7, in handle')
    assert str(late.attributes["exception.stacktrace"]).startswith("Thread 0x")
    assert "exception.type" not in late.attributes
    assert await watching.poll() == []
    assert [cause.sentence for cause in watching.snapshots[0].causes] == [HELD]
    service.beat()
    (left,) = await watching.poll()
    assert left.name == "process frozen"
    assert watching.snapshots[0].causes == ()


async def test_stacks_that_are_there_at_once_are_in_the_record(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service, watching = main(), sidecar()
    frozen(service, watching)
    answer(service)
    (entered,) = logs(await watching.poll(), "lifesign.process.frozen")
    assert entered.body.endswith(f"; {HELD}")
    assert entered.attributes["lifesign.cause"] == "gil-held"
    assert (entered.attributes["code.file.path"], entered.attributes["code.line.number"]) == ("/srv/desk.py", 7)
    assert "exception.stacktrace" in entered.attributes
    assert await watching.poll() == []


async def test_stacks_of_before_another_beat_are_not_about_this_freeze(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service, watching = main(), sidecar()
    frozen(service, watching)
    answer(service, beats=service.beats - 1)
    (entered,) = logs(await watching.poll(), "lifesign.process.frozen")
    assert "exception.stacktrace" not in entered.attributes
    assert await watching.poll() == []


async def test_of_a_crash_that_it_got_over_nothing_is_told(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service, watching = main(), sidecar()
    frozen(service, watching)
    write(service, SEGV, age=4)
    (entered,) = logs(await watching.poll(), "lifesign.process.frozen")
    assert "exception.stacktrace" not in entered.attributes
    write(service, SEGV, age=60)
    service.beat()
    service.die()
    (died,) = logs(await watching.poll(), "lifesign.process.died")
    assert "exception.stacktrace" not in died.attributes


async def test_a_beat_that_comes_in_late_shows_that_something_runs(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service, watching = main(), sidecar()
    await watching.poll()
    frozen(service, watching)
    assert await watching.poll() == []
    assert watching.snapshots[0].state == "healthy"
    assert watching.snapshots[0].why.startswith("starved: no beat for ")
    assert await watching.poll() == []  # too early to tell
    kernel = watching.folders.get(service.key)._evidence._kernel
    (slot,) = kernel._firsts
    first = kernel._firsts[slot]
    kernel._firsts[slot] = first._replace(now=first.now - 2_000_000_000)  # it is late for two seconds
    reported = await watching.poll()
    assert [one.event for one in reported if isinstance(one, Log)] == ["lifesign.process.frozen"]


async def test_a_crash_is_named_without_a_supervisor(main: Callable[..., Any], sidecar: Callable[..., Any]) -> None:
    service, watching = main(), sidecar()
    service.beat()
    write(service, SEGV, age=0)
    service.die()
    (died,) = logs(await watching.poll(), "lifesign.process.died")
    assert died.body == "killed by SIGSEGV; in string_at (/usr/lib/python3.13/ctypes/__init__.py:538)"
    assert died.attributes["exception.type"] == "SIGSEGV"
    assert died.attributes["lifesign.process.exit.signal"] == "SIGSEGV"
    assert watching.snapshots[0].why == "killed by SIGSEGV"
    assert await watching.poll() == []


async def test_killed_while_frozen_its_stacks_are_with_the_record(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service, watching = main(), sidecar()
    frozen(service, watching)
    answer(service)
    service.die()
    (died,) = logs(await watching.poll(), "lifesign.process.died")
    assert died.body == f"gone without a tombstone: killed, or ended by os._exit; until then {HELD}"
    assert died.attributes["lifesign.cause"] == "gil-held"
    assert "in handle" in str(died.attributes["exception.stacktrace"])
    assert "exception.type" not in died.attributes


async def test_the_files_go_with_the_folder(main: Callable[..., Any], sidecar: Callable[..., Any]) -> None:
    service, watching = main(), sidecar()
    write(service, SEGV, age=0)
    answer(service)
    watching.directory.remove(service.key)
    assert not service.folder.exists()
