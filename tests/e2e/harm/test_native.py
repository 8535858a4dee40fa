"""The interpreter's own threads, whatever stands in their place."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from support.built import PYTHONS as BUILT
from support.victims import output

# Whatever else is installed here: what a fork or a subinterpreter does differs from one to the next.
PYTHONS = [Path(sys.executable)]
PYTHONS += sorted(Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser().glob("versions/3.[19]*/bin/python"))


def test_the_watchdog_is_no_green_thread(tmp_path: Path) -> None:
    said = output(
        """
        import _thread, select, threading, time

        def refused(*_, **__):
            raise AssertionError("a patched primitive was used")

        # As gevent and eventlet do, long before us; the patches stay.
        allocate_lock = _thread.allocate_lock
        patches = {"start_new_thread": refused, "allocate_lock": lambda: allocate_lock()}
        vars(_thread).update(patches)
        threading._start_new_thread = threading.Thread.start = time.sleep = select.select = refused

        import lifesign
        from lifesign.agent import lifecycle
        assert lifesign.start()
        watchdog = lifecycle.peek().watchdog
        end = time.monotonic() + 20
        while watchdog._beats < 4 and time.monotonic() < end:
            pass  # busy
        patched = all(getattr(_thread, name) is patch for name, patch in patches.items()) and select.select is refused
        print(watchdog._beats >= 4, patched)
        """,
        tmp_path,
    )
    assert said == "True True"


FORKS = """
    import os, threading, time, warnings
    import lifesign
    from lifesign.agent import lifecycle
    assert lifesign.start()

    def fork():
        pid = os.fork()
        if not pid:
            os._exit(warnings.filters != before)
        assert os.waitpid(pid, 0)[1] == 0

    before = list(warnings.filters)
    fork()
    assert warnings.filters == before
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("error")
        before = list(warnings.filters)
        fork()
        warnings.simplefilter("always")
        before = list(warnings.filters)
        fork()
        assert not caught and warnings.filters == before
        end = threading.Event()
        thread = threading.Thread(target=end.wait)
        thread.start()
        fork()
        assert warnings.filters == before
        print(len(caught))
    end.set()
    assert lifecycle.peek().watchdog.thread.is_there()
"""


@pytest.mark.parametrize("version", BUILT)
def test_a_fork_is_warned_of_because_of_the_programs_threads_and_not_of_ours(version: str, tmp_path: Path) -> None:
    python = Path(BUILT[version])
    warns = output("import sys; print(int(sys.version_info >= (3, 12)))", tmp_path, python=python)
    assert output(FORKS, tmp_path, "-W", "error", python=python) == warns


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


SIGNALS = """
    import asyncio
    import os
    import signal
    import time

    heard = []

    async def main():
        signal.signal(signal.SIGUSR2, lambda *_: heard.append(time.monotonic()))
        await asyncio.sleep(0.3)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGUSR2})
        os.kill(os.getpid(), signal.SIGUSR2)
        time.sleep(0.1)
        assert not heard
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR2})
        assert heard
        os.kill(os.getpid(), signal.SIGUSR1)
        print(signal.sigwait({signal.SIGUSR1}) == signal.SIGUSR1)

    asyncio.run(main())
"""


@pytest.mark.parametrize("version", BUILT)
def test_a_signal_that_the_program_blocks_is_for_who_waits_for_it(version: str, tmp_path: Path) -> None:
    """It is taken by no other thread, which would end the process."""
    assert output(SIGNALS, tmp_path, python=Path(BUILT[version])) == "True"
