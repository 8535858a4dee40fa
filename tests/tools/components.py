"""What the end-to-end tests run against: fetched and built beside the unit tests, and named in the environment.

usage: components.py [COMMAND...] -- COMMAND...

The first command runs at once, beside the builds; if it fails, they are ended, and nothing else runs. The second runs
when all is there, which it finds in variables: LIFESIGN_TEST_<NAME> is what the script of that name printed. What this
machine cannot have (the script's exit code is 3) is named at the start and at the end, and its variable is empty.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Iterator, Mapping, Sequence

HERE = Path(__file__).parent
# With the seconds that each takes on two processors that nobody else uses. Those of a row are made one after the other,
# all rows at once: the first mostly fetches, the second compiles, and the third is made anew with each change of the
# checkout. What asks the machine for something comes first, so that it is soon known what this one has not got.
FETCHED = {"stores": 30, "brokers": 60, "chromium": 40, "grafana": 10, "pythons": 60, "apps": 90}
COMPILED = {"otelcol": 120, "jaeger": 60, "prometheus": 80, "alertmanager": 45, "helm": 90, "compose": 10}
PACKED = {"images": 120}
ROWS = (FETCHED, COMPILED, PACKED)
CANNOT = 3
QUIET = 30.0  # seconds between two lines about the same
KEPT = 3.0  # what took fewer seconds was there already


class Component:
    """One script, and what became of it."""

    def __init__(self, name: str, usual: float) -> None:
        self.name = name
        self.began = 0.0
        self.took = 0.0
        self.code: int | None = None
        self._usual = usual
        self._ended = False
        self._printed = self._said = ""
        self._process: subprocess.Popen[str] | None = None

    def make(self, environ: Mapping[str, str]) -> None:
        self.began = time.monotonic()
        # After the tests beside it; in a session of its own, which can be ended with all that it started.
        self._process = subprocess.Popen(
            ["nice", str(HERE / f"{self.name}.sh")],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        if self._ended:  # by another thread, which has seen no process yet
            self.end()
        self._printed, self._said = self._process.communicate()
        self.took = time.monotonic() - self.began
        self.code = self._process.returncode

    def end(self) -> None:
        self._ended = True
        if self._process is not None and self.code is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)

    @property
    def failed(self) -> bool:
        return self.code not in (None, 0, CANNOT)

    @property
    def variable(self) -> tuple[str, str]:
        lines = self._printed.splitlines() if self.code == 0 else []
        if self.name == "pythons":  # a line for each: version, path
            lines = [":".join(line.replace(" ", "=", 1) for line in lines)]
        return f"LIFESIGN_TEST_{self.name.upper()}", "".join(lines[-1:])

    @property
    def said(self) -> str:
        return self._said.strip()

    def left(self) -> float:
        """About how many seconds it will still take."""
        if self.code is not None:
            return 0.0
        return max(self._usual - (time.monotonic() - self.began), 5.0) if self.began else self._usual


class Components:
    """All of them, made in rows side by side."""

    def __init__(self, times: Path) -> None:
        self._times = times
        try:
            known = dict(json.loads(times.read_text()))
        except (OSError, ValueError):
            known = {}
        rows = [[Component(name, known.get(name, usual)) for name, usual in row.items()] for row in ROWS]
        self._rows = rows
        self.all = [one for row in rows for one in row]
        self._ending = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, environ: Mapping[str, str]) -> None:
        for row in self._rows:
            self._threads.append(threading.Thread(target=self._make, args=(row, environ)))
            self._threads[-1].start()

    def _make(self, row: Sequence[Component], environ: Mapping[str, str]) -> None:
        for one in row:
            if self._ending.is_set():
                return
            one.make(environ)
            if one.failed and not self._ending.is_set():
                say(f"{one.name} could not be made:\n{one.said}")
                self._ending.set()
            elif one.code == CANNOT:
                say(f"not on this machine: {one.said}")

    def wait(self) -> bool:
        """Says how far they are until all are there, and whether they are."""
        last = time.monotonic() - QUIET + 2.0  # nothing about what is there already
        while not self._ending.is_set() and any(thread.is_alive() for thread in self._threads):
            if time.monotonic() - last > QUIET:
                last = time.monotonic()
                say(self._progress(last))
            time.sleep(0.1)
        took = {one.name: round(one.took) for one in self.all if one.code == 0 and one.took > KEPT}
        with contextlib.suppress(OSError, ValueError):
            known = json.loads(self._times.read_text()) if self._times.exists() else {}
            self._times.write_text(json.dumps({**known, **took}))
        return not any(one.failed for one in self.all)

    def _progress(self, now: float) -> str:
        there = sum(one.code is not None for one in self.all)
        making = [f"{one.name} for {clock(now - one.began)}" for one in self.all if one.began and one.code is None]
        left = max(sum(one.left() for one in row) for row in self._rows)
        return f"{there} of {len(self.all)} are there; making {' and '.join(making)}; about {clock(left)} left"

    def end(self) -> None:
        self._ending.set()
        for one in self.all:
            one.end()
        for thread in self._threads:
            thread.join()


def say(text: str) -> None:
    print(f"components: {text}", file=sys.stderr, flush=True)


def clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def cache() -> Path:
    """As in lib.sh, which makes it and complains."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(os.environ.get("LIFESIGN_CACHE") or os.path.join(base, "lifesign"))


@contextlib.contextmanager
def shared(folder: Path) -> Iterator[str]:
    """Where all that compile keep what they have fetched and compiled. It goes with the last who uses it, unless it is
    still wanted: after an interruption they go on from there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    work = folder / "go-work"
    with open(folder / "go-work.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield str(work)
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(work, ignore_errors=True)


def ended(command: Sequence[str], environ: Mapping[str, str]) -> int:
    """The exit code of a command. Ctrl-C is for the command, which ends in its own time."""
    process = subprocess.Popen(command, env=environ)
    while True:
        with contextlib.suppress(KeyboardInterrupt):
            return process.wait()


def main(argv: Sequence[str]) -> int:
    beside, then = argv[: argv.index("--")], argv[argv.index("--") + 1 :]
    components = Components(cache() / "times.json")
    with shared(cache()) as work:
        components.start({**os.environ, "LIFESIGN_GO_WORK": work})
        try:
            code = ended(beside, os.environ) if beside else 0
            if code or not components.wait():
                sys.exit(code or 1)
        finally:
            components.end()
    missing = [f"\n  {one.said}" for one in components.all if one.code == CANNOT]
    without = f"this machine cannot have these, and tests that need them are skipped:{''.join(missing)}"
    if missing:
        say(without)
    code = ended(then, {**os.environ, **dict(one.variable for one in components.all)})
    if missing:
        say(without)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
