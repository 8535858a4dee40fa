"""The sidecar put together, in the test's own loop: what it says, what it serves, and that it ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from lifesign.cli.sidecar import observer as observer_module
from lifesign.cli.sidecar import servers
from lifesign.cli.sidecar.deadline import Deadline
from lifesign.cli.sidecar.observer import Observer
from lifesign.cli.supervise.sidecar_process import ASKED_TO_END
from lifesign.errors import SettingError
from lifesign.export import metric_push
from lifesign.settings import Settings
from lifesign.wire import layout
from support.made.client import ask
from support.made.sidecars import FAST, Running, booted, fresh_logging, standard_input
from support.mainprocess import Main
from support.otlp_server import Answer, HttpServer

MakeMain = Callable[..., Main]


@pytest.fixture
def observe(
    run: Path, capfd: pytest.CaptureFixture[str]
) -> Callable[..., contextlib.AbstractAsyncContextManager[Running]]:
    """Runs a sidecar over the run directory for as long as the context lasts."""

    @contextlib.asynccontextmanager
    async def start(*, supervised: bool = False, run_id: str | None = None, **environ: str) -> AsyncIterator[Running]:
        loop = asyncio.get_running_loop()
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


@pytest.fixture
def collector() -> Iterator[HttpServer]:
    server = HttpServer()
    yield server
    server.stop()


@pytest.fixture
def taken() -> Iterator[int]:
    """A port of loopback that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_however_little_there_is_to_do(observe: Callable, number: signal.Signals) -> None:
    async with observe() as sidecar:
        await sidecar.says("watching")
        os.kill(os.getpid(), number)

        said = await sidecar.ends()
    assert said == "lifesign: watching, but neither a Collector nor a page is set (see lifesign doctor)\n"


@pytest.mark.usefixtures("supervisor")
async def test_without_a_collector_the_page_shows_what_it_sees(
    observe: Callable, monkeypatch: pytest.MonkeyPatch, main: MakeMain
) -> None:
    monkeypatch.setattr(servers, "PAGE_ADDRESS", ("127.0.0.1", 0))
    main = main()
    async with observe(supervised=True) as sidecar:
        said = await sidecar.says(
            r"^lifesign: no Collector is set \(OTEL_EXPORTER_OTLP_ENDPOINT\); page at http://127\.0\.0\.1:(\d+)/\n$"
        )
        await sidecar.sees(4242)
        port = int(said[1])

        (view,) = (await ask(port, "/api/state")).json()["processes"]
        assert (view["process"]["pid"], view["process"]["state"]) == (4242, "healthy")
        assert (await ask(port, f"/api/processes/{main.key}/dump", "POST", x_lifesign="1")).status == 202
        assert main.pulse.requests(layout.REQUEST_DUMP) == 1
    with pytest.raises(ConnectionRefusedError):
        await ask(port, "/")


@pytest.mark.usefixtures("supervisor")
async def test_where_the_usual_port_is_taken_the_page_has_another(
    observe: Callable, monkeypatch: pytest.MonkeyPatch, taken: int
) -> None:
    monkeypatch.setattr(servers, "PAGE_ADDRESS", ("127.0.0.1", taken))
    async with observe(supervised=True) as sidecar:
        port = int((await sidecar.says(r"page at http://127\.0\.0\.1:(\d+)/"))[1])
        assert port != taken
        assert (await ask(port, "/")).status == 200


@pytest.mark.parametrize("setting", ["page_addr", "health_addr"])
@pytest.mark.parametrize("source", ["flag", "variable", "file"])
async def test_a_port_that_was_asked_for_must_be_free(run: Path, taken: int, setting: str, source: str) -> None:
    address = f"127.0.0.1:{taken}"
    flag, variable = f"--{setting.replace('_', '-')}", f"LIFESIGN_{setting.upper()}"
    settings = {
        "flag": lambda: Settings({setting: address}, {}),
        "variable": lambda: Settings({}, {variable: address}),
        "file": lambda: Settings({}, {}, {setting: address}),
    }[source]()
    with fresh_logging():
        observer = Observer(str(run), settings, {}, Deadline(settings.shutdown_timeout), supervised=False)
    with pytest.raises(SettingError) as caught:
        await observer.run()
    named = flag if source == "flag" else variable
    assert caught.value.what == f"{named}={address} cannot be listened on: Address already in use"


async def test_the_addresses_that_were_asked_for_are_told_and_answered(observe: Callable, main: MakeMain) -> None:
    booted(main())
    addresses = {"LIFESIGN_PAGE_ADDR": "127.0.0.1:0", "LIFESIGN_HEALTH_ADDR": "127.0.0.1:0"}
    async with observe(**addresses) as sidecar:
        local = r"http://127\.0\.0\.1:(\d+)/"
        said = await sidecar.says(f"; page at {local}; health at {local}\n")
        await sidecar.sees(4242)

        assert (await ask(int(said[1]), "/")).status == 200
        for path in ("/livez", "/readyz", "/app/livez", "/app/readyz", "/app/startupz"):
            assert (await ask(int(said[2]), path)).status == 200


