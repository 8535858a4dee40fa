"""A Collector that records are sent to, which counts them and throws them away."""

from __future__ import annotations

import re
import time
import urllib.request
from pathlib import Path

from benchmarks import bench
from support.backends.components import Component
from support.backends.ports import free_addresses

_ACCEPTED = re.compile(
    r"^otelcol_receiver_accepted_(?:spans|log_records)(?:_total|__[a-z]+_total)?\{.*\} (\S+)$", re.MULTILINE
)


class Sink(Component):
    """It listens once it has been started; its address is known before."""

    def __init__(self, folder: Path) -> None:
        http, self._metrics = free_addresses(2)
        self.environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{http}"}
        command = [bench.given("LIFESIGN_TEST_OTELCOL"), "--config", str(bench.VICTIMS / "sink.yaml")]
        environ = {"SINK_HTTP": http, "SINK_METRICS_PORT": self._metrics.rpartition(":")[2]}
        super().__init__(command, environ, (self._metrics, "/metrics"), folder / "sink.log")

    def records(self) -> int:
        """Spans and log records that it was sent."""
        with urllib.request.urlopen(f"http://{self._metrics}/metrics", timeout=10) as answer:
            return int(sum(float(found) for found in _ACCEPTED.findall(answer.read().decode())))

    def wait(self, records: int, seconds: float, every: float = 0.05) -> int:
        """Until it has so many, or for so long; returns how many it has."""
        until = time.monotonic() + seconds
        while (found := self.records()) < records and time.monotonic() < until:
            time.sleep(every)
        return found
