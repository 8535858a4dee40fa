"""A wait is said on a terminal once it is long, and the line goes when it is over."""

from __future__ import annotations

import io
import time

import pytest

from lifesign.cli.output.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "seconds", "written"),
    [
        (Terminal(), 2.0, "\r\x1b[2Ka dump of 7 tasks: 2 s\r\x1b[2K"),
        (Terminal(), 0.5, ""),
        (io.StringIO(), 2.0, ""),
    ],
)
def test_what_is_waited_for(stream: io.StringIO, seconds: float, written: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", stream)
    clock = iter((100.0, 100.0 + seconds, 100.0 + seconds))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    with Progress() as progress:
        progress.waits_for("a dump of 7 tasks")
        progress.waits_for("a dump of 7 tasks")  # it says nothing new
    assert stream.getvalue() == written


def test_a_narrow_terminal_has_one_line_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("COLUMNS", "20")
    with Progress() as progress:
        progress.announce("the Collector and the spool are tried")
    assert stream.getvalue() == "\r\x1b[2Kthe Collector and t\r\x1b[2K"
