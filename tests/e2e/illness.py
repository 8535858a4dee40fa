"""A ward of real processes that fall ill, and their charts: what the real Collector was told of each."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, Callable, Iterator, NamedTuple

from collector import Collector
from supervised import VICTIMS, Supervised, kill, put_down, run_line

from support.victims import INJECT
from support.waiting import eventually

PATIENCE = 40.0
PATIENT = [sys.executable, str(VICTIMS / "patient.py")]
TIMEOUT = 1.0
SETTINGS = {
    "LIFESIGN_HEARTBEAT_INTERVAL": "0.05",
    "LIFESIGN_HEARTBEAT_TIMEOUT": str(TIMEOUT),
    "LIFESIGN_POLL_INTERVAL": "0.1",
    "LIFESIGN_METRIC_INTERVAL": "0.3",
}
DUMPS = ("lifesign.task_dump", "lifesign.task_group")  # evidence, no alarms


class Entry(NamedTuple):
    """A log record of the chart; `arrived` is when the Collector had written it, wall clock nanoseconds."""

    event: str
    body: str
    time: int
    attributes: dict[str, Any]
    arrived: int


class Episode(NamedTuple):
    """A span of the chart; times in wall clock nanoseconds."""

    name: str
    start: int
    end: int
    error: str


class Chart:
    """All that was exported of one process: the states that its metric went through, logs, spans."""

    def __init__(self) -> None:
        self.states: list[str] = []
        self.uptime = 0.0
        self.heartbeats = 0
        self.entries: list[Entry] = []
        self.episodes: list[Episode] = []

    @property
    def state(self) -> str:
        return self.states[-1] if self.states else ""

    @property
    def course(self) -> list[str]:
        """The states without those of the boot."""
        return [state for state in self.states if state != "starting"]

    @property
    def events(self) -> list[str]:
        """The names of the log records, without task dumps."""
        return [entry.event for entry in self.entries if entry.event not in DUMPS]

    def entry(self, event: str) -> Entry:
        (found,) = (entry for entry in self.entries if entry.event == event)
        return found

    @property
    def illnesses(self) -> list[Episode]:
        return [one for one in self.episodes if one.name in ("eventloop blocked", "process frozen")]


class Charts:
    """The charts of all processes, by process id, read from the Collector's file as that grows."""

    def __init__(self, file: Path) -> None:
        self._path = file
        self._position = 0
        self._by_pid: defaultdict[int, Chart] = defaultdict(Chart)

    def __getitem__(self, pid: int) -> Chart:
        self._read()
        return self._by_pid[pid]

    def _read(self) -> None:
        if not self._path.exists():
            return
        with open(self._path, "rb") as file:
            file.seek(self._position)
            for line in file:
                if not line.endswith(b"\n"):
                    return  # it is being written
                self._position += len(line)
                self._take(json.loads(line))

    def _take(self, content: dict[str, Any]) -> None:
        for kind, inner, add in (
            ("Metrics", "metrics", _add_metric),
            ("Logs", "logRecords", _add_log),
            ("Spans", "spans", _add_span),
        ):
            for one in content.get(f"resource{kind}", ()):
                pid = int(_attributes(one["resource"])["process.pid"])
                for scope in one[f"scope{kind}"]:
                    for item in scope[inner]:
                        add(self._by_pid[pid], item)


def _attributes(item: dict[str, Any]) -> dict[str, Any]:
    return {one["key"]: next(iter(one["value"].values())) for one in item.get("attributes", ())}


def _add_metric(chart: Chart, metric: dict[str, Any]) -> None:
    if metric["name"] == "process.uptime":
        chart.uptime = float(metric["gauge"]["dataPoints"][0]["asDouble"])
    elif metric["name"] == "lifesign.heartbeats":
        chart.heartbeats = int(metric["sum"]["dataPoints"][0]["asInt"])
    elif metric["name"] == "lifesign.process.state":
        states = [_attributes(one)["lifesign.state"] for one in metric["sum"]["dataPoints"] if int(one["asInt"]) == 1]
        assert len(states) == 1, states
        if states != chart.states[-1:]:
            chart.states += states


