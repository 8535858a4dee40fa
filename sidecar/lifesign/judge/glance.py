"""One poll of the processes of a run directory, standard library only: the basis of `lifesign probe`.

The same diagnosis as the sidecar's, of the same files; a process that is frozen is asked for its stacks. It remembers
nothing from one poll to the next, so it answers at once where the sidecar may wait a moment to distinguish illness
from slowness.
"""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING, Any, Sequence

from lifesign.judge.causes.threads import gil_held
from lifesign.judge.clock import Clock
from lifesign.judge.degraded import Unmet, unmet
from lifesign.judge.diagnosis import diagnose
from lifesign.judge.gil.ask import Asking
from lifesign.judge.gil.holder import holders
from lifesign.judge.health import Facts
from lifesign.judge.kernel import Kernel, contended
from lifesign.judge.reading import Circumstances, Reading
from lifesign.judge.rundir import Incarnation, RunDirectory
from lifesign.judge.states import ENDED, FROZEN
from lifesign.wire.folder import Folder, PulseError
from lifesign.wire.lane import LaneRead
from lifesign.wire.reader import PulseReader, Vitals

if TYPE_CHECKING:
    from lifesign.wire.records import Tombstone

_SAMPLE_SECONDS = 0.1
_OUTCOMES = ("complete", "failed", "timed_out")


def glance(directory: RunDirectory, timeout: float) -> list[Facts]:
    """The facts of each process whose pulse can be read.

    Args:
        timeout: seconds after which a beat is stale.
    """
    found: list[Facts] = []
    for key in directory.names():
        with contextlib.suppress(PulseError, OSError), contextlib.ExitStack() as opened:
            folder = directory.open(key)
            opened.callback(folder.close)
            reader = PulseReader(folder.descriptor)
            opened.callback(reader.close)
            found.append(_facts(directory, key, reader, folder, int(timeout * 1e9)))
    return found


def _facts(directory: RunDirectory, key: str, reader: PulseReader, folder: Folder, timeout: int) -> Facts:
    identity = _object(reader.identity())
    pid, started, boot_timeout = (identity.get(name) for name in ("pid", "started_mono_ns", "boot_timeout"))
    if not isinstance(pid, int) or not isinstance(started, int) or not isinstance(boot_timeout, (int, float)):
        raise PulseError("its identity block is not of its shape")
    who = Incarnation(key, pid, started, identity.get("worker") is True)
    alive = folder.is_alive()  # first: what is read afterwards of a dead process is complete
    vitals = reader.vitals()
    now = time.monotonic_ns()
    clock = Clock(started)
    vitals = clock.ours(vitals, now)
    failing = vitals.watchdog.failing if vitals.watchdog else 0
    reasons = _reasons(reader.ring()) if failing else ()
    boot = [_object(record.payload) for record in reader.boot().records]
    tombstone = _tombstone(reader.tombstone())
    asking = Asking(folder, pid, lambda: _beats(reader))
    circumstances = _circumstances(vitals, asking, folder.life, now, timeout) if alive else None
    reading = Reading(
        now=now,
        watching_since=0,
        alive=alive,
        watchdog=vitals.watchdog,
        loops=tuple(signs for signs in vitals.loops if signs is not None),
        events=vitals.events,
        started=clock.started,
        timeout=timeout,
        boot_timeout=int(boot_timeout * 1e9),
        tombstone=tombstone,
        ending=directory.ending(who, over=not alive or tombstone is not None),
        circumstances=circumstances,
        unmet=_unmet(boot, failing, reasons),
        parked=_parked(reader.ring()) if sum(signs is not None for signs in vitals.loops) > 1 else frozenset(),
    )
    state, why, _ = diagnose(reading)
    stacks = asking.answer(_beats(reader)) if state == FROZEN else None
    held = gil_held(state, holders(stacks, asking.offer())) if stacks is not None else []
    why = "; ".join((why, *(cause.sentence for cause in held)))
    refused = asking.refused if state == FROZEN else ""
    return Facts(key, state, why, alive and state not in ENDED, _outcome(boot), failing, reasons, refused)


def _circumstances(vitals: Vitals, asking: Asking, life: int, now: int, timeout: int) -> Circumstances | None:
    """What else is known of a process that is late."""
    if vitals.watchdog is None or now - vitals.watchdog.mono_ns <= timeout:
        return None
    kernel = Kernel(life)
    if kernel.look(now) is None:
        return Circumstances(contended=contended())
    stacks = asking.ask_now(timeout)
    # A single sample cannot tell a process that gets no processor from one that needs none.
    time.sleep(max(0.0, _SAMPLE_SECONDS - (time.monotonic_ns() - now) / 1e9))
    return Circumstances(kernel.look(time.monotonic_ns()), held=stacks is not None)


def _beats(reader: PulseReader) -> int:
    signs = reader.vitals().watchdog
    return signs.beats if signs is not None else 0


def _unmet(boot: Sequence[dict[str, Any]], failing: int, reasons: Sequence[tuple[str, str]]) -> Unmet:
    names = next((record.get("names") for record in boot if record.get("kind") == "boot_expects"), None)
    newest = {str(record.get("id")): record for record in boot if record.get("kind") == "checkpoint"}
    return unmet(names if isinstance(names, list) else (), newest.values(), failing, reasons)


def _outcome(boot: Sequence[dict[str, Any]]) -> str:
    for record in boot:
        if record.get("kind") == "boot_ended" and record.get("outcome") in _OUTCOMES:
            return str(record["outcome"])
    return "starting"


def _reasons(lane: LaneRead) -> tuple[tuple[str, str], ...]:
    """Names and reasons of the critical checks that did not hold the last time, as far as the ring goes back."""
    newest: dict[str, tuple[bool, str]] = {}
    for record in map(_object, (record.payload for record in lane.records if b"postconditions" in record.payload)):
        results = record.get("results") if record.get("kind") == "postconditions" else None
        for result in results if isinstance(results, list) else ():
            if isinstance(result, dict) and isinstance(result.get("name"), str):
                fails = result.get("critical") is True and result.get("passed") is False
                newest[result["name"]] = fails, str(result.get("reason"))
    return tuple((name, reason) for name, (fails, reason) in newest.items() if fails)


def _parked(lane: LaneRead) -> frozenset[int]:
    newest: dict[Any, dict[str, Any]] = {}
    for record in map(_object, (record.payload for record in lane.records if b"stall" in record.payload)):
        if record.get("kind") == "stall" and isinstance(record.get("loop"), int):
            newest[record["loop"]] = record
    return frozenset(
        record["since"] for record in newest.values() if record.get("parked") is True and "since" in record
    )


def _tombstone(payload: bytes | None) -> Tombstone | None:
    content = _object(payload or b"")
    error = content.get("error")
    if content.get("how") not in ("clean", "exception"):
        return None
    if error is not None and not (isinstance(error, dict) and {"type", "message"} <= error.keys()):
        return None
    return content  # type: ignore[return-value]  # as far as a diagnosis looks at it


def _object(payload: bytes) -> dict[str, Any]:
    """The JSON object in `payload`; an empty one where there is none."""
    try:
        content = json.loads(payload)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
