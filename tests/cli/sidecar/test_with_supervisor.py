"""The sidecar beside CMD: it ends when the supervisor says so, and goes on without one while somebody lives."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from typing import BinaryIO

import pytest

from lifesign.cli.sidecar import observer as observer_module
from lifesign.cli.sidecar import servers
from lifesign.cli.supervise.sidecar_process import ASKED_TO_END
from support.mainprocess import Main

MakeMain = Callable[..., Main]


async def test_an_orphan_watches_until_the_last_process_has_ended(
    observe: Callable, monkeypatch: pytest.MonkeyPatch, main: MakeMain, supervisor: BinaryIO
) -> None:
    monkeypatch.setattr(servers, "PAGE_ADDRESS", ("127.0.0.1", 0))
    one, two = main(), main("4343-00000002")
    async with observe(supervised=True) as sidecar:
        await sidecar.sees(4242, 4343)
        supervisor.write(b"nobody reads this")
        supervisor.close()
        await sidecar.is_leaving()
        one.die()
        await sidecar.sees_dead(4242)
        assert not sidecar.stopping
        two.die()

        await sidecar.ends()


async def test_an_orphan_waits_for_those_who_are_still_coming(
    observe: Callable, monkeypatch: pytest.MonkeyPatch, main: MakeMain, supervisor: BinaryIO
) -> None:
    coming = [4711]
    monkeypatch.setattr(servers, "PAGE_ADDRESS", ("127.0.0.1", 0))
    monkeypatch.setattr(observer_module.descendants, "started_under", lambda _id: coming)
    async with observe(supervised=True, run_id="a") as sidecar:
        supervisor.close()
        await sidecar.is_leaving()
        await sidecar.sees()
        assert not sidecar.stopping
        daemon = main("4711-00000001")
        await sidecar.sees(4711)
        coming.clear()
        assert not sidecar.stopping
        daemon.die()

        await sidecar.ends()


async def test_an_orphan_waits_for_them_no_longer_than_for_a_boot(
    observe: Callable, monkeypatch: pytest.MonkeyPatch, supervisor: BinaryIO
) -> None:
    monkeypatch.setattr(servers, "PAGE_ADDRESS", ("127.0.0.1", 0))
    monkeypatch.setattr(observer_module.descendants, "started_under", lambda _id: [4711])
    async with observe(supervised=True, run_id="a", LIFESIGN_BOOT_TIMEOUT="0.05") as sidecar:
        supervisor.close()
        await sidecar.ends()


async def test_the_word_and_the_signal_of_the_supervisor_may_come_at_once(
    observe: Callable, monkeypatch: pytest.MonkeyPatch, supervisor: BinaryIO, main: MakeMain
) -> None:
    """The handler of the signal reads the pipe, for which a reader is due in the same turn of the loop."""
    monkeypatch.setattr(servers, "PAGE_ADDRESS", ("127.0.0.1", 0))
    main()
    rescued = threading.Event()
    rescue = threading.Timer(20, lambda: (rescued.set(), supervisor.write(b"a blocking read ends with this")))
    async with observe(supervised=True) as sidecar:
        await sidecar.sees(4242)
        rescue.start()
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0)  # in this turn the loop hears of the signal, after it has looked at the pipe
        supervisor.write(ASKED_TO_END)

        await sidecar.ends()
    rescue.cancel()
    assert not rescued.is_set()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_to_all_processes_of_a_service_ends_no_sidecar_that_has_a_supervisor(
    observe: Callable, monkeypatch: pytest.MonkeyPatch, supervisor: BinaryIO, main: MakeMain, number: signal.Signals
) -> None:
    monkeypatch.setattr(servers, "PAGE_ADDRESS", ("127.0.0.1", 0))
    main()
    async with observe(supervised=True) as sidecar:
        await sidecar.sees(4242)
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), signal.SIGHUP)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not sidecar.stopping
        supervisor.write(ASKED_TO_END)
        os.kill(os.getpid(), number)

        await sidecar.ends()
