"""Faults that nothing prints, or only prints: each is named, on the oldest and newest Python; a retry is none."""

from __future__ import annotations

import contextlib
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from support.built import PYTHONS
from support.illnesses import explained
from support.illnesses.explained import why
from support.paths import VICTIMS
from support.waiting import eventually

PROGRAM = VICTIMS / "unheard.py"
line_of = partial(explained.line_of, PROGRAM)
PROMISE = {"LIFESIGN_EVENTS": "order=2s", "LIFESIGN_HEARTBEAT_TIMEOUT": "1s"}
OLDEST, *_, NEWEST = PYTHONS

# The name of the victim, the cause, where it stands, and what the sentence must say.
ILL = [
    ("gathers", "hidden-error", "gathered", "ValueError: no price, raised in consume (unheard.py:"),
    ("failed_and_cleans_up", "hidden-error", "gathered", "after ValueError: no price, raised in consume"),
    ("returns", "task-ended", None, "probably because consumer (consume) returned"),
    ("thread", "task-died", "in a thread", "ended with KeyError: 'price', at unheard.py:"),
    ("job", "task-died", "in a job", "send in thread mail_0 ended with ValueError: no address, at unheard.py:"),
    ("handed_over", "task-died", "in a coroutine of a thread's", "run for a thread, ended with KeyError: 'price', at "),
    ("files", "open-files", None, " of 200 files that may be open are: 185 connections to "),
    ("workers", "thread-leak", None, " threads of workers.<locals>.watch (unheard.py:"),
    ("client", "peer-silent", "takes nothing", "probably a client takes nothing: 1 x "),
    ("pipe", "blocking-call", "into a full pipe", ": it writes to stdout, a pipe; "),
]


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_a_fault_that_nobody_hears_of(version: str, tmp_path: Path) -> None:
    seen: dict[str, list[dict[str, Any]]] = {}
    with contextlib.ExitStack() as running:
        for name, *_ in ILL:
            (tmp_path / name).mkdir()
            running.enter_context(explained.ready([PYTHONS[version], str(PROGRAM), name], tmp_path / name, PROMISE))
        for name, word, *_ in ILL:

            def there(name: str = name, word: str = word) -> bool:
                seen[name] = why(tmp_path / name)["causes"]
                return word in {cause["word"] for cause in seen[name]}

            with contextlib.suppress(AssertionError):  # what was said instead is shown below
                eventually(there, 30.0, 0.5)
    for name, word, comment, said in ILL:
        (cause,) = [cause for cause in seen[name] if cause["word"] == word] or [{"sentence": f"{seen[name]}"}]
        assert said in cause["sentence"], name
        assert comment is None or (cause["file"], cause["line"]) == (str(PROGRAM), line_of(comment)), name


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_one_that_tries_again_and_one_that_has_warmed_up_are_well(version: str, tmp_path: Path) -> None:
    with explained.ready([PYTHONS[version], str(PROGRAM), "well"], tmp_path, PROMISE):
        for seen in explained.looks(tmp_path, 16):
            assert (seen["state"], seen["causes"]) in (("healthy", []), ("starting", []))
