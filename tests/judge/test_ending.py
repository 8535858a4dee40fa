"""How a process ended, a test a row of the table: what is known, and what is said."""

from __future__ import annotations

from typing import Any

import pytest

from lifesign.judge.ending import judge_end
from lifesign.judge.reading import Ending, Reading
from lifesign.wire.process.usage import MemorySigns
from lifesign.wire.reader import LoopSigns, WatchdogSigns
from support.rows import rows

S = 1_000_000_000
NOW = 1000 * S
RUNNING, ENDED = 1, 2
CLEAN: Any = {"how": "clean", "error": None, "ended": 0, "beats": 0, "events": 0}


def uncaught(kind: str, message: str = "") -> Any:
    return {**CLEAN, "how": "exception", "error": {"type": kind, "message": message, "stack": ""}}


def gone(loop: int = RUNNING, last_beat: float = 0.1, **changes: Any) -> Reading:
    """Gone, with a loop in that state, after a beat so many seconds ago; heartbeat timeout 3 s."""
    beat = NOW - int(last_beat * S)
    base = Reading(
        now=NOW,
        watching_since=0,
        alive=False,
        watchdog=WatchdogSigns(5, 0, beat, 3, 1, 0, 0),
        loops=(LoopSigns(loop, 1, 5, 0, beat, 0, 1, 0),),
        events=(),
        started=NOW - 100 * S,
        timeout=3 * S,
        boot_timeout=8 * S,
    )
    return base._replace(**changes)


