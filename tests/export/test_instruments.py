"""The table of metrics: what the reference is made of holds for the points that are sent."""

from __future__ import annotations

from typing import Callable

from lifesign.export.instruments import ROWS
from lifesign.export.readings import ExportStats, MetricSource
from lifesign.watch.telemetry import (
    CauseReading,
    DryRunReading,
    EventReading,
    MemoryReading,
    PostconditionReading,
    Snapshot,
    StallReading,
    UsageReading,
)

TAG = "user_agent.synthetic.type"  # which any point of a dry run has


def test_a_metric_has_the_attributes_that_its_row_says(snapshot: Callable[..., Snapshot]) -> None:
    everything = snapshot(
        state="blocked",
        causes=(CauseReading("blocking-call", "it waits", "render", "shop.py", 7),),
        events=(EventReading("order", 1, 2, 1.0, 5.0),),
        postconditions=(PostconditionReading("db", True, True, ""),),
        stalls=(StallReading(1, "call", "render", "shop.py", 7),),
        dry_run=DryRunReading({"order": (1, 0)}, 0, 0.0),
        utilization=0.2,
        usage=UsageReading(
            voluntary=1,
            involuntary=1,
            memory=1,
            threads=1,
            descriptors=1,
            garbage=((1, 1, 1),),
            container=MemoryReading(1, 2),
        ),
    )
    source = MetricSource(everything, ExportStats(), set())
    sent = {row.name: {name for _, attributes in row.points(source) for name in attributes} - {TAG} for row in ROWS}
    assert sent == {row.name: {*row.attributes} for row in ROWS}
