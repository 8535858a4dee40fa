"""What is reported of real processes in which no Python code runs: the thread that holds the GIL, and where."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Iterator

import pytest

from lifesign.cli.inject import inject
from lifesign.watch.telemetry import CauseReading, Span
from support import victims
from support.built import PYTHONS
from support.illnesses.observed import Observed
from support.waiting import eventually

# Holds the GIL: the first computes, the second waits for a byte on its standard input.
MATCH = "import re; re.compile('(a+)+$').search('a' * 50 + 'b')"
READ = "libc.read(0, ctypes.create_string_buffer(1), 1)"
IN_THREAD = "threading.Thread(target=hold, name='clerk').start(); time.sleep(60)"


@pytest.fixture
def observed(tmp_path: Path) -> Iterator[Observed]:
    made = Observed(tmp_path)
    yield made
    made.close()


def release(observed: Observed) -> None:
    """Ends `READ`."""
    assert observed.process.stdin is not None
    observed.process.stdin.write(b"x")
    observed.process.stdin.flush()


def held(observed: Observed) -> CauseReading | None:
    """What is said of who holds the GIL."""
    causes = observed.snapshot.causes if observed.snapshot is not None else ()
    return next((cause for cause in causes if cause.word == "gil-held"), None)


def asked(observed: Observed) -> int:
    """How often the process was asked for its stacks."""
    return sum(path.read_bytes().count(b"asked ") for path in observed.folder.glob("*/stacks"))


@pytest.mark.parametrize("version", PYTHONS)
def test_a_call_that_waits_is_named_with_its_place_and_the_process_goes_on(version: str, observed: Observed) -> None:
    observed.suffers(READ, python=PYTHONS[version])
    observed.comes_to("frozen")
    observed.shows("GIL held by C code that waits")
    observed.until(lambda: held(observed))
    release(observed)
    observed.comes_to("healthy")
    assert "lifesign.process.frozen" in observed.events
    # On a busy machine it may be asked only after the record was made.
    late = "lifesign.last_words" in observed.events
    entered = observed.log("lifesign.last_words" if late else "lifesign.process.frozen")
    assert "the main thread holds the GIL: it waits in suffer (<string>:" in entered.body
    assert entered.attributes["lifesign.cause"] == "gil-held"
    assert entered.attributes["code.function.name"] == "suffer"
    first = str(entered.attributes["exception.stacktrace"]).partition("\n\n")[0]
    assert [line.rpartition(" ")[2] for line in first.splitlines()[-2:]] == ["main", "suffer"]
    assert [one.name for one in observed.reported if isinstance(one, Span)][-1:] == ["process frozen"]
    assert asked(observed) in (1, 2)
    assert observed.process.poll() is None


@pytest.mark.parametrize("version", PYTHONS)
def test_a_thread_is_named_and_not_the_innocent_main_thread(version: str, observed: Observed) -> None:
    before = f"import ctypes\ndef hold():\n    {MATCH}\n"
    observed.suffers(IN_THREAD, before=before, python=PYTHONS[version])
    observed.comes_to("frozen")
    observed.until(lambda: held(observed))
    cause = held(observed)
    assert cause is not None
    # One that began with the freeze is not known by its name before Python 3.14.
    assert re.match(
        r"(probably )?(thread clerk|a thread) holds the GIL: it (computes|is) in hold \(<string>:3\)", cause.sentence
    )


def test_c_code_of_a_thread_that_waits(observed: Observed) -> None:
    before = "import ctypes, time\ndef hold():\n    time.sleep(2)\n    ctypes.PyDLL(None).usleep(60_000_000)\n"
    observed.suffers("threading.Thread(target=hold, name='clerk').start()", before=before)
    observed.comes_to("frozen")
    observed.until(lambda: held(observed))
    cause = held(observed)
    assert cause is not None
    assert "thread clerk holds the GIL: it waits in hold (<string>:4)" in cause.sentence


def test_a_stopped_process_is_not_asked_and_nobody_is_blamed(observed: Observed) -> None:
    observed.suffers("pass")
    os.kill(observed.process.pid, signal.SIGSTOP)
    observed.comes_to("frozen")
    observed.shows("stopped by a signal")
    for _ in range(20):
        observed.poll()
    assert held(observed) is None
    os.kill(observed.process.pid, signal.SIGCONT)
    observed.comes_to("healthy")
    assert observed.events[0] == "lifesign.process.frozen"
    assert "lifesign.last_words" not in observed.events
    assert observed.log("lifesign.process.frozen").body.endswith(": stopped by a signal")
    assert asked(observed) == 0


def test_a_loop_that_is_blocked_beside_threads_that_run_is_not_asked(observed: Observed) -> None:
    before = (
        "import threading, time\n"
        "def count():\n    while True: sum(range(99))\n"
        "threading.Thread(target=count, daemon=True).start()\n"
    )
    observed.suffers("time.sleep(60)", before=before)
    observed.comes_to("blocked")
    for _ in range(20):
        observed.poll()
    assert observed.snapshot is not None
    assert observed.snapshot.state == "blocked"
    assert held(observed) is None
    assert asked(observed) == 0


# That its stacks are read on every Python is seen above; here another reads them, which runs on the oldest too.
@pytest.mark.parametrize("version", [next(iter(PYTHONS)), *list(PYTHONS)[1:][-1:]])
def test_a_probe_in_its_container_asks_and_names_who_holds_the_gil(version: str, tmp_path: Path) -> None:
    program = (
        "import asyncio, ctypes\nasync def main():\n    await asyncio.sleep(1)\n"
        "    ctypes.PyDLL(None).usleep(60_000_000)\nasyncio.run(main())\n"
    )
    run = tmp_path / "run"
    run.mkdir()
    process = victims.start(program, run, python=PYTHONS[version])
    environ = {"LIFESIGN_DIR": str(run), "PYTHONPATH": inject(str(tmp_path / "agent"))}

    def failed() -> str | None:
        command = [PYTHONS[version], "-m", "lifesign.probe", "--live", "--verbose", "--heartbeat-timeout", "1"]
        probed = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)
        assert probed.stderr == ""
        return probed.stdout if "holds the GIL" in probed.stdout else None

    try:
        said = eventually(failed, seconds=60, every=0.2)
        assert ": GIL held by C code that waits; the main thread holds the GIL: it waits in main (<string>:4)" in said
        failed()
        assert sum(path.read_bytes().count(b"asked ") for path in run.glob("*/stacks")) in (1, 2)
    finally:
        process.kill()
        process.communicate()


def test_why_asks_where_no_sidecar_does(tmp_path: Path) -> None:
    program = (
        f"import asyncio\ndef match(): {MATCH}\n"
        "async def main():\n    await asyncio.sleep(1)\n    match()\nasyncio.run(main())\n"
    )
    process = victims.start(program, tmp_path)
    command = [sys.executable, "-m", "lifesign", "why", "--dir", str(tmp_path), "--timeout", "0.5"]

    def said() -> str | None:
        out = subprocess.run(command, capture_output=True, text=True, timeout=60).stdout
        return out if "holds the GIL" in out else None

    try:
        out = eventually(said, seconds=60, every=0.2)
        assert "the main thread holds the GIL: it computes in match (<string>:2), called from main (" in out
    finally:
        process.kill()
        process.communicate()


def test_with_the_setting_off_there_are_no_stacks_and_it_is_said_why(observed: Observed) -> None:
    observed.suffers(READ, how="signals")
    observed.comes_to("frozen")
    assert observed.log("lifesign.process.frozen").body.endswith("; no stacks: it answers no signal for them")


def test_a_program_that_takes_the_signal_is_not_sent_it(observed: Observed) -> None:
    before = (
        "import signal\n"
        "for number in range(signal.SIGRTMIN, signal.SIGRTMAX + 1):\n"
        "    signal.signal(number, lambda *_: print('hit', flush=True))\n"
    )
    observed.suffers(READ, before=before)
    observed.comes_to("frozen")
    assert "exception.stacktrace" not in observed.log("lifesign.process.frozen").attributes
    release(observed)
    observed.comes_to("healthy")
    observed.process.kill()
    assert observed.process.communicate()[0] == b""


@pytest.mark.parametrize("version", PYTHONS)
def test_children_of_every_kind_end_and_have_no_handler_of_ours(version: str, tmp_path: Path) -> None:
    # Forked beside the loop: a child that leaves by sys.exit finalizes its interpreter, and faulthandler with it.
    program = (
        "import asyncio, multiprocessing, os, subprocess, sys, threading, time\n"
        "from lifesign.agent.lastwords.crash import signal_mask\n"
        "def mask(): return signal_mask('SigCgt') >> 34\n"
        "def work(): asyncio.run(asyncio.sleep(0.05))\n"
        "def ended(pid): assert os.waitpid(pid, 0)[1] == 0\n"
        "async def serve(): ready.set(); await asyncio.sleep(3600)\n"
        "ready = threading.Event()\n"
        "threading.Thread(target=asyncio.run, args=(serve(),), daemon=True).start()\n"
        "ready.wait()\n"
        "for _ in range(10):\n"
        "    time.sleep(0.05)\n"
        "    if (pid := os.fork()) == 0: sys.exit(mask())\n"
        "    ended(pid)\n"
        "    if (pid := os.fork()) == 0: work(); sys.exit(0)\n"
        "    ended(pid)\n"
        "assert mask()\n"
        "subprocess.run(['true'], check=True, preexec_fn=os.getpid)\n"
        "child = multiprocessing.get_context('fork').Process(target=work)\n"
        "child.start(); child.join(); assert child.exitcode == 0\n"
    )
    ignore = {"PYTHONWARNINGS": "ignore::DeprecationWarning"}
    process = victims.start(program, tmp_path, ignore, python=PYTHONS[version])
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, b"", b"")
