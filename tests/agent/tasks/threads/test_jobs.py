"""What an executor's thread runs that is no Python code, and what a thread waits for that imports what another does."""

from __future__ import annotations

import contextvars
import functools
import os
import queue
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable

import pytest

from lifesign.agent.tasks.threads.jobs import job_in_c
from lifesign.agent.tasks.threads.look import ThreadLook
from support.waiting import eventually


class Opener:
    """A callable of no name of its own."""

    def __call__(self) -> None:
        raise AssertionError


CALLED: list[tuple[Callable[..., Any], str]] = [
    (open, "open"),
    (time.sleep, "time.sleep"),
    (os.fsync, "os.fsync"),
    (threading.Lock().acquire, "lock.acquire"),
    (functools.partial(time.sleep, 1), "time.sleep"),
    (functools.partial(contextvars.copy_context().run, os.fsync, 1), "os.fsync"),
    (functools.partial(functools.partial(open, "a"), "b"), "open"),
    (Opener(), "Opener"),
    (test := lambda: None, test.__qualname__),
]


def in_executor(item: Any) -> str:
    """What is said of a frame as the one in which an executor calls a job: of its own module, and called `run`."""
    frames: queue.SimpleQueue[Any] = queue.SimpleQueue()
    seen = threading.Event()
    space: dict[str, Any] = {"__name__": "concurrent.futures.thread", "frames": frames, "seen": seen, "sys": sys}
    exec("def run(self):\n    frames.put(sys._getframe())\n    seen.wait()\n", space)
    thread = threading.Thread(target=space["run"], args=(item,))
    thread.start()
    try:
        return job_in_c(frames.get())
    finally:
        seen.set()
        thread.join()


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="see the executor below")
def test_what_was_called_goes_by_the_name_by_which_one_calls_it() -> None:
    for function, name in CALLED:
        item = type("Item", (), {"fn": staticmethod(function)})()
        assert in_executor(item).replace("builtin_", "") == name
    assert job_in_c(sys._getframe()) == ""
    assert in_executor(object()) == ""


def test_an_executor_whose_jobs_are_no_python_code() -> None:
    reads, writes = os.pipe()
    with ThreadPoolExecutor(2) as pool:
        job, other = pool.submit(os.read, reads, 1), pool.submit(threading.Event().wait, 0.0)
        try:

            def seen() -> list[tuple[str, int]]:
                look = ThreadLook({}, ())
                records = [look.record("dump", index, group) for index, group in enumerate(look.groups())]
                return [(one.get("job", ""), one["count"]) for one in records if one.get("job")]

            eventually(lambda: seen() == [("os.read", 1)])
        finally:
            os.write(writes, b"x")
    assert (job.result(), other.result()) == (b"x", False)
    os.close(reads)
    os.close(writes)


def test_a_module_that_another_thread_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "imported_slowly.py").write_text("import builtins\nbuiltins.imported_slowly.wait(30)\n")
    go_on = threading.Event()
    monkeypatch.setattr("builtins.imported_slowly", go_on, raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    loads = functools.partial(__import__, "imported_slowly")
    threads = [threading.Thread(target=loads, name=name, daemon=True) for name in ("first", "second")]
    try:
        threads[0].start()
        eventually(lambda: "imported_slowly" in sys.modules)
        threads[1].start()
        seen: list[Any] = []

        def there() -> bool:
            seen[:] = ThreadLook({}, ()).chain(threads[1].ident or 0)
            return bool(seen) and seen[0]["type"] == "import lock"

        eventually(there)
    finally:
        go_on.set()
        for thread in threads:
            thread.join()
        sys.modules.pop("imported_slowly", None)
    step = seen[0]
    assert (step["name"], step["holder"], step["verb"]) == ("imported_slowly", "first", "holds")
    assert (step["certain"], step["clock"]) == (True, False)
