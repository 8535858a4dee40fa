"""What each costs while the service sells and nothing is wrong: processor and memory, of all in the same seconds."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks import bench
from benchmarks.comparison.asked import SHOP

WARM_UP, LENGTH = 20.0, 60.0  # seconds


def at_rest(python: str) -> dict[str, tuple[float, float]]:
    """By what is there: processor in per cent of a core, and resident memory in MiB."""
    export = {"OTEL_EXPORTER_OTLP_ENDPOINT": bench.DEAD_ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
    exporters = {f"OTEL_{kind}_EXPORTER": "otlp_proto_http" for kind in ("TRACES", "METRICS", "LOGS")}
    instrument = str(Path(python).with_name("opentelemetry-instrument"))
    with bench.Processes() as processes:
        run = processes.folder()
        started = {
            "the service alone": processes.start([python, SHOP], bench.environment(), talking=True),
            "lifesign: the service": processes.start([python, SHOP], bench.environment(run), talking=True),
            "asyncio's debug mode": processes.start(
                [python, SHOP], bench.environment(PYTHONASYNCIODEBUG="1"), talking=True
            ),
            "aiomonitor": processes.start([python, SHOP, "-", "aiomonitor"], bench.environment(), talking=True),
            "OpenTelemetry in the process": processes.start(
                [instrument, python, SHOP],
                bench.environment(OTEL_METRIC_EXPORT_INTERVAL="5000", **export, **exporters),
                talking=True,
            ),
            "Sentry": processes.start([python, SHOP, "-", "sentry"], bench.environment(), talking=True),
        }
        for process in started.values():
            bench.line(process)
        started["lifesign: the sidecar"] = processes.sidecar(run)
        time.sleep(WARM_UP)
        before = {name: bench.processor_seconds(process.pid) for name, process in started.items()}
        began = time.monotonic()
        time.sleep(LENGTH)
        length = time.monotonic() - began
        return {
            name: (
                100 * (bench.processor_seconds(process.pid) - before[name]) / length,
                bench.resident_mib(process.pid),
            )
            for name, process in started.items()
        }
