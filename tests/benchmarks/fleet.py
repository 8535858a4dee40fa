"""What a gateway and a Prometheus with the shipped configs cost, by the number of sidecars that push to them.

The sidecars are simulated, their telemetry is real (see `victims/fleet.py`). Prometheus has a past of a quarter
of an hour of each first, so that the rules look at about as much as they would in earnest.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import bench
from support.backends.gateways import Shipped
from support.backends.prometheus import Prometheus
from support.paths import SIDECAR

SHARE = 250  # sidecars of one sending process, which waits for each answer: with more it falls behind
PAST = 900.0  # seconds


class Cost(NamedTuple):
    """Of one size of the fleet."""

    sidecars: int
    series: int
    pushes: float  # a second
    gateway: tuple[float, float]  # per cent of a core, MiB
    prometheus: tuple[float, float]
    rules: dict[str, float]  # seconds of one evaluation, by rule
    answers: list[float]  # seconds
    refused: int
    behind: float  # seconds


def measure(sidecars: int, seconds: float, past: float) -> Cost:
    with tempfile.TemporaryDirectory() as made, contextlib.ExitStack() as stack:
        folder = Path(made)
        prometheus = Prometheus(Path(os.environ["LIFESIGN_TEST_PROMETHEUS"]), folder / "prometheus", hurry=False)
        gateway = Shipped(
            os.environ["LIFESIGN_TEST_OTELCOL"],
            folder / "gateway",
            "gateway.yaml",
            "gateway-files.yaml",
            LIFESIGN_PROMETHEUS=f"http://{prometheus.address}/api/v1/otlp",
            LIFESIGN_LOGS_FILE=str(folder / "logs"),
            LIFESIGN_LOGS_SYNTHETIC_FILE=str(folder / "synthetic"),
        )
        prometheus.scrapes(gateway.metrics)
        stack.enter_context(prometheus)
        stack.enter_context(gateway)
        senders = [
            stack.enter_context(sender(gateway, prometheus, first, min(SHARE, sidecars - first), past))
            for first in range(0, sidecars, SHARE)
        ]
        for one in senders:
            line(one)
        for one in senders:
            say(one, "go")
        time.sleep(seconds / 2)  # until it runs evenly, and every rule was evaluated
        before, started = used(gateway, prometheus), time.monotonic()
        time.sleep(seconds)
        length = time.monotonic() - started
        shares = [100 * (after - earlier) / length for after, earlier in zip(used(gateway, prometheus), before)]
        resident = [bench.resident_mib(component.pid) for component in (gateway, prometheus)]
        rules = {
            rule["name"]: rule["evaluationTime"]
            for group in prometheus.ask("rules")["groups"]
            for rule in group["rules"]
        }
        series = prometheus.ask("status/tsdb")["headStats"]["numSeries"]
        for one in senders:
            one.terminate()
        figures = [json.loads(line(one)) for one in senders]
        return Cost(
            sidecars,
            series,
            sum(figure["pace"] for figure in figures),
            (shares[0], resident[0]),
            (shares[1], resident[1]),
            rules,
            [one for figure in figures for one in figure["seconds"]],
            sum(figure["refused"] for figure in figures),
            max(figure["behind"] for figure in figures),
        )


@contextlib.contextmanager
def sender(
    gateway: Shipped, prometheus: Prometheus, first: int, number: int, past: float
) -> Iterator[subprocess.Popen[str]]:
    command = [
        sys.executable,
        str(bench.VICTIMS / "fleet.py"),
        gateway.http,
        str(first),
        str(number),
        f"--past={past}",
        f"--past-to={prometheus.address}",
    ]
    process = subprocess.Popen(
        command,
        env=bench.environment(PYTHONPATH=str(SIDECAR)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    found = process.stdout.readline()
    assert found, "a sender has ended"
    return found


def say(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{word}\n")
    process.stdin.flush()


def used(*components: Any) -> list[float]:
    return [bench.processor_seconds(component.pid) for component in components]


def main() -> None:
    parser = bench.arguments(__doc__, rounds=1)
    parser.add_argument("--sizes", default="100,1000,10000", help="numbers of sidecars (%(default)s)")
    parser.add_argument("--seconds", type=float, default=60.0, help="that one measurement takes (%(default)g)")
    options = parser.parse_args()
    bench.header("a fleet into one gateway")
    sizes = [20] if options.short else [int(size) for size in options.sizes.split(",")]
    found = [measure(size, 2.0, 60.0) if options.short else measure(size, options.seconds, PAST) for size in sizes]
    bench.table(["", *(f"{cost.sidecars:,} sidecars" for cost in found)], rows(found))
    names = sorted(found[-1].rules, key=lambda name: found[-1].rules[name], reverse=True)
    by_rule = [[name, *(f"{1000 * cost.rules[name]:,.1f}" for cost in found)] for name in names]
    bench.table(["ms of one evaluation", *(f"{cost.sidecars:,} sidecars" for cost in found)], by_rule)


def rows(found: list[Cost]) -> list[list[str]]:
    shown = {
        "series in Prometheus": [f"{cost.series:,}" for cost in found],
        "pushes a second": [f"{cost.pushes:,.0f}" for cost in found],
        "gateway, % of a core": [f"{cost.gateway[0]:,.1f}" for cost in found],
        "gateway, CPU ms a push": [f"{10 * cost.gateway[0] / cost.pushes:,.2f}" for cost in found],
        "gateway, RSS MiB": [f"{cost.gateway[1]:,.0f}" for cost in found],
        "Prometheus, % of a core": [f"{cost.prometheus[0]:,.1f}" for cost in found],
        "Prometheus, CPU ms a push": [f"{10 * cost.prometheus[0] / cost.pushes:,.2f}" for cost in found],
        "Prometheus, RSS MiB": [f"{cost.prometheus[1]:,.0f}" for cost in found],
        "all rules once, ms": [f"{1000 * sum(cost.rules.values()):,.0f}" for cost in found],
        "answer of the gateway, median ms": [f"{1000 * bench.median(cost.answers):,.1f}" for cost in found],
        "answer of the gateway, 99 % within ms": [
            f"{1000 * bench.quantile(cost.answers, 0.99):,.1f}" for cost in found
        ],
        "pushes refused": [f"{cost.refused:,}" for cost in found],
        "senders late by, s": [f"{cost.behind:,.2f}" for cost in found],
    }
    return [[name, *cells] for name, cells in shown.items()]


if __name__ == "__main__":
    main()
