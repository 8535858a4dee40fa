"""The mark fails a test that blocks its loop, leaves a task behind or deadlocks, whoever runs the test; no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.suites.pytest_run import run_pytest
from support.suites.shop import BODY, at

ASYNCIO_FIXTURE = """
import pytest_asyncio


@pytest_asyncio.fixture
async def background():
    task = asyncio.create_task(consume(asyncio.Queue()))
    yield task
    task.cancel()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def of_the_session():
    task = asyncio.create_task(consume(asyncio.Queue()))
    yield task
    task.cancel()


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.lifesign
async def test_uses_the_session(of_the_session):
    await asyncio.sleep(0.05)
    assert not of_the_session.done()
"""
ANYIO_FIXTURE = """
@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
async def background():
    task = asyncio.create_task(consume(asyncio.Queue()))
    yield task
    task.cancel()
"""
NAMES = (
    "blocks",
    "leaks",
    "deadlocks",
    "waits_for_itself",
    "sleeps",
    "imports",
    "cancels_a_task_and_ends",
    "has_a_deadlock_that_a_timeout_ends",
    "fails_by_itself",
)


# By the test: a part of what it fails with; nothing where it passes.
WORDS = {
    "blocks": f"the event loop was blocked for longer than 100 ms\n    render ({at('sleep(0.3)')}) waits",
    "leaks": f"task leak: 1 x consume waits ({at('queue.get()')}) for an item from Queue (empty); "
    f"created in leaks ({at('kept.append')})",
    "deadlocks": "deadlock: take [Task-",
    "waits_for_itself": f"waits in waits_for_itself ({at('.result()')}) for the result of a future",
    "fails_by_itself": "of its own",
}


def functions(decorator: str) -> str:
    tests = [f"{decorator}@pytest.mark.lifesign\nasync def test_{name}():\n    await {name}()\n" for name in NAMES]
    tests.append(
        f"{decorator}@pytest.mark.lifesign\n"
        "async def test_fixture(background):\n    await uses_the_fixture(background)\n"
    )
    return "\n\n".join(tests)


def methods() -> str:
    tests = [f"    async def test_{name}(self):\n        await {name}()\n" for name in NAMES]
    background = (
        "    async def asyncSetUp(self):\n        self.background = asyncio.create_task(consume(asyncio.Queue()))\n"
    )
    fixture = "    async def test_fixture(self):\n        await uses_the_fixture(self.background)\n"
    ends = "    async def asyncTearDown(self):\n        self.background.cancel()\n"
    head = "\nimport unittest\n\n\n@pytest.mark.lifesign\nclass ShopTest(unittest.IsolatedAsyncioTestCase):\n"
    return "\n".join([head, background, ends, fixture, *tests])


def runs() -> str:
    tests = [f"@pytest.mark.lifesign\ndef test_{name}():\n    asyncio.run({name}())\n" for name in NAMES]
    return "\n\n" + "\n\n".join(tests)


@pytest.mark.parametrize(
    ("source", "options"),
    [
        (ASYNCIO_FIXTURE + functions("@pytest.mark.asyncio\n"), ("-p", "no:anyio")),
        (ASYNCIO_FIXTURE + functions(""), ("-p", "no:anyio", "-o", "asyncio_mode=auto")),
        (ANYIO_FIXTURE + functions("@pytest.mark.anyio\n"), ("-p", "no:asyncio")),
        (methods(), ("-p", "no:anyio", "-p", "no:asyncio")),
        (runs(), ("-p", "no:anyio", "-p", "no:asyncio")),
    ],
    ids=["strict", "auto", "anyio", "unittest", "asyncio.run"],
)
def test_each_way_to_run_a_test(source: str, options: tuple[str, ...], tmp_path: Path) -> None:
    run = run_pytest(tmp_path, BODY + source, *options)
    assert {f"test_{name}" for name in NAMES} <= set(run.tests), run.output
    for test, became in run.tests.items():
        words = WORDS.get(test.removeprefix("test_"))
        if words is None:
            assert became.outcome == "passed", run.output
        else:
            assert became.outcome in ("failed", "error"), run.output
            assert words in became.text, run.output
    # Its own failure is the failure, and what was seen beside it is a section of the report.
    assert f"render ({at('sleep(0.3)')}) waits" in run.tests["test_fails_by_itself"].shown + run.output


def test_the_ring_is_named_and_who_is_in_it(tmp_path: Path) -> None:
    run = run_pytest(
        tmp_path, BODY + functions(""), "-p", "no:anyio", "-o", "asyncio_mode=auto", "-k", "test_deadlocks"
    )
    lines = run.tests["test_deadlocks"].text.splitlines()
    ring = [
        line for line in lines if "holds a Lock" in line and f"waits for a Lock at {at('async with second')}" in line
    ]
    assert len(ring) >= 2, run.output
