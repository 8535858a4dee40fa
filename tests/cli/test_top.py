"""`lifesign top` where there is no terminal, and in one."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import signal
import termios
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from lifesign.cli import top
from lifesign.cli.processes.keys import Keys
from lifesign.cli.processes.polling import Polling
from lifesign.cli.processes.screen import Screen
from lifesign.settings import Settings
from lifesign.watch.telemetry import UsageReading
from lifesign.wire import layout
from support.commands import processes
from support.made.answers import answering
from support.made.boards import snapshot
from support.made.dumps import answer, group
from support.mainprocess import Main
from support.waiting import eventually

MakeMain = Callable[..., Main]


def test_through_a_pipe_it_shows_the_processes_once(cli: Callable[..., Any], main: MakeMain, run: Path) -> None:
    main()
    main("4343-00000002").die()
    code, out, err = cli("top", "--interval", "0.01", "--sort", "pid", "--dir", str(run))
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) < 200, "a pipe has no width to fill"
    assert [line.split()[:3] for line in out.splitlines()[2:]] == [
        ["4242", "desk.py", "healthy"],
        ["4343", "desk.py", "dead"],
    ]
    (seen, _) = processes(cli("top", "--json", "--interval", "0.01", "--sort", "pid", "--dir", str(run)).out)
    assert (seen["pid"], "dump" in seen, {"cpu", "delay"} <= set(seen)) == (4242, False, True)
    assert cli("top", "--interval", "0").code == 3


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_process_that_is_not_there_is_the_same_error_as_of_status(
    cli: Callable[..., Any], main: MakeMain, run: Path, more: tuple[str, ...]
) -> None:
    main()
    said = [cli(verb, "nosuch", *more, "--dir", str(run)) for verb in ("status", "top")]
    assert said[1] == said[0]
    assert (said[0].code, "no process nosuch is watched" in said[0].err) == (1, True)


def test_the_share_of_a_processor_is_that_of_the_time_between_two_polls(main: MakeMain, run: Path) -> None:
    main()
    made = polling(run)
    one = snapshot(usage=UsageReading(user=1.0, system=0.5))
    assert made._share(one, 100.0) is None
    one = msgspec.structs.replace(one, usage=UsageReading(user=2.0, system=0.5))
    assert made._share(one, 100.5) is None
    assert made._share(one, 102.0) == 0.5
    assert made._share(snapshot(usage=None), 103.0) is None
    made.close()


def polling(run: Path) -> Polling:
    return Polling(None, Settings({"dir": str(run)}, {}), {})


def test_what_is_said_of_one_process(main: MakeMain, run: Path) -> None:
    service = main()
    dump = answer(group(0, 3, "render"))
    made = polling(run)
    (row,) = made.rows()

    def records(number: int) -> list[Any]:
        return [*dump.groups, {**dump.dump, "request": number}]

    with answering(service, layout.REQUEST_DUMP, records):
        for wanted, says in (("why", "no event is promised"), ("dump", "3 x render"), ("info", "healthy")):
            title, lines = top._about(wanted, row, made)
            screen = Screen()
            screen.show(title, lines)
            assert title == f"{wanted} desk.py 4242"
            assert says in shown(screen)
    service.die()
    assert "it did not answer" in str(top._about("dump", row, made)[1][0])
    made.close()


def shown(screen: Screen) -> str:
    out = io.StringIO()
    Console(file=out, width=100, height=30).print(screen, height=30)
    return out.getvalue()


def test_a_run_directory_that_is_gone_is_noted(main: MakeMain, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    main()
    made, screen = polling(run), Screen()
    top._poll(screen, made)
    assert (len(screen.shown()), screen.note) == (1, "")
    monkeypatch.setattr("lifesign.cli.supervise.rundirectory.found", lambda _: [[str(run / "none")]])
    top._poll(screen, made)
    assert "does not exist" in screen.note


def test_the_newest_question_is_answered_and_an_error_is_an_answer() -> None:
    asking = top.Background()

    def fail() -> tuple[str, list[Any]]:
        raise ValueError("no")

    asking.begin(fail)
    eventually(lambda: asking.text == ("ValueError: no", []))


def test_in_a_terminal_it_is_drawn_and_left_with_q(main: MakeMain, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    main()
    ours, its = pty.openpty()
    made, out = polling(run), io.StringIO()
    with open(its, "w") as terminal, contextlib.closing(made):
        monkeypatch.setattr(top.sys, "stdin", terminal)
        monkeypatch.setattr(top.signal, "signal", lambda *_: None)
        before = termios.tcgetattr(its)
        os.write(ours, b"i")
        threading.Timer(0.05, os.write, (ours, b"q")).start()
        top._live(Screen(), made, 0.01, Console(file=out, force_terminal=True, width=80, height=24))
        assert termios.tcgetattr(its) == before
        os.close(ours)
        assert Keys(its).pressed(1.0) == ["ctrl-c"]  # the terminal is gone
    assert "lifesign top" in out.getvalue()
    assert out.getvalue().endswith("\x1b[?25h\x1b[?1049l")  # the cursor and what was on the screen before are back


def test_suspended_it_gives_the_terminal_back_and_takes_it_again(
    main: MakeMain, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    main()
    ours, its = pty.openpty()
    made, out, suspended = polling(run), io.StringIO(), []
    handlers: dict[int, Any] = {}
    with open(its, "w") as terminal, contextlib.closing(made):
        before = termios.tcgetattr(its)

        def suspend(number: int) -> None:
            assert handlers[number] is signal.SIG_DFL
            suspended.append((termios.tcgetattr(its) == before, out.getvalue().endswith("\x1b[?1049l")))
            os.write(ours, b"q")

        def update(*_: Any, **__: Any) -> None:
            if not suspended:
                handlers[signal.SIGTSTP](signal.SIGTSTP, None)

        monkeypatch.setattr(top.sys, "stdin", terminal)
        monkeypatch.setattr(top.signal, "signal", handlers.__setitem__)
        monkeypatch.setattr(top.signal, "raise_signal", suspend)
        monkeypatch.setattr("rich.live.Live.update", update)
        top._live(Screen(), made, 0.01, Console(file=out, force_terminal=True, width=80, height=24))
        assert termios.tcgetattr(its) == before
    os.close(ours)
    assert suspended == [(True, True)]
    assert out.getvalue().count("\x1b[?1049h") == 2
