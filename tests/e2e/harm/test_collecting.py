"""Garbage is collected in threads of the program's, and does not hang a process whose frames are read meanwhile."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from support.built import PYTHONS
from support.paths import SIDECAR, VICTIMS
from support.supervised import environment
from support.victims import output


@pytest.mark.parametrize("how", ["agent", "disabling"])
@pytest.mark.parametrize("version", PYTHONS)
def test_nothing_is_collected_while_the_interpreter_is_locked_and_what_the_program_disables_stays_so(
    version: str, how: str
) -> None:
    command = [PYTHONS[version], str(VICTIMS / "collecting.py"), how, "2"]
    ended = subprocess.run(
        command, env=environment(PYTHONPATH=str(SIDECAR)), stdout=subprocess.PIPE, timeout=60, check=True
    )
    assert ended.stdout == b"done\n"


GARBAGE = """
    import asyncio
    import collections
    import gc
    import threading
    import lifesign

    here, threads = threading.get_ident(), collections.Counter()

    class Garbage:
        def __init__(self):
            self.itself = self

        def __del__(self):
            threads["here" if threading.get_ident() == here else "elsewhere"] += 1

    async def main():
        waiting = [asyncio.ensure_future(asyncio.sleep(60)) for _ in range(100)]
        for turn in range(500):
            Garbage()
            if turn % 40 == 0:
                lifesign.dump_tasks()
            await asyncio.sleep(0.005)
        print(*sorted(threads))

    gc.set_threshold(700)
    asyncio.run(main())
"""


@pytest.mark.parametrize("version", PYTHONS)
def test_finalizers_run_in_the_programs_own_thread(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIFESIGN_HEARTBEAT_INTERVAL", "0.02")
    assert output(GARBAGE, tmp_path, python=Path(PYTHONS[version])) == "here"


ENDING = """
    import asyncio
    import collections
    import threading
    import lifesign

    here, threads = threading.get_ident(), collections.Counter()

    def note(*_):
        threads["here" if threading.get_ident() == here else "elsewhere"] += 1

    class Result:
        __del__ = note

    async def fails(seconds):
        await asyncio.sleep(seconds)
        raise ValueError

    async def returns(seconds):
        await asyncio.sleep(seconds)
        return Result()

    async def main():
        asyncio.get_running_loop().set_exception_handler(note)
        running = set()
        for turn in range(300):
            for number in range(20):
                for work in fails, returns:
                    task = asyncio.ensure_future(work(0.003 * (number % 7)))
                    running.add(task)
                    task.add_done_callback(running.discard)
            del task
            await asyncio.sleep(0.005)
            if turn % 20 == 0:
                lifesign.dump_tasks()
        await asyncio.sleep(0.3)
        print(threads["here"] + threads["elsewhere"], threads["elsewhere"] < 10)

    asyncio.run(main())
"""


@pytest.mark.parametrize("version", PYTHONS)
def test_what_becomes_of_a_task_happens_in_its_loops_thread(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its loop's exception handler and its result's finalizer: of a task that ends while a dump looks at it, too.

    On a busy machine the watchdog may lose the processor with one of them in hand. Without care it is over a hundred.
    """
    monkeypatch.setenv("LIFESIGN_HEARTBEAT_INTERVAL", "0.02")
    assert output(ENDING, tmp_path, python=Path(PYTHONS[version])) == "12000 True"
