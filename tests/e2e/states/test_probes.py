"""A real service probed in both ways: the sidecar's endpoints, and the probe of an injected copy."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Callable, Iterator, NamedTuple

import pytest

from lifesign.cli.inject import inject
from support.paths import VICTIMS
from support.waiting import eventually

GATED = VICTIMS / "gated.py"
QUESTIONS = ("live", "ready", "startup")
PATIENCE = 60.0


class Answer(NamedTuple):
    """What one way answered to all three questions, and why, all in one text."""

    ok: tuple[bool, ...]
    why: str


class Pod:
    """A service, a sidecar, and what the main container has: the injected copy and its variables."""

    def __init__(self, folder: Path, opened: contextlib.ExitStack) -> None:
        run, agent = folder / "run", folder / "agent"
        run.mkdir()
        self.environ = {
            **os.environ,
            "LIFESIGN_DIR": str(run),
            "PYTHONPATH": inject(str(agent)),
            "LIFESIGN_HEARTBEAT_TIMEOUT": "2",
        }
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
        watch = [sys.executable, "-m", "lifesign", "watch", "--health-addr", f"127.0.0.1:{self.port}"]
        self._start(watch, {**self.environ, "PYTHONPATH": ""}, opened)
        more = {"LIFESIGN_HEARTBEAT_INTERVAL": "0.02", "LIFESIGN_EVENTS": "order=3600s", "LIFESIGN_BOOT_TIMEOUT": "600"}
        self.service = self._start([sys.executable, str(GATED)], {**self.environ, **more}, opened)

    def _start(
        self, command: list[str], environ: dict[str, str], opened: contextlib.ExitStack
    ) -> subprocess.Popen[bytes]:
        process = opened.enter_context(subprocess.Popen(command, env=environ, stdin=subprocess.PIPE))
        opened.callback(process.kill)
        return process

    def tell(self, line: str) -> None:
        assert self.service.stdin is not None
        self.service.stdin.write(line.encode() + b"\n")
        self.service.stdin.flush()

    def endpoints(self) -> Answer:
        answers = [self._get(f"/app/{name}z?verbose") for name in QUESTIONS]
        return Answer(tuple(status == 200 for status, _ in answers), "".join(text for _, text in answers))

    def probes(self) -> Answer:
        command = [sys.executable, "-m", "lifesign.probe", "--verbose"]
        answers = [
            subprocess.run([*command, f"--{name}"], env=self.environ, capture_output=True, text=True, timeout=PATIENCE)
            for name in QUESTIONS
        ]
        assert {one.returncode for one in answers} <= {0, 1}, answers
        return Answer(tuple(one.returncode == 0 for one in answers), "".join(one.stdout for one in answers))

    def _get(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def answers(self, *ok: bool, why: str) -> None:
        """Waits until both ways answer live, ready and startup so, and for this reason."""
        for ask in (self.endpoints, self.probes):
            seen: list[object] = []
            try:
                eventually(lambda ask=ask, seen=seen: _is(ask, ok, why, seen), seconds=PATIENCE, every=0.05)
            except AssertionError:
                raise AssertionError(f"{ask.__name__}: waited for {ok} {why!r}, had {seen[-1]}") from None


def _is(ask: Callable[[], Answer], ok: tuple[bool, ...], why: str, seen: list[object]) -> bool:
    try:
        answer = ask()
    except ConnectionError as error:  # the sidecar is not up yet
        seen.append(error)
        return False
    seen.append(answer)
    return answer.ok == ok and why in answer.why


@pytest.fixture
def pod(tmp_path: Path) -> Iterator[Pod]:
    with contextlib.ExitStack() as opened:
        yield Pod(tmp_path, opened)


def test_both_ways_tell_the_same_of_a_service_through_its_life(pod: Pod) -> None:
    pod.answers(True, False, False, why="starting: the boot has not ended yet; boot starting")
    pod.tell("book")
    pod.answers(True, True, True, why="healthy: the event loop beats, 1 promised event on time")
    pod.tell("break")
    pod.answers(True, False, True, why="post-condition 'database' fails: refused by 10.0.0.7")
    pod.tell("mend")
    pod.answers(True, True, True, why="healthy: the event loop beats, 1 promised event on time")
    pod.tell("block")
    pod.answers(False, False, True, why="blocked: the event loop has not turned for ")
    pod.service.kill()
    pod.answers(False, False, False, why="failed: dead: ")  # the sidecar saw it die


def test_a_probe_beside_nothing(tmp_path: Path) -> None:
    environ = {"LIFESIGN_DIR": str(tmp_path), "PYTHONPATH": inject(str(tmp_path / "agent"))}
    command = [sys.executable, "-m", "lifesign.probe"]
    ended = subprocess.run([*command, "--ready", "--verbose"], env=environ, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (1, "[-] app failed: no process is watched yet\nfailed\n")
    assert subprocess.run(command, env=environ, stdout=subprocess.DEVNULL).returncode == 0
    assert [entry.name for entry in tmp_path.iterdir()] == ["agent"]  # the agent did not start
