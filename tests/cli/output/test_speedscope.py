"""What is written for speedscope follows its schema, https://www.speedscope.app/file-format-schema.json."""

from __future__ import annotations

import json
from typing import Any

from lifesign.cli.output.speedscope import Sampled, speedscope
from lifesign.wire.frames import Frame
from lifesign.wire.stalls import StackTime

MAIN: Frame = {"function": "main", "file": "app.py", "line": 9}
RENDER: Frame = {"function": "render", "file": "app.py", "line": 70}
IDLE: Frame = {"function": "no stack", "file": "", "line": 0}
NUMBER = (int, float)
UNITS = ("none", "nanoseconds", "microseconds", "milliseconds", "seconds", "bytes")


def stack(*frames: Frame, time: int) -> StackTime:
    return {"stack": list(frames), "samples": 1, "time": time, "computing": 0}


def check(file: dict[str, Any]) -> None:
    """The schema, and what its comments add."""
    assert file["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    assert {type(file[key]) for key in ("name", "exporter")} == {str}
    assert isinstance(file["activeProfileIndex"], NUMBER)
    for frame in file["shared"]["frames"]:
        assert isinstance(frame["name"], str)
        assert isinstance(frame.get("file", ""), str)
        assert isinstance(frame.get("line", 0), NUMBER)
        assert set(frame) <= {"name", "file", "line", "col"}
    for profile in file["profiles"]:
        assert profile["type"] == "sampled"
        assert isinstance(profile["name"], str)
        assert profile["unit"] in UNITS
        assert len(profile["samples"]) == len(profile["weights"])
        assert all(0 <= index < len(file["shared"]["frames"]) for sample in profile["samples"] for index in sample)
        assert all(isinstance(weight, NUMBER) for weight in profile["weights"])
        assert profile["endValue"] - profile["startValue"] == sum(profile["weights"])


def test_each_profile_has_its_stacks_over_shared_frames() -> None:
    made = speedscope(
        "shop, process 7",
        [
            Sampled("stalls", [stack(MAIN, RENDER, time=300), stack(MAIN, time=100)]),
            Sampled("loop 0 spins", [stack(MAIN, RENDER, time=9_000), stack(IDLE, time=1)]),
        ],
    )
    check(json.loads(json.dumps(made)))
    assert made["shared"]["frames"] == [
        {"name": "main", "file": "app.py", "line": 9},
        {"name": "render", "file": "app.py", "line": 70},
        {"name": "no stack"},
    ]
    first, second = made["profiles"]
    assert (first["name"], first["samples"], first["weights"]) == ("stalls", [[0, 1], [0]], [300, 100])
    assert (second["samples"], second["weights"], second["endValue"]) == ([[0, 1], [2]], [9_000, 1], 9_001)


def test_nothing_is_a_file_too() -> None:
    check(speedscope("shop", []))
    check(speedscope("shop", [Sampled("stalls", [])]))
