"""`lifesign attach` and `detach`: into a process that runs and knows nothing of it, and out again without a trace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support import victims
from support.built import PYTHONS
from support.commands import processes
from support.paths import ROOT, VICTIMS
from support.waiting import eventually

UNAWARE = VICTIMS / "unaware.py"
NEWEST = max(PYTHONS, key=lambda version: tuple(map(int, version.split("."))))
TAKES_CODE = tuple(map(int, NEWEST.split("."))) >= (3, 14)
OLDER = [version for version in PYTHONS if tuple(map(int, version.split("."))) < (3, 14)][-1:]

AGAIN = """
import os, sys, time
import lifesign
from lifesign.agent.attaching.attached import Order, attach
folder = attach(Order(sys.argv[1], (), {"LIFESIGN_HEARTBEAT_INTERVAL": "0.01"}, 0.01, ours=False))["attached"]
while os.path.exists(folder):
    time.sleep(0.01)
assert lifesign.start(sys.argv[1])
"""

# As containerd's seccomp profile does it: these calls are refused, with EPERM.
REFUSED = """
import os, sys
from types import SimpleNamespace
from lifesign.cli.attaching import injector
injector.errno = SimpleNamespace(ENOSYS=1)
injector._use_memory_file()
os.execv(sys.executable, [sys.executable, "-m", "lifesign", "attach", *sys.argv[1:]])
"""

pytestmark = pytest.mark.skipif(not TAKES_CODE, reason="no Python 3.14 or newer is at hand")


class Service:
    """A running victim."""

    def __init__(self, python: str, *options: str, environ: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [python, *options, str(UNAWARE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environ or {})},
        )
        self.pid = self.process.pid
        assert self.line() == "up"

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def tell(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()

    def ask(self, word: str) -> Any:
        self.tell(word)
        return json.loads(self.line())


@pytest.fixture
def service() -> Iterator[Service]:
    running = Service(PYTHONS[NEWEST])
    yield running
    _end(running)


def _end(running: Service) -> None:
    running.process.kill()
    running.process.communicate()


def test_it_comes_and_goes_without_a_trace(service: Service, run: Path, cli: Callable) -> None:
    before = service.ask("state")
    assert service.ask("fork") == 0

    code, _, err = cli("attach", str(service.pid), "--dir", str(run), "--timeout", "60")
    assert (code, err) == (
        0,
        (
            f"lifesign: attached to process {service.pid}: lifesign why --dir {run}; "
            f"to take it out again: lifesign detach {service.pid}\n"
        ),
    )
    assert [path.name for path in run.iterdir()] == [eventually(lambda: _only(run), seconds=30)]  # no script is left
    eventually(lambda: _healthy(cli, run, loops=2), seconds=60)
    code, out, _ = cli("dump", "--json", "--dir", str(run), "--timeout", "60")
    assert (code, sum(group["count"] for group in processes(out)[0]["groups"])) == (0, 3)
    assert _changes(before, service.ask("state")) != {}

    code, _, err = cli("attach", str(service.pid), "--dir", str(run), "--timeout", "60")
    assert (code, err) == (0, f"lifesign: process {service.pid} is watched already: lifesign why --dir {run}\n")

    code, _, err = cli("detach", str(service.pid), "--timeout", "60")
    assert (code, err) == (0, f"lifesign: detached from process {service.pid}\n")
    assert list(run.iterdir()) == []
    assert _changes(before, service.ask("state")) == {}
    assert service.ask("fork") == 0

    # And once more: what is gone can come again.
    code, _, err = cli("attach", str(service.pid), "--dir", str(run), "--timeout", "60", "--for", "0.2s")
    assert (code, err.splitlines()[-1]) == (0, f"lifesign: detached from process {service.pid}")
    assert list(run.iterdir()) == []
    assert _changes(before, service.ask("state")) == {}


def _only(run: Path) -> str:
    names = [path.name for path in run.iterdir()]
    return names[0] if len(names) == 1 else ""


def _healthy(cli: Callable, run: Path, loops: int) -> bool:
    code, out, _ = cli("status", "--json", "--dir", str(run))
    (one,) = processes(out)
    return code == 0 and one["state"] == "healthy" and one["loops"] == loops


def _changes(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    return {name: (before[name], after[name]) for name in before if before[name] != after[name]}


def test_a_loop_that_is_blocked_in_python_is_diagnosed_with_its_line(
    service: Service, run: Path, cli: Callable
) -> None:
    service.tell("spin")
    code, _, err = cli("attach", str(service.pid), "--dir", str(run), "--timeout", "60", "--heartbeat-timeout", "0.5")
    assert code == 0, err

    said = eventually(lambda: _why(cli, run, "blocked"), seconds=60)
    spins = _line_of("        while time.monotonic() < until:")
    assert f"is busy in obey (unaware.py:{spins}" in said or f"is busy in obey (unaware.py:{spins + 1}" in said

    # It cannot have its last beat before it turns; all else is gone.
    assert cli("detach", str(service.pid), "--timeout", "60").code == 0
    assert list(run.iterdir()) == []


def test_a_main_thread_that_is_in_a_call_in_c_is_named_and_left_alone(
    service: Service, run: Path, cli: Callable
) -> None:
    before = service.ask("state")
    service.tell("nap")
    eventually(lambda: _is_asleep(service.pid), seconds=30)
    code, out, err = cli("attach", str(service.pid), "--dir", str(run), "--timeout", "0.5")
    assert out.startswith(f"Thread {service.pid} (main)\n    obey (")
    assert "run_until_complete" in out.partition("Thread ")[2].partition("Thread ")[2]  # of the second thread, too
    assert (code, err) == (
        2,
        (
            f"lifesign: the main thread of process {service.pid} ran no Python for 0.5 s: it is in a call in C "
            f"from obey ({UNAWARE}:{_line_of('        time.sleep(3)')}); the agent was not started, and will not be; "
            "above are its stacks, as they are seen from outside\n"
            "  try: --timeout 60: it starts when that call returns\n"
        ),
    )
    assert list(run.iterdir()) == []
    assert _changes(before, service.ask("state")) == {}  # it has woken up, and nothing came


def test_several_at_once_take_turns(service: Service, run: Path, cli: Callable) -> None:
    command = [sys.executable, "-m", "lifesign", "attach", str(service.pid), "--dir", str(run), "--timeout", "60"]
    attaching = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    said = sorted(one.communicate(timeout=120)[1].split(": ")[1] for one in attaching)
    assert [one.returncode for one in attaching] == [0, 0, 0]
    watched = f"process {service.pid} is watched already"
    assert said == [f"attached to process {service.pid}", watched, watched]
    assert cli("detach", str(service.pid), "--timeout", "60").code == 0
    assert list(run.iterdir()) == []


def test_a_process_that_ends_meanwhile_has_ended(service: Service, run: Path) -> None:
    service.tell("nap")
    eventually(lambda: _is_asleep(service.pid), seconds=30)
    command = [sys.executable, "-m", "lifesign", "attach", str(service.pid), "--dir", str(run), "--timeout", "60"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as attaching:
        eventually(lambda: list(run.iterdir()), seconds=30)
        service.process.kill()
        assert attaching.stderr is not None
        assert f"process {service.pid} has ended meanwhile" in attaching.stderr.read()
        assert attaching.wait(30) == 1
    assert list(run.iterdir()) == []


def test_a_seccomp_profile_that_refuses_to_read_memory_does_not_keep_it_out(service: Service, run: Path) -> None:
    command = [sys.executable, "-c", REFUSED, str(service.pid), "--dir", str(run), "--for", "0.2s", "--timeout", "60"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert f"attached to process {service.pid}" in done.stderr


def test_who_may_not_be_attached_to_is_an_error_that_says_why(cli: Callable, run: Path) -> None:
    refusing = Service(PYTHONS[NEWEST], environ={"PYTHON_DISABLE_REMOTE_DEBUG": "1"})
    try:
        code, _, err = cli("attach", str(refusing.pid), "--dir", str(run))
        assert (code, "PYTHON_DISABLE_REMOTE_DEBUG" in err) == (3, True)
        assert cli("detach", str(refusing.pid)).code == 1
    finally:
        _end(refusing)
    with subprocess.Popen(["sleep", "60"]) as other:
        code, _, err = cli("attach", str(other.pid), "--dir", str(run))
        assert (code, "is no CPython" in err) == (1, True)
        other.kill()
    code, _, err = cli("attach", str(other.pid), "--dir", str(run))
    assert (code, f"there is no process {other.pid} in this PID namespace" in err) == (1, True)


@pytest.mark.parametrize("version", OLDER)
def test_an_older_python_takes_no_agent(version: str, cli: Callable, run: Path) -> None:
    older = Service(PYTHONS[version])
    try:
        code, _, err = cli("attach", str(older.pid), "--dir", str(run))
    finally:
        _end(older)
    assert code == 3
    assert f"process {older.pid} runs Python {version}, which takes no code from outside" in err
    assert "lifesign run -- CMD" in err


def test_an_agent_that_started_with_the_process_stays(run: Path, cli: Callable) -> None:
    with victims.start([sys.executable, str(UNAWARE)], run) as watched:
        try:
            eventually(lambda: victims.folders(run), seconds=60)
            code, _, err = cli("detach", str(watched.pid))
            assert (code, "was not attached" in err) == (3, True)
        finally:
            watched.kill()


def _why(cli: Callable, run: Path, state: str) -> str:
    code, out, _ = cli("why", "--dir", str(run))
    return out if code == 0 and state in out else ""


def _line_of(text: str) -> int:
    return UNAWARE.read_text().splitlines().index(text) + 1


def _is_asleep(pid: int) -> bool:
    return "nanosleep" in Path(f"/proc/{pid}/wchan").read_text()


def test_an_agent_whose_command_was_killed_leaves_when_its_time_is_over(service: Service, run: Path) -> None:
    before = service.ask("state")
    command = [sys.executable, "-m", "lifesign", "attach", str(service.pid), "--dir", str(run), "--for", "3s"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as attaching:
        assert attaching.stderr is not None
        assert "attached to process" in attaching.stderr.readline()
        attaching.kill()
    assert _changes(before, service.ask("state")) != {}
    eventually(lambda: not list(run.iterdir()), seconds=60)
    eventually(lambda: _changes(before, service.ask("state")) == {}, seconds=60)


def test_a_program_that_uses_the_package_starts_it_again_and_its_end_is_known(tmp_path: Path) -> None:
    subprocess.run([PYTHONS[NEWEST], "-c", AGAIN, str(tmp_path)], cwd=ROOT / "sidecar", check=True, timeout=60)
    done = subprocess.run(
        [sys.executable, "-m", "lifesign", "status", "--json", "--dir", str(tmp_path)],
        capture_output=True,
        check=False,
        timeout=60,
    )
    (process,) = processes(done.stdout)
    assert (process["state"], process["why"]) == ("stopped", "ended by itself")
