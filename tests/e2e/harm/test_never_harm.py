"""Whatever is wrong around it, the main process does its work: same output, same exit code, hardly a word."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support import victims
from support.built import PYTHONS
from support.faults.slowdisk import slow_disk
from support.paths import VICTIMS

RESULT = hashlib.sha256(b"".join(b"%d" % number for number in range(60))).hexdigest()
GROWTH_MAX = 6 << 20  # bytes; the agent's own bound is the pulse, which is there before the work begins


@pytest.fixture
def little_volume(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a run directory that holds so much and no more."""
    mounted: list[Path] = []

    def mount(size: str) -> Path:
        path = tmp_path / "volume"
        path.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size},mode=777", "tmpfs", path], capture_output=True, check=False
        )
        if done.returncode:
            pytest.skip(f"no volume can be mounted here: {done.stderr.decode().strip()}")
        mounted.append(path)
        return path

    yield mount
    for path in mounted:
        subprocess.run(["umount", path], check=True)


def finish(process: subprocess.Popen[bytes], say: bytes = b"") -> tuple[bytes, bytes]:
    """What it wrote until its end, which must come."""
    try:
        return process.communicate(say, timeout=120)
    except subprocess.TimeoutExpired:
        process.kill()
        raise


def works(run: Path, trouble: Callable[[], None] = lambda: None) -> list[str]:
    """Runs the worker, lets `trouble` come when it is ready; returns what was said of it."""
    with victims.start([sys.executable, str(VICTIMS / "worker.py")], run) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"ready\n"
        trouble()
        out, err = finish(worker, b"go\n")
    *said, grown = err.decode().splitlines()
    assert (out.decode().strip(), worker.returncode) == (RESULT, 7), err.decode()
    assert int(grown.partition(" ")[2]) < GROWTH_MAX
    return said


def test_with_no_sidecar_at_all(tmp_path: Path) -> None:
    assert works(tmp_path) == []


def test_with_the_run_directory_gone(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    assert works(run, lambda: shutil.rmtree(run)) == []


def test_with_the_run_directory_replaced(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()

    def replace() -> None:
        run.rename(tmp_path / "elsewhere")
        run.symlink_to("/nowhere")

    assert works(run, replace) == []


@pytest.mark.parametrize("wrong", ["missing", "file"])
def test_with_a_run_directory_that_is_none(tmp_path: Path, wrong: str) -> None:
    (tmp_path / "file").touch()
    assert works(tmp_path / wrong) == []


def test_with_a_volume_too_small_for_the_pulse(little_volume: Callable[[str], Path]) -> None:
    assert works(little_volume("256k")) == []


def test_with_a_volume_that_fills_up(little_volume: Callable[[str], Path]) -> None:
    run = little_volume("3m")

    def fill() -> None:
        with pytest.raises(OSError, match="No space left"):
            (run / "rubbish").write_bytes(bytes(4 << 20))

    assert works(run, fill) == []


def test_with_a_run_directory_on_a_slow_disk(tmp_path: Path) -> None:
    with slow_disk(tmp_path / "run", tmp_path / "behind") as disk:
        disk.takes(0.1)
        assert works(disk.mount) == []


@pytest.mark.parametrize("version", PYTHONS)
def test_calls_from_awkward_places(version: str, tmp_path: Path) -> None:
    assert ends([PYTHONS[version]], tmp_path) == ""


@pytest.mark.parametrize(
    ("options", "environ"),
    [(["-X", "dev"], {}), ([], {"PYTHONMALLOC": "debug"}), (["-X", "dev"], {"ASYNC_DEBUG": "1"}), (["-bb"], {})],
    ids=str,
)
def test_calls_from_awkward_places_in_debug_mode(options: list[str], environ: dict[str, str], tmp_path: Path) -> None:
    assert "Warning" not in ends([sys.executable, *options], tmp_path, environ)


def ends(python: list[str], run: Path, environ: dict[str, str] | None = None) -> str:
    """Runs the awkward caller to its end; returns what stood on standard error."""
    with victims.start([*python, str(VICTIMS / "awkward.py")], run, environ) as caller:
        out, err = finish(caller)
    assert (out, caller.returncode) == (b"done\n", 9), err.decode()
    return err.decode()


def test_forkserver_children_are_watched_and_end_clean(tmp_path: Path) -> None:
    script, run = tmp_path / "service.py", tmp_path / "run"
    run.mkdir()
    script.write_text(
        "import asyncio, multiprocessing, lifesign\n"
        "def work():\n"
        "    lifesign.event('order')\n"
        "    asyncio.run(asyncio.sleep(0.1))\n"
        "if __name__ == '__main__':\n"
        "    children = [multiprocessing.get_context('forkserver').Process(target=work) for _ in range(3)]\n"
        "    for child in children: child.start()\n"
        "    for child in children: child.join()\n"
        "    assert [child.exitcode for child in children] == [0, 0, 0]\n"
    )
    with victims.start([sys.executable, str(script)], run) as process:
        _, err = finish(process)
    assert (process.returncode, err) == (0, b"")
    tombstones = [(folder / "pulse").read_bytes()[8192:12288] for folder in victims.folders(run)]
    assert sum(b'"how":"clean"' in tombstone for tombstone in tombstones) >= 3


def test_a_fork_amid_the_first_calls_of_other_threads(tmp_path: Path) -> None:
    program = (
        "import asyncio, os, threading, lifesign\n"
        "def calls():\n"
        "    for _ in range(100): lifesign.event('order'); lifesign.checkpoint('x')\n"
        "async def main():\n"
        "    for _ in range(4): threading.Thread(target=calls, daemon=True).start()\n"
        "    if (pid := os.fork()) == 0:\n"
        "        lifesign.event('child'); lifesign.dump_tasks(); os._exit(3)\n"
        "    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3\n"
        "asyncio.run(main())\n"
    )
    for _ in range(10):  # the threads import what they call, and the fork comes in the middle of that
        with victims.start(program, tmp_path) as process:
            assert finish(process) == (b"", b"")


def test_a_fork_amid_calls_of_many_threads(tmp_path: Path) -> None:
    program = (
        "import asyncio, os, threading, lifesign\n"
        "def calls():\n"
        "    while True: lifesign.event('order'); lifesign.checkpoint('x')\n"
        "async def main():\n"
        "    for _ in range(4): threading.Thread(target=calls, daemon=True).start()\n"
        "    for _ in range(20):\n"
        "        if (pid := os.fork()) == 0:\n"
        "            lifesign.event('child'); lifesign.dump_tasks(); os._exit(3)\n"
        "        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3\n"
        "        await asyncio.sleep(0.01)\n"
        "asyncio.run(main())\n"
        "print('done')\n"
    )
    with victims.start(program, tmp_path) as process:
        out, err = finish(process)
    assert (out, process.returncode, err) == (b"done\n", 0, b"")
