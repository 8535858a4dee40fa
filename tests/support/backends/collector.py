"""The real Collector, started from a config of `collector-config/`, and what its file exporters wrote."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
from pathlib import Path
from typing import Any, Iterator, Mapping, NamedTuple, Sequence

from support.backends.ports import free_addresses
from support.paths import CONFIGS
from support.waiting import eventually


class SpanSeen(NamedTuple):
    """A span as the Collector wrote it; `resource` and `attributes` as plain dicts."""

    name: str
    trace: str
    id: str
    parent: str
    start: int
    end: int
    error: str | None
    attributes: dict[str, Any]
    resource: dict[str, Any]


class LogSeen(NamedTuple):
    """A log record as the Collector wrote it."""

    event: str
    body: str
    severity: int
    trace: str
    span: str
    attributes: dict[str, Any]
    resource: dict[str, Any]


class PointSeen(NamedTuple):
    """A data point; `value` is a number, or the count of a histogram."""

    metric: str
    kind: str
    unit: str
    value: float
    attributes: dict[str, Any]
    resource: dict[str, Any]


class Written:
    """What a file exporter wrote to `file`."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def spans(self) -> list[SpanSeen]:
        return [
            SpanSeen(
                name=span["name"],
                trace=span["traceId"],
                id=span["spanId"],
                parent=span.get("parentSpanId", ""),
                start=int(span["startTimeUnixNano"]),
                end=int(span["endTimeUnixNano"]),
                error=span["status"].get("message", "") if span.get("status", {}).get("code") == 2 else None,
                attributes=_plain(span.get("attributes")),
                resource=resource,
            )
            for resource, span in self._items("resourceSpans", "scopeSpans", "spans")
        ]

    def logs(self) -> list[LogSeen]:
        return [
            LogSeen(
                event=log.get("eventName", ""),
                body=log.get("body", {}).get("stringValue", ""),
                severity=log["severityNumber"],
                trace=log.get("traceId", ""),
                span=log.get("spanId", ""),
                attributes=_plain(log.get("attributes")),
                resource=resource,
            )
            for resource, log in self._items("resourceLogs", "scopeLogs", "logRecords")
        ]

    def points(self) -> list[PointSeen]:
        found: list[PointSeen] = []
        for resource, metric in self._items("resourceMetrics", "scopeMetrics", "metrics"):
            for kind in ("sum", "gauge", "histogram"):
                for point in metric.get(kind, {}).get("dataPoints", ()):
                    value = point.get("asDouble", point.get("asInt", point.get("count", 0)))
                    attributes = _plain(point.get("attributes"))
                    found.append(
                        PointSeen(metric["name"], kind, metric.get("unit", ""), float(value), attributes, resource)
                    )
        return found

    def _items(self, outer: str, middle: str, inner: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        if not self.file.exists():
            return
        for line in self.file.read_bytes().splitlines(keepends=True):
            if not line.endswith(b"\n"):
                return  # it is being written
            for by_resource in json.loads(line).get(outer, ()):
                resource = _plain(by_resource["resource"].get("attributes"))
                for by_scope in by_resource[middle]:
                    assert by_scope["scope"]["name"] == "lifesign"
                    for item in by_scope[inner]:
                        yield resource, item


class Collector(Written):
    """A running Collector that writes to `folder`; with a config that keeps it apart, `synthetic` is the rest.

    Args:
        config: one of those that are shipped.
        extra: another that is laid over it.
        environ: what that one wants to know.
        flags: such as those for feature gates.
        host: the address that it listens at.
    """

    def __init__(
        self,
        binary: str,
        folder: Path,
        config: str = "local.yaml",
        extra: Path | None = None,
        environ: Mapping[str, str] | None = None,
        flags: Sequence[str] = (),
        host: str = "127.0.0.1",
    ) -> None:
        super().__init__(folder / "telemetry.jsonl")
        self.synthetic = Written(folder / "synthetic.jsonl")
        configs = [CONFIGS / config, *([extra] if extra is not None else [])]
        self._command = [binary, *flags, *(word for path in configs for word in ("--config", str(path)))]
        self._environ = environ or {}
        self.grpc, self.http, self._health = free_addresses(3, host)
        self._log = folder / "collector.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env={
                    **os.environ,
                    **self._environ,
                    "LIFESIGN_COLLECTOR_GRPC": self.grpc,
                    "LIFESIGN_COLLECTOR_HTTP": self.http,
                    "LIFESIGN_COLLECTOR_HEALTH": self._health,
                    "LIFESIGN_COLLECTOR_FILE": str(self.file),
                    "LIFESIGN_COLLECTOR_SYNTHETIC_FILE": str(self.synthetic.file),
                },
                stdout=log,
                stderr=log,
            )
        eventually(self._is_up, seconds=30)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def environment(self, protocol: str) -> dict[str, str]:
        """The standard variables that point an exporter at this Collector."""
        address = self.grpc if protocol == "grpc" else self.http
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{address}", "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}

    def _is_up(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()
        connection = http.client.HTTPConnection(self._health, timeout=1)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


def _plain(attributes: Any) -> dict[str, Any]:
    return {attribute["key"]: _value(attribute["value"]) for attribute in attributes or ()}


def _value(value: dict[str, Any]) -> Any:
    ((kind, content),) = value.items()
    if kind == "arrayValue":
        return [_value(one) for one in content.get("values", ())]
    return int(content) if kind == "intValue" else content
