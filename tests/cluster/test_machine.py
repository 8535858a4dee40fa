"""What a node leaves behind on the machine when whoever started it is killed. It runs outside of a node."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.node import leftovers
from cluster.node.place import VARIABLE, Place
from support.built import built
from support.paths import TESTS
from support.waiting import eventually

_PATIENCE = 240.0
_NAME = "killed"


@pytest.fixture
def place() -> Place:
    if VARIABLE in os.environ or "LIFESIGN_TEST_KUBERNETES" not in os.environ:
        pytest.skip("a node in a node does not run: make cluster runs this before it starts its own")
    return Place(Path(built("kubernetes")).parent / "nodes" / _NAME)


@pytest.fixture
def started(place: Place) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "cluster", "--keep", "--name", _NAME]
    process = subprocess.Popen(command, cwd=TESTS, start_new_session=True)
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGKILL,
        pytest.param(signal.SIGTERM, marks=pytest.mark.long),
        pytest.param(signal.SIGINT, marks=pytest.mark.long),
    ],
)
def test_nothing_is_left_behind(number: signal.Signals, place: Place, started: subprocess.Popen[bytes]) -> None:
    before, began = leftovers.seen(place.name), time.time()
    eventually(lambda: place.is_ready(since=began), _PATIENCE, 0.2)
    assert leftovers.changes(before, leftovers.seen(place.name)) != []
    started.send_signal(number)
    started.wait(_PATIENCE)
    eventually(lambda: not leftovers.processes(place.folder), _PATIENCE, 0.2)
    assert leftovers.changes(before, leftovers.seen(place.name)) == []
    assert [path.name for path in place.folder.iterdir()] == ["log"]
