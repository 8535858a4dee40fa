"""What a marked test is to fail with, by the limits of its mark."""

from __future__ import annotations

import asyncio
import subprocess
import time
from pathlib import Path
from typing import Any, Callable, Coroutine, Iterator

import pytest

from lifesign.testing import boot, deadlocks, watched
from lifesign.testing.boot import boot_test
from lifesign.testing.limits import Limits, limits
from lifesign.testing.run import remove_ended
from lifesign.testing.stalled import blocked
from lifesign.testing.watched import WatchedTest
from support.waiting import eventually

Test = Callable[[], Coroutine[Any, Any, None]]


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    yield
    remove_ended(wait=True)


def said_of(test: Test, wanted: Limits) -> tuple[list[str], list[str]]:
    """What it fails with, and what its teardown fails with."""
    one = WatchedTest(wanted)
    one.begin()
    try:
        asyncio.run(test())
    except asyncio.CancelledError:
        assert one._deadlocks is not None
    finally:
        said, later = one.end(), one.close()
    return said, later


async def consume(queue: asyncio.Queue[None]) -> None:
    await queue.get()


def test_each_limit() -> None:
    async def blocks() -> None:
        time.sleep(0.1)

    async def leaks() -> None:
        kept.append(asyncio.create_task(consume(asyncio.Queue())))
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def raises() -> None:
        await leaks()
        raise ZeroDivisionError

    kept: list[asyncio.Task[None]] = []
    limit = Limits(10.0, leaks=False, deadlocks=False)
    # What a busy machine has taken is not counted.
    said, later = eventually(lambda: (found := said_of(blocks, limit))[0] and found)
    assert said[0] == "the event loop was blocked for longer than 10 ms"
    assert "blocks (test_watched.py:" in said[1]
    assert later == []
    said, later = said_of(leaks, Limits(None, deadlocks=False))
    assert "task leak: 1 x consume waits (test_watched.py:" in said[0]
    assert "created in test_each_limit.<locals>.leaks (test_watched.py:" in said[0]
    assert said_of(leaks, Limits(None, leaks=False)) == ([], [])
    with pytest.raises(ZeroDivisionError):
        said_of(raises, Limits(None))


def test_a_loop_that_is_not_closed() -> None:
    loop = asyncio.new_event_loop()
    one = WatchedTest(Limits(None))
    one.begin()
    task = loop.create_task(consume(asyncio.Queue()))
    loop.run_until_complete(asyncio.sleep(0.01))
    before_its_factory = one.end()
    task.cancel()
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    assert (before_its_factory, one.close(), loop.get_task_factory()) == ([], [], None)
    loop.close()


def test_a_deadlock(monkeypatch: pytest.MonkeyPatch) -> None:
    async def take(first: asyncio.Lock, second: asyncio.Lock) -> None:
        async with first:
            await asyncio.sleep(0)
            async with second:
                pass

    async def deadlocked() -> None:
        first, second = asyncio.Lock(), asyncio.Lock()
        await asyncio.gather(take(first, second), take(second, first), return_exceptions=True)

    monkeypatch.setattr(deadlocks, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(watched, "SEARCH_SECONDS", 0.01)
    said, later = said_of(deadlocked, Limits(None))
    assert "deadlock: " in said[0]
    assert "holds a Lock and waits for a Lock" in said[0]
    assert later == []


def culprit(worst: int, file: str = "/app/shop.py", what: str = "call") -> dict[str, Any]:
    place = {"function": "render", "file": file, "line": 8}
    stack = {"stack": [place], "samples": 4, "time": worst, "computing": 0}
    numbers = {"count": 1, "total": worst, "worst": worst, "last": 0, "samples": 4, "computing": 0}
    return {"id": 1, "what": what, "thread": "", "task": "", "place": place, "stacks": [stack], **numbers}


def test_who_is_blamed() -> None:
    second = {**culprit(60_000_000), "id": 2}
    assert blocked([culprit(99_000_000)], 100) == []
    assert len(blocked([culprit(60_000_000), second], 100)) == 3  # both have a part in what was too long
    assert "render (shop.py:8) waits" in blocked([culprit(100_000_000)], 100)[1]
    assert blocked([culprit(300_000_000, "<frozen importlib._bootstrap>")], 100) == []
    for what in ("gc", "starved", "quota", "paging", "steal", "stopped"):
        assert blocked([culprit(300_000_000, what=what)], 100) == []


def test_what_a_mark_says() -> None:
    assert limits((), {}, 100.0) == Limits(100.0)
    assert limits((), {"max_block_ms": None, "leaks": False}, 100.0) == Limits(None, leaks=False)
    for args, given in (((50,), {}), ((), {"max_block": 1}), ((), {"max_block_ms": 9}), ((), {"max_block_ms": "50"})):
        with pytest.raises(pytest.UsageError, match=r"pytest.mark.lifesign: "):
            limits(args, given, 100.0)


def test_the_boot(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    made: Any = boot_test(request.session, "python -m shop")
    assert (made._command, made.nodeid) == (["--", "python", "-m", "shop"], "lifesign-boot")
    made = boot_test(request.session, "--until tcp:8000 -- uvicorn shop:app")
    assert made._command == ["--until", "tcp:8000", "--", "uvicorn", "shop:app"]
    for given in ("--timeout 3 --", "'"):
        with pytest.raises(pytest.UsageError, match="--lifesign-boot="):
            boot_test(request.session, given)
    done = subprocess.CompletedProcess([], 2, "listening\n", "")
    report = tmp_path / "report.json"
    assert (
        boot._why(report, done) == "lifesign smoke ended with exit code 2\n--- standard output of the boot\nlistening"
    )
    report.write_text('{"verdict": "stalled", "why": "no event", "hint": ""}')
    assert boot._why(report, done).startswith("stalled: no event\n--- ")
