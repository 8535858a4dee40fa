"""The metrics of one watched process: names, kinds and units.

All but the histogram of delays are read from the newest snapshot when they are sent. docs/reference.md is made of this
table.
"""

from __future__ import annotations

from lifesign import semconv
from lifesign.export import process_instruments, readings
from lifesign.export.points import COUNTER, GAUGE, UP_DOWN_COUNTER, MetricRow
from lifesign.judge.states import BOOT_OUTCOMES

_EVENT = {semconv.EVENT_NAME: ""}
_OF_STALL = {
    semconv.STALL_KIND: "`call`, `callbacks` (many in one turn of the loop), `gc`, and without anybody's doing "
    "`quota`, `starved`, `paging`, `steal`, `stopped`",
    semconv.CODE_FUNCTION: "of the first two kinds; the first "
    f"{readings.STALL_FUNCTIONS_MAX} of a process, `other` for the rest",
}
ROWS: tuple[MetricRow[readings.MetricSource], ...] = (
    MetricRow(
        semconv.HEARTBEATS,
        COUNTER,
        "{heartbeat}",
        "Beats of the event loop",
        readings.shown(lambda now: now.beats),
        of_process=True,
    ),
    MetricRow(
        semconv.HEARTBEAT_AGE, GAUGE, "s", "Time since the newest beat", readings.shown(lambda now: now.beat_age)
    ),
    MetricRow(
        semconv.HEARTBEAT_TIMEOUT,
        GAUGE,
        "s",
        "Age at which a beat is stale",
        readings.shown(lambda now: now.heartbeat_timeout),
    ),
    MetricRow(
        semconv.HEARTBEAT_EXPECTED,
        GAUGE,
        "1",
        "1 while beats are due",
        readings.shown(lambda now: int(now.expected)),
        more="0 after a clean stop, and from when its end was asked for, for `LIFESIGN_TERMINATION_GRACE` and however "
        "it ends",
    ),
    MetricRow(
        semconv.PROCESS_STATE,
        UP_DOWN_COUNTER,
        "1",
        "1 for the state the process is in, else 0",
        readings.states,
        attributes={semconv.STATE: ""},
    ),
    MetricRow(
        semconv.PROCESS_CAUSE,
        UP_DOWN_COUNTER,
        "1",
        "1 for why the process is ill, as long as it is",
        readings.cause,
        attributes={semconv.CAUSE: "", semconv.CODE_FUNCTION: f"the first {readings.PLACES_MAX} of a process"},
        more="if a cause is known: the one that explains most",
    ),
    MetricRow(
        semconv.EVENTLOOP_UTILIZATION,
        GAUGE,
        "1",
        "Share of the time a loop works",
        readings.shown(lambda now: now.utilization),
        more="or is inside a call that waits; of the busiest loop, over the last five seconds",
    ),
    MetricRow(
        semconv.EVENTLOOP_TIME,
        COUNTER,
        "s",
        "Time that event loops work or wait",
        readings.loop_time,
        attributes={semconv.EVENTLOOP_STATE: f"`{semconv.EVENTLOOP_ACTIVE}`, `{semconv.EVENTLOOP_IDLE}`"},
        more="of all loops, since the sidecar watches",
    ),
    MetricRow(
        semconv.EVENTLOOP_STALL_TIME,
        COUNTER,
        "s",
        "Time in stalls, by culprit",
        readings.stall_time,
        of_process=True,
        attributes=_OF_STALL,
        more="those of `LIFESIGN_STALL_THRESHOLD` or more",
    ),
    MetricRow(semconv.TASKS, GAUGE, "{task}", "Tasks that are not finished", readings.shown(lambda now: now.tasks)),
    MetricRow(
        semconv.EVENTLOOPS_UNWATCHED,
        GAUGE,
        "{loop}",
        "Loops beyond the bound",
        readings.shown(lambda now: now.unwatched_loops),
        more="256 are watched at a time",
    ),
    MetricRow(
        semconv.EVENTS, COUNTER, "{event}", "Units of real work", readings.events, of_process=True, attributes=_EVENT
    ),
    MetricRow(
        semconv.EVENT_AGE,
        GAUGE,
        "s",
        "Time since the newest event, or since boot",
        readings.event_ages,
        attributes=_EVENT,
    ),
    MetricRow(
        semconv.EVENT_DEADLINE,
        GAUGE,
        "s",
        "Longest time between two events",
        readings.event_deadlines,
        attributes=_EVENT,
    ),
    MetricRow(semconv.BOOT_DURATION, GAUGE, "s", "Length of the boot", readings.shown(lambda now: now.boot_duration)),
    MetricRow(
        semconv.BOOT_STATUS,
        UP_DOWN_COUNTER,
        "1",
        "1 for how the boot went, else 0",
        readings.boot_outcomes,
        attributes={semconv.BOOT_OUTCOME: ", ".join(f"`{outcome}`" for outcome in BOOT_OUTCOMES)},
    ),
    MetricRow(
        semconv.POSTCONDITION_PASSED,
        GAUGE,
        "1",
        "1 if the check holds, else 0",
        readings.postconditions,
        attributes={semconv.POSTCONDITION_NAME: ""},
    ),
    MetricRow(
        semconv.RECORDS_DROPPED,
        COUNTER,
        "{record}",
        "Records lost, by reason",
        readings.dropped,
        attributes={semconv.REASON: ", ".join(f"`{reason}`" for reason in readings.REASONS)},
    ),
    MetricRow(
        semconv.SPOOL_SIZE,
        GAUGE,
        "By",
        "Bytes that wait for the Collector",
        readings.export(lambda stats: stats.spool_size),
    ),
    MetricRow(
        semconv.EXPORT_RETRIES,
        COUNTER,
        "{attempt}",
        "Failed attempts to export",
        readings.export(lambda stats: stats.retries),
        more="they are retried",
    ),
    MetricRow(
        semconv.EXPORT_AGE,
        GAUGE,
        "s",
        "Time since the last success, while it fails",
        readings.export(lambda stats: stats.age),
        more="or while the Collector owes an answer; else 0",
    ),
    MetricRow(
        semconv.EXPORT_REJECTED,
        COUNTER,
        "{record}",
        "Records the Collector refused",
        readings.export(lambda stats: stats.rejected),
    ),
    MetricRow(
        semconv.DRY_RUN_EVENTS,
        COUNTER,
        "{event}",
        "Events that a dry run made",
        readings.dry_run,
        of_process=True,
        attributes={
            semconv.DRY_RUN_TYPE: "",
            semconv.DRY_RUN_OUTCOME: ", ".join(f"`{one}`" for one in readings.HANDLED),
        },
        more="only after one has started",
    ),
    MetricRow(
        semconv.DRY_RUN_SKIPPED,
        COUNTER,
        "{event}",
        "Events that came too late to make",
        readings.skipped,
        of_process=True,
    ),
    MetricRow(semconv.DRY_RUN_LAG, GAUGE, "s", "How late a dry run is", readings.lag),
    MetricRow(
        semconv.PROCESS_UPTIME, GAUGE, "s", "Time since the process began", readings.shown(lambda now: now.uptime)
    ),
    *(
        MetricRow(
            row.name,
            row.kind,
            row.unit,
            row.description,
            readings.used(row.points),
            row.of_process,
            row.attributes,
            row.more,
        )
        for row in process_instruments.ROWS
    ),
)
