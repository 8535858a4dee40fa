"""The long random run: ``python -m fuzz`` from `tests`, or ``make fuzz``.

Every input is made of one number, so a finding says how to see it again: ``--seed NUMBER --count 1``.
"""

from __future__ import annotations

import argparse
import os
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from fuzz.share import WARM, run


def main() -> int:
    """Returns 0 when nothing was found."""
    parser = argparse.ArgumentParser(prog="fuzz")
    parser.add_argument(
        "--of",
        choices=("pulses", "answers", "calls"),
        default="pulses",
        help="hostile pulses, answers of a Collector, or programs that call the API at the wrong moment",
    )
    parser.add_argument("--count", type=int, default=1_000_000, help="inputs; default a million")
    parser.add_argument("--seconds", type=float, default=3600.0, help="at most; default an hour")
    parser.add_argument("--seed", type=int, default=int(time.time()) << 32, help="the first input's number")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes; default one a core")
    args = parser.parse_args()
    began = time.monotonic()
    jobs = max(1, min(args.jobs, args.count))
    bounds = [args.seed + args.count * job // jobs for job in range(jobs + 1)]
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(run, [args.of] * jobs, bounds, bounds[1:], [args.seconds] * jobs))
    findings = sum(one.findings for one in found)
    inputs, far = sum(one.inputs for one in found), sum(one.watched for one in found)
    print(
        f"{inputs} inputs of {args.of} from --seed {args.seed} in {time.monotonic() - began:.0f} s, {far} of them "
        f"watched, or over a socket: {findings} findings, memory grew by "
        f"{max(one.grown for one in found) / (1 << 20):.1f} MiB after the first {WARM} of a process"
    )
    return 1 if findings else 0


if __name__ == "__main__":
    raise SystemExit(main())
