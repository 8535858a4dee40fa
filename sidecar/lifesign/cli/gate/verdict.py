"""Whether a booting service is alive, failed or stalled: a pure function of what was seen of it."""

from __future__ import annotations

from typing import NamedTuple, Sequence

from lifesign.errors import EXIT_FAILED, EXIT_OK, EXIT_SIGNAL_BASE, EXIT_STALLED
from lifesign.judge import states
from lifesign.judge.causes.cause import NO_REASONS
from lifesign.judge.causes.findings import Cause
from lifesign.watch.telemetry import Snapshot
from lifesign.wire.runfile import signal_name

_STILL = 1.0  # seconds without a beat that are worth mentioning, whatever the heartbeat timeout
GRACE = 1.0  # seconds after the timeout in which the main process may report the stall itself

_CALL = 'call lifesign.event("NAME") where the first unit of real work is done'
_NO_EVENT = f"{_CALL}; where no line of CMD can do that, add --until tcp:PORT or --until http://HOST:PORT/PATH"
_OUT_OF_THE_LOOP = (
    "await asyncio.to_thread(...) for what blocks, or a library that awaits: no other task runs meanwhile"
)

ALIVE = "alive"
FAILED = "failed"
STALLED = "stalled"
INTERRUPTED = "interrupted"


class Outcome(NamedTuple):
    """The verdict of the gate; `process` is the one that decided it, None if none was seen."""

    verdict: str
    exit_code: int
    why: str
    process: Snapshot | None = None
    hint: str = ""


class Seen(NamedTuple):
    """Everything that an outcome is based on.

    `code` is how CMD ended, below 0 by a signal, None while it runs; `asked` is the signal from outside that
    ended it; `waited` and `timeout` are seconds; `by_event`: it is to prove its life by an event of its own, not by
    a check.
    """

    processes: Sequence[Snapshot]
    code: int | None
    asked: int | None
    waited: float
    timeout: float
    by_event: bool


def judge(seen: Seen) -> Outcome | None:
    """The outcome; None as long as it is undecided."""
    failed = next((one for one in seen.processes if one.boot == "failed"), None)
    if failed is not None:
        return Outcome(FAILED, EXIT_FAILED, failed.boot_diagnostic, failed)
    dead = next((one for one in seen.processes if one.state == states.DEAD), None)
    if dead is not None and seen.asked is None:
        return Outcome(FAILED, EXIT_FAILED, _died(dead), dead)
    alive = next((one for one in seen.processes if one.boot == "complete"), None)
    if alive is not None and not seen.code:
        return Outcome(
            ALIVE, EXIT_OK, f"booted in {alive.boot_duration or 0.0:.2f} s{_proof(alive)}{_checks(alive)}", alive
        )
    if seen.code is not None:
        return _ended(seen, seen.code)
    return _late(seen)


def _died(process: Snapshot) -> str:
    when = "after its boot" if process.boot == "complete" else "before it was alive"
    return f"it died {when}: {process.why}"


def _proof(process: Snapshot) -> str:
    """Says so where only generated events have come."""
    real = any(event.count for event in process.events)
    return " by synthetic events" if not real and any(event.synthetic for event in process.events) else ""


def _checks(process: Snapshot) -> str:
    if not process.postconditions:
        return ""
    warnings = [one for one in process.postconditions if not one.passed]
    said = "".join(f"; warning: {one.name}: {one.reason}" for one in warnings)
    held = len(process.postconditions) - len(warnings)
    return f", {held} of {len(process.postconditions)} post-conditions hold{said}"


def _ended(seen: Seen, code: int) -> Outcome:
    process = seen.processes[-1] if seen.processes else None
    if seen.asked is not None:
        why = f"ended by {signal_name(seen.asked)} before it was alive"
        return Outcome(INTERRUPTED, EXIT_SIGNAL_BASE + seen.asked, why, process)
    how = f"was killed by {signal_name(-code)}" if code < 0 else f"ended with exit code {code}"
    when = "after its boot" if process is not None and process.boot == "complete" else "before it was alive"
    return Outcome(FAILED, EXIT_FAILED, f"CMD {how} {when}", process)


def _late(seen: Seen) -> Outcome | None:
    living = [one for one in seen.processes if one.alive]
    if living and all(one.boot == "timed_out" for one in living):
        process = living[0]
        return Outcome(
            STALLED, EXIT_STALLED, f"{process.boot_diagnostic}; {_state(process)}", process, _hint(seen, process)
        )
    if seen.waited < seen.timeout + GRACE:
        return None
    if not living:
        why = f"no process to watch has appeared within {seen.timeout:g} s"
        hint = "CMD must be Python, run an asyncio event loop, and not be started with -I, -E or -S"
        return Outcome(STALLED, EXIT_STALLED, why, None, hint)
    process = next((one for one in living if one.boot != "timed_out"), living[0])
    why = f"not alive after {seen.timeout:g} s; {_state(process)}"
    return Outcome(STALLED, EXIT_STALLED, why, process, _hint(seen, process))


def _state(process: Snapshot) -> str:
    if process.state not in (states.STARTING, states.HEALTHY, states.SILENT, states.DEGRADED):
        return f"{process.state}: {process.why}"
    if process.beat_age > _STILL:
        return f"the event loop has not turned for {process.beat_age:.1f} s"
    return "the event loop turns"


def _hint(seen: Seen, process: Snapshot) -> str:
    if process.boot_missing and any(event.count or event.synthetic for event in process.events):
        name = process.boot_missing[0]
        return f'call lifesign.checkpoint("{name}") where that is done, or take it out of LIFESIGN_CHECKPOINTS'
    if not seen.by_event:
        return "check whether the service answers there by now, or allow more time with --timeout"
    return _NO_EVENT


def with_causes(outcome: Outcome, found: Sequence[Cause], *, blocked: bool) -> Outcome:
    """The outcome with the cause that explains most, and with what to try against that one.

    Args:
        found: the causes in the task dump of the stall.
        blocked: whether an event loop did not turn while it was taken.
    """
    if not found:
        return outcome
    hint = outcome.hint if found[0].word in NO_REASONS else _OUT_OF_THE_LOOP if blocked else ""
    return outcome._replace(why=f"{outcome.why}; {found[0].sentence}", hint=hint)


def with_ports(outcome: Outcome, ports: Sequence[int]) -> Outcome:
    """The outcome with what to add, where no event came and the process listens at these ports."""
    if outcome.hint != _NO_EVENT or not ports:
        return outcome
    return outcome._replace(hint=f"add --until tcp:{ports[0]}, where it listens by now, or {_CALL}")
