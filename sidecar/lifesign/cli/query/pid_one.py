"""A process that is PID 1 where it runs, and does not handle SIGTERM."""

from __future__ import annotations

import contextlib
import signal
from typing import Iterable

import msgspec

from lifesign.control_groups import read_kernel_file
from lifesign.errors import RunDirectoryError
from lifesign.judge.kernel import holder
from lifesign.judge.rundir import RunDirectory
from lifesign.watch.once import Sighting
from lifesign.watch.telemetry import CauseReading
from lifesign.wire.folder import PulseError

WORD = "sigterm-ignored"
SENTENCE = (
    "it is PID 1 of its container and does not handle SIGTERM, which the kernel then drops: each stop takes the whole "
    "grace period and ends in SIGKILL"
)
HINT = "try: loop.add_signal_handler(signal.SIGTERM, ...), or start it with lifesign run -- CMD, or docker run --init"


def noted(sightings: Iterable[Sighting]) -> list[Sighting]:
    """The same, with this as a cause of each that is, as far as it can be seen from here: not in another container."""
    return [_with_cause(one) if _is_deaf(one) else one for one in sightings]


def _with_cause(one: Sighting) -> Sighting:
    snapshot = one.poll.snapshot
    snapshot = msgspec.structs.replace(
        snapshot, causes=(*snapshot.causes, CauseReading(WORD, SENTENCE, "", "", 0, (HINT,)))
    )
    return one._replace(poll=one.poll._replace(snapshot=snapshot))


def _is_deaf(one: Sighting) -> bool:
    if one.poll.snapshot.pid != 1 or not one.poll.snapshot.alive:
        return False
    with (
        contextlib.suppress(OSError, PulseError, ValueError, StopIteration, RunDirectoryError),
        contextlib.closing(RunDirectory(one.path)) as run,
        contextlib.closing(run.open(one.poll.snapshot.key)) as folder,
    ):
        pid = holder(folder.life)
        lines = read_kernel_file(f"/proc/{pid}/status").splitlines() if pid else []
        caught = int(next(line for line in lines if line.startswith(b"SigCgt:")).split()[1], 16)
        return not caught & 1 << (signal.SIGTERM - 1)
    return False
