"""Who lives on that was started under a CMD that has ended: the sidecar stays with them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lifesign.cli.supervise import supervisor as supervisor_module
from lifesign.cli.supervise import survivors
from lifesign.cli.supervise.supervisor import Beside, Supervisor
from support.mainprocess import Main
from support.waiting import eventually

# Says when its standard input ends; is not asked to end by a signal.
STAYS = """\
import signal, sys
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
sys.stdin.read()
print("alone", file=sys.stderr)
"""


@pytest.fixture
def child() -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    """Starts a process that carries a run id, and waits for it to be what it is to be."""
    started = []

    def start(run_id: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(["sleep", "60"], env={survivors.VARIABLE: run_id})
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_a_run_id_in_the_environment_says_who_was_started_under_it(child: Callable) -> None:
    one, other = survivors.new_id(), survivors.new_id()
    mine, _ = child(one), child(other)

    eventually(lambda: survivors.started_under(one) == [mine.pid])
    mine.kill()
    mine.wait()
    assert survivors.started_under(one) == []


def test_a_lock_in_the_run_directory_says_it_too(main: Callable[..., Main], run: Path) -> None:
    one = main()
    main("4343-00000002").die()

    assert survivors.living_in(str(run)) == [4242]
    one.die()
    assert survivors.living_in(str(run)) == []
    assert survivors.living_in("/no/such") == []


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
    seen = iter([[4711], [4711], []])
    stays = "import signal, sys; signal.sigwait({signal.SIGTERM}); print('asked to end', file=sys.stderr)"
    beside = Beside([sys.executable, "-S", "-c", stays], dict(os.environ), str(tmp_path), 5.0, lambda: next(seen))
    supervisor = Supervisor(["/bin/sh", "-c", "exit 6"], {}, beside)

    assert supervisor.run() == 6
    assert supervisor.left_behind == []
    assert capfd.readouterr().err == "asked to end\n"
