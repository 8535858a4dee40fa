"""A sidecar's board, feed and page through a day, on a clock of its own: 50 processes that come, fall ill, and go.

It prints the address of its page. For each line on standard input it goes on by so many hours, and then prints what
memory it takes, in bytes, after a collection of garbage.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from lifesign import semconv
from lifesign.cli.sidecar import timelines
from lifesign.cli.sidecar.boots import RememberedBoots
from lifesign.serve.board import Board
from lifesign.serve.page import page_app
from lifesign.serve.server import Server
from lifesign.watch.boots import Boots
from lifesign.watch.telemetry import CheckpointReading, Snapshot, StallReading
from support.made.boards import NOON, SECOND, dump_log, log, snapshot, span
from support.made.client import NOTHING
from support.made.dumps import dumped, frame, group

STEP_S = 20
HOUR = 3600 // STEP_S
PROCESSES = 50


class Life:
    """One process, from its boot to its end."""

    def __init__(self, number: int, chance: random.Random, born: int) -> None:
        self.key, self.number, self.chance, self.born = f"{1000 + number}-a", number, chance, born
        self.dies_at = born + int(chance.uniform(0.5, 4) * HOUR)
        self.ill_until, self.ill = born, ""
        start = NOON + born * STEP_S * SECOND
        times = [(f"stage {at}", start + at * SECOND, start + (at + 1) * SECOND) for at in range(10)]
        checkpoints = tuple(CheckpointReading(name, None, begin, end, None, took=1.0) for name, begin, end in times)
        named = {"service": f"service {number % 7}", "instance": f"i{number}", "boot_duration": 10.0}
        self.well = snapshot(self.key, checkpoints=checkpoints, **named)
        self.dump: Any = None
        stack: Any = {"stack": [frame(f"render_{number}", 8)], "samples": 3, "time": 10**9, "computing": 10**8}
        self.stalls = tuple(
            StallReading(at, "call", f"render_{at}", "/nowhere/shop.py", at, count=born, total=2.0, stacks=(stack,))
            for at in range(1, 6)
        )

    def at(self, step: int, dump: bool) -> Snapshot:
        chance = self.chance
        if step >= self.dies_at:
            state = "dead" if self.number % 3 else "stopped"
            return msgspec.structs.replace(self.well, state=state, why=f"it is {state}", alive=False, new_delays=())
        if self.ill_until <= step and chance.random() < 0.002:
            self.ill, self.ill_until = chance.choice(("blocked", "silent", "degraded")), step + chance.randrange(2, 20)
        ill = self.ill if step < self.ill_until else "healthy"
        if dump:
            self.dump = dumped(*self.groups(step), id=f"{self.key} {step}", end=(NOON // 1000) + step)
        return msgspec.structs.replace(
            self.well,
            state=ill,
            why=f"{ill} for {STEP_S * step} s",
            uptime=float(STEP_S * (step - self.born)),
            beats=STEP_S * 10 * (step - self.born),
            tasks=chance.randrange(5, 500),
            new_delays=(chance.random() / 100,),
            stalls=self.stalls,
            dump=self.dump,
        )

    def groups(self, step: int) -> Iterator[Any]:
        for index in range(12):
            stack = [frame(f"handle_{step % 100}_{index}", line) for line in range(8)]
            yield group(index, 3, "work", *([(index + 1, 3)] if index < 11 else []), stack=stack)

    def happened(self, step: int) -> Iterator[Any]:
        now, stack = (
            NOON + step * STEP_S * SECOND,
            {semconv.CODE_STACKTRACE: f'File "/nowhere/shop.py", line {step}\n' * 20},
        )
        if step == self.ill_until - 1:
            yield log(f"no beat, step {step}", self.key, time=now, attributes=stack)
            yield span(key=self.key, start=now, end=now + 5 * SECOND)
        if self.chance.random() < 0.01:
            yield dump_log(f"d{step}", step, key=self.key, time=now)


async def live(
    hours: int, first: int, lives: list[Life], board: Board, boots: RememberedBoots, clock: list[int]
) -> None:
    """Every step of so many hours."""
    for step in range(first, first + hours * HOUR):
        clock[0] = step
        for place, life in enumerate(lives):
            if step > life.dies_at:
                lives[place] = Life(lives[-1].number + place + step * PROCESSES, life.chance, step)
        board.add([], [one for life in lives for one in life.happened(step)])
        board.update(boots.compared([life.at(step, step % 60 == life.number % 60) for life in lives]))
        await asyncio.sleep(0.001)  # a client is sent what has changed


async def main(state: str) -> None:
    clock = [0]
    board = Board(clock=lambda: float(clock[0] * STEP_S), wall=lambda: NOON / 1e9 + clock[0] * STEP_S)
    boots = RememberedBoots(
        lambda: Boots(Path(state) / "boots.json", wall=lambda: NOON + (clock[0] + 1) * STEP_S * SECOND)
    )
    server = Server(page_app(board, NOTHING, host="127.0.0.1", interval=0.001), ("127.0.0.1", 0), setting="x")
    await server.start()
    print(server.url, flush=True)
    chance = random.Random(7)
    lives = [Life(number, chance, 0) for number in range(PROCESSES)]
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        await live(int(line), clock[0] + 1, lives, board, boots, clock)
        timelines.write(board.timelines(), state)
        gc.collect()
        with open("/proc/self/statm") as statm:
            print(int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE"), flush=True)
    await server.close()


asyncio.run(main(sys.argv[1]))
