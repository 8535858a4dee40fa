"""What eats the loop is named with its own function, on every Python at hand."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lifesign.judge.causes.stalls import culprit_text
from support import victims
from support.built import PYTHONS
from support.illnesses.stalls import culprits, records
from support.paths import VICTIMS
from support.waiting import eventually

HERE = VICTIMS / "stalls"
DEFAULT = {"LIFESIGN_HEARTBEAT_INTERVAL": "0.1", "LIFESIGN_STALL_THRESHOLD": "0.2"}
NEWEST, *_ = reversed(PYTHONS)
MACHINE = ("quota", "starved", "paging", "steal", "stopped")


def name_of(culprit: dict[str, Any]) -> str:
    place = culprit["place"]
    return "collect_garbage" if culprit["what"] == "gc" else place["function"] if place else culprit["what"]


# Where the GIL is handed over, and how the frames of a thread are kept, changed between these.
SHAPES = [version for version in PYTHONS if version not in ("3.10", "3.12")]


@pytest.mark.parametrize(("version", "seed"), [(version, seed) for seed, version in enumerate(SHAPES)])
def test_eight_culprits_are_named_in_their_order(version: str, seed: int, tmp_path: Path) -> None:
    line = [PYTHONS[version], str(HERE / "eight.py"), str(seed)]
    with victims.start(line, tmp_path, DEFAULT) as process:
        said, errors = process.communicate(timeout=300)
        assert (process.returncode, errors) == (0, b"")
    books: dict[str, float] = json.loads(said)
    found = culprits(tmp_path)
    named: Counter[str] = Counter()
    for one in found:
        if one["what"] not in MACHINE:
            named[name_of(one)] += one["total"] / 1e9
    assert len(books) == 8
    assert set(named) == set(books)
    assert sum(named.values()) >= 0.9 * sum(books.values())
    # What the machine took is apart in its own books, and here as far as the kernel counts it.
    lost = sum(one["total"] / 1e9 for one in found if one["what"] in MACHINE)
    if lost < 0.1 * sum(books.values()):
        wrong = [(a, b) for a in books for b in books if books[a] > 1.25 * books[b] and named[a] < named[b]]
        assert wrong == []
    computes = {name_of(one) for one in found if one["computing"] * 2 > one["total"]}
    assert computes == set(books) - {"query", "resolve", "log_line"}


@pytest.mark.parametrize("version", SHAPES)
def test_a_thread_that_holds_the_gil_is_named(version: str, tmp_path: Path) -> None:
    with victims.start([PYTHONS[version], str(HERE / "other_thread.py")], tmp_path, DEFAULT) as process:
        process.communicate(timeout=300)
    found = [one for one in culprits(tmp_path) if one["what"] not in MACHINE]
    assert [(one["what"], one["thread"], name_of(one)) for one in found] == [("call", "rules-1", "read_rules")]


@pytest.mark.parametrize(
    ("version", "kind", "function"),
    [(version, "callback", "retry_cancel") for version in SHAPES] + [(NEWEST, "task", "poll_queue")],
)
def test_a_loop_that_spins_is_named_with_what_it_does(version: str, kind: str, function: str, tmp_path: Path) -> None:
    timeout = {**DEFAULT, "LIFESIGN_HEARTBEAT_TIMEOUT": "0.6"}
    with victims.start([PYTHONS[version], str(HERE / "spinning.py"), kind], tmp_path, timeout) as process:
        (spin,) = eventually(lambda: records(tmp_path, "busy_loop"), 60.0)
        process.communicate(timeout=30)
    assert spin["utilization"] >= 0.7  # of its newest seconds, while it was sampled
    assert spin["place"]["function"] == function
    assert spin["samples"] >= 30
    assert spin["in_place"] >= 0.9 * spin["samples"]


@pytest.mark.parametrize("version", SHAPES)
def test_an_import_is_named_by_who_imports_what(version: str, tmp_path: Path) -> None:
    packages = tmp_path / "lib" / "python3" / "site-packages"
    for name in ("reports", "charts"):
        (packages / name).mkdir(parents=True)
        parts = [f"part{number}" for number in range(10)]
        (packages / name / "__init__.py").write_text("".join(f"import {name}.{part}\n" for part in parts))
        for part in parts:
            (packages / name / f"{part}.py").write_text("import os, time\nos.path.realpath('.')\ntime.sleep(0.06)\n")
    (packages / "plugins.py").write_text("def load(name):\n    return __import__(name)\n")
    run = tmp_path / "run"
    run.mkdir()
    with victims.start([PYTHONS[version], str(HERE / "importing.py"), str(packages)], run, DEFAULT) as process:
        assert process.communicate(timeout=60) == (b"", b"")
    said = {culprit_text(one) for one in culprits(run) if one["what"] not in MACHINE}  # type: ignore[arg-type]
    assert said == {"load_report (importing.py:17) imports reports", "load (plugins.py:2) imports charts"}
