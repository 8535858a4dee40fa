"""The measured part of docs/comparison.md is made of the answers beside it."""

from __future__ import annotations

import json
from typing import Any

from benchmarks import bench
from benchmarks.comparison.asked import Answer
from benchmarks.comparison.page import ILLNESSES, measured
from support.paths import DOCS


def answer(output: str, known: float | None = None, took: float | None = None) -> dict[str, Any]:
    return Answer(output, known, 15.0 if took else None, took)._asdict()


def test_an_answer_is_shown_by_the_line_that_says_most() -> None:
    stacks = "Thread 7 (idle)\n\n    audit  (shop.py:9)\n    refund | audit\n"
    answers = {name: {way: answer("") for way in "abc"} for name in ILLNESSES}
    answers["deadlock"] = {"a": answer(stacks, took=0.25), "b": answer("refund waits", 3.14, 0.5), "c": answer("")}
    report = {
        "when": "today",
        "machine": "two cores",
        "load": [0.5, 1.0],
        "versions": {"Python": "3.14.1"},
        "rest": {"the service alone": [0.1, 20.0], "other": [0.25, 21.5]},
        "answers": answers,
    }
    made = measured(report)
    assert made.startswith("Measured today on two cores; load 0.5 before and 1.0 after. Python 3.14.1.\n")
    assert "| a | no | no | when asked | no | no | no |\n| b | no |" in made
    assert "| a | `refund / audit` | yes | 3 | when asked, after 15 s: 0.25 s |" in made
    assert "| b | `refund waits` | no | 1 | 3.1 s |" in made
    assert "| c | nothing | no | - | never |" in made
    assert "| the service alone | 0.10 % | 20.0 MiB |\n| other | 0.25 % | 21.5 MiB (+1.5) |" in made


def test_an_answer_names_no_folder_of_the_machine() -> None:
    said = f"main {bench.VICTIMS}/shop.py:7\nrun /opt/some.where/lib/python3.14/asyncio/runners.py:9\n/venv/bin/python"
    assert Answer(said).without_places("/venv/bin/python").output == (
        "main shop.py:7\nrun lib/python3.14/asyncio/runners.py:9\npython"
    )


def test_the_page_in_the_repository_is_made_of_its_answers() -> None:
    assert measured(json.loads((DOCS / "comparison.json").read_text())) in (DOCS / "comparison.md").read_text()
