"""The command line itself: usage errors end with 3, say what happened, and what to type instead."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from lifesign.cli import main as command
from lifesign.errors import NotAnsweredError
from support.rows import rows


def test_every_command_has_a_help(cli: Callable) -> None:
    for name in command.COMMANDS:
        code, out, _ = cli(name, "--help")
        assert code == 0
        assert out.startswith(f"usage: lifesign {name}")
        manual = out.partition("\nexamples:\n")[2].partition("\n\n")[0]
        assert manual.count("lifesign") >= 2
        assert cli("help", name).out == out


@pytest.mark.parametrize("columns", ["40", "80"])
def test_a_manual_fits_its_terminal(cli: Callable, monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    for name in command.COMMANDS:
        prose = cli(name, "--help").out.partition("\n\n")[2].partition("\nexamples:")[0]
        assert max(map(len, prose.splitlines())) <= int(columns)


def test_the_overview_names_every_command(cli: Callable) -> None:
    code, out, _ = cli("--help")
    assert code == 0
    for name in command.COMMANDS:
        assert f"\n    {name} " in out


def test_the_version(cli: Callable) -> None:
    assert cli("--version") == (0, "lifesign 0.1.0\n", "")


@rows(
    ("argv", "what", "hint"),
    [
        ([], "no command given", "lifesign --help"),
        (["help", "statsu"], "unknown command statsu", "lifesign status"),
        (
            ["top", "--sort", "mem"],
            "--sort is one of worst, cpu, memory, tasks, delay, up, pid, not 'mem'",
            "--sort memory",
        ),
        (["top", "--sort", "x"], "--sort is one of", "lifesign top --help"),
        (["completion", "fisch"], "SHELL is one of bash, zsh, fish, not 'fisch'", "SHELL fish"),
        (["dump", "--timeout", "x"], "--timeout wants a number, not 'x'", "lifesign dump --help"),
        (["statsu"], "unknown command statsu", "lifesign status"),
        (["--xyzzy"], "unknown argument --xyzzy", "lifesign --help"),
        (["--xyzzy", "run"], "unknown argument --xyzzy", "lifesign --help"),
        (["--"], "", "lifesign --help"),
        (["xyzzy"], "unknown command xyzzy", "lifesign --help"),
        (["run"], "no command to run", "lifesign run -- python app.py"),
        (["run", "--"], "no command to run", "lifesign run -- python app.py"),
        (["run", "python", "app.py", "secret"], "unknown argument python", "lifesign run -- python ...\n"),
        (["run", "--pass=secret", "--", "ls"], "unknown argument --pass\n", "lifesign run --help"),
        (["run", "--heartbeat-timout=3", "--", "ls"], "unknown argument --heartbeat-timout", "--heartbeat-timeout"),
        (["dump", "--qqq"], "unknown argument --qqq", "lifesign dump --help"),
        (["status", "1", "2"], "unknown argument 2", "lifesign status --help"),
        (["attach", "me"], "PID wants a number, not 'me'", "lifesign attach --help"),
        (["dump", "--timeout", "0"], "--timeout wants a number of seconds above 0", "--timeout 5"),
        (["top", "--interval", "inf"], "--interval takes at most 1000000 seconds", "--interval 1"),
        (["status", "--watch", "1e300"], "--watch takes at most 1000000 seconds", "--watch 2"),
        (["status", "--watch", "nan"], "--watch wants a number of seconds above 0", "--watch 2"),
        (["inject"], "required: DIR", "lifesign inject --help"),
    ],
)
def test_a_usage_error_ends_with_3_and_says_what_to_type(cli: Callable, argv: list[str], what: str, hint: str) -> None:
    code, out, err = cli(*argv)

    assert (code, out) == (3, "")
    said, tried = err.splitlines()
    assert said.startswith("lifesign: ")
    assert what in f"{said}\n"
    assert f"{tried}\n".startswith(f"  try: {hint}")
    assert "secret" not in err


def command_that(raises: BaseException) -> ModuleType:
    module = ModuleType("command")

    def main(_args: object) -> int:
        raise raises

    module.register = lambda _parser: None  # type: ignore[attr-defined]
    module.main = main  # type: ignore[attr-defined]
    return module


@pytest.mark.parametrize(
    ("raised", "code", "err"),
    [
        (NotAnsweredError("no answer", "again"), 2, "lifesign: no answer\n  try: again\n"),
        (NotAnsweredError("no\x1b[2Janswer"), 2, "lifesign: no\\x1b[2Janswer\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_how_a_command_ends(
    cli: Callable, monkeypatch: pytest.MonkeyPatch, raised: BaseException, code: int, err: str
) -> None:
    monkeypatch.setitem(sys.modules, "lifesign.cli.status", command_that(raised))

    assert cli("status") == (code, "", err)


def test_a_closed_pipe_is_no_error_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lifesign.cli.status", command_that(BrokenPipeError()))
    with open(tmp_path / "out", "w") as out:
        monkeypatch.setattr(sys, "stdout", out)

        assert command.main(["status"]) == 141
        out.write("what is left in the buffer")
    assert (tmp_path / "out").read_text() == ""


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EBADF])
def test_output_that_cannot_be_written_is_said(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(command, "complain", lambda error: said.append(error.what))
    monkeypatch.setitem(sys.modules, "lifesign.cli.status", command_that(OSError(number, os.strerror(number))))
    with open(tmp_path / "out", "w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        assert command.main(["status"]) == 1
    assert said == [f"standard output cannot be written: {os.strerror(number)}"]


def test_another_error_of_the_system_is_one_of_ours(cli: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "/some/file")
    monkeypatch.setitem(sys.modules, "lifesign.cli.status", command_that(full))
    with pytest.raises(OSError, match="/some/file"):
        cli("status")


def test_a_command_without_standard_output_ends_as_it_does_with_one(
    cli: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("command")
    module.register = lambda _parser: None  # type: ignore[attr-defined]
    module.main = lambda _args: 5  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "lifesign.cli.status", module)
    monkeypatch.setattr(sys, "stdout", None)
    assert command.main(["status"]) == 5


def test_a_sidecar_needs_a_run_directory(cli: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIFESIGN_DIR", raising=False)
    code, _, err = cli("watch")
    assert code == 3
    assert err.startswith("lifesign: no run directory to watch\n  try: --dir DIR or LIFESIGN_DIR")


def test_the_completion_of_each_shell_knows_commands_and_flags(cli: Callable) -> None:
    for shell in ("bash", "zsh", "fish"):
        code, out, err = cli("completion", shell)
        assert (code, err) == (0, "")
        for word in ("status", "stalls", "heartbeat-timeout", "speedscope"):
            assert word in out
    assert cli("completion", "tcsh").code == 3


def test_without_shtab_it_is_said_what_to_install(cli: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    code, out, err = cli("completion", "bash")
    assert (code, out) == (3, "")
    assert err == "lifesign: not installed: shtab\n  try: pip install 'lifesign[completion]'\n"
