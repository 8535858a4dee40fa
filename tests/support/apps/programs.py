"""Programs of other people, each lived twice: bare, and under `lifesign run`."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import shlex
import signal
import socket
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from support.backends.ports import free_port
from support.paths import TESTS
from support.supervised import children, cmdline, environment, kill, run_line, started, state, ticks
from support.waiting import eventually

HOME = TESTS / "e2e" / "apps" / "programs"
PATIENCE = 60.0


class Program(NamedTuple):
    """How a program is started and what happens to it.

    Args:
        command: as in a shell; ``{port}`` is a free one, ``{folder}`` an empty folder.
        up: how one sees that it works: ``http`` (it answers), ``tcp`` (it listens), a line that it prints, or nothing
            for a program that ends by itself.
        ends: the signals that end it, each in a life of its own.
        acts: what happens in its first life, in this order: ``reload`` (SIGHUP), ``touch`` (its source changes),
            ``kill`` (SIGKILL to a worker, which comes back).
        worker: what stands in the command line of a worker.
        workers: how many there are.
        watched: how many processes run a loop at least.
        typed: what is typed into it.
        varies: lines that are never the same twice.
        fails: whether its exit code is an error, which is reported.
        blocks: whether it waits in its event loop, which nobody should.
        needs: the broker that is started for it, see `support.backends.brokers`.
    """

    command: str
    up: str = "http"
    ends: tuple[signal.Signals, ...] = (signal.SIGTERM, signal.SIGINT)
    acts: tuple[str, ...] = ()
    worker: str = ""
    workers: int = 0
    watched: int = 1
    typed: str = ""
    varies: str = "$^"
    fails: bool = False
    blocks: bool = False
    needs: str = ""


class Life(NamedTuple):
    """What somebody sees of a program who stands outside."""

    status: int
    printed: Counter[str]
    seconds: dict[str, float]
    killed: list[int]


def live(
    program: Program, end: signal.Signals | None, apps: Path, environ: Mapping[str, str], *, watched: bool, first: bool
) -> Life:
    """One life of a program, bare or under `lifesign run`, until this signal or its own end."""
    with tempfile.TemporaryDirectory() as folder:
        return _Stage(program, apps, Path(folder), environ, watched).play(end, first)


class _Stage:
    def __init__(self, program: Program, apps: Path, folder: Path, environ: Mapping[str, str], watched: bool) -> None:
        self._program = program
        self._watched = watched
        self._port = free_port()
        self._said = folder / "said"
        self._home = folder / "home"
        self._home.mkdir()
        for source in HOME.glob("*.*"):
            (self._home / source.name).write_bytes(source.read_bytes())
        command = shlex.split(program.command.format(port=self._port, folder=folder))
        command[0] = str(apps / command[0])
        self._command = run_line(command) if watched else command
        self._environ = environment(
            **{
                "PATH": f"{apps}{os.pathsep}{os.environ['PATH']}",
                "HOME": str(folder),
                "PYTHONUNBUFFERED": "1",
                "PYTHONWARNINGS": "default::DeprecationWarning",
                "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
                "XDG_STATE_HOME": str(folder),
                "PORT": str(self._port),
                "WEB_PORT": str(self._port),
                **environ,
            }
        )
        del self._environ["LIFESIGN_PAGE_ADDR"]

    def play(self, end: signal.Signals | None, first: bool) -> Life:
        seconds: dict[str, float] = {}
        killed: list[int] = []
        with (
            open(self._said, "wb") as said,
            _typing(self._program.typed) as typed,
            started(
                self._command, self._environ, cwd=self._home, stdin=typed, stdout=said, stderr=subprocess.STDOUT
            ) as process,
        ):
            if end is not None:
                with _timed(seconds, "up"):
                    self._wait(process, self._is_up)
                time.sleep(1.0)  # somebody uses it for a while, and the sidecar sees that
                for act in self._program.acts if first else ():
                    with _timed(seconds, act):
                        getattr(self, f"_{act}")(process, killed)
                    time.sleep(1.0)
                process.send_signal(end)
            with _timed(seconds, "end" if end is not None else "life"):
                status = process.wait(PATIENCE)
        return Life(128 - status if status < 0 else status, self._printed(), seconds, killed)

    def _wait(self, process: subprocess.Popen[bytes], holds: object) -> None:
        assert callable(holds)
        try:
            eventually(lambda: process.poll() is not None or holds(), PATIENCE, 0.02)
            assert process.poll() is None, f"it ended with {process.returncode}"
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self._said.read_text(errors='replace')}") from None

    def _is_up(self) -> bool:
        if self._program.up == "http":
            return _answers(self._port)
        if self._program.up == "tcp":
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port), 5):
                return True
            return False
        return self._program.up in self._said.read_text(errors="replace")

    def _main(self, process: subprocess.Popen[bytes]) -> int:
        """The program itself."""
        if not self._watched:
            return process.pid
        return next(pid for pid in children(process.pid) if "watch" not in cmdline(pid))

    def _workers(self, process: subprocess.Popen[bytes]) -> set[int]:
        below = children(self._main(process))
        return {pid for pid in below if state(pid) not in ("Z", "") and self._program.worker in " ".join(cmdline(pid))}

    def _kill(self, process: subprocess.Popen[bytes], killed: list[int]) -> None:
        """A worker is killed, and another takes its place."""
        self._settle(process)
        before = self._workers(process)
        assert len(before) == self._program.workers, before
        killed.append(min(before))
        kill(killed[-1])
        self._wait(process, lambda: len(self._workers(process) - before) == 1 and self._is_up())

    def _settle(self, process: subprocess.Popen[bytes]) -> None:
        """Until its workers have nothing to do: uvicorn waits 5 s for one that is killed while it boots."""

        def idle() -> bool:
            workers = self._workers(process)
            before = sum(map(ticks, workers))
            time.sleep(0.5)
            return self._workers(process) == workers and sum(map(ticks, workers)) < before + 5

        self._wait(process, idle)

    def _reload(self, process: subprocess.Popen[bytes], killed: list[int]) -> None:
        """All workers are replaced."""
        before = self._workers(process)
        process.send_signal(signal.SIGHUP)
        self._wait(
            process,
            lambda: (
                len(self._workers(process)) == self._program.workers
                and not before & self._workers(process)
                and self._is_up()
            ),
        )

    def _touch(self, process: subprocess.Popen[bytes], killed: list[int]) -> None:
        """Its source changes, and it begins anew."""
        before = self._workers(process)
        (self._home / "asgi.py").write_text((self._home / "asgi.py").read_text() + "\n")
        self._wait(
            process, lambda: self._workers(process) - before and not before & self._workers(process) and self._is_up()
        )

    def _printed(self) -> Counter[str]:
        """The lines, in any order, without what is different each time: numbers, places."""
        text = self._said.read_text(errors="replace").replace(str(self._home.parent), "FOLDER")
        text = re.sub(r"; run directory \S+; spool \S+", "", text)
        text = re.sub(r">>> |In \[\d+\]: ", "\n", text)  # what comes after a prompt may be ours
        lines = (re.sub(r"0x[0-9a-f]+|\d+", "0", line.rstrip()) for line in text.splitlines())
        return Counter(line for line in lines if line and not re.search(self._program.varies, line))


@contextlib.contextmanager
def _timed(seconds: dict[str, float], what: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    seconds[what] = time.monotonic() - began


@contextlib.contextmanager
def _typing(text: str) -> Iterator[int]:
    """Standard input with this text in it, or with nobody who types."""
    reading, writing = os.pipe()
    os.write(writing, text.encode())
    if text:
        os.close(writing)
    try:
        yield reading
    finally:
        os.close(reading)
        if not text:
            os.close(writing)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
