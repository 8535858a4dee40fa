"""A web service under load: uvicorn with uvloop, as it is and with what watches it.

All servers run at once, and wrk asks one after the other, 16 connections, two seconds each, in
another order each time. `bare
again` is a second server like the first: how much it differs from that is the noise. OpenTelemetry is
`opentelemetry-instrument` with its system metrics and no spans, which exports every 5 s, as our sidecar does. The
sidecar runs beside the service, in a process of its own, which the first table does not count.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from benchmarks import bench
from benchmarks.results import CHANGE, Compared, Table
from benchmarks.sink import Sink
from support.backends.components import Component
from support.backends.ports import free_addresses
from support.paths import TOOLS

TITLE = "A web service under load"
BARE, AGAIN, OURS, OTEL, MONITOR = "bare", "bare again", "lifesign", "OpenTelemetry", "aiomonitor"
SIDES = (BARE, AGAIN, OURS, OTEL, MONITOR)
UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}
OTEL_SETTINGS = {
    "OTEL_TRACES_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
    "OTEL_METRICS_EXPORTER": "otlp",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    "OTEL_METRIC_EXPORT_INTERVAL": "5000",
}


def server(processes: bench.Processes, python: str, side: str, sink: Sink) -> tuple[str, Component]:
    """Its address, and itself."""
    address, *ports = free_addresses(4)
    run = processes.folder() if side == OURS else None
    environ = bench.environment(run)
    if side == OTEL:
        environ.update({**OTEL_SETTINGS, **sink.environment})
    elif side == MONITOR:
        environ["AIOMONITOR"] = ",".join(one.rpartition(":")[2] for one in ports)
    wrapped = [str(Path(python).with_name("opentelemetry-instrument"))] if side == OTEL else []
    options = ["--app-dir", str(bench.VICTIMS), "--port", address.rpartition(":")[2], "--log-level", "warning"]
    command = [*wrapped, python, "-m", "uvicorn", "asgi:app", "--no-access-log", *options]
    # What a Component has from us is added to the environment, and this one is to be clean.
    cleaned = ["env", "-i", *(f"{name}={value}" for name, value in environ.items()), *command]
    component = Component(cleaned, {}, (address, "/"), processes.folder() / "log")
    processes.enter_context(component)
    if run is not None:
        processes.sidecar(run, **sink.environment)
    return address, component


def ask(wrk: str, address: str, seconds: int) -> tuple[int, float, float]:
    """Requests, requests a second, and how many milliseconds 99 % of them took at most."""
    command = [wrk, "-t1", "-c16", f"-d{seconds}s", "--latency", f"http://{address}/"]
    return parsed(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def parsed(said: str) -> tuple[int, float, float]:
    """What wrk says."""
    number = re.search(r"^\s*(\d+) requests in", said, re.MULTILINE)
    rate = re.search(r"^Requests/sec:\s*([\d.]+)", said, re.MULTILINE)
    longest = re.search(r"^\s*99%\s+([\d.]+)(us|ms|s|m)", said, re.MULTILINE)
    if number is None or rate is None or longest is None or "Non-2xx" in said:
        raise ValueError(f"wrk says {said}")
    return int(number[1]), float(rate[1]), float(longest[1]) * UNITS[longest[2]]


def measure(effort: bench.Effort) -> list[Table]:
    wrk = bench.tool(TOOLS / "debian_program.sh", "wrk")
    compared = [Compared(f"{side} to bare", side, BARE, CHANGE) for side in SIDES[1:]]
    processor = Table("requests", "requests a second of the service's processor time", SIDES, 0, compared)
    rates = Table("rates", "requests a second", SIDES, 0, compared)
    longest = Table("p99", "99 % of the requests take less than, ms", SIDES, 2, compared)
    for version, python in effort.pythons().items():
        with bench.Processes() as processes:
            sink = processes.enter_context(Sink(processes.folder()))
            servers = {side: server(processes, python, side, sink) for side in SIDES}
            for turn in range(1 + effort.take(6, 1)):
                for side in [*SIDES[turn % len(SIDES) :], *SIDES[: turn % len(SIDES)]]:
                    address, component = servers[side]
                    used = bench.processor_seconds(component.pid)
                    number, rate, p99 = ask(wrk, address, effort.take(2, 1))
                    used = bench.processor_seconds(component.pid) - used
                    if turn:  # the first one warms up
                        processor.add(version, side, number / used)
                        rates.add(version, side, rate)
                        longest.add(version, side, p99)
    return [processor, rates, longest]
