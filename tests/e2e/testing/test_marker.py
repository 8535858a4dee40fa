"""The mark fails a test that blocks its loop, leaves a task behind or deadlocks, whoever runs the test; no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.suites.pytest_run import run_pytest

BODY = """
import asyncio
import gc
import importlib
import os
import sys
import time
import weakref

import pytest

kept = []


async def consume(queue):
    await queue.get()


async def take(first, second):
    async with first:
        await asyncio.sleep(0.01)
        async with second:
            pass


def render():
    time.sleep(0.3)


async def blocks():
    render()


async def leaks():
    kept.append(asyncio.create_task(consume(asyncio.Queue())))
    await asyncio.sleep(0.05)


async def deadlocks():
    first, second = asyncio.Lock(), asyncio.Lock()
    await asyncio.gather(take(first, second), take(second, first))


async def waits_for_itself():
    asyncio.run_coroutine_threadsafe(asyncio.sleep(0), asyncio.get_running_loop()).result()


async def sleeps():
    await asyncio.sleep(2)


async def imports():
    with open("slow_to_import.py", "w") as file:
        file.write("import time\\ntime.sleep(0.4)\\n")
    sys.path.insert(0, ".")
    importlib.invalidate_caches()
    import slow_to_import


async def cancels_a_task_and_ends():
    task = asyncio.create_task(consume(asyncio.Queue()))
    await asyncio.sleep(0.05)
    task.cancel()


async def has_a_deadlock_that_a_timeout_ends():
    first, second = asyncio.Lock(), asyncio.Lock()
    both = asyncio.gather(take(first, second), take(second, first))
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(both, 2.0)


async def uses_the_fixture(background):
    assert not background.done()
    await asyncio.sleep(0.05)


async def fails_by_itself():
    render()
    assert False, "of its own"
"""

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


def at(code: str) -> str:
    """The place of the one line of the test file that has this code."""
    (line,) = [number for number, text in enumerate(BODY.splitlines(), 1) if code in text]
    return f"test_shop.py:{line}"


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


LIMITS = """
@pytest.mark.lifesign(max_block_ms=500)
async def test_may():
    render()

@pytest.mark.lifesign(max_block_ms=None)
async def test_may_for_ever():
    render()

@pytest.mark.lifesign(max_block_ms=20)
async def test_must_not():
    time.sleep(0.06)

@pytest.mark.lifesign(leaks=False)
async def test_may_leak():
    await leaks()

@pytest.mark.lifesign
@pytest.mark.parametrize("anyio_backend", ["trio"])
def test_trio(anyio_backend):
    pass

async def leaves_one_and_raises():
    await leaks()
    raise ZeroDivisionError

@pytest.mark.lifesign
def test_what_an_exception_leaves():
    with pytest.raises(ZeroDivisionError):
        asyncio.run(leaves_one_and_raises())

@pytest.mark.lifesign
def test_the_loop_is_not_kept_alive():
    loop = asyncio.new_event_loop()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    gone = weakref.ref(loop)
    del loop
    gc.collect()
    assert gone() is None

@pytest.mark.lifesign
async def test_its_own_task_factory():
    loop = asyncio.get_running_loop()
    loop.set_task_factory(lambda loop, coroutine, **options: asyncio.Task(coroutine, loop=loop, **options))
    await asyncio.create_task(asyncio.sleep(0))

async def test_no_task_factory_is_left():
    assert asyncio.get_running_loop().get_task_factory() is None

async def test_without():
    render()

def test_left_nothing():
    deadline = time.monotonic() + 10
    while len(os.listdir("/proc/self/task")) > 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert os.listdir("/proc/self/task") == [str(os.getpid())]
"""


def test_what_a_mark_says(tmp_path: Path) -> None:
    run = run_pytest(tmp_path, BODY + LIMITS, "-p", "no:anyio", "-o", "asyncio_mode=auto")
    outcomes = {name: became.outcome for name, became in run.tests.items()}
    assert outcomes == {
        "test_may": "passed",
        "test_may_for_ever": "passed",
        "test_must_not": "failed",
        "test_may_leak": "passed",
        "test_trio[trio]": "failed",
        "test_what_an_exception_leaves": "passed",
        "test_the_loop_is_not_kept_alive": "passed",
        "test_its_own_task_factory": "passed",
        "test_no_task_factory_is_left": "passed",
        "test_without": "passed",
        "test_left_nothing": "passed",
    }, run.output
    assert "20 ms\n    test_must_not (test_shop.py:" in run.tests["test_must_not"].text
    assert "this test runs on trio, which is not asyncio" in run.tests["test_trio[trio]"].text


def test_every_test_is_marked_by_an_option(tmp_path: Path) -> None:
    options = ("--lifesign", "--lifesign-max-block-ms=250", "-p", "no:anyio", "-o", "asyncio_mode=auto")
    run = run_pytest(tmp_path, BODY + LIMITS, *options, "-k", "test_without or test_trio or test_may or test_left")
    assert run.tests["test_without"].outcome == "failed", run.output
    assert run.tests["test_may"].outcome == run.tests["test_may_leak"].outcome == "passed", run.output


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        ("max_block=1", "it knows max_block_ms=, leaks= and deadlocks=, not max_block"),
        ("50", "it knows max_block_ms=, leaks= and deadlocks=, not 50"),
        ("max_block_ms=5", "max_block_ms is a number from 10 on, or None, and not 5"),
    ],
)
def test_a_mark_that_cannot_be_understood_is_an_error_before_anything_runs(
    mark: str, said: str, tmp_path: Path
) -> None:
    run = run_pytest(tmp_path, f"import pytest\n\n@pytest.mark.lifesign({mark})\ndef test_shop(): pass\n")
    assert run.tests == {}
    assert f"pytest.mark.lifesign: {said}" in run.output
