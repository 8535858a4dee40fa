"""Commands as whole processes: what only a new Python can show."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lifesign.demo.controls import HELP
from support.built import PYTHONS
from support.supervised import environment
from support.waiting import PATIENCE


def test_a_closed_pipe_is_no_traceback() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        [sys.executable, "-m", "lifesign", "--help"], stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)

    assert (ended.returncode, ended.stderr) == (141, b"")


@pytest.mark.parametrize(
    ("end", "why"), [(">/dev/full", "No space left on device"), (">&-", "Bad file descriptor"), (">&- 2>&-", "")]
)
def test_output_that_cannot_be_written_is_no_traceback(end: str, why: str) -> None:
    for argv in ("--help", "inject /dev/shm/lifesign-none --help", "doctor --json"):
        line = f"exec {sys.executable} -m lifesign {argv} {end}"
        ended = subprocess.run(["sh", "-c", line], stdout=-1, stderr=-1, text=True, check=False)
        said = f"lifesign: standard output cannot be written: {why}\n" if why else ""
        assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", said)


def test_what_is_closed_is_closed_in_cmd_too(tmp_path: Path) -> None:
    code = "import os; seen = [f for f in '012' if os.path.exists('/dev/fd/' + f)]; open('s', 'w').write(str(seen))"
    line = f'exec {sys.executable} -m lifesign run --page-addr 127.0.0.1:0 -- {sys.executable} -I -c "{code}" >&- <&-'
    ended = subprocess.run(["sh", "-c", line], cwd=tmp_path, env=environment(), check=False)
    assert (ended.returncode, (tmp_path / "s").read_text()) == (0, "['2']")


@pytest.mark.parametrize("version", PYTHONS)
def test_doctor_sees_that_the_agent_gets_into_every_python(version: str, cli: Callable) -> None:
    passed = json.loads(cli("doctor", "--json", "--", PYTHONS[version], "app.py").out)["passed"]
    assert any(what.startswith(f"the agent gets into {PYTHONS[version]} (Python {version}") for what in passed), passed


def test_neither_grpc_nor_profiles_are_imported_unless_asked_for() -> None:
    code = (
        "import sys; from lifesign.export.otlp.exporters import open_exporters; open_exporters({});"
        "sys.exit(any('grpc' in name or 'profiles' in name and 'proto' in name for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_copy_brings_the_agent_into_a_bare_python(tmp_path: Path, cli: Callable) -> None:
    directory, run_directory = tmp_path / "injected", tmp_path / "run"
    run_directory.mkdir()

    code, out, _ = cli("inject", str(directory))

    assert (code, out) == (0, f"PYTHONPATH={directory}/lifesign/agent/inject\n")
    script = "import asyncio, lifesign; asyncio.run(asyncio.sleep(0)); print(lifesign.__file__)"
    environ = {"PYTHONPATH": out.strip().partition("=")[2], "LIFESIGN_DIR": str(run_directory)}
    ended = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=True)
    assert ended.stdout == f"{directory}/lifesign/__init__.py\n"
    assert [entry.name.partition("-")[0].isdigit() for entry in run_directory.iterdir()] == [True]


def test_the_demo_without_a_terminal_the_help_waits_to_be_asked_for_and_sigterm_exits_0() -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("LIFESIGN_")}
    service = subprocess.Popen(
        [sys.executable, "-m", "lifesign.demo"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environ,
        text=True,
    )
    assert service.stdin is not None
    assert service.stderr is not None
    with service, service.stdin, service.stderr as said:
        service.stdin.write("?\n")
        service.stdin.flush()
        asked = "".join(said.readline() for _ in HELP.splitlines())
        service.send_signal(signal.SIGTERM)
        assert service.wait(PATIENCE) == 0
        assert asked == f"demo: {HELP}\n"
        assert said.read() == "demo: 0 orders booked\n"
