"""Profiles become OTLP by the protocol's rules, and are judged like the other kinds."""

from __future__ import annotations

import gzip
from typing import Any, Callable

import pytest
from opentelemetry.proto.collector.profiles.v1development.profiles_service_pb2 import ExportProfilesServiceRequest

from lifesign.export.otlp import encode
from lifesign.export.otlp.exporters import open_exporters
from lifesign.export.otlp.outcome import NOT_SENT, Delivered, Outcome, Refused, Retry
from lifesign.export.otlp.profiles import ProfileOfResource, encode_profiles
from lifesign.watch.telemetry import Profile, Resource
from support.backends.profile_rules import broken_rules
from support.otlp_server import Answer, GrpcServer, HttpServer, partial

TRACE_BYTES = bytes.fromhex("0123456789abcdef0123456789abcdef")
ON = {"profiles": True}


def of(resource: Resource, *profiles: Profile) -> list[ProfileOfResource]:
    return [ProfileOfResource(profile, encode.resource(resource)) for profile in profiles]


def shown(request: ExportProfilesServiceRequest) -> list[tuple[str, str, list[tuple[list[str], dict[str, str], int]]]]:
    """Type and unit of each profile, and of each sample the functions (innermost first), attributes and value."""
    tables = request.dictionary
    text = tables.string_table
    found = []
    for profile in request.resource_profiles[0].scope_profiles[0].profiles:
        samples = []
        for sample in profile.samples:
            locations = [tables.location_table[i] for i in tables.stack_table[sample.stack_index].location_indices]
            functions = [tables.function_table[location.lines[0].function_index] for location in locations]
            attributes = [tables.attribute_table[index] for index in sample.attribute_indices]
            samples.append(
                (
                    [
                        f"{text[function.name_strindex]} {text[function.filename_strindex]}:{location.lines[0].line}"
                        for function, location in zip(functions, locations)
                    ],
                    {text[one.key_strindex]: one.value.string_value for one in attributes},
                    sample.values[0],
                )
            )
        found.append((text[profile.sample_type.type_strindex], text[profile.sample_type.unit_strindex], samples))
    return found


def test_a_profile_keeps_stacks_times_and_its_span(resource: Resource, profile: Callable[..., Profile]) -> None:
    made = profile(trace=TRACE_BYTES.hex(), span="00000000000000ff", thread="worker", attributes={"n": 1})
    request = encode_profiles(of(resource, made))
    assert broken_rules(request) == []
    outer, inner = "main app.py:9", "render app.py:70"
    thread = {"thread.name": "worker"}
    assert shown(request) == [
        ("samples", "count", [([inner, outer], thread, 3), ([outer], thread, 1)]),
        ("wall", "nanoseconds", [([inner, outer], thread, 300), ([outer], thread, 100)]),
        ("cpu", "nanoseconds", [([inner, outer], thread, 250)]),
    ]
    [of_resource] = request.resource_profiles
    assert {a.key for a in of_resource.resource.attributes} == {"service.name", "process.pid"}
    [scope] = of_resource.scope_profiles
    assert scope.scope.name == "lifesign"
    assert {(one.time_unix_nano, one.duration_nano) for one in scope.profiles} == {(5_000, 1_500)}
    assert len({one.profile_id for one in scope.profiles}) == 3
    assert [(link.trace_id, link.span_id) for link in request.dictionary.link_table] == [
        (b"", b""),
        (TRACE_BYTES, b"\0\0\0\0\0\0\0\xff"),
    ]
    again = encode_profiles(of(resource, made))
    assert again == request, "a replay has the same ids"


def test_what_profiles_share_is_sent_once(resource: Resource, profile: Callable[..., Profile]) -> None:
    other = Resource("8-abc", {"service.name": "shop", "process.pid": 8})
    request = encode_profiles([*of(resource, profile(1), profile(2)), *of(other, profile(3))])
    assert broken_rules(request) == []
    assert len(request.resource_profiles) == 2
    assert len(request.dictionary.stack_table) == 1 + 2
    assert len(request.dictionary.function_table) == 1 + 2


