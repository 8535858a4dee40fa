"""What the health endpoints answer: of the sidecar itself, and of the main process for the probes of its container.

Pure functions of the newest snapshots, one line for each reason. The main process is judged by
`judge.health`; what is added here is the health of the sidecar itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lifesign.judge import health
from lifesign.judge.health import Health, line
from lifesign.serve.shown.rows import facts
from lifesign.watch.telemetry import Snapshot

STALE_POLL_S = 5.0  # a poll older than this says nothing about now
STALE_POLLS = 4  # ... or, where polls are rare, older than this many poll intervals


class SidecarHealth(NamedTuple):
    """How the sidecar itself is doing.

    `poll_age` is the time since its last poll in seconds, None before the first. `problems` has one line for
    each thing that keeps it from working, `export` sums up the export, and `others` has one line for each process that
    lives and cannot be watched because its agent is of another version.
    """

    poll_age: float | None
    poll_interval: float
    problems: tuple[str, ...] = ()
    export: str | None = None
    others: tuple[str, ...] = ()


def sidecar_livez(sidecar: SidecarHealth) -> Health:
    """Fails when the watcher has stopped polling. That anything is answered shows that the sidecar's loop runs."""
    watcher = _watcher(sidecar)
    return watcher if sidecar.poll_age is not None else Health(True, watcher.lines)


def sidecar_readyz(sidecar: SidecarHealth) -> Health:
    """Ready while the watcher polls and nothing keeps the sidecar from working."""
    watcher = _watcher(sidecar)
    lines = [line(False, "sidecar", problem) for problem in (*sidecar.problems, *sidecar.others)]
    if sidecar.export is not None:
        lines.append(line(not sidecar.problems, "export", sidecar.export))
    return Health(watcher.ok and not sidecar.problems and not sidecar.others, (*watcher.lines, *lines))


def app_livez(sidecar: SidecarHealth, processes: Sequence[Snapshot]) -> Health:
    """See `health.livez`. Passes when the snapshots are stale: a stuck sidecar must not have the service restarted."""
    if sidecar.poll_age is not None and not _watcher(sidecar).ok:
        return Health(True, ("[+] app ok: not known, " + _last_poll(sidecar),))
    return health.livez([facts(process) for process in processes])


def app_readyz(processes: Sequence[Snapshot], others: Sequence[str] = ()) -> Health:
    """See `health.readyz`. Passes where a sidecar of another version is why nobody is watched."""
    return _not_known(others) if others and not processes else health.readyz([facts(process) for process in processes])


def app_startupz(processes: Sequence[Snapshot], others: Sequence[str] = ()) -> Health:
    """See `health.startupz`, and `app_readyz`."""
    return (
        _not_known(others) if others and not processes else health.startupz([facts(process) for process in processes])
    )


def _not_known(others: Sequence[str]) -> Health:
    return Health(True, tuple(line(True, "app", f"not known, {other}") for other in others))


def _watcher(sidecar: SidecarHealth) -> Health:
    limit = max(STALE_POLL_S, STALE_POLLS * sidecar.poll_interval)
    ok = sidecar.poll_age is not None and sidecar.poll_age <= limit
    return Health(ok, (line(ok, "watcher", _last_poll(sidecar)),))


def _last_poll(sidecar: SidecarHealth) -> str:
    return "has not polled yet" if sidecar.poll_age is None else f"last polled {sidecar.poll_age:.1f} s ago"
