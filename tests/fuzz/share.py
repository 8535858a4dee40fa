"""What one process of the long run does: input after input, each with its own number."""

from __future__ import annotations

import logging
import os
import resource
import sys
import tempfile
import time
import traceback
from pathlib import Path
from random import Random
from typing import NamedTuple, Protocol

from support.fuzzing.everything import Victims
from support.mainprocess import LockHolder

WARM = 2_000  # inputs until all code is loaded and every cache is full
_GROWTH_MAX = 16 << 20  # bytes after that
_SLOW = 5.0  # seconds for one input, on a machine that may do other things too


class Found(NamedTuple):
    """What came of some inputs; `grown` is the peak of memory in bytes above that of the first ones."""

    inputs: int
    watched: int
    findings: int
    grown: int


class Subject(Protocol):
    """What the inputs are given to."""

    def suffer(self, rng: Random) -> bool:
        """One input; whether it got as far as it could. Raises whatever should not happen."""


def run(of: str, first: int, end: int, seconds: float) -> Found:
    """The inputs from `first` to before `end`, or as many as there is time for, of one kind."""
    logging.disable(logging.CRITICAL)
    if of == "answers":
        from support.fuzzing.answers import Collectors

        collectors = Collectors()
        try:
            return _suffer(collectors, range(first, end), seconds, of)
        finally:
            collectors.close()
    if of == "calls":
        from support.fuzzing.programs import Programs

        return _suffer(Programs(), range(first, end), seconds, of)
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    holder = LockHolder()
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=memory) as run:
        victims = Victims(Path(run), holder)
        try:
            return _suffer(victims, range(first, end), seconds, of)
        finally:
            victims.close()
            holder.close()


def _suffer(subject: Subject, numbers: range, seconds: float, of: str) -> Found:
    began = reported = time.monotonic()
    watched = findings = done = warm = 0
    for done, number in enumerate(numbers, 1):
        started = time.monotonic()
        try:
            watched += subject.suffer(Random(number))
        except Exception:
            findings += 1
            print(f"FOUND by --of {of} --seed {number} --count 1\n{traceback.format_exc()}", flush=True)
        now = time.monotonic()
        if now - started > _SLOW:
            findings += 1
            print(f"SLOW: {now - started:.1f} s by --of {of} --seed {number} --count 1", flush=True)
        if done == WARM:
            warm = _peak()
        if now - reported > 60:
            reported = now
            print(f"{done} inputs in {now - began:.0f} s, {findings} findings, peak {_peak() >> 20} MiB", flush=True)
        if now - began > seconds:
            break
    grown = _peak() - warm if warm else 0
    if grown > _GROWTH_MAX:
        findings += 1
        print(f"GROWN by {grown >> 20} MiB", flush=True)
    return Found(done, watched, findings, grown)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