async def test_what_is_left_goes_to_the_collector_before_it_ends(
    observe: Callable, main: MakeMain, collector: HttpServer, tmp_path: Path
) -> None:
    main = booted(main())
    spool = tmp_path / "spool"
    async with observe(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, LIFESIGN_SPOOL_DIR=str(spool)) as sidecar:
        await sidecar.says(f"^lifesign: exporting to {re.escape(collector.url)}\n$")
        await sidecar.sees(4242)
        main.die()
        os.kill(os.getpid(), signal.SIGTERM)

        await sidecar.ends()
    assert [span.name for span in collector.spans()] == ["boot"]
    assert [record.event_name for record in collector.logs()] == ["lifesign.process.died"]
    assert len(collector.of("metrics")) >= 1
    assert list(json.loads((spool / "cursors.json").read_text())) == [main.key]
    assert [path.name for path in spool.glob("0*.jsonl")] == [], "nothing waits any more"


async def test_an_export_that_fails_makes_it_unready(
    observe: Callable, main: MakeMain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metric_push, "_LAST_PAUSES", ())
    main()
    server = HttpServer()
    server.script("metrics", *[Answer(503)] * 500)
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": server.url,
        "LIFESIGN_SPOOL_DIR": str(tmp_path / "spool"),
        "LIFESIGN_METRIC_INTERVAL": "0.01",
        "LIFESIGN_HEALTH_ADDR": "127.0.0.1:0",
    }
    async with observe(**environ) as sidecar:
        port = int((await sidecar.says(r"health at http://127\.0\.0\.1:(\d+)/"))[1])
        # What it logs goes to standard error as it is.
        await sidecar.says(r"(?m)^lifesign: metrics do not reach http://127\.0\.0\.1:\d+/v1/metrics: HTTP 503")

        answer = await ask(port, "/readyz?verbose")
        assert answer.status == 503
        assert b"HTTP 503 Service Unavailable" in answer.body
        assert re.search(rb"\n\[-\] export failed: nothing delivered yet, 0 bytes wait, [1-9]\d* retries", answer.body)
        assert (await ask(port, "/livez")).status == 200
    server.stop()


@pytest.mark.usefixtures("supervisor")
async def test_a_collector_for_nothing_is_said(observe: Callable, tmp_path: Path) -> None:
    nothing = {f"OTEL_{kind}_EXPORTER": "none" for kind in ("TRACES", "METRICS", "LOGS")}
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "LIFESIGN_SPOOL_DIR": str(tmp_path / "spool")}
    async with observe(supervised=True, **environ, **nothing) as sidecar:
        await sidecar.says("^lifesign: exporting nothing, as the OTEL_\\* variables say\n$")


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


async def test_sigterm_may_wait_for_those_who_were_told_at_the_same_time(observe: Callable, main: MakeMain) -> None:
    main = main()
    async with observe(LIFESIGN_SIGTERM_DELAY="600") as sidecar:
        await sidecar.sees(4242)
        os.kill(os.getpid(), signal.SIGTERM)
        await sidecar.is_leaving()
        assert not sidecar.stopping
        main.die()

        await sidecar.ends()


async def test_sigterm_does_not_wait_for_ever(observe: Callable, main: MakeMain) -> None:
    main()
    async with observe(LIFESIGN_SIGTERM_DELAY="0.01") as sidecar:
        await sidecar.sees(4242)
        os.kill(os.getpid(), signal.SIGTERM)

        await sidecar.ends()


async def test_that_nobody_came_is_said(observe: Callable, monkeypatch: pytest.MonkeyPatch, run: Path) -> None:
    monkeypatch.setattr(observer_module, "_NOBODY_SECONDS", 0.01)
    async with observe() as sidecar:
        await sidecar.says(f"no process to watch has appeared in {re.escape(str(run))}; a program is seen when")


async def test_nothing_is_said_of_it_where_somebody_came(observe: Callable, main: MakeMain) -> None:
    main()
    async with observe() as sidecar:
        await sidecar.sees(4242)
        sidecar.remark()
        assert "no process" not in sidecar.hear()


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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_to_all_processes_of_a_service_ends_no_sidecar_that_has_a_supervisor(
    observe: Callable, monkeypatch: pytest.MonkeyPatch, supervisor: BinaryIO, main: MakeMain, number: signal.Signals
) -> None:
    monkeypatch.setattr(servers, "PAGE_ADDRESS", ("127.0.0.1", 0))
    main()
    async with observe(supervised=True) as sidecar:
        await sidecar.sees(4242)
        os.kill(os.getpid(), number)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not sidecar.stopping
        supervisor.write(ASKED_TO_END)
        os.kill(os.getpid(), number)

        await sidecar.ends()
