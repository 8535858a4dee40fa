"""What the health endpoints and ``lifesign probe`` answer about the main process.

Pure functions of a few facts, standard library only. *livez* fails only where a restart helps: the loop is
blocked, no Python runs, or nothing is left alive. *readyz* keeps traffic away from a service that would not
answer it. *startupz* holds both back until the boot is complete.
"""

from __future__ import annotations

from typing import NamedTuple, Sequence

from lifesign.judge import states

_KILLS = (states.BLOCKED, states.FROZEN, states.DEAD)
_NOT_READY = (*_KILLS, states.STARTING, states.SILENT, states.DEGRADED, states.STOPPED)


class Health(NamedTuple):
    """Whether all is well, and one line per process (or part of the sidecar) with the reason."""

    ok: bool
    lines: tuple[str, ...]


class Facts(NamedTuple):
    """One process. `boot` is "starting", "complete", "failed" or "timed_out"; `failing` counts the critical
    post-conditions that do not hold, and `reasons` has the name and the reason of those that are known. `no_stacks`
    says why a frozen one could not be asked for its stacks."""

    key: str
    state: str
    why: str
    alive: bool
    boot: str
    failing: int = 0
    reasons: tuple[tuple[str, str], ...] = ()
    no_stacks: str = ""


def livez(processes: Sequence[Facts]) -> Health:
    """Fails for a process that is blocked, frozen or dead; nothing to kill is fine."""
    return _health([(one, one.state not in _KILLS) for one in _current(processes)], nothing_is_ok=True)


def readyz(processes: Sequence[Facts]) -> Health:
    """Fails as `livez`, while starting, silent or degraded, after the end, or if a critical post-condition fails."""
    return _health([(one, facts_ready(one)) for one in _current(processes)], nothing_is_ok=False)


def facts_ready(one: Facts) -> bool:
    """Whether one process is ready; see `readyz`."""
    return one.state not in _NOT_READY and not one.failing


def startupz(processes: Sequence[Facts]) -> Health:
    """Succeeds once every living process has booted."""
    judged = [(one, one.alive and one.boot == "complete") for one in _current(processes)]
    return _health(judged, nothing_is_ok=False)


def line(ok: bool, name: str, text: str) -> str:
    """One line, whatever the main process wrote into it."""
    printable = "".join(c if c.isprintable() else " " for c in f"{name} {'ok' if ok else 'failed'}: {text}")
    return ("[+] " if ok else "[-] ") + printable[:500]


def _current(processes: Sequence[Facts]) -> Sequence[Facts]:
    """A worker that ended and was replaced is history; ended processes count only when none is alive."""
    return [one for one in processes if one.alive] or processes


def _health(judged: Sequence[tuple[Facts, bool]], *, nothing_is_ok: bool) -> Health:
    if not judged:
        return Health(nothing_is_ok, (line(nothing_is_ok, "app", "no process is watched yet"),))
    return Health(all(ok for _, ok in judged), tuple(line(ok, one.key, _why(one)) for one, ok in judged))


def _why(one: Facts) -> str:
    parts = [f"{one.state}: {one.why}" if one.why else one.state]
    degraded = one.state == states.DEGRADED  # then `why` names what is missing
    if one.no_stacks:
        parts.append(f"no stacks: {one.no_stacks}")
    if one.boot != "complete" and not (degraded and one.boot == "timed_out"):
        parts.append(f"boot {one.boot.replace('_', ' ')}")
    if one.failing and not degraded:
        parts += [f"post-condition {name} fails: {reason}" for name, reason in one.reasons]
        if not one.reasons:  # the ring went on since they were reported
            parts.append(f"critical post-conditions that fail: {one.failing}")
    return "; ".join(parts)
