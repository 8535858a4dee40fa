"""The standard variables decide where telemetry goes, and a malformed one is named."""

from __future__ import annotations

import pytest

from lifesign.errors import SettingError
from lifesign.export.otlp.targets import is_configured, remarks, service_name, targets
from support.rows import rows


def test_the_defaults() -> None:
    assert {kind: (t.protocol, t.url) for kind, t in targets({}).items()} == {
        "traces": ("http/protobuf", "http://localhost:4318/v1/traces"),
        "metrics": ("http/protobuf", "http://localhost:4318/v1/metrics"),
        "logs": ("http/protobuf", "http://localhost:4318/v1/logs"),
    }


def test_each_kind_can_go_its_own_way() -> None:
    found = targets(
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "https://base:1/prefix/",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://traces:2/as/is",
            "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "grpc",
            "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://logs:3",
        }
    )
    assert {kind: (t.protocol, t.url) for kind, t in found.items()} == {
        "traces": ("http/protobuf", "http://traces:2/as/is"),
        "metrics": ("http/protobuf", "https://base:1/prefix/v1/metrics"),
        "logs": ("grpc", "http://logs:3"),
    }


def test_grpc_has_a_port_of_its_own() -> None:
    found = targets({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "http/protobuf"})
    assert found["traces"].url == "http://localhost:4317"
    assert found["metrics"].url == "http://localhost:4318/v1/metrics"


def test_a_kind_can_be_left_out() -> None:
    assert list(targets({"OTEL_TRACES_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "otlp"})) == ["metrics", "logs"]
    assert targets({"OTEL_SDK_DISABLED": "true"}) == {}


def test_exporters_of_the_programs_own_are_left_to_it_and_said() -> None:
    environ = {"OTEL_TRACES_EXPORTER": "console", "OTEL_METRICS_EXPORTER": "prometheus,otlp_proto_http"}
    assert list(targets(environ)) == ["metrics", "logs"]
    assert list(remarks({**environ, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"})) == [
        "OTEL_TRACES_EXPORTER=console is for the program: lifesign exports no traces, unless otlp is named, too"
    ]
    assert list(remarks(environ)) == []  # nothing is exported at all
    none = {"OTEL_TRACES_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}
    assert list(remarks(none)) == []


@rows(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"),
        ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://host:99999"),
        ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://[::1"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "carrier pigeon"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"),
        ("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "zip"),
        ("OTEL_TRACES_EXPORTER", "oltp"),
        ("OTEL_LOGS_EXPORTER", "console,nnoe"),
    ],
)
def test_a_malformed_variable_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=name) as caught:
        targets({name: value})
    assert caught.value.exit_code == 3
    assert caught.value.hint


def test_no_error_shows_a_password() -> None:
    with pytest.raises(SettingError) as caught:
        targets({"OTEL_EXPORTER_OTLP_ENDPOINT": "ftp://user:secret@host?token=secret"})
    assert "secret" not in str(caught.value)
    shown = targets({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://user:secret@host:1"})["traces"].shown
    assert shown == "http://host:1/v1/traces"


@rows(
    ("environ", "expected"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://c:4318/v1/metrics"}, True),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, False),
    ],
)
def test_a_collector_is_configured_when_its_address_is(environ: dict[str, str], expected: bool) -> None:
    assert is_configured(environ) is expected


def test_no_error_shows_a_header() -> None:
    with pytest.raises(SettingError) as raised:
        targets({"OTEL_EXPORTER_OTLP_HEADERS": "authorization Bearer secret"})
    assert "OTEL_EXPORTER_OTLP_HEADERS (not shown)" in raised.value.what
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({}, ""),
        ({"OTEL_RESOURCE_ATTRIBUTES": "team=a, service.name=the%20shop"}, "the shop"),
        ({"OTEL_SERVICE_NAME": " desk ", "OTEL_RESOURCE_ATTRIBUTES": "service.name=shop"}, "desk"),
    ],
)
def test_what_the_environment_says_the_service_is_called(environ: dict[str, str], name: str) -> None:
    assert service_name(environ) == name
