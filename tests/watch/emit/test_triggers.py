"""When the sidecar asks for a dump by itself: each reason once an episode."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, Callable

import pytest

from lifesign.watch import sources
from lifesign.watch.emit.triggers import LEAK, SHUTDOWN, SILENT, Triggers
from lifesign.watch.sources import Sources
from lifesign.watch.telemetry import Log
from lifesign.wire import layout

S = 1_000_000_000


def test_the_words_are_those_of_the_layout() -> None:
    assert (SILENT, SHUTDOWN, LEAK) == (1, 2, 3)
    assert layout.REQUEST_REASONS[0] == "request"


def test_each_event_that_becomes_overdue_is_a_reason() -> None:
    triggers = Triggers()
    silences = [set(), {"order"}, {"order"}, {"order", "audit"}, {"audit"}, {"audit", "order"}, set()]
    asked = [triggers.due("silent", asked=False, tasks=0, now=0, silent=names) for names in silences]
    assert asked == [[], [1], [], [1], [], [1], []]


def test_an_end_that_was_asked_for_and_does_not_come_is_a_reason_once() -> None:
    triggers = Triggers()
    seen = [triggers.due("healthy", asked=True, tasks=0, now=S + second * S) for second in (0, 4, 5, 6, 60)]
    assert seen == [[], [], [2], [], []]
    assert Triggers().due("stopped", asked=True, tasks=0, now=9 * S) == []


def test_growth_is_a_reason_at_each_doubling() -> None:
    triggers = Triggers()
    counts = [10, 999, 1000, 1500, 1999, 2000, 3000, 100, 4000]
    assert [triggers.due("healthy", asked=False, tasks=count, now=0) for count in counts] == [
        [], [], [3], [], [], [3], [], [], [3],
    ]  # fmt: skip


async def test_a_leak_is_asked_about_in_the_pulse(main: Callable[..., Any], sidecar: Callable[..., Any]) -> None:
    service = main()
    service.beat(tasks=5000)
    watching = sidecar()
    await watching.poll()
    await watching.poll()
    assert service.pulse.requests(LEAK) == 1
    service.beat(tasks=20000)
    (service.folder / "pulse").rename(service.folder / "gone")
    assert await watching.poll() == []  # it cannot be asked any more, and that is no trouble


async def test_a_blocked_loops_record_has_its_stack(main: Callable[..., Any], sidecar: Callable[..., Any]) -> None:
    service = main()
    watching = sidecar()
    watching.has_watched_for_long()
    service.beat(age=5.0)
    service.pulse.watchdog.write(9, 1, time.monotonic_ns(), 3, layout.BOOT_COMPLETE, 0, 0)
    since = next(signs for signs in _loops(service))
    stack = [
        {"function": "main", "file": "/app/a.py", "line": 3},
        {"function": "sleep_on_it", "file": "/app/b.py", "line": 8},
    ]
    service.pulse.ring.append({"kind": "stall", "loop": 0, "since": since, "at": 2, "busy": False, "stack": stack})
    (entered,) = await watching.poll()
    assert isinstance(entered, Log)
    assert entered.body.endswith(
        "; Python still runs; the loop's thread is waiting in sleep_on_it (b.py:8), called from main (a.py:3)"
    )
    assert entered.attributes["lifesign.cause"] == "blocking-call"
    assert entered.attributes["code.stacktrace"] == (
        'File "/app/a.py", line 3, in main\nFile "/app/b.py", line 8, in sleep_on_it'
    )
    assert entered.attributes["lifesign.stall.busy"] is False
    assert entered.attributes["code.line.number"] == 8


def _loops(service: Any) -> list[int]:
    from lifesign.wire.reader import PulseReader

    directory = os.open(service.folder, os.O_RDONLY)
    reader = PulseReader(directory)
    walls = [signs.wall_ns for signs in reader.vitals().loops if signs is not None]
    reader.close()
    os.close(directory)
    return walls


def test_lines_of_source_come_from_python_files_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.py").write_text("first\n    second()\n")
    (tmp_path / "secret").write_text("root:x\n")
    (tmp_path / "long.py").write_text("pass\n" * 20)
    os.mkfifo(tmp_path / "pipe.py")
    lines = Sources()
    assert lines(str(tmp_path / "a.py"), 2) == "second()"
    for file, line in (("a.py", 1), (str(tmp_path / "secret"), 1), (str(tmp_path / "pipe.py"), 1), (str(tmp_path), 1)):
        assert lines(file, line) is None
    for line in (0, -1, 3, 10**9):
        assert lines(str(tmp_path / "a.py"), line) is None
    assert lines(str(tmp_path / "missing.py"), 1) is None
    assert lines("/a\0b.py", 1) is None
    assert lines.excerpt(str(tmp_path / "a.py"), 2) == [(1, "first"), (2, "    second()")]
    assert [number for number, _ in lines.excerpt(str(tmp_path / "long.py"), 5)] == [3, 4, 5, 6, 7]
    for file, line in (("a.py", 1), (str(tmp_path / "secret"), 1), (str(tmp_path / "a.py"), 3)):
        assert lines.excerpt(file, line) == []
    monkeypatch.setattr(sources, "_FILES_MAX", 2)
    for number in range(5):
        lines(str(tmp_path / f"{number}.py"), 1)
    assert len(lines._files) <= 8
