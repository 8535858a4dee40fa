"""Charts of watched processes: what the real Collector received of each, read as it is written."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

# Evidence, no alarms. The stacks of a frozen process are in its record, unless they came later.
DUMPS = ("lifesign.task_dump", "lifesign.task_group", "lifesign.thread_group", "lifesign.last_words")
STALLS = "lifesign.eventloop.stall"  # nobody is ill of them, and on a busy machine everybody has some


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
        self.resource: dict[str, Any] = {}
        self.states: list[str] = []
        self.uptime = 0.0
        self.heartbeats = 0
        self.entries: list[Entry] = []
        self.episodes: list[Episode] = []

    @property
    def pid(self) -> int:
        return int(self.resource["process.pid"])

    @property
    def state(self) -> str:
        return self.states[-1] if self.states else ""

    @property
    def course(self) -> list[str]:
        """The states without those of the boot."""
        return [state for state in self.states if state != "starting"]

    @property
    def events(self) -> list[str]:
        """The names of the log records, without evidence and short stalls."""
        return [entry.event for entry in self.entries if entry.event not in (*DUMPS, STALLS)]

    def entry(self, event: str) -> Entry:
        (found,) = (entry for entry in self.entries if entry.event == event)
        return found

    @property
    def illnesses(self) -> list[Episode]:
        return [one for one in self.episodes if one.name in ("eventloop blocked", "process frozen")]


class Charts:
    """The charts of all processes, read from the Collector's file as that grows."""

    def __init__(self, file: Path) -> None:
        self._path = file
        self._position = 0
        self._by_instance: defaultdict[str, Chart] = defaultdict(Chart)

    def __getitem__(self, pid: int) -> Chart:
        """The newest process with this id; an empty chart while nothing has arrived of it."""
        return next(iter(reversed(self.of({"process.pid": str(pid)}))), Chart())

    def of(self, resource: dict[str, str]) -> list[Chart]:
        """The charts of all who have these resource attributes, in the order in which they came."""
        self._read()
        return [chart for chart in self._by_instance.values() if resource.items() <= chart.resource.items()]

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
                resource = _attributes(one["resource"])
                chart = self._by_instance[resource["service.instance.id"]]
                chart.resource = resource
                for scope in one[f"scope{kind}"]:
                    for item in scope[inner]:
                        add(chart, item)


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
