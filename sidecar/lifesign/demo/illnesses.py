"""What can be done to the order desk: the letter, what happens then, and what to look at."""

from __future__ import annotations

from typing import NamedTuple, Optional

from lifesign.demo.why import LATEST_S, STANDSTILL_S


class Illness(NamedTuple):
    """`call` is what the desk is asked for; `shows_after` so many seconds it is seen as an illness, None for never.

    `part` is the part of the page where most of it is seen.
    """

    title: str
    call: str
    what: str
    look: str
    shows_after: Optional[float] = LATEST_S
    part: str = "overview"


ILLNESSES = {
    "b": Illness(
        "Block the event loop",
        "block",
        "a report is written with a call that blocks the event loop",
        "blocked after 3 s, with the line of _write_report; the tasks wait, threads go on. It passes after 5 s",
        STANDSTILL_S,
    ),
    "g": Illness(
        "Hold the GIL",
        "hold_gil",
        "a C call holds the GIL",
        "frozen after 3 s: no Python runs in it, so what is pressed now waits. It passes after 5 s",
        STANDSTILL_S,
    ),
    "d": Illness(
        "Deadlock",
        "deadlock",
        "settlement and audit take two locks in opposite order",
        "degraded, and silent after 5 s, with who holds which lock and who waits for it; the loop goes on beating. "
        "In the await tree the ring is red",
        part="tasks",
    ),
    "p": Illness(
        "Use up a pool",
        "use_up_pool",
        "reports take all connections and keep them",
        "silent after 5 s, as no order is booked; the cause names who keeps the connections",
        part="tasks",
    ),
    "x": Illness(
        "Fill an executor",
        "fill_executor",
        "the printers are out of paper, and their threads wait",
        "silent after 5 s; the threads of the executor and how many jobs wait behind them",
        part="tasks",
    ),
    "c": Illness(
        "Kill the consumers",
        "kill_consumers",
        "an odd order for each worker, which fails at it",
        "the exception that each worker ended with, and the queue that fills behind them",
    ),
    "w": Illness(
        "Short stalls",
        "stall",
        "the catalogue is rendered on the event loop, 0.4 s each time",
        "stalling, while all else is healthy: the flame graph and lifesign stalls name _render_catalogue",
        part="stalls",
    ),
    "z": Illness(
        "Spin",
        "spin",
        "a task asks for news again and again, without a pause",
        "busy: the loop works all of the time, in _wait_for_news",
        part="stalls",
    ),
    "l": Illness(
        "Leak tasks",
        "leak",
        "1000 tasks wait for a confirmation that never comes",
        "the number of tasks, and the biggest group of a dump (lifesign dump, or the button that dumps tasks)",
        None,
        "tasks",
    ),
    "s": Illness(
        "Silence",
        "silence",
        "no more orders come in",
        "silent after 5 s, and nothing else is wrong: the loop beats, and a probe that asks the loop would say ok",
    ),
    "f": Illness(
        "Fail a post-condition",
        "fail_postcondition",
        "the broker stops answering",
        "degraded, with the check that fails and why; readiness fails, liveness does not",
        None,
    ),
    "k": Illness(
        "Crash",
        "",
        "the order book is corrupt",
        "dead, with the exception and its line; the page stays up while it is open, and lifesign last shows it again",
        None,
    ),
}

RECOVERY = (
    "r",
    Illness(
        "Recover", "recover", "what was broken is mended, and its checks run", "healthy again after a moment", None
    ),
)