def test_odd_stacks_break_no_rule(resource: Resource, profile: Callable[..., Profile]) -> None:
    nowhere = {"function": "", "file": "", "line": 0}
    stacks = [
        {"stack": stack, "samples": 1, "time": 5, "computing": 0} for stack in ([], [nowhere], [nowhere], [nowhere] * 2)
    ]
    request = encode_profiles(of(resource, profile(stacks=stacks), profile(2, stacks=[])))
    assert broken_rules(request) == []
    assert [samples for _, _, samples in shown(request)] == [
        [([], {}, 1), ([" :0"], {}, 2), ([" :0", " :0"], {}, 1)],
        [([], {}, 5), ([" :0"], {}, 10), ([" :0", " :0"], {}, 5)],
    ]


@pytest.mark.parametrize(
    "bend",
    [
        lambda d: d.string_table.insert(0, "x"),
        lambda d: d.string_table.append("orphan"),
        lambda d: d.function_table.add().CopyFrom(d.function_table[1]),
        lambda d: d.stack_table[1].location_indices.append(99),
        lambda d: d.link_table.pop(),
    ],
)
def test_the_rules_are_looked_at(
    bend: Callable[[Any], object], resource: Resource, profile: Callable[..., Profile]
) -> None:
    request = encode_profiles(of(resource, profile()))
    assert broken_rules(request) == []
    bend(request.dictionary)
    assert broken_rules(request) != []


@pytest.fixture
def send(collector: HttpServer, resource: Resource) -> Callable[..., Outcome]:
    def once(*profiles: Profile, **environ: str) -> Outcome:
        exporter = open_exporters({"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, **environ}, **ON)["profiles"]
        try:
            return exporter.export(of(resource, *profiles))
        finally:
            exporter.shutdown()

    return once


def test_over_http(
    send: Callable[..., Outcome],
    profile: Callable[..., Profile],
    collector: HttpServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-all=1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x-traces=secret")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROFILES_COMPRESSION", "gzip")
    assert send(profile()) == Delivered()
    [request] = collector.of("profiles")
    assert broken_rules(request) == []
    [headers] = collector.headers
    assert (headers["x-all"], headers["Content-Encoding"]) == ("1", "gzip")
    assert "x-traces" not in headers
    assert headers["Content-Type"] == "application/x-protobuf"
    collector.script(
        "profiles",
        Answer(body=partial("profiles", 2, "too many").SerializeToString()),
        Answer(404, body=gzip.compress(b""), headers={"Content-Encoding": "gzip"}),
    )
    assert send(profile()) == Refused("too many", 2)
    why = send(profile())
    assert isinstance(why, Retry)
    assert "whether the Collector has such a pipeline" in why.why


def test_what_cannot_be_encoded_is_not_sent(send: Callable[..., Outcome], profile: Callable[..., Profile]) -> None:
    assert send(profile(trace="xyz", span="00000000000000ff")) == NOT_SENT
    assert send(profile(trace="00", span="00000000000000ff")) == NOT_SENT
    assert send(profile(trace=TRACE_BYTES.hex(), span="00")) == NOT_SENT
    assert send(profile(end=0)) == NOT_SENT, "it ended before it began"


def test_over_grpc(resource: Resource, profile: Callable[..., Profile]) -> None:
    server = GrpcServer()
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": server.url, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    exporter = open_exporters(environ, **ON)["profiles"]
    try:
        assert exporter.export(of(resource, profile())) == Delivered()
        server.script("profiles", partial("profiles", 1, "old"))
        assert exporter.export(of(resource, profile())) == Refused("old", 1)
        refused = exporter.export(of(resource, profile(trace="xyz", span="00000000000000ff")))
        assert isinstance(refused, Refused)
        assert refused.divisible
        assert [broken_rules(request) for request in server.of("profiles")] == [[], []]
    finally:
        exporter.shutdown()
        server.stop()
