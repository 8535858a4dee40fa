"""`lifesign attach` and `detach`: into a process that runs and knows nothing of it, and out again without a trace."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.built import PYTHONS
from support.paths import VICTIMS
from support.waiting import eventually

UNAWARE = VICTIMS / "unaware.py"
NEWEST = max(PYTHONS, key=lambda version: tuple(map(int, version.split("."))))
TAKES_CODE = tuple(map(int, NEWEST.split("."))) >= (3, 14)
OLDER = [version for version in PYTHONS if tuple(map(int, version.split("."))) < (3, 14)][-1:]

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
    assert (code, sum(group["count"] for group in json.loads(out)["groups"])) == (0, 3)
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
    (one,) = json.loads(out)
    return code == 0 and one["state"] == "healthy" and one["loops"] == loops


def _changes(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    return {name: (before[name], after[name]) for name in before if before[name] != after[name]}
