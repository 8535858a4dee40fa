"""How `lifesign run` prepares its two children."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lifesign.cli import demo
from lifesign.cli.options import arguments
from lifesign.cli.supervise import extra, launch
from lifesign.cli.supervise.environment import environments
from support.rows import rows
from support.victims import INJECT

NOTHING = arguments.Given({}, {})


@rows(
    ("existing", "expected"),
    [(None, f"{INJECT}"), ("", f"{INJECT}"), ("/app:/lib", f"{INJECT}:/app:/lib"), (":/app", f"{INJECT}::/app")],
)
def test_the_agent_comes_first_on_pythonpath_and_the_rest_stays(existing: str | None, expected: str) -> None:
    environ = {} if existing is None else {"PYTHONPATH": existing}

    assert environments(NOTHING, environ, "/run", "a1").command["PYTHONPATH"] == expected


def test_cmd_gets_the_settings_of_the_agent_and_nothing_else() -> None:
    given = arguments.Given({"boot_timeout": "2", "spool_dir": "/spool"}, {"events": "order=3s"})

    assert environments(given, {"HOME": "/root"}, "/run", "a1").command == {
        "HOME": "/root",
        "LIFESIGN_DIR": "/run",
        "LIFESIGN_RUN_ID": "a1",
        "LIFESIGN_BOOT_TIMEOUT": "2",
        "LIFESIGN_EVENTS": "order=3s",
        "PYTHONPATH": str(INJECT),
    }


def test_the_sidecar_gets_every_setting_and_no_agent() -> None:
    given = arguments.Given({"boot_timeout": "2", "spool_dir": "/spool"}, {})
    environ = {"PYTHONPATH": f"{INJECT}:/app:", "LIFESIGN_DIR": "/other", "LIFESIGN_RUN_ID": "of one around us"}

    assert environments(given, environ, "/run", "a1").sidecar == {
        "LIFESIGN_DIR": "/run",
        "LIFESIGN_BOOT_TIMEOUT": "2",
        "LIFESIGN_SPOOL_DIR": "/spool",
        "PYTHONPATH": "/app",
    }


@pytest.fixture
def no_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extra, "_MODULES", ("no_such_module",))


@pytest.mark.usefixtures("no_extra")
def test_without_the_extra_cmd_runs_as_if_we_were_not_there(cli: Callable) -> None:
    code, out, err = cli("run", "--", "sh", "-c", "echo dir=$LIFESIGN_DIR; exit 9")

    assert (code, out) == (9, "dir=\n")
    assert err.startswith("lifesign: CMD runs without a sidecar: not installed: no_such_module\n")


@pytest.mark.usefixtures("no_extra")
def test_a_run_directory_that_was_asked_for_gets_an_agent_all_the_same(cli: Callable, tmp_path: Path) -> None:
    code, out, _ = cli("run", "--dir", str(tmp_path), "--", "sh", "-c", "echo $LIFESIGN_DIR; echo $PYTHONPATH")

    assert code == 0
    assert out.splitlines()[0] == str(tmp_path)
    assert out.splitlines()[1].partition(":")[0] == str(INJECT)


@pytest.mark.usefixtures("no_extra")
def test_a_usage_error_of_cmd_has_the_status_of_a_shell(cli: Callable) -> None:
    assert cli("run", "--", "no-such-program").code == 127
    assert cli("run", "--", "").code == 127


LINGER = "LIFESIGN_LINGER"


@pytest.mark.parametrize(("given", "expected"), [(None, "lifesign-demo"), ("", "lifesign-demo"), ("mine", "mine")])
def test_the_demo_is_run_as_any_service(
    cli: Callable, monkeypatch: pytest.MonkeyPatch, given: str | None, expected: str
) -> None:
    seen: list[object] = []

    def supervise(command: list[str], args: object, environ: dict[str, str]) -> int:
        seen.extend([command, args.boot_timeout, environ["OTEL_SERVICE_NAME"]])  # type: ignore[attr-defined]
        return 7

    monkeypatch.setattr(demo, "supervise", supervise)
    monkeypatch.setattr(demo, "_free_port", lambda: 7317)
    if given is not None:
        monkeypatch.setenv("OTEL_SERVICE_NAME", given)

    assert cli("demo", "--boot-timeout", "3").code == 7
    assert seen == [[sys.executable, "-m", "lifesign.demo", "--page", "http://127.0.0.1:7317/"], "3", expected]
    assert os.environ.get("OTEL_SERVICE_NAME") == given


@pytest.mark.parametrize(
    ("left_behind", "unread", "environ", "says"),
    [
        ((7, 8), False, {}, "processes that it started still run (7, 8)"),
        ((), True, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, "not all that CMD wrote was exported"),
        ((), True, {}, ""),
        ((), False, {}, ""),
    ],
)
def test_a_run_directory_that_is_still_needed_stays(
    left_behind: tuple[int, ...], unread: bool, environ: dict[str, str], says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    removed: list[str] = []
    ended: Any = SimpleNamespace(beside=SimpleNamespace(directory="/r d"), left_behind=left_behind, unread=unread)
    with contextlib.ExitStack() as stack:
        stack.callback(removed.append, "/r d")
        launch.say_what_stays(ended, environ, stack)
    said = capfd.readouterr().err
    assert says in said
    assert (removed == []) == bool(says) == ("--dir '/r d'" in said)


def test_where_the_demo_shows_its_page(cli: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    monkeypatch.setattr(demo, "supervise", lambda command, _args, _environ: seen.append(command[3:]) or 0)
    monkeypatch.setattr(demo, "has_screen", lambda _environ: True)
    for argv in (["--page-addr", "127.0.0.1:80"], ["--no-browser", "--page-addr", "h:1"], ["--page-addr", "h:0"]):
        assert cli("demo", *argv).code == 0
    assert seen == [["--page", "http://127.0.0.1:80/", "--browser"], ["--page", "http://h:1/"], []]


@pytest.mark.parametrize(("at_terminal", "asked", "linger"), [(True, None, "1"), (True, "0", "0"), (False, None, None)])
def test_the_page_of_the_demo_outlives_a_crash_where_somebody_sits(
    cli: Callable, monkeypatch: pytest.MonkeyPatch, at_terminal: bool, asked: str | None, linger: str | None
) -> None:
    seen: list[str | None] = []
    monkeypatch.setattr(demo, "supervise", lambda _command, _args, environ: seen.append(environ.get(LINGER)) or 0)
    monkeypatch.setattr(demo.sys, "stdin", SimpleNamespace(isatty=lambda: at_terminal))
    if asked is not None:
        monkeypatch.setenv(LINGER, asked)
    assert cli("demo", "--no-browser").code == 0
    assert seen == [linger]


def test_a_port_that_is_taken_is_not_the_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        monkeypatch.setattr(demo, "_PORT", taken)
        assert demo._free_port() not in (0, taken)
    assert demo._free_port() == taken


@rows(
    ("environ", "at_terminal", "seen"),
    [
        ({"DISPLAY": ":0"}, True, True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, True, True),
        ({"DISPLAY": ":0"}, False, False),
        ({"DISPLAY": ":0", "CI": "true"}, True, False),
        ({"DISPLAY": ":10", "SSH_CONNECTION": "1"}, True, False),
        ({}, True, False),
    ],
)
def test_a_browser_is_opened_only_where_somebody_sees_it(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], at_terminal: bool, seen: bool
) -> None:
    monkeypatch.setattr(demo.sys, "stdin", SimpleNamespace(isatty=lambda: at_terminal))
    monkeypatch.setattr(demo.sys, "platform", "linux")
    assert demo.has_screen(environ) == seen
