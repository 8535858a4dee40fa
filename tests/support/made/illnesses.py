"""Main processes made by hand, healthy and ill, as what is in their run directory shows them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from lifesign.wire import layout
from support.mainprocess import report

AGES_AGO = 1000.0
CHECKPOINT = {
    "kind": "checkpoint",
    "id": "00f067aa0ba902b7",
    "name": "broker",
    "number": None,
    "total": None,
    "start": 3,
    "end": None,
    "error": None,
    "synthetic": False,
}


def booted(service: Any, outcome: str = "complete") -> None:
    service.pulse.boot.append({"kind": "boot_ended", "outcome": outcome, "diagnostic": "", "end": 5})


def healthy(service: Any, run: Path) -> None:
    booted(service)


def starting(service: Any, run: Path) -> None:
    service.beat(phase=layout.BOOT_STARTING)


def timed_out(service: Any, run: Path) -> None:
    booted(service, "timed_out")
    service.beat(phase=layout.BOOT_TIMED_OUT)


def stuck_in_a_checkpoint(service: Any, run: Path) -> None:
    service.pulse.boot.append(CHECKPOINT)
    timed_out(service, run)


def late_for_a_checkpoint(service: Any, run: Path) -> None:
    stuck_in_a_checkpoint(service, run)
    service.pulse.boot.append({**CHECKPOINT, "end": 7})


def without_a_checkpoint(service: Any, run: Path) -> None:
    service.pulse.boot.append({"kind": "boot_expects", "names": ["broker"]})
    timed_out(service, run)


def silent(service: Any, run: Path) -> None:
    booted(service)
    service.pulse.events.promise("order", 1_000_000_000)


def on_time(service: Any, run: Path) -> None:
    booted(service)
    service.pulse.events.promise("order", 10**13)
    service.pulse.events.count("order")


def blocked(service: Any, run: Path) -> None:
    booted(service)
    service.beat(age=AGES_AGO, watchdog_age=0.0)


def parked_beside(service: Any, run: Path) -> None:
    booted(service)
    service.beat(age=0.0)
    now = time.monotonic_ns()
    service.pulse.loops[1].begin(layout.LOOP_RUNNING, 2, 4343, 0)
    service.pulse.loops[1].write(5, 77, now - int(AGES_AGO * 1e9), 0)
    stall = {"kind": "stall", "loop": 1, "since": 77, "at": 80, "busy": False, "stack": [], "parked": True}
    service.pulse.ring.append(stall)


def frozen(service: Any, run: Path) -> None:
    booted(service)
    service.beat(age=AGES_AGO)


def late_but_in_time(service: Any, run: Path) -> None:
    booted(service)
    service.beat(age=1.0)


def idle(service: Any, run: Path) -> None:
    booted(service)
    now = time.monotonic_ns()
    service.pulse.loops[0].begin(layout.LOOP_ENDED, 1, 4242, 0)
    service.pulse.loops[0].write(1, 1, now, 0)


def failing(service: Any, run: Path) -> None:
    booted(service)
    service.pulse.ring.append(report())
    service.beat(failing=1)


def recovered(service: Any, run: Path) -> None:
    failing(service, run)
    service.pulse.ring.append(report(passed=True, reason=""))
    service.beat(failing=0)


def forgotten(service: Any, run: Path) -> None:
    booted(service)
    service.beat(failing=3)


def killed(service: Any, run: Path) -> None:
    booted(service)
    service.die()


def stopped(service: Any, run: Path) -> None:
    booted(service)
    service.pulse.write_tombstone({"how": "clean", "error": None, "ended": 9, "beats": 1, "events": 0})
    service.die()


def raised(service: Any, run: Path) -> None:
    booted(service)
    error = {"type": "KeyError", "message": "'x'", "stack": ""}
    service.pulse.write_tombstone({"how": "exception", "error": error, "ended": 9, "beats": 1, "events": 0})
    service.die()


def asked_to_end(service: Any, run: Path) -> None:
    killed(service, run)
    content = {"pid": 4242, "asked": "SIGTERM", "exit_code": None, "signal": "SIGTERM"}
    (run / "run.json").write_text(json.dumps(content))


def left_with_a_code(service: Any, run: Path) -> None:
    killed(service, run)
    (run / "run.json").write_text(json.dumps({"pid": 4242, "asked": None, "exit_code": 7, "signal": None}))


def with_a_run_file_that_is_not_one(service: Any, run: Path) -> None:
    killed(service, run)
    (run / "run.json").write_text(json.dumps({"pid": 4242, "asked": 5, "exit_code": 0, "signal": None}))
