"""Stacks as a file for speedscope (https://www.speedscope.app), which draws them as flame graphs.

Its format: https://www.speedscope.app/file-format-schema.json
"""

from __future__ import annotations

from typing import Any, Iterable, NamedTuple

from lifesign import semconv
from lifesign.wire.stalls import StackTime

_SCHEMA = "https://www.speedscope.app/file-format-schema.json"


class Sampled(NamedTuple):
    """Stacks that make one flame graph, such as all the stalls of a process."""

    name: str
    stacks: Iterable[StackTime]


def speedscope(name: str, profiles: Iterable[Sampled]) -> dict[str, Any]:
    """The content of the file, to be written as JSON; `name` is that of the whole."""
    frames: dict[tuple[str, str, int], int] = {}
    made = []
    for profile in profiles:
        samples, weights = [], []
        for stack in profile.stacks:
            places = [(frame["function"], frame["file"], frame["line"]) for frame in stack["stack"]]
            samples.append([frames.setdefault(place, len(frames)) for place in places])  # the outermost comes first
            weights.append(stack["time"])
        made.append(
            {
                "type": "sampled",
                "name": profile.name,
                "unit": "nanoseconds",
                "startValue": 0,
                "endValue": sum(weights),
                "samples": samples,
                "weights": weights,
            }
        )
    return {
        "$schema": _SCHEMA,
        "name": name,
        "exporter": f"{semconv.SCOPE}@{semconv.VERSION}",
        "activeProfileIndex": 0,
        "shared": {"frames": [_frame(*place) for place in frames]},
        "profiles": made,
    }


def _frame(function: str, file: str, line: int) -> dict[str, Any]:
    return {"name": function, "file": file, "line": line} if file else {"name": function}
