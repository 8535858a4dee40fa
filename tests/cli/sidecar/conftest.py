"""A sidecar that runs in the test's own loop, and the supervisor's end of its standard input."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from lifesign.cli.sidecar.deadline import Deadline
from lifesign.cli.sidecar.observer import Observer
from lifesign.cli.supervise.signals import FORWARDED
from lifesign.settings import Settings
from support.made.sidecars import FAST, Running, fresh_logging, standard_input


@pytest.fixture
def observe(
    run: Path, capfd: pytest.CaptureFixture[str]
) -> Callable[..., contextlib.AbstractAsyncContextManager[Running]]:
    """Runs a sidecar over the run directory for as long as the context lasts."""

    @contextlib.asynccontextmanager
    async def start(*, supervised: bool = False, run_id: str | None = None, **environ: str) -> AsyncIterator[Running]:
        loop = asyncio.get_running_loop()
        environ.setdefault("XDG_STATE_HOME", str(run.parent))
        handlers = {number: signal.getsignal(number) for number in FORWARDED}
        with fresh_logging():
            settings = Settings(environ={**FAST, **environ})
            deadline = Deadline(settings.shutdown_timeout)
            observer = Observer(str(run), settings, environ, deadline, supervised=supervised, run_id=run_id)
            running = Running(observer, asyncio.create_task(observer.run()), capfd)
            try:
                yield running
            finally:
                running.stop()
                await running.ends()
                for number in (signal.SIGTERM, signal.SIGINT):
                    loop.remove_signal_handler(number)
                for number, handler in handlers.items():
                    signal.signal(number, handler)

    return start


@pytest.fixture
def supervisor() -> Iterator[BinaryIO]:
    """The end that a supervisor holds of what is our standard input."""
    ours, theirs = os.pipe()
    kept = os.dup(1), os.dup(2)  # of which an orphan lets go
    with open(theirs, "wb", buffering=0) as pipe, standard_input(ours):
        yield pipe
    for descriptor, copy in zip((1, 2), kept):
        os.dup2(copy, descriptor)
        os.close(copy)
    os.close(ours)
