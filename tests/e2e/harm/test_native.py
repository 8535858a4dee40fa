"""The interpreter's own threads, whatever stands in their place."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from support.victims import output

# Whatever else is installed here: what a fork or a subinterpreter does differs from one to the next.
PYTHONS = [Path(sys.executable)]
PYTHONS += sorted(Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser().glob("versions/3.[19]*/bin/python"))


def test_the_watchdog_is_no_green_thread(tmp_path: Path) -> None:
    said = output(
        """
        import _thread, threading, time

        def refused(*_, **__):
            raise AssertionError("a patched primitive was used")

        # As gevent and eventlet do, long before us; the patches stay.
        allocate_lock = _thread.allocate_lock
        patches = {"start_new_thread": refused, "allocate_lock": lambda: allocate_lock()}
        vars(_thread).update(patches)
        threading._start_new_thread = threading.Thread.start = time.sleep = refused

        import lifesign
        from lifesign.agent import lifecycle
        assert lifesign.start()
        watchdog = lifecycle.peek().watchdog
        end = time.monotonic() + 20
        while watchdog._beats < 4 and time.monotonic() < end:
            pass  # busy
        print(watchdog._beats >= 4, all(getattr(_thread, name) is patch for name, patch in patches.items()))
        """,
        tmp_path,
    )
    assert said == "True True"


FORKS = """
    import os, time
    import lifesign
    from lifesign.agent import lifecycle
    assert lifesign.start()
    for _ in range(3):
        pid = os.fork()
        if not pid:
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
    ticker = lifecycle.peek().watchdog.thread
    print(ticker.is_there())
"""


@pytest.mark.parametrize(
    "python", [path for path in PYTHONS if "3.12" in str(path)], ids=lambda path: path.parent.parent.name
)
def test_no_fork_is_warned_of_because_of_it(python: Path, tmp_path: Path) -> None:
    assert output(FORKS, tmp_path, "-W", "always", python=python) == "True"


SUBINTERPRETER = """
    try:
        import _interpreters as interpreters
    except ImportError:
        import _xxsubinterpreters as interpreters
    import os
    one = interpreters.create()
    interpreters.run_string(one, "import asyncio, lifesign; asyncio.run(asyncio.sleep(.01)); lifesign.event('x')")
    interpreters.destroy(one)
    print(os.listdir(os.environ["LIFESIGN_DIR"]))
"""


# Of the oldest and the newest; 3.12 aborts after asyncio in an isolated one, with us or without.
OTHERS = [path for path in PYTHONS[1:] if "3.9." in str(path) or "3.13." in str(path)]


@pytest.mark.parametrize("python", [PYTHONS[0], *OTHERS], ids=lambda path: path.parent.parent.name)
def test_a_subinterpreter_is_not_watched_and_ends_clean(python: Path, tmp_path: Path) -> None:
    assert output(SUBINTERPRETER, tmp_path, python=python) == "[]"
