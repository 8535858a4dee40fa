"""What a mark may ask for, what no marked test changes for the next ones, and tests that nobody has marked."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.suites.pytest_run import run_pytest
from support.suites.shop import BODY

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
