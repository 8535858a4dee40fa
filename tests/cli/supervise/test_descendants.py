"""Who lives on that was started under a CMD that has ended: the sidecar stays with them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from lifesign.cli.supervise import descendants
from lifesign.cli.supervise import supervisor as supervisor_module
from lifesign.cli.supervise.supervisor import Beside, Supervisor
from support.mainprocess import Main
from support.victims import INJECT
from support.waiting import eventually

# Says when its standard input ends; is not asked to end by a signal.
STAYS = """\
import signal, sys
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
sys.stdin.read()
print("alone", file=sys.stderr)
"""


@pytest.fixture
def child() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts a process that carries a run id, and waits for it to be what it is to be."""
    started = []

    def start(run_id: str, program: Sequence[str] = ("sleep", "60"), **user: int) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(program, env={descendants.VARIABLE: run_id}, **user)  # type: ignore[call-overload]
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_a_run_id_in_the_environment_says_who_was_started_under_it(child: Callable) -> None:
    one, other = descendants.new_id(), descendants.new_id()
    mine, _ = child(one), child(other)

    eventually(lambda: descendants.started_under(one) == [mine.pid])
    mine.kill()
    mine.wait()
    assert descendants.started_under(one) == []


def test_a_lock_in_the_run_directory_says_it_too(main: Callable[..., Main], run: Path) -> None:
    one = main()
    main("4343-00000002").die()

    assert descendants.living_in(str(run)) == [4242]
    one.die()
    assert descendants.living_in(str(run)) == []
    assert descendants.living_in("/no/such") == []


def test_the_sidecar_stays_and_is_not_told_to_end(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor_module, "_STRAGGLERS", 0.01)
    said = ""
    beside = Beside([sys.executable, "-S", "-c", STAYS], dict(os.environ), str(tmp_path), 5.0, lambda: [4711])
    supervisor = Supervisor(["/bin/sh", "-c", "exit 6"], {}, beside)

    assert supervisor.run() == 6
    assert supervisor.left_behind == [4711]

    def alone() -> bool:
        nonlocal said
        said += capfd.readouterr().err
        return said == "alone\n"

    eventually(alone)
    os.waitpid(-1, 0)


def test_helpers_that_end_with_cmd_are_nobody_who_lives_on(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    seen = iter([[], [4711], [4711], [4711], []])
    stays = "import signal, sys; signal.sigwait({signal.SIGTERM}); print('asked to end', file=sys.stderr)"
    beside = Beside([sys.executable, "-S", "-c", stays], dict(os.environ), str(tmp_path), 5.0, lambda: next(seen))
    supervisor = Supervisor(["/bin/sh", "-c", "exit 6"], {}, beside)

    assert supervisor.run() == 6
    assert not supervisor.left_behind
    assert capfd.readouterr().err == "asked to end\n"


PYTHON_OF_ALL = next((path for path in ("/usr/bin/python3", "/usr/local/bin/python3") if os.path.exists(path)), "")


@pytest.mark.skipif(os.geteuid() != 0 or not PYTHON_OF_ALL, reason="only root can become another user")
@pytest.mark.parametrize(("mode", "is_out"), [(0o700, True), (0o755, True), (0o1777, False)])
def test_who_has_become_another_user_may_be_locked_out(run: Path, child: Callable, mode: int, is_out: bool) -> None:
    run.chmod(mode)
    run_id = descendants.new_id()
    program = [PYTHON_OF_ALL, "-S", "-c", "import time; time.sleep(60)"]
    nobody = child(run_id, program, user=65534, group=65534)
    child(run_id, user=65534, group=65534)  # another program is not watched anyhow
    eventually(lambda: len(descendants.started_under(run_id)) == 2)

    assert descendants.locked_out(run_id, str(run)) == ([nobody.pid] if is_out else [])


def test_whom_the_agent_does_not_get_into_is_known_and_why(tmp_path: Path) -> None:
    """As under the launcher of an APM, which puts its own folder first."""
    apm = tmp_path / "apm"
    apm.mkdir()
    (apm / "sitecustomize.py").touch()
    run_id = descendants.new_id()
    starts = [(f"{apm}:{INJECT}", ["-u"]), (f"{INJECT}:{apm}", ["-BsE", "-W", "error"]), (str(apm), ["-Xdev"])]
    said = [
        f"the sitecustomize of {apm} stands before that of lifesign: put `lifesign run --` behind what starts it",
        "it was started with -BsE, which leaves out what is on PYTHONPATH: start it without",
        "what starts it has taken lifesign from its PYTHONPATH: let it stay there",
    ]
    with contextlib.ExitStack() as stack:

        def start(path: str, flags: list[str]) -> int:
            environ = {descendants.VARIABLE: run_id, "PYTHONPATH": path}
            line = [sys.executable, *flags, "-c", "input()"]
            python = stack.enter_context(subprocess.Popen(line, stdin=subprocess.PIPE, env=environ))
            stack.callback(python.kill)
            return python.pid

        pids = [start(*one) for one in starts]
        eventually(lambda: descendants.kept_out(run_id) == sorted(zip(pids, said)))
        start(f"{INJECT}:{apm}", [])
        eventually(lambda: descendants.kept_out(run_id) == [])


@pytest.mark.parametrize(
    ("user", "group", "mode", "may"),
    [
        (0, 0, 0o700, True),
        (5, 5, 0o700, True),
        (5, 5, 0o500, False),
        (6, 5, 0o770, True),
        (6, 5, 0o750, False),
        (6, 6, 0o777, True),
        (6, 6, 0o775, False),
    ],
)
def test_who_may_write_to_a_directory_of_user_and_group_5(
    user: int, group: int, mode: int, may: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stat(path: str) -> os.stat_result:
        owner = (5, 5) if path == "/run" else (user, group)
        return os.stat_result((mode, 0, 0, 1, *owner, 0, 0, 0, 0))

    monkeypatch.setattr(os, "stat", stat)
    assert descendants._may_write(7, "/run") == may
