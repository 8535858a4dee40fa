"""Whatever the Collector answers, and however often the sidecar ends: each record is delivered, or set aside."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Callable
from unittest import mock

from lifesign.export.delivery import Delivery
from lifesign.export.otlp import channel
from lifesign.export.otlp.channel import Channel
from lifesign.export.otlp.outcome import Delivered, Outcome, Refused, Retry
from lifesign.export.otlp.targets import TRACES, Target
from lifesign.export.queue.spool import Spool
from lifesign.watch.telemetry import Resource, Span
from support.fuzzing.chance import chances
from support.rows import rows

ENDED = "ended"
COUNTS = (0, 1, 3, 1 << 63)
ANSWERS = (
    lambda rng: Delivered(),
    lambda rng: Retry("busy"),
    lambda rng: Refused("no", rng.choice((None, *COUNTS))),
    lambda rng: Refused("too large", divisible=True),
    lambda rng: ArithmeticError("a bug of ours"),
    lambda rng: ENDED,
)


class Scripted:
    """An exporter whose attempts end by a script, and well when it is over."""

    target = Target(TRACES, "http/protobuf", "http://collector:4318/v1/traces")

    def __init__(self, script: list[Any], end: Callable[[], None]) -> None:
        self._script = script
        self._end = end
        self.delivered: set[str] = set()
        self.refused = 0

    def export(self, items: Any) -> Outcome:
        answer = self._script.pop(0) if self._script else Delivered()
        names = {item.name for item in items}
        if answer == ENDED:
            self._end()
            return Retry("ended")
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Delivered):
            self.delivered |= names
        if isinstance(answer, Refused) and (not answer.divisible or len(names) == 1):
            self.refused += len(names) if answer.count is None else min(answer.count, len(names))
        outcome: Outcome = answer
        return outcome

    def abort(self) -> None:
        """Nothing hangs here."""

    def preferences(self) -> tuple[Any, Any]:
        return None, None

    def shutdown(self) -> None:
        """Nothing is open."""


async def life(directory: Path, records: list[Span], script: list[Any]) -> Scripted:
    """One sidecar, until its spool is empty, or it ends with a batch on its way."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    spool = await Spool.open(directory, 1 << 20)
    spool.put([Resource("r", {})], records)
    assert await spool.flush()
    exporter = Scripted(script, lambda: loop.call_soon_threadsafe(ended.set))
    task = asyncio.create_task(Delivery(spool, Channel(exporter)).run())
    while spool.size and not ended.is_set():
        await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await spool.close()
    return exporter


@rows("rng", chances(6))
def test_the_books_balance(rng: Random) -> None:
    script: list[Any] = [answer(rng) for answer in rng.choices(ANSWERS, k=rng.randrange(13))]
    count = rng.randint(1, 20)
    names = {f"span {number}" for number in range(count)}
    records = [Span("r", f"{1:032x}", f"{n + 1:016x}", f"span {n}", 1, 2) for n in range(count)]
    delivered: set[str] = set()
    lives = []
    with TemporaryDirectory() as directory, mock.patch.object(channel, "FIRST", 0.0):
        left = list(script)
        while not lives or (Path(directory) / "0000000000000001.jsonl").exists() or (left and ENDED in left):
            lives.append(asyncio.run(life(Path(directory), [] if lives else records, left)))
            delivered |= lives[-1].delivered
            if len(lives) > len(script) + 1:
                break
        aside = Path(directory, "rejected.jsonl")
        lines = [json.loads(line)["line"] for line in aside.read_text().splitlines()] if aside.exists() else []
        refused = asyncio.run(_rejected(Path(directory)))
    assert delivered | {json.loads(line)["name"] for line in lines} == names
    assert refused <= sum(life.refused for life in lives)
    if len(lives) == 1:
        assert refused == lives[0].refused


async def _rejected(directory: Path) -> int:
    spool = await Spool.open(directory, 1 << 20)
    assert spool.size == 0
    await spool.close()
    return spool.rejected
