"""What has blocked the loops of a test for too long, and is its own doing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Iterable, cast

from lifesign.judge.causes.stalls import stall_cause

if TYPE_CHECKING:
    from lifesign.wire.stalls import StallCulprit

_BLAMED = ("call", "callbacks")  # not the garbage collector, nor the machine
_IMPORTS = "<frozen importlib"  # a file that is found in a stack


def blocked(records: Iterable[dict[str, Any]], max_ms: float) -> list[str]:
    """The sentences on those who have blocked a loop for longer than that; empty if nobody has.

    A stall may have several culprits, each with a part of it.
    """
    newest = {record["id"]: cast("StallCulprit", record) for record in records}
    blamed = [one for one in newest.values() if one["what"] in _BLAMED and not _imports(one)]
    if sum(one["worst"] for one in blamed) < max_ms * 1e6:
        return []
    said = [f"the event loop was blocked for longer than {max_ms:g} ms"]
    for one in sorted(blamed, key=lambda one: -one["worst"]):
        cause = stall_cause(one, time.time_ns())
        said += [f"    {cause.sentence}", *(f"        {line}" for line in cause.evidence)]
    return said


def _imports(culprit: StallCulprit) -> bool:
    """Whether it was the first import of something, which the next test does not see."""
    stacks = culprit["stacks"]
    importing = sum(one["time"] for one in stacks if any(f["file"].startswith(_IMPORTS) for f in one["stack"]))
    return importing * 2 > sum(one["time"] for one in stacks)
