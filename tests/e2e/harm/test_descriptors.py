"""Descriptors: ours that are gone are noticed, and those of the program are never closed."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from lifesign.wire.folder import Folder
from support.victims import INJECT, output


def test_a_life_token_that_was_closed_is_taken_again(tmp_path: Path) -> None:
    program = f"""
        import os, sys, time
        sys.path.insert(0, {str(INJECT)!r})
        import lifesign
        lifesign.start({str(tmp_path)!r})
        os.closerange(3, 64)
        print(flush=True)
        sys.stdin.read()
    """
    line = [sys.executable, "-c", textwrap.dedent(program)]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        directory = os.open(tmp_path, os.O_RDONLY)
        folder = Folder(directory, os.listdir(tmp_path)[0])
        try:
            for _ in range(500):
                if folder.is_alive():
                    break
                subprocess.run(["sleep", "0.01"], check=True)
            assert folder.is_alive()
        finally:
            folder.close()
            os.close(directory)
        process.communicate(timeout=60)
    assert process.returncode == 0


@pytest.mark.parametrize("pause", [0, 0.3])
def test_what_has_the_numbers_of_ours_is_left_alone(pause: float, tmp_path: Path) -> None:
    said = output(
        f"""
        import asyncio, os, time

        asyncio.run(asyncio.sleep(0.01))
        os.closerange(3, 64)
        files = [os.open(os.devnull, os.O_RDONLY) for _ in range(8)]
        time.sleep({pause})  # after a beat the watchdog has noticed
        pid = os.fork()
        if not pid:
            for file in files:
                os.fstat(file)
            os._exit(0)
        print(os.waitpid(pid, 0)[1])
        """,
        tmp_path,
    )
    assert said == "0"


@pytest.mark.parametrize("spare", [0, 2, 3, 5])
def test_a_start_with_too_few_descriptors_leaves_none_behind(spare: int, tmp_path: Path) -> None:
    said = output(
        f"""
        import os, resource
        import lifesign
        lifesign.event  # loaded
        import json, faulthandler

        def count():
            return len(os.listdir("/proc/self/fd"))

        before = count()
        limit = max(map(int, os.listdir("/proc/self/fd"))) + {spare}
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, {resource.getrlimit(resource.RLIMIT_NOFILE)[1]}))
        started = lifesign.start()
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, {resource.getrlimit(resource.RLIMIT_NOFILE)[1]}))
        after = count()
        folders = os.listdir(os.environ["LIFESIGN_DIR"])
        print(started, started or after - before, len(folders) - started)
        """,
        tmp_path,
    )
    assert said in ("True True 0", "False 0 0")
