"""The real Jaeger, started from `collector-config/jaeger.yaml`, and what its query API tells."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, NamedTuple

from support.backends.components import PATIENCE, Component
from support.backends.ports import free_addresses
from support.paths import CONFIGS

CONFIG = CONFIGS / "jaeger.yaml"


class Read(NamedTuple):
    """A span as Jaeger shows it; times in microseconds, `process` is the Resource."""

    id: str
    name: str
    parent: str
    service: str
    start: int
    duration: int
    tags: dict[str, Any]
    process: dict[str, Any]
    warnings: list[str]

    @property
    def error(self) -> str | None:
        """What it is marked with; None without a mark."""
        return self.tags.get("otel.status_description", "") if self.tags.get("error") else None


class Trace(NamedTuple):
    """A trace as Jaeger shows it, spans by their start."""

    id: str
    spans: list[Read]

    @property
    def roots(self) -> list[Read]:
        """Spans whose parent is not in the trace."""
        known = {span.id for span in self.spans}
        return [span for span in self.spans if span.parent not in known]

    def children(self, parent: Read) -> list[Read]:
        return [span for span in self.spans if span.parent == parent.id]

    def span(self, name: str) -> Read:
        (found,) = (span for span in self.spans if span.name == name)
        return found


class Jaeger(Component):
    """A running Jaeger that keeps traces in its memory; `ui` is where its query API is."""

    def __init__(self, binary: str, folder: Path) -> None:
        self.grpc, self.http, self.ui, query, health = free_addresses(5)
        environ = {
            "LIFESIGN_JAEGER_GRPC": self.grpc,
            "LIFESIGN_JAEGER_HTTP": self.http,
            "LIFESIGN_JAEGER_UI": self.ui,
            "LIFESIGN_JAEGER_QUERY_GRPC": query,
            "LIFESIGN_JAEGER_HEALTH": health,
        }
        super().__init__([binary, f"--config={CONFIG}"], environ, (self.ui, "/api/services"), folder / "jaeger.log")

    @property
    def environment(self) -> dict[str, str]:
        """The standard variables that send traces, and nothing else, to it."""
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{self.http}",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
        }

    def services(self) -> list[str]:
        return list(self._ask("/api/services"))

    def traces(self, service: str, name: str | None = None, **tags: str) -> list[Trace]:
        """What a search in its page would find: the traces of a service, with a span of this name and these tags."""
        query = {"service": service, "limit": "1000", "lookback": "1h"}
        if name is not None:
            query["operation"] = name
        if tags:
            query["tags"] = json.dumps(tags)
        return [_trace(one) for one in self._ask(f"/api/traces?{urllib.parse.urlencode(query)}")]

    def trace(self, number: str) -> Trace | None:
        """One trace by its id, as a link leads to it."""
        found = self._ask(f"/api/traces/{number}")
        return _trace(found[0]) if found else None

    def _ask(self, path: str) -> Any:
        try:
            with urllib.request.urlopen(f"http://{self.ui}{path}", timeout=PATIENCE) as answer:
                return json.load(answer)["data"] or []
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return []  # so it says that it knows no such trace
            raise


def _trace(trace: dict[str, Any]) -> Trace:
    processes = {key: (one["serviceName"], _plain(one["tags"])) for key, one in trace["processes"].items()}
    spans = []
    for span in trace["spans"]:
        parents = [one["spanID"] for one in span["references"] if one["refType"] == "CHILD_OF"]
        service, process = processes[span["processID"]]
        spans.append(
            Read(
                id=span["spanID"],
                name=span["operationName"],
                parent=parents[0] if parents else "",
                service=service,
                start=span["startTime"],
                duration=span["duration"],
                tags=_plain(span["tags"]),
                process=process,
                warnings=span["warnings"] or [],
            )
        )
    return Trace(trace["traceID"], sorted(spans, key=lambda span: (span.start, -span.duration)))


def _plain(tags: list[dict[str, Any]]) -> dict[str, Any]:
    return {tag["key"]: tag["value"] for tag in tags}
