"""What the health endpoints answer: pure functions of what was last seen, one line for each reason.

A probe of the main container asks what a kubelet acts on. *livez* fails only where a restart helps:
the loop is blocked, no Python runs, or nothing is left alive. *readyz* keeps traffic away from a
service that would not answer it. *startupz* holds both back until the boot is complete.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lifesign.watch import states
from lifesign.watch.signals import Snapshot

STALE_LOOK_S = 5.0  # a look older than this says nothing about now
STALE_LOOKS = 4  # ... and, where looks are rare, older than this many of them

_KILLS = (states.BLOCKED, states.FROZEN, states.DEAD)
_NOT_READY = (*_KILLS, states.STARTING, states.SILENT, states.STOPPED)


class Verdict(NamedTuple):
    """Whether all is well, and one line a process (or a part of the sidecar) that says why."""

    ok: bool
    lines: tuple[str, ...]


class Sidecar(NamedTuple):
    """How the sidecar itself is: seconds since its last look (None before the first), seconds between
    two looks, what else keeps it from its work, one line each, and how its export is doing."""

    look_age: float | None
    poll_interval: float
    problems: tuple[str, ...] = ()
    export: str | None = None


def sidecar_livez(sidecar: Sidecar) -> Verdict:
    """The server answers, so the sidecar's loop turns; fails when its watcher looked once and then stopped."""
    look = _look(sidecar)
    return look if sidecar.look_age is not None else Verdict(True, look.lines)


def sidecar_readyz(sidecar: Sidecar) -> Verdict:
    """Ready while the watcher looks and nothing keeps the sidecar from its work."""
    look = _look(sidecar)
    lines = [_line(False, "sidecar", problem) for problem in sidecar.problems]
    if sidecar.export is not None:
        lines.append(_line(not sidecar.problems, "export", sidecar.export))
    return Verdict(look.ok and not sidecar.problems, (*look.lines, *lines))


def app_livez(sidecar: Sidecar, processes: Sequence[Snapshot]) -> Verdict:
    """Fails for a process that is blocked, frozen or dead. Nothing to kill, and nothing known of now, are fine."""
    if sidecar.look_age is not None and not _look(sidecar).ok:
        # An observer that stopped looking must not have anything killed for what it saw before.
        return Verdict(True, ("[+] app ok: not known, " + _look_text(sidecar),))
    judged = [(process, process.state not in _KILLS) for process in _current(processes)]
    return _verdict(judged, nothing_is_ok=True)


def app_readyz(processes: Sequence[Snapshot]) -> Verdict:
    """Fails as `app_livez`, while starting or silent, after the end, and while a critical post-condition fails."""
    judged = [(process, process.state not in _NOT_READY and not _failing(process)) for process in _current(processes)]
    return _verdict(judged, nothing_is_ok=False)


def app_startupz(processes: Sequence[Snapshot]) -> Verdict:
    """Succeeds once every living process has booted."""
    judged = [(process, process.alive and process.boot == "complete") for process in _current(processes)]
    return _verdict(judged, nothing_is_ok=False)


def _current(processes: Sequence[Snapshot]) -> Sequence[Snapshot]:
    """A worker that ended and was replaced is history; only when nothing lives do the ended ones count."""
    return [process for process in processes if process.alive] or processes


def _verdict(judged: Sequence[tuple[Snapshot, bool]], *, nothing_is_ok: bool) -> Verdict:
    if not judged:
        return Verdict(nothing_is_ok, (_line(nothing_is_ok, "app", "no process is watched yet"),))
    return Verdict(all(ok for _, ok in judged), tuple(_line(ok, process.key, _why(process)) for process, ok in judged))


def _why(process: Snapshot) -> str:
    parts = [f"{process.state}: {process.why}" if process.why else process.state]
    if process.boot != "complete":
        parts.append(f"boot {process.boot.replace('_', ' ')}")
    parts += [f"post-condition {name} fails: {reason}" for name, reason in _failing(process)]
    return "; ".join(parts)


def _failing(process: Snapshot) -> list[tuple[str, str]]:
    return [(check.name, check.reason) for check in process.postconditions if check.critical and not check.passed]


def _look(sidecar: Sidecar) -> Verdict:
    limit = max(STALE_LOOK_S, STALE_LOOKS * sidecar.poll_interval)
    ok = sidecar.look_age is not None and sidecar.look_age <= limit
    return Verdict(ok, (_line(ok, "watcher", _look_text(sidecar)),))


def _look_text(sidecar: Sidecar) -> str:
    return "has not looked yet" if sidecar.look_age is None else f"last looked {sidecar.look_age:.1f} s ago"


def _line(ok: bool, name: str, text: str) -> str:
    """One line, whatever the main process wrote into it."""
    printable = "".join(c if c.isprintable() else " " for c in f"{name} {'ok' if ok else 'failed'}: {text}")
    return ("[+] " if ok else "[-] ") + printable[:500]
