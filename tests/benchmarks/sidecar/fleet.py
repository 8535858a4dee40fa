"""What a gateway and a Prometheus with the shipped configs cost, by the number of sidecars that push to them.

The sidecars are simulated, their telemetry is real (`tests/benchmarks/victims/fleet.py`). Prometheus has a past of a
quarter of an hour of each first, so that the rules look at about as much as they would in earnest.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import bench
from benchmarks.results import Table, quantile
from support.backends.gateways import Shipped
from support.backends.prometheus import Prometheus
from support.paths import SIDECAR

TITLE = "A fleet into one gateway"
SIZES = (100, 1000)
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


def push(sidecars: int, seconds: float, past: float) -> Cost:
    with tempfile.TemporaryDirectory() as made, contextlib.ExitStack() as stack:
        folder = Path(made)
        prometheus = Prometheus(Path(bench.given("LIFESIGN_TEST_PROMETHEUS")), folder / "prometheus", hurry=False)
        gateway = Shipped(
            bench.given("LIFESIGN_TEST_OTELCOL"),
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
            bench.line(one)
        for one in senders:
            bench.say(one, "go")
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
        figures = [json.loads(bench.line(one)) for one in senders]
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


def used(*components: Any) -> list[float]:
    return [bench.processor_seconds(component.pid) for component in components]


def measure(effort: bench.Effort) -> list[Table]:
    sizes = effort.take(SIZES, (20,))
    costs = Table("costs", "by the number of sidecars", [f"{size:,}" for size in sizes], 1)
    rules = Table("rules", "milliseconds of one evaluation", costs.columns, 1)
    for size, column in zip(sizes, costs.columns):
        found = push(size, *effort.take((30.0, PAST), (2.0, 60.0)))
        for row, figure in rows(found).items():
            costs.add(row, column, figure)
        for rule in sorted(found.rules, key=lambda name: -found.rules[name])[:5]:
            rules.add(rule, column, 1000 * found.rules[rule])
    return [costs, rules]


def rows(cost: Cost) -> dict[str, float]:
    return {
        "series in Prometheus": cost.series,
        "pushes a second": cost.pushes,
        "gateway, % of a core": cost.gateway[0],
        "gateway, processor ms a push": 10 * cost.gateway[0] / cost.pushes,
        "gateway, MiB": cost.gateway[1],
        "Prometheus, % of a core": cost.prometheus[0],
        "Prometheus, processor ms a push": 10 * cost.prometheus[0] / cost.pushes,
        "Prometheus, MiB": cost.prometheus[1],
        "all rules once, ms": 1000 * sum(cost.rules.values()),
        "answer of the gateway, ms: half are below": 1000 * quantile(cost.answers, 0.5),
        "answer of the gateway, ms: 99 % are below": 1000 * quantile(cost.answers, 0.99),
        "pushes refused": cost.refused,
        "senders late by, s": cost.behind,
    }
