"""Generates ``dashboard.json`` for Grafana: ``python collector-config/grafana/dashboard.py``.

Five rows: the fleet, worst first; one service; what its processes use; synthetic traffic; the pipeline itself. Real and
synthetic events are never in one panel.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders.dashboard import Dashboard, DatasourceVariable, QueryVariable, Row
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import VariableOption, VariableRefresh, VariableSort
from panels import bars, distribution, graph, lines, number, processes, ranking, strip
from queries import CHOSEN, ILL, METRICS, ONE, REAL, STATES, SYNTHETIC, ask, logs_link, state_of, traces_link

CELL, SERIES = "${__value.text}", "${__field.labels.job}"  # the service name, by kind of panel
RATE = "[$__rate_interval]"
GONE = {"auto", "auto_count", "auto_min", "footer"}


def fleet() -> list[Any]:
    columns = {
        "State": ("none", state_of(CHOSEN)),
        # Prometheus keeps the last sample of a process that is gone for five minutes.
        "Last report": ("s", of_process(f"time() - timestamp(lifesign_heartbeat_expected_ratio{{{CHOSEN}}})")),
        "Beat age": ("s", of_process(f"lifesign_heartbeat_age_seconds{{{CHOSEN}}}")),
        "Event age": ("s", of_process(f"lifesign_event_age_seconds{{{CHOSEN}}}")),
        "Tasks": ("short", of_process(f"lifesign_tasks{{{CHOSEN}}}")),
        "CPU": ("percentunit", f"sum by (job, instance) (rate(process_cpu_time_seconds_total{{{CHOSEN}}}[5m]))"),
        "Memory": ("bytes", of_process(f"process_memory_usage_bytes{{{CHOSEN}}}")),
        "Uptime": ("s", of_process(f"process_uptime_seconds{{{CHOSEN}}}")),
    }
    links = [
        traces_link("Boots", CELL, operation="boot"),
        traces_link("Stalls", CELL, operation="eventloop blocked"),
        logs_link(CELL),
    ]
    causes = {
        "Processes": ("short", f"sum by (job, lifesign_cause, code_function_name) (lifesign_process_cause{{{CHOSEN}}})")
    }
    names = {"job": "Service", "lifesign_cause": "Cause", "code_function_name": "Function"}
    ill = f'lifesign_process_state{{{CHOSEN}, lifesign_state=~"{"|".join(ILL)}"}}'
    lost = f"sum by (job) (rate(lifesign_eventloop_stall_time_seconds_total{{{CHOSEN}}}{RATE}))"
    return [
        processes("Processes, worst first", columns, "State", STATES, links),
        ranking("Why processes are ill", 8, causes, names),
        graph(
            "Processes that are ill",
            "short",
            8,
            ask(f"sum by (lifesign_state) ({ill})", "{{lifesign_state}}"),
        ),
        graph("Time lost in stalls", "percentunit", 8, ask(lost, "{{job}}"), links=[logs_link(SERIES)]),
        bars(
            "Processes by state",
            8,
            ask(f"sum by (lifesign_state) (lifesign_process_state{{{CHOSEN}}})", "{{lifesign_state}}"),
        ),
        graph(
            "Processes expected to beat",
            "short",
            8,
            ask(f"sum by (job) (lifesign_heartbeat_expected_ratio{{{CHOSEN}}})", "{{job}}"),
        ),
        bars(
            "Boots by outcome",
            8,
            ask(f"sum by (lifesign_boot_outcome) (lifesign_boot_status{{{CHOSEN}}})", "{{lifesign_boot_outcome}}"),
        ),
    ]


def service() -> list[Any]:
    logs = logs_link(SERIES)
    stalls = traces_link("Stalls", SERIES, operation="eventloop blocked")
    boots = traces_link("Waterfall", SERIES, operation="boot")
    checks = traces_link("Checks", SERIES, operation="postconditions")
    delays = f"sum by (le) (increase(lifesign_eventloop_delay_seconds_bucket{{{ONE}}}{RATE}))"
    events = f"sum by (job, lifesign_event_name) (rate(lifesign_events_total{{{REAL}}}{RATE}))"
    stalled = f"lifesign_eventloop_stall_time_seconds_total{{{ONE}}}"
    cause = f"max by (job, instance, lifesign_cause) (lifesign_process_cause{{{ONE}}})"
    by_culprit = "sum by (job, code_function_name, lifesign_stall_kind)"
    culprits = {
        # Since the processes began: an increase would leave out the first stall of each function.
        "Stalled": ("s", f"topk(20, {by_culprit} (last_over_time({stalled}[$__range])) > 0)"),
        "Of the last five minutes": ("percentunit", f"{by_culprit} (rate({stalled}[5m])) > 0"),
    }
    names = {"job": "Service", "code_function_name": "Function", "lifesign_stall_kind": "Kind"}
    lateness = f"lifesign_event_age_seconds{{{REAL}}} / lifesign_event_deadline_seconds{{{REAL}}}"
    return [
        strip("Heartbeat strip", 24, ask(state_of(ONE), "{{job}} {{instance}}"), STATES, [stalls, logs]),
        strip(
            "Causes",
            24,
            ask(cause, "{{lifesign_cause}} {{job}} {{instance}}"),
            {"ill": (1, "#f2495c")},
            [stalls, logs],
        ),
        distribution("Loop delay", "s", 12, ask(delays, "{{le}}")),
        graph(
            "Age of the last beat",
            "s",
            12,
            ask(f"lifesign_heartbeat_age_seconds{{{ONE}}}", "{{job}} {{instance}}"),
            ask(f"max(lifesign_heartbeat_timeout_seconds{{{ONE}}})", "timeout", "B"),
            links=[stalls],
        ),
        ranking("What stalls the event loop", 12, culprits, names),
        graph(
            "Event loop at work",
            "percentunit",
            12,
            ask(f"lifesign_eventloop_utilization_ratio{{{ONE}}}", "{{job}} {{instance}}"),
            links=[logs],
        ),
        number("Boot", "s", 6, ask(f"lifesign_boot_duration_seconds{{{ONE}}}", "{{job}} {{instance}}"), [boots, logs]),
        strip(
            "Post-conditions",
            18,
            ask(f"lifesign_postcondition_passed_ratio{{{ONE}}}", "{{lifesign_postcondition_name}} {{instance}}"),
            {"fails": (0, "#f2495c"), "holds": (1, "#73bf69")},
            [checks, logs],
        ),
        graph("Events", "ops", 8, ask(events, "{{job}} {{lifesign_event_name}}"), links=[logs]),
        graph(
            "Age of the last event, in deadlines",
            "percentunit",
            8,
            ask(lateness, "{{lifesign_event_name}} {{instance}}"),
            links=[logs],
        ),
        graph("Tasks", "short", 8, ask(f"lifesign_tasks{{{ONE}}}", "{{job}} {{instance}}"), links=[logs]),
        lines("Illnesses and stalls with their causes", 24, '{service_name=~"$job"} | lifesign_cause != ""'),
        lines("Task groups", 12, '{service_name=~"$job"} | lifesign_task_group_index != ""'),
        lines("Sidecar log records", 12, '{service_name=~"$job"} | lifesign_task_dump_id = ""'),
    ]


def process() -> list[Any]:
    of = "{{job}} {{instance}}"
    memory = of_process(f"container_memory_usage_bytes{{{ONE}}}")
    limit = of_process(f"lifesign_container_memory_limit_bytes{{{ONE}}}")
    modes = f"sum by (job, instance, cpu_mode) (rate(process_cpu_time_seconds_total{{{ONE}}}{RATE}))"
    garbage = f"sum by (job, cpython_gc_generation) (rate(cpython_gc_collections_total{{{ONE}}}{RATE}))"
    kind = f'{ONE}, lifesign_stall_kind="gc"'
    pauses = f"sum by (job) (rate(lifesign_eventloop_stall_time_seconds_total{{{kind}}}{RATE}))"
    switches = "process_context_switch_type"
    switched = f"sum by (job, {switches}) (rate(process_context_switches_total{{{ONE}}}{RATE}))"
    faults = f'rate(process_paging_faults_total{{{ONE}, system_paging_fault_type="major"}}{RATE})'
    return [
        graph(
            "Memory, and its container's against the limit",
            "bytes",
            12,
            ask(f"process_memory_usage_bytes{{{ONE}}}", of),
            ask(memory, f"container {of}", "B"),
            ask(limit, f"limit {of}", "C"),
        ),
        graph("Processor time", "percentunit", 12, ask(modes, f"{{{{cpu_mode}}}} {of}")),
        graph("Open file descriptors", "short", 6, ask(f"process_unix_file_descriptor_count{{{ONE}}}", of)),
        graph("Threads", "short", 6, ask(f"process_thread_count{{{ONE}}}", of)),
        graph(
            "Garbage collections by generation",
            "ops",
            6,
            ask(garbage, "{{job}} generation {{cpython_gc_generation}}"),
        ),
        graph("Loops stalled by the collector", "percentunit", 6, ask(pauses, "{{job}}")),
        graph("Context switches", "ops", 12, ask(switched, f"{{{{job}}}} {{{{{switches}}}}}")),
        graph("Page faults that wait for a disk", "ops", 12, ask(f"sum by (job) ({faults})", "{{job}}")),
    ]


def synthetic() -> list[Any]:
    dry_runs = traces_link("Dry runs", SERIES, tags="user_agent.synthetic.type=test")
    rate = f"sum by (job, lifesign_event_name) (rate(lifesign_events_total{{{SYNTHETIC}}}{RATE}))"
    count = f"sum by (job) (lifesign_events_total{{{SYNTHETIC}}})"
    handled = f"sum by (job, lifesign_dry_run_outcome) (rate(lifesign_dry_run_events_total{{{SYNTHETIC}}}{RATE}))"
    skipped = f"sum by (job) (rate(lifesign_dry_run_skipped_total{{{SYNTHETIC}}}{RATE}))"
    lag = f"max by (job) (lifesign_dry_run_lag_seconds{{{SYNTHETIC}}})"
    return [
        graph("Synthetic events", "ops", 18, ask(rate, "{{job}} {{lifesign_event_name}}"), links=[dry_runs]),
        number("Synthetic events, total", "short", 6, ask(count, "{{job}}"), [dry_runs]),
        graph(
            "Synthetic events handled and skipped",
            "ops",
            12,
            ask(handled, "{{job}} {{lifesign_dry_run_outcome}}"),
            ask(skipped, "{{job}} skipped", "B"),
        ),
        graph("Delay of synthetic events", "s", 12, ask(lag, "{{job}}")),
    ]


def pipeline() -> list[Any]:
    dropped = f"sum by (job, lifesign_reason) (increase(lifesign_records_dropped_total{{{CHOSEN}}}{RATE}))"
    refused = f"sum by (job) (increase(lifesign_export_rejected_total{{{CHOSEN}}}{RATE}))"
    spool = f"sum by (job) (lifesign_spool_size_bytes{{{CHOSEN}}})"
    return [
        graph("Sidecar spools", "bytes", 8, ask(spool, "{{job}}")),
        graph("Gateway queues", "bytes", 8, ask("otelcol_exporter_queue_size", "{{exporter}} {{data_type}}")),
        graph(
            "Records dropped and rejected",
            "short",
            8,
            ask(dropped, "{{job}} {{lifesign_reason}}"),
            ask(refused, "{{job}} rejected", "B"),
        ),
    ]


def of_process(expression: str) -> str:
    return f"max by (job, instance) ({expression})"


def chosen(name: str, label: str, query: str) -> QueryVariable:
    """A variable with multiple choice; all by default."""
    return (
        QueryVariable(name)
        .label(label)
        .datasource(METRICS)
        .query(query)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".+")
        .current(VariableOption(selected=True, text="All", value="$__all"))
    )


def dashboard() -> str:
    """The dashboard as Grafana reads it."""
    made = (
        Dashboard("lifesign")
        .uid("lifesign")
        .description("Proof of life of asyncio services.")
        .tags(["lifesign"])
        .timezone("browser")
        .time("now-30m", "now")
        .refresh("10s")
        .with_variable(DatasourceVariable("metrics").label("Prometheus").type("prometheus"))
        .with_variable(DatasourceVariable("traces").label("Jaeger").type("jaeger"))
        .with_variable(DatasourceVariable("logs").label("Loki").type("loki"))
        .with_variable(chosen("job", "Service", "label_values(lifesign_heartbeat_expected_ratio, job)"))
        .with_variable(
            chosen("instance", "Process", f"label_values(lifesign_heartbeat_expected_ratio{{{CHOSEN}}}, instance)")
        )
    )
    parts = {
        "Fleet": fleet,
        "One service": service,
        "What its processes use": process,
        "Synthetic traffic": synthetic,
        "Pipeline": pipeline,
    }
    numbers = itertools.count(1)
    for title, panels in parts.items():
        made = made.with_row(Row(title).id(next(numbers)))
        for panel in panels():
            made = made.with_panel(panel.id(next(numbers)))
    return json.dumps(known(json.loads(JSONEncoder().encode(made.build()))), sort_keys=True, indent=2) + "\n"


def known(node: Any) -> Any:
    """Without what the SDK writes for Grafana 11 and Grafana 13 has no more; all of it is as it would be anyway."""
    if isinstance(node, dict):
        return {key: known(value) for key, value in node.items() if key not in GONE}
    return [known(value) for value in node] if isinstance(node, list) else node


if __name__ == "__main__":
    Path(__file__).with_name("dashboard.json").write_text(dashboard())
