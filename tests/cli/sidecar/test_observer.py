"""The sidecar put together, in the test's own loop: what it says, what it serves, and that it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lifesign.cli.sidecar import observer as observer_module
from lifesign.cli.sidecar import servers
from lifesign.cli.sidecar.deadline import Deadline
from lifesign.cli.sidecar.observer import Observer
from lifesign.errors import NotWatchedError, SettingError
from lifesign.export import metric_push
from lifesign.settings import Settings
from lifesign.watch import judgement
from lifesign.wire import layout
from lifesign.wire.folder import SIDECAR_LOCK
from lifesign.wire.stopping import announce
from support.made.client import ask
from support.made.sidecars import booted, fresh_logging
from support.mainprocess import LockHolder, Main
from support.otlp_server import Answer, HttpServer

MakeMain = Callable[..., Main]


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


async def test_a_declarative_configuration_is_said_not_to_be_read(observe: Callable) -> None:
    async with observe(OTEL_CONFIG_FILE="/etc/otel.yaml") as sidecar:
        await sidecar.says("lifesign: OTEL_CONFIG_FILE is not read by lifesign: nothing is exported by it\n")


@pytest.mark.usefixtures("supervisor")
async def test_without_a_collector_the_page_shows_what_it_sees(
    observe: Callable, monkeypatch: pytest.MonkeyPatch, main: MakeMain
) -> None:
    monkeypatch.setattr(servers, "PAGE_ADDRESS", ("127.0.0.1", 0))
    main = main()
    async with observe(supervised=True) as sidecar:
        said = await sidecar.says(
            r"^lifesign: no Collector is set \(OTEL_EXPORTER_OTLP_ENDPOINT\); "
            r"page at http://127\.0\.0\.1:(\d+)/; run directory (\S+)\n$"
        )
        await sidecar.sees(4242)
        port = int(said[1])

        (row,) = (await ask(port, "/api/v1/processes")).json()["data"]["rows"]
        assert (row["pid"], row["state"]) == (4242, "healthy")
        for action in ("dump", "checks"):
            answer = await ask(port, f"/api/v1/processes/{main.key}/{action}", "POST", x_lifesign="1")
            assert answer.status == 202
        assert main.pulse.requests(layout.REQUEST_DUMP) == 1
        assert main.pulse.requests(layout.REQUEST_CHECKS) == 1
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
    assert list(json.loads((spool / "cursors.json").read_text())["cursors"]) == [main.key]
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
        await sidecar.says(
            "^lifesign: exporting nothing, as the OTEL_\\* variables say; run directory \\S+; spool \\S+\n$"
        )


async def test_sigterm_may_wait_for_those_who_were_told_at_the_same_time(observe: Callable, main: MakeMain) -> None:
    main = main()
    async with observe(LIFESIGN_SIGTERM_DELAY="600") as sidecar:
        await sidecar.sees(4242)
        os.kill(os.getpid(), signal.SIGTERM)
        await sidecar.is_leaving()
        assert not sidecar.stopping
        main.die()

        await sidecar.ends()


async def test_by_default_it_waits_for_a_moment_for_who_is_killed_as_it_is_asked(
    observe: Callable, main: MakeMain, run: Path, collector: HttpServer, tmp_path: Path
) -> None:
    """So does a kubelet with a process that does not hear SIGTERM."""
    service = booted(main())
    spool = {"LIFESIGN_SPOOL_DIR": str(tmp_path / "spool")}
    async with observe(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, **spool) as sidecar:
        await sidecar.sees(4242)
        announce(str(run))
        os.kill(os.getpid(), signal.SIGTERM)
        await sidecar.is_leaving()
        assert not sidecar.stopping
        service.die()

        await sidecar.ends()
    assert [record.event_name for record in collector.logs()] == ["lifesign.process.stopped"]


async def test_it_does_not_wait_for_who_has_outlived_its_grace_and_will_be_killed(
    observe: Callable, main: MakeMain, run: Path, collector: HttpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observer_module, "_OUTLIVED_SECONDS", 0.01)
    monkeypatch.setattr(judgement, "_APART_NS", 0)
    booted(main())
    environ = {"LIFESIGN_SPOOL_DIR": str(tmp_path / "spool"), "LIFESIGN_SIGTERM_DELAY": "600"}
    async with observe(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, **environ) as sidecar:
        await sidecar.sees(4242)
        announce(str(run))
        await sidecar.expects_the_end()
        os.kill(os.getpid(), signal.SIGTERM)
        await sidecar.ends()
    assert [record.event_name for record in collector.logs()] == ["lifesign.process.died"]


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


async def test_a_second_one_waits_until_the_first_has_ended(
    observe: Callable, main: MakeMain, run: Path, holder: LockHolder
) -> None:
    main()
    holder("hold", run / SIDECAR_LOCK)
    async with observe() as sidecar:
        await sidecar.says("another sidecar watches .*: waiting until it ends")
        with pytest.raises(NotWatchedError, match="no process is watched yet"):
            sidecar.request_dump("4242-00000001")
        holder("free", run / SIDECAR_LOCK)
        await sidecar.sees(4242)
    holder("hold", run / SIDECAR_LOCK)
    try:
        async with observe() as sidecar:
            await sidecar.says("another sidecar")
            sidecar.stop()
            await sidecar.ends()
    finally:
        holder("free", run / SIDECAR_LOCK)


async def test_what_keeps_the_agent_out_is_said(observe: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observer_module.descendants, "kept_out", lambda _id: [(4711, "it was started with -I")])
    async with observe(run_id="a") as sidecar:
        await sidecar.says("watching")
        sidecar.remark()
        said = sidecar.hear()
    assert "process 4711 cannot be watched: it was started with -I; or install lifesign" in said
    assert "no process to watch" not in said


async def test_who_may_not_write_there_is_named(observe: Callable, monkeypatch: pytest.MonkeyPatch, run: Path) -> None:
    monkeypatch.setattr(observer_module.descendants, "locked_out", lambda _id, _directory: [4711])
    async with observe(run_id="a") as sidecar:
        await sidecar.says("watching")
        sidecar.remark()
        said = f"process 4711 cannot be watched, as the user that it has become may not write to {run}"
        assert said in sidecar.hear()
