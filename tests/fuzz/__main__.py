"""The long random run: ``python -m fuzz`` from `tests`, or ``make fuzz``.

Every input is made of one number, so a finding says how to see it again: ``--seed NUMBER --count 1``.
"""

from __future__ import annotations

import argparse
import logging
import os
import resource
import sys
import tempfile
import time
import traceback
from pathlib import Path
from random import Random

from support.everything import Victims
from support.mainprocess import Keeper

_WARM = 2_000  # inputs until all code is loaded and every cache is full
_GROWTH_MAX = 64 << 20  # bytes after that
_SLOW = 5.0  # seconds for one input, on a machine that may do other things too


def main() -> int:
    """Returns 0 when nothing was found."""
    parser = argparse.ArgumentParser(prog="fuzz")
    parser.add_argument("--count", type=int, default=1_000_000, help="inputs; default a million")
    parser.add_argument("--seconds", type=float, default=3600.0, help="at most; default an hour")
    parser.add_argument("--seed", type=int, default=int(time.time()) << 32, help="the first input's number")
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    keeper = Keeper()
    with tempfile.TemporaryDirectory(prefix="lifesign-fuzz-", dir=memory) as run:
        victims = Victims(Path(run), keeper)
        try:
            return _run(victims, args.seed, args.count, args.seconds)
        finally:
            victims.close()
            keeper.close()


def _run(victims: Victims, seed: int, count: int, seconds: float) -> int:
    began = reported = time.monotonic()
    watched = findings = done = warm = 0
    for done in range(1, count + 1):
        number = seed + done - 1
        started = time.monotonic()
        try:
            watched += victims.suffer(Random(number))
        except Exception:
            findings += 1
            print(f"FOUND by --seed {number} --count 1\n{traceback.format_exc()}", flush=True)
        now = time.monotonic()
        if now - started > _SLOW:
            findings += 1
            print(f"SLOW: {now - started:.1f} s by --seed {number} --count 1", flush=True)
        if done == _WARM:
            warm = _peak()
        if now - reported > 60:
            reported = now
            print(f"{done} inputs in {now - began:.0f} s, {findings} findings, peak {_peak() >> 20} MiB", flush=True)
        if now - began > seconds:
            break
    grown = _peak() - warm if warm else 0
    if grown > _GROWTH_MAX:
        findings += 1
        print(f"GROWN by {grown >> 20} MiB")
    print(
        f"{done} inputs from --seed {seed} in {time.monotonic() - began:.0f} s, {watched} of them watched: "
        f"{findings} findings, memory grew by {grown >> 20} MiB after the first {_WARM}"
    )
    return 1 if findings else 0


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    raise SystemExit(main())
