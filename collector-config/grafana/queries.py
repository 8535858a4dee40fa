"""Queries and links of the dashboard. Metric names are as Prometheus translates them."""

from __future__ import annotations

import json
import re
from urllib.parse import quote

from grafana_foundation_sdk.builders.dashboard import DashboardLink
from grafana_foundation_sdk.builders.loki import Dataquery as LogQuery
from grafana_foundation_sdk.builders.prometheus import Dataquery as MetricQuery
from grafana_foundation_sdk.models.dashboard import DashboardLinkType, DataSourceRef

METRICS = DataSourceRef(type_val="prometheus", uid="${metrics}")
TRACES = DataSourceRef(type_val="jaeger", uid="${traces}")
LOGS = DataSourceRef(type_val="loki", uid="${logs}")

CHOSEN = 'job=~"$job"'
ONE = f'{CHOSEN}, instance=~"$instance"'
REAL = f'{ONE}, user_agent_synthetic_type=""'
SYNTHETIC = f'{CHOSEN}, user_agent_synthetic_type!=""'

# Worst last: the number of each state, and its colour.
STATES = {
    "stopped": (0, "#808080"),
    "healthy": (1, "#73bf69"),
    "idle": (2, "#c8f2c2"),
    "starting": (3, "#5794f2"),
    "silent": (4, "#fade2a"),
    "degraded": (5, "#ffcb7d"),
    "blocked": (6, "#ff9830"),
    "frozen": (7, "#b877d9"),
    "dead": (8, "#f2495c"),
}

ILL = ("silent", "degraded", "blocked", "frozen", "dead")


def state_of(where: str) -> str:
    """The state of each process as the number of STATES."""
    each = (
        f'lifesign_process_state{{{where}, lifesign_state="{state}"}} * {rank}' for state, (rank, _) in STATES.items()
    )
    return f"max by (job, instance) ({' or '.join(each)})"


def ask(expression: str, legend: str = "", letter: str = "A") -> MetricQuery:
    return MetricQuery().datasource(METRICS).expr(expression).legend_format(legend).ref_id(letter)


def ask_logs(expression: str) -> LogQuery:
    return LogQuery().datasource(LOGS).expr(expression).query_type("range").ref_id("A")


def traces_link(title: str, service: str, **search: str) -> DashboardLink:
    """A link to the traces of a service: a variable of the panel, and parameters of Jaeger's search."""
    return _explore(title, TRACES, {"queryType": "search", "service": service, **search})


def logs_link(service: str) -> DashboardLink:
    """A link to the logs of a service."""
    return _explore("Logs", LOGS, {"queryType": "range", "expr": f'{{service_name="{service}"}}'})


def _explore(title: str, source: DataSourceRef, query: dict[str, str]) -> DashboardLink:
    where = {"type": source.type_val, "uid": source.uid}
    pane = {
        "datasource": source.uid,
        "queries": [{"refId": "A", "datasource": where, **query}],
        "range": {"from": "${__from}", "to": "${__to}"},
    }
    encoded = quote(json.dumps({"a": pane}))
    # Grafana interpolates variables only if they are not percent-encoded.
    readable = re.sub("%24%7B(.+?)%7D", r"${\1}", encoded)
    link = DashboardLink(title).type(DashboardLinkType.LINK).target_blank(True)
    return link.url(f"/explore?schemaVersion=1&panes={readable}")