def _add_log(chart: Chart, log: dict[str, Any]) -> None:
    body = log["body"].get("stringValue", "")
    chart.entries.append(
        Entry(log.get("eventName", ""), body, int(log["timeUnixNano"]), _attributes(log), time.time_ns())
    )


def _add_span(chart: Chart, span: dict[str, Any]) -> None:
    start, end = int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])
    chart.episodes.append(Episode(span["name"], start, end, span.get("status", {}).get("message", "")))


class Patient(Supervised):
    """A watched process that does as `victims/patient.py` says, alone or as the CMD of `lifesign run`."""

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

    def status(self) -> str:
        """The state that `lifesign status` shows, which is the same in both its forms."""
        return status(self.directory, self.watched)

    def lives_on(self, seconds: float = 2.5 * TIMEOUT) -> None:
        """Waits until its own clock went on by that much: long enough for an illness to show."""
        until = self.chart.uptime + seconds
        wait_for(lambda: self.chart.uptime > until, lambda: f"uptime {until:.1f}: {self.chart.uptime:.1f}")


def wait_for(holds: Callable[[], object], tell: Callable[[], str]) -> None:
    try:
        eventually(holds, seconds=PATIENCE, every=0.02)
    except AssertionError as error:
        raise AssertionError(f"{error}; waited for {tell()}") from None


def status(directory: Path, pid: int) -> str:
    """What `lifesign status` shows of a process, as JSON and as a table; both at once, for an illness passes."""
    command = [sys.executable, "-m", "lifesign", "status", str(pid), "--dir", str(directory)]
    environ = {**clean_environment(), **SETTINGS, "COLUMNS": "250"}
    shown = [
        subprocess.Popen(line, env=environ, stdout=subprocess.PIPE, text=True) for line in (command, [*command, "--json"])
    ]
    table, document = (one.communicate(timeout=PATIENCE)[0] for one in shown)
    assert [one.returncode for one in shown] == [0, 0]
    (snapshot,) = json.loads(document)
    (row,) = (line.split() for line in table.splitlines() if line.startswith(f"{pid} "))
    assert row[2] == snapshot["state"], "the two forms of status differ"
    return str(snapshot["state"])


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("LIFESIGN_", "OTEL_", "DRY_RUN"))}


class Ward:
    """One Collector, and whoever is watched into it.

    Args:
        folder: for run directories, spools and telemetry.
    """

    def __init__(self, collector: Collector, folder: Path) -> None:
        self.charts = Charts(folder / "telemetry.jsonl")
        self._folder = folder
        self._environ = {
            **clean_environment(),
            **collector.environment("http/protobuf"),
            **SETTINGS,
            "XDG_STATE_HOME": str(folder / "state"),
            "OTEL_SERVICE_NAME": "patient",
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

    def patient(self, directory: Path, *words: str, **more: str) -> Patient:
        """A process by itself, in the container's shape; `words` are its arguments."""
        environ = {**self._environ, "LIFESIGN_DIR": str(directory), "PYTHONPATH": str(INJECT), **more}
        return Patient(self._start([*PATIENT, *words], environ), self.charts, directory)

    def supervised(self, directory: Path, *words: str, **more: str) -> Patient:
        """The same as CMD of `lifesign run`, with a sidecar of its own."""
        command = run_line([*PATIENT, *words], "--dir", str(directory))
        return Patient(self._start(command, {**self._environ, **more}), self.charts, directory)

    def _start(self, command: list[str], environ: dict[str, str]) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._all.callback(_end, process)
        return process


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a process, all below it, and, by the end of its input, what it left behind."""
    kill(process.pid, signal.SIGCONT)
    put_down(process)
    for stream in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):
            stream and stream.close()


@contextlib.contextmanager
def ward(binary: str, folder: Path) -> Iterator[Ward]:
    """A ward with a Collector, all of it ended with the context."""
    collector = Collector(binary, folder)
    made = Ward(collector, folder)
    try:
        collector.start()
        yield made
    finally:
        made.close()
        collector.stop()
