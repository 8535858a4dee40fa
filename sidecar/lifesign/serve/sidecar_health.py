"""What the health endpoints answer: pure functions of what was last seen, one line for each reason.

Of the main process they say what `judge.health` says, from the newest snapshots.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lifesign.judge import health
from lifesign.judge.health import Facts, Verdict, line
from lifesign.watch.telemetry import Snapshot

STALE_LOOK_S = 5.0  # a look older than this says nothing about now
STALE_LOOKS = 4  # ... and, where looks are rare, older than this many of them


class SidecarHealth(NamedTuple):
    """How the sidecar itself is: seconds since its last look (None before the first), seconds between
    two looks, what else keeps it from its work, one line each, and how its export is doing."""

    look_age: float | None
    poll_interval: float
    problems: tuple[str, ...] = ()
    export: str | None = None


def sidecar_livez(sidecar: SidecarHealth) -> Verdict:
    """The server answers, so the sidecar's loop turns; fails when its watcher looked once and then stopped."""
    look = _look(sidecar)
    return look if sidecar.look_age is not None else Verdict(True, look.lines)


def sidecar_readyz(sidecar: SidecarHealth) -> Verdict:
    """Ready while the watcher looks and nothing keeps the sidecar from its work."""
    look = _look(sidecar)
    lines = [line(False, "sidecar", problem) for problem in sidecar.problems]
    if sidecar.export is not None:
        lines.append(line(not sidecar.problems, "export", sidecar.export))
    return Verdict(look.ok and not sidecar.problems, (*look.lines, *lines))


def app_livez(sidecar: SidecarHealth, processes: Sequence[Snapshot]) -> Verdict:
    """See `health.livez`; what is known of another time than now is fine."""
    if sidecar.look_age is not None and not _look(sidecar).ok:
        # An observer that stopped looking must not have anything killed for what it saw before.
        return Verdict(True, ("[+] app ok: not known, " + _look_text(sidecar),))
    return health.livez(_facts(processes))


def app_readyz(processes: Sequence[Snapshot]) -> Verdict:
    """See `health.readyz`."""
    return health.readyz(_facts(processes))


def app_startupz(processes: Sequence[Snapshot]) -> Verdict:
    """See `health.startupz`."""
    return health.startupz(_facts(processes))


def _facts(processes: Sequence[Snapshot]) -> list[Facts]:
    return [
        Facts(
            key=process.key,
            state=process.state,
            why=process.why,
            alive=process.alive,
            boot=process.boot,
            failing=process.failing,
            reasons=tuple(
                (check.name, check.reason) for check in process.postconditions if check.critical and not check.passed
            ),
        )
        for process in processes
    ]


def _look(sidecar: SidecarHealth) -> Verdict:
    limit = max(STALE_LOOK_S, STALE_LOOKS * sidecar.poll_interval)
    ok = sidecar.look_age is not None and sidecar.look_age <= limit
    return Verdict(ok, (line(ok, "watcher", _look_text(sidecar)),))


def _look_text(sidecar: SidecarHealth) -> str:
    return "has not looked yet" if sidecar.look_age is None else f"last looked {sidecar.look_age:.1f} s ago"
