"""Real threads, locks and pauses, even if gevent or eventlet have patched them.

A watchdog on a green thread would run only when the program lets it, which is just what it has to watch. A patched
module keeps no reference to the original functions, so they are taken from a fresh copy of it.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import sys
import time
from importlib.machinery import BuiltinImporter
from importlib.util import module_from_spec
from types import SimpleNamespace
from typing import Any, Callable

# Since 3.13 threads are counted when the fork is over, and ours must be back by then.
_WARNED: bool = sys.version_info[:2] == (3, 12)
_AWAY_SECONDS = 0.02  # that a fork waits at most for the thread to end


def _unpatched() -> Any:
    patched: Any = _thread
    if all(type(function) is type(len) for function in (patched.start_new_thread, patched.allocate_lock)):
        return _thread
    spec = BuiltinImporter.find_spec("_thread")
    if spec is None or spec.loader is None:
        return _thread
    patches = dict(vars(_thread))
    fresh = module_from_spec(spec)
    spec.loader.exec_module(fresh)
    if fresh is not _thread:
        return fresh
    original = SimpleNamespace(**vars(_thread))  # Python 3.9 makes the one module anew: the patches are put back
    vars(_thread).update(patches)
    return original


_module = _unpatched()
start_thread = _module.start_new_thread  # a daemon that `threading` does not know, nor any debugger or thread count
allocate_lock = _module.allocate_lock
get_ident = _module.get_ident
get_native_id = _module.get_native_id
RLock = _module.RLock


def sleep(seconds: float) -> None:
    """Pauses this thread."""
    lock = allocate_lock()
    lock.acquire()
    lock.acquire(timeout=seconds)


class Ticker:
    """A thread that calls `tick` every `interval` seconds, and is away while the process forks.

    Python 3.12 warns a process that forks with several threads; the program would be warned because of ours.
    """

    def __init__(self, interval: float, tick: Callable[[], None]) -> None:
        self._interval = interval
        self._tick = tick
        self._lock = RLock()  # reentrant: a signal handler may fork, or stop us
        self._wake = allocate_lock()
        self._wake.acquire()
        self._gone = allocate_lock()  # held by the thread
        self._native_id = 0
        self._wanted = False
        self._there = False
        self._forks = 0  # under way
        self._due = 0.0

    def start(self) -> None:
        """Starts the thread, unless it is there."""
        self._due = time.monotonic() + self._interval
        self._wanted = True
        self._launch()

    def stop(self) -> None:
        """Asks the thread to end and does not wait for it."""
        self._wanted = False
        self._rouse()

    def is_there(self) -> bool:
        """Whether the thread runs."""
        return self._there

    def before_fork(self) -> None:
        """Lets the thread end, and waits a moment for it; a busy thread stays."""
        with self._lock:
            self._forks += 1
            there = self._there
        if not there or not _WARNED:
            return
        self._rouse()
        if self._gone.acquire(timeout=_AWAY_SECONDS):
            self._gone.release()
            end = time.monotonic() + _AWAY_SECONDS
            while os.path.exists(f"/proc/self/task/{self._native_id}") and time.monotonic() < end:
                sleep(0.0001)

    def after_fork(self) -> None:
        """In the parent: the thread comes back."""
        with self._lock:
            self._forks -= 1
        self._launch()

    def _launch(self) -> None:
        with self._lock:
            if self._there or self._forks or not self._wanted:
                return
            self._there = True
            self._gone.acquire()
        try:
            start_thread(self._run, ())
        except BaseException:
            self._there = False
            self._gone.release()
            raise

    def _rouse(self) -> None:
        with contextlib.suppress(RuntimeError):  # somebody else has just done so
            self._wake.release()

    def _run(self) -> None:
        self._native_id = get_native_id()
        while not self._leaves():
            pause = self._due - time.monotonic()
            if pause <= 0 or not self._wake.acquire(timeout=pause):
                self._tick()
                self._due = time.monotonic() + self._interval
        self._gone.release()

    def _leaves(self) -> bool:
        with self._lock:
            if self._wanted and not (self._forks and _WARNED):
                return False
            self._there = False
            return True
