"""A fork at any moment: it takes no longer for us, and the child lives."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from support.victims import output

# While another thread runs its first loop, the agent is imported there, and started.
DURING_THE_IMPORT = """
import asyncio, os, signal, threading, time

def child():
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(20)
    asyncio.run(asyncio.sleep(0))
    import lifesign
    lifesign.event("x")
    os._exit(0)

thread = threading.Thread(target=asyncio.run, args=(asyncio.sleep(.05),))
thread.start()
children = []
while thread.is_alive() and len(children) < 12:
    pid = os.fork()
    if not pid:
        child()
    children.append(pid)
    time.sleep(0.001)
print({os.waitpid(pid, 0)[1] for pid in children})
thread.join()
"""

# Whoever stops a loop's thread before a fork and joins it must not wait for us.
WITH_A_LOOP_THAT_IS_STOPPED_FOR_IT = """
import asyncio, os, threading, time

def start():
    global loop, thread
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

def stop():
    loop.call_soon_threadsafe(loop.stop)
    thread.join(30)
    joined.append(not thread.is_alive())

joined = []
os.register_at_fork(before=stop, after_in_parent=start)
start()
time.sleep(0.02)
for _ in range(3):
    pid = os.fork()
    if not pid:
        os._exit(0)
    os.waitpid(pid, 0)
stop()
print(joined)
"""


# asyncio itself handles forks from 3.12 on, before we can.
PYTHONS = [Path(sys.executable)]
PYTHONS += sorted(Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser().glob("versions/3.13*/bin/python"))


@pytest.mark.parametrize("python", PYTHONS, ids=lambda path: path.parent.parent.name)
def test_a_child_forked_while_another_thread_loads_the_agent_works(python: Path, tmp_path: Path) -> None:
    assert output(DURING_THE_IMPORT, tmp_path, "-W", "ignore", python=python) == "{0}"


def test_a_loops_thread_can_be_stopped_and_joined_before_a_fork(tmp_path: Path) -> None:
    assert output(WITH_A_LOOP_THAT_IS_STOPPED_FOR_IT, tmp_path, "-W", "ignore") == "[True, True, True, True]"
