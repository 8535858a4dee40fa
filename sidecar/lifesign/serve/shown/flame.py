"""The stacks of stalls and spins of one process, for the page's flame graph: bounded in number and bytes."""

from __future__ import annotations

from typing import Iterator

import msgspec

from lifesign.watch.telemetry import Snapshot
from lifesign.wire.frames import is_library
from lifesign.wire.stalls import StackTime

STACKS = 20  # those with the most time
BYTES = 128 << 10

STALLED = "stalled"
_encoder = msgspec.json.Encoder()


class FlameFrame(msgspec.Struct, frozen=True, array_like=True):
    """One place; `own` says whether it is the user's own code."""

    function: str
    file: str
    line: int
    own: bool


class FlameStack(msgspec.Struct, frozen=True):
    """One stack, as indices of frames with the outermost first; times in seconds.

    `group` is what it belongs to: the short stalls, or a loop that spins.
    """

    group: str
    frames: list[int]
    samples: int
    time: float
    computing: float


class FlameView(msgspec.Struct, frozen=True):
    """What the page draws: stacks with the most time first; `left_out` is the time of those that are not here."""

    frames: list[FlameFrame]
    stacks: list[FlameStack]
    left_out: float


def flame(snapshot: Snapshot) -> bytes:
    """A `FlameView` as JSON."""
    found = sorted(_stacks(snapshot), key=lambda pair: -pair[1]["time"])
    shown = found[:STACKS]
    while True:
        encoded = _encoder.encode(_view(shown, sum(stack["time"] for _, stack in found[len(shown) :])))
        if len(encoded) <= BYTES or not shown:
            return encoded
        shown = shown[: len(shown) // 2]


def _stacks(snapshot: Snapshot) -> Iterator[tuple[str, StackTime]]:
    for stall in snapshot.stalls:
        for stack in stall.stacks:
            yield STALLED, stack
    for busy in snapshot.busy:
        for stack in busy.stacks:
            yield f"loop {busy.loop} spins", stack


def _view(stacks: list[tuple[str, StackTime]], left_out: int) -> FlameView:
    frames: dict[FlameFrame, int] = {}
    made = []
    for group, stack in stacks:
        places = [
            FlameFrame(frame["function"], frame["file"], frame["line"], not is_library(frame["file"]))
            for frame in stack["stack"]
        ]
        made.append(
            FlameStack(
                group=group,
                frames=[frames.setdefault(place, len(frames)) for place in places],
                samples=stack["samples"],
                time=max(0, stack["time"]) / 1e9,
                computing=min(max(0, stack["computing"]), max(0, stack["time"])) / 1e9,
            )
        )
    return FlameView(list(frames), made, max(0, left_out) / 1e9)
