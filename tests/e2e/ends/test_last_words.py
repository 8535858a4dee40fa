"""What is reported of real processes that crash, with what they left behind."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Iterator

import pytest

from support.built import PYTHONS
from support.illnesses.observed import Observed
from support.reported import KNOWN


@pytest.fixture
def observed(tmp_path: Path) -> Iterator[Observed]:
    made = Observed(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("version", PYTHONS)
def test_a_crash_is_told_with_its_signal_and_the_stacks_of_all_threads(version: str, observed: Observed) -> None:
    observed.suffers("ctypes.string_at(0)", python=PYTHONS[version])
    observed.comes_to("dead")
    assert observed.events == ["lifesign.process.died"]
    died = observed.log("lifesign.process.died")
    assert died.body.startswith("killed by SIGSEGV; in string_at (")
    assert died.attributes["exception.type"] == "SIGSEGV"
    assert died.attributes["lifesign.process.exit.signal"] == "SIGSEGV"
    stacks = str(died.attributes["exception.stacktrace"])
    current, *others = stacks.split("\n\n")
    assert current.startswith("Current thread 0x")
    assert [line.rpartition(" ")[2] for line in current.splitlines()[-3:]] == ["main", "suffer", "string_at"]
    assert any("/lifesign/agent/" in other for other in others), "the watchdog's"
    assert observed.process.wait(10) == -signal.SIGSEGV
    assert observed.process.communicate() == (b"", b"")


@pytest.mark.parametrize(
    ("suffer", "name"),
    [
        ("os.abort()", "SIGABRT"),
        ("import faulthandler; faulthandler._sigfpe()", "SIGFPE"),
        ("os.kill(os.getpid(), 7)", "SIGBUS"),
    ],
)
def test_other_fatal_signals(suffer: str, name: str, observed: Observed) -> None:
    observed.suffers(suffer)
    observed.comes_to("dead")
    died = observed.log("lifesign.process.died")
    assert died.body.startswith(f"killed by {name}; in suffer (<string>:")
    assert died.attributes["code.function.name"] == "suffer"


def test_a_kill_leaves_no_last_words(observed: Observed) -> None:
    observed.suffers("os.kill(os.getpid(), 9)")
    observed.comes_to("dead")
    died = observed.log("lifesign.process.died")
    assert died.body == "killed by SIGKILL" if KNOWN else died.body.startswith("gone without a tombstone")
    assert "exception.stacktrace" not in died.attributes


def test_an_app_that_uses_faulthandler_keeps_its_own(observed: Observed) -> None:
    observed.suffers("os.abort()", before="import faulthandler; faulthandler.enable()\n")
    observed.comes_to("dead")
    assert "exception.stacktrace" not in observed.log("lifesign.process.died").attributes
    assert b"Fatal Python error: Aborted" in observed.process.communicate()[1]