MIB = 1 << 20
FULL = MemorySigns(NOW - S, 128 * MIB, 128 * MIB, 120 * MIB)
HALF = FULL._replace(held=114 * MIB)  # 89 %
OLD = FULL._replace(mono_ns=NOW - 6 * S)
BOOTING = WatchdogSigns(5, 0, NOW - S, 3, 0, 0, 0)
KEYERROR = uncaught("KeyError", "'x'")
ROWS: dict[str, tuple[dict[str, Any], str, str]] = {
    # CMD, or the program of a container: nobody but a supervisor knows how it ended
    "nothing is known": ({}, "dead", "gone without a tombstone: killed, or ended by os._exit"),
    "SIGKILL": ({"ending": Ending(signal="SIGKILL")}, "dead", "killed by SIGKILL"),
    "SIGTERM that nobody asked with": ({"ending": Ending(signal="SIGTERM")}, "dead", "killed by SIGTERM"),
    "last words": ({"ending": Ending(crash="SIGSEGV")}, "dead", "killed by SIGSEGV"),
    "crashed on the way out": (
        {"tombstone": CLEAN, "ending": Ending(crash="SIGSEGV")}, "dead", "killed by SIGSEGV",
    ),
    "got over a crash, and ended": (
        {"tombstone": CLEAN, "ending": Ending(exit_code=0, crash="SIGSEGV")}, "stopped", "ended by itself",
    ),
    "os._exit(3)": ({"ending": Ending(exit_code=3)}, "dead", "exit code 3, which nobody asked for"),
    "os._exit(0)": ({"ending": Ending(exit_code=0)}, "stopped", "ended by itself"),
    "sys.exit(3)": ({"tombstone": CLEAN, "ending": Ending(exit_code=3)}, "dead", "exit code 3, which nobody asked for"),
    "clean": ({"tombstone": CLEAN}, "stopped", "ended by itself"),
    "uncaught": ({"tombstone": KEYERROR}, "dead", "uncaught KeyError: 'x'"),
    "uncaught, and it says nothing": ({"tombstone": uncaught("MemoryError")}, "dead", "uncaught MemoryError"),
    "uncaught, exit code known": ({"tombstone": KEYERROR, "ending": Ending(exit_code=1)}, "dead", "uncaught KeyError"),
    "shown in a notebook and got over": ({"tombstone": KEYERROR, "ending": Ending(exit_code=0)}, "stopped", "itself"),
    "Ctrl-C on asyncio.run": (
        {"tombstone": uncaught("KeyboardInterrupt"), "ending": Ending(signal="SIGINT")}, "stopped", "ended by Ctrl-C",
    ),
    "Ctrl-C in a pod": ({"tombstone": uncaught("KeyboardInterrupt")}, "stopped", "ended by Ctrl-C"),
    "SIGINT without a handler": ({"ending": Ending(signal="SIGINT")}, "stopped", "ended by Ctrl-C"),
    # the OOM killer
    "its control group says so": (
        {"ending": Ending(signal="SIGKILL", oom_killed=True)}, "dead", "killed by the kernel's OOM killer",
    ),
    "and was full": (
        {"ending": Ending(signal="SIGKILL", oom_killed=True, memory=FULL)}, "dead",
        "killed by the kernel's OOM killer: 120 of the 128 MiB that it may have were in use",
    ),
    "only full": (
        {"ending": Ending(memory=FULL)}, "dead",
        "gone without a tombstone: probably killed by the kernel's OOM killer: 120 of the 128 MiB",
    ),
    "a SIGKILL, and full": (
        {"ending": Ending(signal="SIGKILL", memory=FULL)}, "dead", "probably killed by the kernel's OOM killer",
    ),
    "its pod ends, which nobody announced": (
        {"ending": Ending(pod_ends=True)}, "dead", "gone as its pod ended: probably killed after its grace period",
    ),
    "its pod ends as it is out of memory": (
        {"ending": Ending(pod_ends=True, oom_killed=True)}, "dead", "killed by the kernel's OOM killer",
    ),
    "not full": ({"ending": Ending(memory=HALF)}, "dead", "gone without a tombstone: killed, or ended by os._exit"),
    "full, but some time ago": ({"ending": Ending(memory=OLD)}, "dead", "gone without a tombstone: killed, or"),
    "a crash as another was killed": (
        {"ending": Ending(signal="SIGSEGV", oom_killed=True, memory=FULL)}, "dead", "killed by SIGSEGV",
    ),
    "an exit code is no kill": (
        {"ending": Ending(exit_code=3, oom_killed=True, memory=FULL)}, "dead", "exit code 3, which nobody asked for",
    ),
    "asked, and full": ({"ending": Ending("SIGTERM", memory=FULL)}, "stopped", "ended by SIGTERM, as asked"),
    # it was asked
    "no handler": ({"ending": Ending("SIGTERM", signal="SIGTERM")}, "stopped", "ended by SIGTERM, as asked"),
    "a code of its own": ({"tombstone": CLEAN, "ending": Ending("SIGTERM", 143)}, "stopped", "by SIGTERM, as asked"),
    "asked in a pod": ({"ending": Ending("SIGTERM")}, "stopped", "ended by SIGTERM, as asked"),
    "an exception on the way out": ({"tombstone": KEYERROR, "ending": Ending("SIGTERM", 1)}, "dead", "uncaught"),
    "killed after the grace period": (
        {"ending": Ending("SIGTERM", signal="SIGKILL", asked_ago=int(8.04 * S))}, "dead",
        "killed by SIGKILL 8.0 s after SIGTERM",
    ),
    "killed some time after": (
        {"ending": Ending("SIGTERM", signal="SIGKILL")}, "dead", "killed by SIGKILL after SIGTERM",
    ),
    "crashed as it was asked to go": (
        {"ending": Ending("SIGTERM", signal="SIGSEGV", crash="SIGSEGV", asked_ago=S // 2)}, "dead",
        "killed by SIGSEGV 0.5 s after SIGTERM",
    ),
    "crashed as it was asked to go, in a pod": (
        {"ending": Ending("SIGTERM", crash="SIGSEGV")}, "dead", "killed by SIGSEGV after SIGTERM",
    ),
    # a kubelet asked: of what ended it nothing can be seen
    "there until its grace was over": (
        {"ending": Ending("SIGTERM", announced=True, asked_ago=int(29.7 * S))}, "dead",
        "killed by SIGKILL 29.7 s after SIGTERM",
    ),
    "there for a longer grace": (
        {"ending": Ending("SIGTERM", announced=True, asked_ago=40 * S), "grace": 60 * S}, "stopped", "as asked",
    ),
    "there for a short grace": (
        {"ending": Ending("SIGTERM", announced=True, asked_ago=S), "grace": 2 * S}, "dead", "SIGKILL 1.0 s after",
    ),
    "there when its sidecar was asked to end, after a slow hook": (
        {"ending": Ending("SIGTERM", announced=True, asked_ago=12 * S, outlived=True)}, "dead",
        "killed by SIGKILL 12.0 s after SIGTERM",
    ),
    "it ended by itself in that moment": (
        {"tombstone": CLEAN, "ending": Ending("SIGTERM", announced=True, asked_ago=12 * S, outlived=True)}, "stopped",
        "ended by SIGTERM, as asked",
    ),
    "it cleaned up for as long": (
        {"tombstone": CLEAN, "ending": Ending("SIGTERM", announced=True, asked_ago=29 * S)}, "stopped", "as asked",
    ),
    "a supervisor sees what ends it": ({"ending": Ending("SIGTERM", asked_ago=29 * S)}, "stopped", "as asked"),
    "its container was restarted": (
        {"tombstone": CLEAN, "ending": Ending("SIGTERM", announced=True, asked_ago=S, restarted=True)}, "dead",
        "its container was ended and started again: probably a liveness probe failed",
    ),
    "its container was restarted as it booted": (
        {"watchdog": BOOTING, "ending": Ending("SIGTERM", announced=True, asked_ago=S, restarted=True)}, "dead",
        "its container was ended and started again: probably its startup probe failed",
    ),
    "its container was ended for its illness": (
        {"ending": Ending(ill="blocked")}, "dead", "killed with its container, which was ended while it was blocked",
    ),
    "a hangup that ended it": ({"ending": Ending("SIGHUP", signal="SIGHUP")}, "stopped", "ended by SIGHUP, as asked"),
    "a reload, and later a crash": ({"ending": Ending("SIGHUP", signal="SIGSEGV")}, "dead", "killed by SIGSEGV"),
    "a reload, and later SIGKILL": (
        {"ending": Ending("SIGHUP", signal="SIGKILL", asked_ago=S)}, "dead", "killed by SIGKILL",
    ),
    # another process made it
    "p.terminate()": ({"ending": Ending(signal="SIGTERM", child=True)}, "stopped", "ended by SIGTERM"),
    "uvicorn's worker at SIGHUP": (
        {"loop": ENDED, "ending": Ending("SIGHUP", signal="SIGTERM", child=True)}, "stopped", "ended by SIGTERM",
    ),
    "a child that exits as a shell says SIGTERM": (
        {"ending": Ending(exit_code=143, child=True)}, "stopped", "ended by SIGTERM",
    ),
    "a child whose handler exits with the number of its signal": (
        {"ending": Ending(exit_code=15, child=True)}, "stopped", "exit code 15, the number of SIGTERM: probably ended",
    ),
    "the same code of a program that is nobody's child": (
        {"ending": Ending(exit_code=15)}, "dead", "exit code 15, which nobody asked for",
    ),
    "p.kill(), or out of memory": ({"ending": Ending(signal="SIGKILL", child=True)}, "dead", "killed by SIGKILL"),
    "gunicorn's time-out of a worker": (
        {"reported": "blocked", "ending": Ending(signal="SIGABRT", child=True)}, "dead",
        "killed by SIGABRT while it was blocked, probably by the process that made it, as it did not answer",
    ),
    "uvicorn's ping of a worker": (
        {"reported": "frozen", "ending": Ending(signal="SIGKILL", child=True)}, "dead",
        "killed by SIGKILL while it was frozen, probably by the process that made it",
    ),
    "somebody killed CMD as it was blocked": (
        {"reported": "blocked", "ending": Ending(signal="SIGKILL")}, "dead", "killed by SIGKILL while it was blocked",
    ),
    "it crashed in what blocked it": (
        {"reported": "blocked", "ending": Ending(signal="SIGSEGV", child=True)}, "dead", "killed by SIGSEGV",
    ),
    "a child of Celery's pool that has done its tasks": (
        {"loop": ENDED, "ending": Ending(exit_code=155, child=True)}, "stopped", "exit code 155: its pool replaces it",
    ),
    "the same code, of no child": ({"ending": Ending(exit_code=155)}, "dead", "exit code 155, which nobody asked for"),
    "a worker that crashed": ({"ending": Ending(crash="SIGABRT", child=True)}, "dead", "killed by SIGABRT"),
    "a child's os._exit(0)": ({"ending": Ending(exit_code=0, child=True)}, "stopped", "ended by itself"),
    "a child's os._exit(3)": ({"ending": Ending(exit_code=3, child=True)}, "dead", "exit code 3"),
    "sys.exit(3) in a Process": (
        {"tombstone": uncaught("SystemExit", "3"), "ending": Ending(child=True)}, "dead", "exit code 3",
    ),
    "sys.exit(3) in a Process that was asked": (
        {"tombstone": uncaught("SystemExit", "3"), "ending": Ending("SIGTERM", child=True)}, "stopped", "as asked",
    ),
    "sys.exit(-1) in a Process": (
        {"tombstone": uncaught("SystemExit", "-1"), "ending": Ending(child=True)},
        "dead",
        "exit code 255",
    ),
    "sys.exit('why') in a Process": (
        {"tombstone": uncaught("SystemExit", "why"), "ending": Ending(child=True)}, "dead", "exit code 1",
    ),
    "an exception in a Process": (
        {"tombstone": KEYERROR, "ending": Ending(exit_code=1, child=True)}, "dead", "uncaught KeyError",
    ),
    "a child, and nothing is known": ({"ending": Ending(child=True)}, "stopped", "how it ended is not known"),
    "gone before anybody asked": (
        {"last_beat": 60.0, "ending": Ending("SIGTERM", signal="SIGABRT", child=True, asked_at=NOW - 10 * S)}, "dead",
        "killed by SIGABRT",
    ),
    "asked while it lived": (
        {"last_beat": 11.0, "ending": Ending("SIGTERM", child=True, asked_at=NOW - 10 * S)}, "stopped", "as asked",
    ),
    # it goes on
    "exec": ({"ending": Ending(replaced=True)}, "stopped", "it replaced itself by another program (exec)"),
    "exec of CMD, which ended since": ({"ending": Ending(exit_code=3, replaced=True)}, "stopped", "(exec)"),
    "stop and start": ({"tombstone": CLEAN, "ending": Ending(replaced=True)}, "stopped", "lifesign.start() began"),
    "its loop had ended in order": ({"loop": ENDED}, "stopped", "its event loop had ended"),
    "its loop had ended, and a signal": ({"loop": ENDED, "ending": Ending(signal="SIGKILL")}, "dead", "SIGKILL"),
    "no loop": ({"loops": ()}, "dead", "gone without a tombstone"),
    "its exit handlers run": ({"alive": True, "tombstone": CLEAN}, "stopped", "its agent has ended"),
}  # fmt: skip


@rows("known, state, why", ROWS.values(), ids=list(ROWS))
def test_each_row(known: dict[str, Any], state: str, why: str) -> None:
    verdict = judge_end(gone(**known))
    assert verdict.state == state
    assert why in verdict.why
    if state == "dead" and "after" not in why:
        assert " after " not in verdict.why
    assert "\n" not in verdict.why


@pytest.mark.parametrize(
    ("ending", "released"),
    [
        (Ending("SIGTERM"), True),
        (Ending("SIGTERM", signal="SIGKILL"), True),
        (Ending("SIGTERM", signal="SIGSEGV"), False),
        (Ending("SIGTERM", announced=True, asked_ago=S, restarted=True), False),
        (Ending(signal="SIGKILL"), False),
    ],
    ids=["stopped", "killed for its lateness", "crashed on the way out", "restarted by a probe", "killed"],
)
def test_who_was_asked_to_end_owes_no_more_heartbeats(ending: Ending, released: bool) -> None:
    assert judge_end(gone(ending=ending)).released is released
