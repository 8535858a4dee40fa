"""Every query of the dashboard, asked of a real Prometheus that holds real telemetry, has an answer."""

from __future__ import annotations

import json
import re
import sys
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.backends.stacks import PATIENCE, Stack, get, stacked
from support.paths import CONFIGS, VICTIMS
from support.supervised import environment, supervised
from support.waiting import eventually

DASHBOARD = json.loads((CONFIGS / "grafana" / "dashboard.json").read_text())
TARGETS = [(panel, target) for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
ASKED = [(panel, target) for panel, target in TARGETS if target["datasource"]["type"] == "prometheus"]
LISTS = [variable for variable in DASHBOARD["templating"]["list"] if variable["type"] == "query"]
ROWS = {  # the labels of each table
    "Processes, worst first": {"job", "instance"},
    "Why processes are ill": {"job", "lifesign_cause", "code_function_name"},
    "What stalls the event loop": {"job", "code_function_name", "lifesign_stall_kind"},
}
# A container without a limit has no such series.
OF_LIMITS = ("container_memory_usage_bytes", "lifesign_container_memory_limit_bytes")
FILLED = {"$job": ".+", "$instance": ".+", "$__rate_interval": "1m", "$__range": "5m"}


@pytest.fixture(scope="module")
def stack(
    otelcol: str,
    jaeger_binary: str,
    prometheus_binaries: Path,
    alertmanager_binaries: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    """A stack with the demo, which blocks once, and a service that has synthetic events and a critical
    post-condition that fails."""
    folder = tmp_path_factory.mktemp("stack")
    with stacked(otelcol, jaeger_binary, prometheus_binaries, alertmanager_binaries, folder) as running:
        environ = environment(
            OTEL_EXPORTER_OTLP_ENDPOINT=running.otlp,
            OTEL_SERVICE_NAME="desk",
            LIFESIGN_METRIC_INTERVAL="1",
            LIFESIGN_SPOOL_DIR=str(folder / "spool"),
            DRY_RUN="1",
        )
        with supervised([sys.executable, str(VICTIMS / "desk.py")], env=environ) as desk:
            desk.line_with("ready")
            running.type("b")
            yield running


def filled(expression: str) -> str:
    for name, value in FILLED.items():
        expression = expression.replace(name, value)
    assert "$" not in expression
    return expression


@pytest.mark.parametrize(
    ("panel", "target"), ASKED, ids=[f"{panel['title']} {target['refId']}" for panel, target in ASKED]
)
def test_a_query_has_an_answer(panel: dict[str, Any], target: dict[str, Any], stack: Stack) -> None:
    query = filled(target["expr"])
    if any(name in query for name in OF_LIMITS):
        found = stack.metrics(query)
    else:
        found = eventually(lambda: stack.metrics(query), PATIENCE, 0.2)

    labels = set(re.findall(r"{{(\w+)}}", target.get("legendFormat", "")))
    assert all(labels <= set(series["metric"]) for series in found), "the legend names what is not there"
    if panel["type"] == "table":
        assert all(set(series["metric"]) <= ROWS[panel["title"]] for series in found)


def test_what_stalls_a_loop_is_named(stack: Stack) -> None:
    """The desk's."""
    stalled, share = (target for panel, target in ASKED if panel["title"] == "What stalls the event loop")
    rates = {"job": "desk", "code_function_name": "load_rates", "lifesign_stall_kind": "call"}
    for target in (stalled, share):
        eventually(
            lambda target=target: rates in [series["metric"] for series in stack.metrics(filled(target["expr"]))],
            PATIENCE,
            0.2,
        )


def test_a_delay_leads_to_the_span_of_what_kept_the_loop(stack: Stack) -> None:
    (delays,) = (target for panel, target in ASKED if panel["title"] == "Loop delay")
    assert delays["exemplar"] is True
    times = {"start": time.time() - 600, "end": time.time() + 600}
    query = urllib.parse.urlencode({"query": filled(delays["expr"]), **times})
    address = f"{stack.prometheus}/api/v1/query_exemplars?{query}"

    def examples() -> list[dict[str, Any]]:
        return [one for series in get(address)["data"] for one in series["exemplars"]]

    (found, *_) = eventually(examples, PATIENCE, 0.2)
    assert float(found["value"]) > 3, "the desk's timeout"
    trace = f"{stack.jaeger}/api/traces/{found['labels']['trace_id']}"
    spans = eventually(lambda: get(trace)["data"][0]["spans"], PATIENCE, 0.2)
    assert {span["operationName"] for span in spans if span["spanID"] == found["labels"]["span_id"]} == {
        "eventloop blocked"
    }


def test_why_a_process_was_ill_is_named(stack: Stack) -> None:
    (ranked,) = (target for panel, target in ASKED if panel["title"] == "Why processes are ill")
    blocked = {
        "job": "lifesign-demo",
        "lifesign_cause": "blocking-call",
        "code_function_name": "OrderDesk._write_report",
    }
    eventually(lambda: blocked in [series["metric"] for series in stack.metrics(filled(ranked["expr"]))], PATIENCE, 0.2)


@pytest.mark.parametrize("variable", LISTS, ids=lambda variable: variable["name"])
def test_a_list_to_choose_from_has_both_services(variable: dict[str, Any], stack: Stack) -> None:
    selector, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]).groups()
    query = urllib.parse.urlencode({"match[]": filled(selector)})
    address = f"{stack.prometheus}/api/v1/label/{label}/values?{query}"

    eventually(lambda: len(get(address)["data"]) == 2, PATIENCE, 0.2)


def test_states_are_ranked(stack: Stack) -> None:
    (worst,) = (target for panel, target in ASKED if panel["title"] == "Heartbeat strip")

    def ranks() -> dict[str, str]:
        return {series["metric"]["job"]: series["value"][1] for series in stack.metrics(filled(worst["expr"]))}

    eventually(lambda: ranks() == {"lifesign-demo": "1", "desk": "5"}, PATIENCE, 0.2)  # healthy; degraded
    stack.type("s")
    eventually(lambda: ranks() == {"lifesign-demo": "4", "desk": "5"}, PATIENCE, 0.2)  # silent


def test_what_is_not_asked_of_prometheus_is_logs() -> None:
    others = [target["datasource"]["type"] for _, target in TARGETS if target["datasource"]["type"] != "prometheus"]
    assert others == ["loki", "loki", "loki"]
