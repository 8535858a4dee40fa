"""Nothing that a watched process says can steer the terminal."""

from __future__ import annotations

import io
import os
import sys

import pytest

from lifesign.cli.output import terminal
from support.rows import rows


@rows(
    ("text", "shown"),
    [
        ("order-1", "order-1"),
        ("Zürich 東京", "Zürich 東京"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\r\nb\tc\x7f", "a\\r\\nb\\tc\\x7f"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_a_terminal_would_act_on_is_escaped(text: str, shown: str) -> None:
    assert terminal.printable(text) == shown


def test_what_is_said_cannot_steer_the_terminal_either(capfd: pytest.CaptureFixture[str]) -> None:
    terminal.say("watched in /tmp/\x1b[2J\u202e\ud800\n  try: ü")

    assert capfd.readouterr().err == "lifesign: watched in /tmp/\\x1b[2J\\u202e\\ud800\n  try: ü\n"


def test_json_is_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.print_json({"name": "\x1b\x7f\x9b\u202eü"})

    assert capsys.readouterr().out == '{\n  "schema": 1,\n  "name": "\\u001b\\u007f\\u009b\\u202e\\u00fc"\n}\n'


def test_a_closed_standard_error_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def write(_descriptor: int, _content: bytes) -> int:
        raise OSError(9, "Bad file descriptor")

    monkeypatch.setattr(os, "write", write)
    terminal.say("nobody hears this")


def test_colour_is_off_where_no_color_is_set(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from rich.text import Text

    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    terminal.console().print(Text("[bold]plain", "red"))

    assert capsys.readouterr().out == "[bold]plain\n"


def test_where_nobody_reads_the_output_it_is_over_but_not_for_what_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Broken())
    monkeypatch.setattr(sys, "stderr", Broken())
    with pytest.raises(BrokenPipeError):
        terminal.console().print("a table")
    terminal.console(stderr=True).print("a remark")


def test_a_line_that_is_folded_goes_on_where_it_began() -> None:
    from rich.console import Console
    from rich.text import Text

    out = io.StringIO()
    to = Console(file=out, width=16)
    for line in ("    waits for the lock", "waits for the lock"):
        to.print(terminal.hanging(Text(line)))
    assert [line.rstrip() for line in out.getvalue().splitlines()] == [
        "    waits for",
        "    the lock",
        "waits for the",
        "lock",
    ]


def test_a_pipe_is_given_no_trailing_blanks(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.table import Table

    table = Table(box=None)
    for row in (("a", "long reason"), ("b", "short")):
        table.add_row(*row)
    to = terminal.console()
    to.print(table)
    to.print()

    assert [line for line in capsys.readouterr().out.split("\n") if line != line.rstrip()] == []
    assert to.encoding == "utf-8"
