"""The records in the rings of a run directory, read as the sidecar reads them."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from lifesign.wire.reader import PulseReader
from support.victims import folders


def records(run_directory: Path, *kinds: str) -> list[dict[str, Any]]:
    """Those of all processes that are still in a ring, in the order in which they were written."""
    found: list[dict[str, Any]] = []
    for folder in folders(run_directory):
        directory = os.open(folder, os.O_RDONLY)
        try:
            with contextlib.closing(PulseReader(directory)) as reader:
                found += [json.loads(record.payload) for record in reader.ring().records]
        finally:
            os.close(directory)
    return [record for record in found if record["kind"] in kinds]


def culprits(run_directory: Path) -> list[dict[str, Any]]:
    """What stalled loops, each with its newest numbers, that with the most time first."""
    newest: dict[int, dict[str, Any]] = {}
    for record in records(run_directory, "stall_culprit", "stall_totals"):
        for one in record.get("culprits", [record]):
            newest.setdefault(one["id"], {}).update(one)
    return sorted(newest.values(), key=lambda one: -one["total"])
