"""A real Collector takes profiles, by its feature gate; one without it costs the other kinds nothing."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any, Iterator

import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.profiles.v1development.profiles_service_pb2 import ExportProfilesServiceRequest

from lifesign.export.pipeline import Pipeline
from lifesign.settings import Settings
from lifesign.watch.telemetry import Profile, Resource, Span
from lifesign.wire.frames import Frame
from support.backends.collector import Collector
from support.backends.profile_rules import broken_rules
from support.paths import CONFIGS
from support.supervised import PATIENCE, environment, run_line, started
from support.waiting import eventually

TRACE, SPAN = "0123456789abcdef0123456789abcdef", "00000000000000ff"
MAIN: Frame = {"function": "main", "file": "app.py", "line": 9}
RENDER: Frame = {"function": "render", "file": "app.py", "line": 70}
OF = Resource("7-abc", {"service.name": "shop"})
BLOCKED = Span("7-abc", TRACE, SPAN, "eventloop blocked", 1_000, 5_000)
PROFILE = Profile(
    "7-abc", "1" * 32, 1_000, 5_000, [{"stack": [MAIN, RENDER], "samples": 3, "time": 300, "computing": 250}],
    trace=TRACE, span=SPAN, attributes={"code.function.name": "render"},
)  # fmt: skip


@pytest.fixture(scope="module")
def gated(otelcol: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Collector, Path]]:
    folder = tmp_path_factory.mktemp("gated")
    file = folder / "profiles.jsonl"
    running = Collector(
        otelcol,
        folder,
        extra=CONFIGS / "profiles.yaml",
        environ={"LIFESIGN_PROFILES_FILE": str(file)},
        flags=["--feature-gates=service.profilesSupport"],
    )
    running.start()
    yield running, file
    running.stop()


def written(file: Path) -> list[ExportProfilesServiceRequest]:
    """What a file exporter wrote: JSON of OTLP, in which ids are hex where that of protobuf has base64."""
    if not file.exists():
        return []
    lines = [line for line in file.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    requests = [ParseDict(_with_base64(json.loads(line)), ExportProfilesServiceRequest()) for line in lines]
    for request in requests:
        nothing = request.dictionary.attribute_table[0]
        if nothing.value.WhichOneof("value") is None:  # it writes an empty value where there is none
            nothing.ClearField("value")
    return requests


def _with_base64(found: Any) -> Any:
    if isinstance(found, list):
        return [_with_base64(one) for one in found]
    if not isinstance(found, dict):
        return found
    ids = ("profileId", "traceId", "spanId")
    return {
        key: base64.b64encode(bytes.fromhex(value)).decode() if key in ids else _with_base64(value)
        for key, value in found.items()
    }


async def sent(to: Collector, spool: Path, protocol: str) -> Pipeline:
    environ = {**to.environment(protocol), "LIFESIGN_PROFILES": "1", "LIFESIGN_SPOOL_DIR": str(spool)}
    pipeline = Pipeline(Settings(environ=environ), environ)
    await pipeline.start()
    pipeline.emit([OF], [PROFILE, BLOCKED])
    await pipeline.close(5.0)
    return pipeline


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
async def test_profiles_arrive_with_their_span(
    gated: tuple[Collector, Path], tmp_path: Path, protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector, file = gated
    before = len(written(file))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer x")
    status = (await sent(collector, tmp_path, protocol)).status()
    assert (status.errors, status.stats.spool_size, status.stats.rejected) == ((), 0, 0)
    [request] = eventually(lambda: written(file)[before:])
    assert broken_rules(request) == []
    tables = request.dictionary
    [of_resource] = request.resource_profiles
    [scope] = of_resource.scope_profiles
    text = tables.string_table
    values = {text[one.sample_type.type_strindex]: list(one.samples[0].values) for one in scope.profiles}
    assert values == {"samples": [3], "wall": [300], "cpu": [250]}
    link = tables.link_table[scope.profiles[0].samples[0].link_index]
    span = eventually(lambda: [one for one in collector.spans() if one.name == "eventloop blocked"])[0]
    assert (link.trace_id.hex(), link.span_id.hex()) == (span.trace, span.id) == (TRACE, SPAN)


SERVICE = """\
import asyncio, time

def render():
    time.sleep(3)

async def main():
    await asyncio.sleep(2)
    render()
    await asyncio.sleep(60)

asyncio.run(main())
"""


def test_the_samples_of_a_blocked_service_are_linked_to_its_span(gated: tuple[Collector, Path], tmp_path: Path) -> None:
    collector, file = gated
    spans, requests = len(collector.spans()), len(written(file))
    (tmp_path / "shop.py").write_text(SERVICE)
    more = {**collector.environment("http/protobuf"), "LIFESIGN_PROFILES": "1", "LIFESIGN_HEARTBEAT_TIMEOUT": "1"}
    options = ["--spool-dir", str(tmp_path / "spool")]
    with started(run_line([sys.executable, str(tmp_path / "shop.py")], *options), environment(**more)):
        blocked = eventually(
            lambda: [one for one in collector.spans()[spans:] if one.name == "eventloop blocked"], PATIENCE
        )[0]

        def linked() -> list[tuple[Any, Any, Any]]:
            return [
                (request.dictionary, profile, sample)
                for request in written(file)[requests:]
                for resource in request.resource_profiles
                for scope in resource.scope_profiles
                for profile in scope.profiles
                for sample in profile.samples
                if request.dictionary.link_table[sample.link_index].span_id.hex() == blocked.id
            ]

        found = eventually(linked, PATIENCE)
    assert [broken_rules(request) for request in written(file)[requests:]].count([]) == len(written(file)[requests:])
    tables, _, sample = found[0]
    innermost = tables.location_table[tables.stack_table[sample.stack_index].location_indices[0]]
    function = tables.function_table[innermost.lines[0].function_index]
    assert tables.string_table[function.name_strindex] == "render"
    assert tables.string_table[function.filename_strindex] == str(tmp_path / "shop.py")
    assert innermost.lines[0].line == 4
    wall = [one.values[0] for tables, profile, one in found if _type_of(tables, profile) == "wall"]
    assert sum(wall) > 2e9, "of three seconds"


def _type_of(tables: Any, profile: Any) -> str:
    return str(tables.string_table[profile.sample_type.type_strindex])


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
async def test_without_the_gate_they_wait_alone(kept: tuple[Collector, Any], tmp_path: Path, protocol: str) -> None:
    before = len(kept[0].spans())
    pipeline = await sent(kept[0], tmp_path, protocol)
    status = pipeline.status()
    [error] = status.errors
    assert error.startswith("profiles to ")
    assert "pipeline" in error
    assert status.stats.rejected == 0
    assert status.stats.spool_size > 0, "they wait"
    assert len(eventually(lambda: kept[0].spans()[before:])) == 1
