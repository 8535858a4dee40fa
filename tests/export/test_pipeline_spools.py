"""Where a pipeline keeps what waits, and for whom."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest

from lifesign.errors import SpoolError
from lifesign.export.pipeline import Pipeline
from lifesign.settings import Settings
from lifesign.watch.telemetry import Resource, Span
from support.made.spools import piping
from support.otlp_server import HttpServer


async def test_the_default_spool_is_the_first_free_one(
    tmp_path: Path, collector: HttpServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with piping(collector.url, None, XDG_STATE_HOME=str(tmp_path)) as pipeline:
        assert pipeline.status().spool_dir == str(tmp_path / "lifesign/spool/0")
    assert caplog.text == ""


async def test_what_one_service_left_does_not_go_out_with_another(
    tmp_path: Path,
    collector: HttpServer,
    resource: Resource,
    span: Callable[..., Span],
    caplog: pytest.LogCaptureFixture,
) -> None:
    state = str(tmp_path)
    other = HttpServer()
    here: dict[str, str] = {"XDG_STATE_HOME": state, "OTEL_SERVICE_NAME": "shop"}
    async with piping("http://127.0.0.1:1", None, timeout=0.2, **here) as pipeline:
        pipeline.emit([resource], [span(1)])
    assert "bytes did not reach the Collector and wait in" in caplog.text
    for environ in ({**here, "OTEL_SERVICE_NAME": "desk"}, here):
        async with piping(other.url, None, timeout=0.2, **environ) as pipeline:
            pipeline.emit([resource], [span(2)])
    assert {s.name for s in other.spans()} == {"span 2"}
    async with piping("http://127.0.0.1:1", None, timeout=0.2, **here) as pipeline:
        assert pipeline.status().stats.spool_size > 0, "it waits for the one that it was meant for"
    other.stop()


async def test_two_tenants_of_one_collector_have_a_spool_each(tmp_path: Path) -> None:
    spools = []
    for tenant in ("a", "b", "a"):
        environ = {"XDG_STATE_HOME": str(tmp_path), "OTEL_EXPORTER_OTLP_HEADERS": f"x-tenant={tenant}"}
        async with piping("http://127.0.0.1:1", None, **environ) as pipeline:
            spools.append(pipeline.status().spool_dir)
    assert spools[0] == spools[2] != spools[1]
    assert "x-tenant" not in "".join(path.read_text() for path in tmp_path.rglob("owner.json"))


async def test_without_a_place_on_disk_it_says_so_and_goes_on(
    tmp_path: Path,
    collector: HttpServer,
    resource: Resource,
    span: Callable[..., Span],
    caplog: pytest.LogCaptureFixture,
) -> None:
    (tmp_path / "file").write_text("")
    async with piping(collector.url, None, XDG_STATE_HOME=str(tmp_path / "file")) as pipeline:
        assert pipeline.status().spool_dir is None
        pipeline.emit([resource], [span(1)])
    assert "in memory only" in caplog.text
    assert len(collector.spans()) == 1


async def test_profiles_change_the_spool_only_where_they_go_elsewhere(tmp_path: Path, collector: HttpServer) -> None:
    state = {"XDG_STATE_HOME": str(tmp_path)}
    elsewhere = {"OTEL_EXPORTER_OTLP_PROFILES_ENDPOINT": "http://127.0.0.1:1/v1development/profiles"}
    places = []
    for environ in ({}, {"LIFESIGN_PROFILES": "1"}, {"LIFESIGN_PROFILES": "1", **elsewhere}, {}):
        async with piping(collector.url, None, **state, **environ) as pipeline:
            places.append(pipeline.status().spool_dir)
    assert places[0] == places[1] == places[3]
    assert places[2] not in (None, places[0])


async def test_a_spool_that_was_asked_for_must_work(tmp_path: Path, collector: HttpServer) -> None:
    (tmp_path / "file").write_text("")
    environ = {"LIFESIGN_SPOOL_DIR": str(tmp_path / "file" / "x"), "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    pipeline = Pipeline(Settings(environ=environ), environ)
    with pytest.raises(SpoolError, match="cannot be written"):
        await pipeline.start()
