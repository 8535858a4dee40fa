"""Getting in with no line of code, and staying out where there is nothing to watch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support import victims

SERVICE = "import asyncio; asyncio.run(asyncio.sleep(0.1))"


def finish(process: subprocess.Popen[bytes], status: int = 0) -> str:
    out, err = process.communicate(timeout=20)
    assert process.returncode == status, err.decode()
    return (out + err).decode()


def test_an_unmodified_program_is_watched(tmp_path: Path) -> None:
    process = victims.start(SERVICE, tmp_path)
    assert finish(process) == ""
    (folder,) = victims.folders(tmp_path)
    assert folder.name.startswith(f"{process.pid}-")


def test_a_program_without_a_loop_is_left_alone_even_with_asyncio_imported(tmp_path: Path) -> None:
    finish(victims.start("import asyncio, sys; assert 'lifesign.agent.lifecycle' not in sys.modules", tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_without_a_run_directory_nothing_is_loaded(tmp_path: Path) -> None:
    program = SERVICE + "; import sys; assert 'lifesign' not in sys.modules, sys.modules"
    finish(victims.start(program, tmp_path, {"LIFESIGN_DIR": ""}))


def test_the_programs_own_sitecustomize_and_python_path_are_kept(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "sitecustomize.py").write_text("import builtins; builtins.from_own = 'kept'")
    (own / "helper.py").write_text("value = 7")
    run = tmp_path / "run"
    run.mkdir()
    path = os.pathsep.join((str(victims.INJECT), str(own)))
    program = SERVICE + "; import helper, sitecustomize; print(from_own, helper.value, sitecustomize.__file__)"
    printed = finish(victims.start(program, run, {"PYTHONPATH": path}))
    assert printed.split() == ["kept", "7", str(own / "sitecustomize.py")]
    assert len(victims.folders(run)) == 1


def test_a_sitecustomize_that_fails_fails_as_it_would_without_us(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "sitecustomize.py").write_text("raise RuntimeError('its own trouble')")
    run = tmp_path / "run"
    run.mkdir()
    path = os.pathsep.join((str(victims.INJECT), str(own)))
    printed = finish(victims.start(SERVICE + "; print('runs')", run, {"PYTHONPATH": path}))
    assert "Error in sitecustomize" in printed
    assert "its own trouble" in printed
    assert printed.startswith("runs")
    assert len(victims.folders(run)) == 1


def test_nothing_but_the_standard_library_is_loaded(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys, lifesign\n"
        "before = set(sys.modules)\n"
        "async def main():\n"
        "    lifesign.event(); lifesign.checkpoint('x'); lifesign.dump_tasks(); await lifesign.check_postconditions()\n"
        "    async with lifesign.DryRun(print, rate=1000, limit=1, force=True) as run: await run.wait()\n"
        "    await asyncio.sleep(0.2)\n"
        "asyncio.run(main())\n"
        "top = {name.partition('.')[0] for name in sys.modules}\n"
        "ours = {'lifesign', 'lifesign_inject', 'lifesign_site', 'sitecustomize', '__main__'}\n"
        "foreign = {n for n in top if n not in sys.stdlib_module_names and n not in ours and not n.startswith('_')}\n"
        "sys.exit(f'foreign: {foreign}' if foreign else 0)\n"
    )
    # -S would keep site-packages out; -X importtime is not needed: sys.modules tells all.
    process = subprocess.run(
        [sys.executable, "-c", program],
        env={"LIFESIGN_DIR": str(tmp_path), "PYTHONPATH": str(victims.INJECT), "PATH": ""},
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert process.returncode == 0, process.stderr.decode()
    assert len(victims.folders(tmp_path)) == 1


def test_a_forked_child_with_a_loop_is_a_process_of_its_own(tmp_path: Path) -> None:
    program = (
        "import asyncio, os\n"
        "async def main():\n"
        "    await asyncio.sleep(0.1)\n"
        "    if (pid := os.fork()) == 0:\n"
        "        asyncio.run(asyncio.sleep(0.2))\n"
        "        os._exit(5)\n"
        "    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5\n"
        "    await asyncio.sleep(0.1)\n"
        "asyncio.run(main())\n"
    )
    process = victims.start(program, tmp_path)
    assert finish(process) == ""
    names = [folder.name.partition("-")[0] for folder in victims.folders(tmp_path)]
    assert len(names) == 2
    assert str(process.pid) in names


def test_a_forked_child_without_a_loop_leaves_the_parent_alone(tmp_path: Path) -> None:
    program = (
        "import asyncio, os, lifesign\n"
        "async def main():\n"
        "    block = lifesign.checkpoint('shared')\n"
        "    if (pid := os.fork()) == 0:\n"
        "        os._exit(0)\n"
        "    os.waitpid(pid, 0)\n"
        "    lifesign.event('order')\n"
        "    await asyncio.sleep(0.1)\n"
        "asyncio.run(main())\n"
    )
    assert finish(victims.start(program, tmp_path)) == ""
    assert len(victims.folders(tmp_path)) == 1


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_multiprocessing_children_with_a_loop_are_watched_and_end_clean(tmp_path: Path, method: str) -> None:
    script = tmp_path / "service.py"
    script.write_text(
        "import asyncio, multiprocessing\n"
        "def work(): asyncio.run(asyncio.sleep(0.1))\n"
        "if __name__ == '__main__':\n"
        f"    child = multiprocessing.get_context('{method}').Process(target=work)\n"
        "    child.start(); child.join(); assert child.exitcode == 0\n"
    )
    run = tmp_path / "run"
    run.mkdir()
    assert finish(victims.start([sys.executable, str(script)], run)) == ""
    # The parent runs no loop, nor does multiprocessing's resource tracker.
    (folder,) = victims.folders(run)
    tombstone = (folder / "pulse").read_bytes()[8192:12288]
    assert b'"how":"clean"' in tombstone
