"""A ward of real processes that fall ill, watched by real sidecars into one real Collector."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Callable, Iterator, Mapping, Sequence

from support.backends.collector import Collector
from support.commands import processes
from support.illnesses.charts import Chart, Charts, Entry
from support.paths import VICTIMS
from support.supervised import Supervised, children, kill, run_line
from support.victims import INJECT
from support.waiting import eventually

PATIENCE = 40.0
PATIENT = "patient.py"
TIMEOUT = 1.0
SETTINGS = {
    "LIFESIGN_HEARTBEAT_INTERVAL": "0.05",
    "LIFESIGN_HEARTBEAT_TIMEOUT": str(TIMEOUT),
    "LIFESIGN_POLL_INTERVAL": "0.1",
    "LIFESIGN_METRIC_INTERVAL": "0.3",
}


class Patient(Supervised):
    """A watched process that falls ill when it is asked to, alone or as the CMD of `lifesign run`."""

    def __init__(self, process: subprocess.Popen[bytes], charts: Charts, directory: Path) -> None:
        assert process.stdout is not None
        super().__init__(process, process.stdout.fileno())
        self._charts = charts
        self.directory = directory
        self.watched = 0  # its process id; `process` may be the supervisor's

    @property
    def chart(self) -> Chart:
        return self._charts[self.watched]

    def begin(self) -> None:
        """Waits until it runs."""
        self.watched = self.victim()

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def hear(self, word: str) -> int:
        """The number that its next line with this word has."""
        return int(self.line_with(f"{word} ").split()[1])

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.watched, number)

    def comes_to(self, state: str) -> None:
        """Waits until the metric says so."""
        wait_for(lambda: self.chart.state == state, lambda: f"{state}: {self.chart.states}")

    def reports(self, event: str) -> Entry:
        """Waits for a log record."""
        wait_for(lambda: event in self.chart.events, lambda: f"{event}: {self.chart.events}")
        return self.chart.entry(event)

    def shows(self, state: str) -> None:
        """Waits until `lifesign status` shows this state, in both its forms."""
        shown: list[tuple[str, str]] = []

        def both() -> bool:
            shown.append(status(self.directory, self.watched))
            return shown[-1] == (state, state)

        wait_for(both, lambda: f"status {state}: {shown}")

    def lives_on(self, seconds: float = 1.5 * TIMEOUT) -> None:
        """Waits until its own clock went on by that much: long enough for an illness to show."""
        until = self.chart.uptime + seconds
        wait_for(lambda: self.chart.uptime > until, lambda: f"uptime {until:.1f}: {self.chart.uptime:.1f}")


def wait_for(holds: Callable[[], object], tell: Callable[[], str]) -> None:
    try:
        eventually(holds, seconds=PATIENCE, every=0.02)
    except AssertionError as error:
        raise AssertionError(f"{error}; waited for {tell()}") from None


def status(directory: Path, pid: int) -> tuple[str, str]:
    """The state of a process as `lifesign status` shows it in its table and in its JSON."""
    command = [sys.executable, "-m", "lifesign", "status", str(pid), "--dir", str(directory)]
    environ = {**clean_environment(), **SETTINGS, "COLUMNS": "250"}
    shown = [  # side by side, for an illness passes
        subprocess.Popen(line, env=environ, stdout=subprocess.PIPE, text=True)
        for line in (command, [*command, "--json"])
    ]
    table, document = (one.communicate(timeout=PATIENCE)[0] for one in shown)
    assert [one.returncode for one in shown] == [0, 0]
    (snapshot,) = processes(document)
    (row,) = (line.split() for line in table.splitlines() if line.startswith(f"{pid} "))
    return row[2], snapshot["state"]


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("LIFESIGN_", "OTEL_", "DRY_RUN"))}


class Ward:
    """One Collector, and whoever is watched into it.

    Args:
        environment: the variables that point an exporter at it, and settings beside or instead of `SETTINGS`.
        folder: for run directories, spools and telemetry.
    """

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self.charts = Charts(folder / "telemetry.jsonl")
        self._folder = folder
        self._environ = {
            **clean_environment(),
            **SETTINGS,
            "XDG_STATE_HOME": str(folder / "state"),
            "OTEL_SERVICE_NAME": "patient",
            **environment,
        }
        self._all = contextlib.ExitStack()

    def close(self) -> None:
        self._all.close()

    def directory(self, name: str) -> Path:
        made = self._folder / name
        made.mkdir(exist_ok=True)
        return made

    def sidecar(self, directory: Path) -> subprocess.Popen[bytes]:
        """`lifesign watch`."""
        command = [sys.executable, "-m", "lifesign", "watch", "--dir", str(directory)]
        return self._start(command, self._environ)

    def patient(self, directory: Path, *words: str, program: str = PATIENT, **more: str) -> Patient:
        """A process by itself, in the container's shape; `words` are its arguments, `program` is in `victims/`."""
        environ = {**self._environ, "LIFESIGN_DIR": str(directory), "PYTHONPATH": str(INJECT), **more}
        return Patient(self._start(_command(program, words), environ), self.charts, directory)

    def supervised(self, directory: Path, *words: str, program: str = PATIENT, **more: str) -> Patient:
        """The same as CMD of `lifesign run`, with a sidecar of its own."""
        command = run_line(_command(program, words), "--dir", str(directory))
        return Patient(self._start(command, {**self._environ, **more}), self.charts, directory)

    def _start(self, command: list[str], environ: dict[str, str]) -> subprocess.Popen[bytes]:
        with open(self._folder / "errors.log", "ab") as log:
            process = subprocess.Popen(command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        self._all.callback(_end, process)
        return process


def _command(program: str, words: Sequence[str]) -> list[str]:
    return [sys.executable, str(VICTIMS / program), *words]


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a process and all below it; the end of its input ends what it left behind."""
    below = [pid for child in children(process.pid) for pid in (child, *children(child))]
    process.kill()  # first, or a supervisor would start its sidecar again
    process.wait()
    for pid in below:
        kill(pid)
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


@contextlib.contextmanager
def ward(binary: str, folder: Path) -> Iterator[Ward]:
    """A ward with a Collector, all of it ended with the context."""
    collector = Collector(binary, folder)
    made = Ward(collector.environment("http/protobuf"), folder)
    try:
        collector.start()
        yield made
    finally:
        made.close()
        collector.stop()
