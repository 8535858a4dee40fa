"""By way of a proxy: what fails there is said of the proxy, and the Collector gets the headers of the settings."""

from __future__ import annotations

import base64
import socket
from pathlib import Path
from typing import Any, Callable

import pytest

from lifesign.export.otlp import encode
from lifesign.export.otlp.exporters import open_exporters
from lifesign.export.otlp.outcome import Delivered, Outcome, Refused, Retry
from lifesign.export.otlp.proxy import of_grpc, of_http
from lifesign.watch.telemetry import Resource, Span
from support.otlp_server import Answer, HttpServer

VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "grpc_proxy", "no_grpc_proxy")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


@pytest.fixture
def send(resource: Resource, span: Callable[..., Span]) -> Callable[..., Outcome]:
    def send(url: str, protocol: str = "http/protobuf") -> Outcome:
        environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}
        exporter = open_exporters(environ)["traces"]
        outcome = exporter.export([encode.span(span(), encode.resource(resource))])
        exporter.shutdown()
        return outcome

    return send


@pytest.fixture
def closed() -> str:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


def test_a_proxy_that_refuses_the_connection_is_named(
    send: Callable[..., Outcome], closed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://user:secret@{closed}")
    assert send("http://collector.example:4318") == Retry(
        f"Connection refused; sent by way of the proxy http://{closed}: see HTTP_PROXY and NO_PROXY"
    )


def test_a_proxy_that_answers_itself_is_named(
    send: Callable[..., Outcome], collector: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", collector.url)
    collector.script("traces", Answer(403), Answer(400, b"<html>", {"Content-Type": "text/html"}), Answer(400))
    by = f"sent by way of the proxy {collector.url}: see HTTP_PROXY and NO_PROXY"
    assert send("http://collector.example:4318") == Retry(f"HTTP 403 Forbidden; see OTEL_EXPORTER_OTLP_HEADERS; {by}")
    assert send("http://collector.example:4318") == Retry(f"HTTP 400 Bad Request: does a Collector listen there?; {by}")
    assert send("http://collector.example:4318") == Refused("HTTP 400 Bad Request"), "said in OTLP"
    assert send("http://collector.example:4318") == Delivered()


def test_a_tunnel_that_is_not_given_is_said(
    send: Callable[..., Outcome], collector: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", collector.url)
    outcome = send("https://collector.example:4318")
    assert isinstance(outcome, Retry)
    assert outcome.why.startswith("tunnel connection failed: 501")
    assert outcome.why.endswith("see HTTPS_PROXY and NO_PROXY")


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://p:1"}, None),
        ({"HTTP_PROXY": "p:1"}, ("http://p:1", "HTTP_PROXY")),
        ({"http_proxy": "http://u:s@p:1/?x"}, ("http://p:1/", "HTTP_PROXY")),
        ({"ALL_PROXY": "socks5://p:1"}, ("socks5://p:1", "ALL_PROXY")),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "other,.example"}, None),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "*"}, None),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "10.0.0.0/8"}, ("http://p:1", "HTTP_PROXY")),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "other"}, ("http://p:1", "HTTP_PROXY")),
    ],
)
def test_which_proxy_it_is_over_http(environ: dict[str, str], expected: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    found = of_http("http://me:pw@collector.example:4318/v1/traces")
    assert (found and found[:2]) == expected


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"HTTP_PROXY": "http://p:1"}, None),  # gRPC reads them in lower case alone
        ({"http_proxy": "http://p:1"}, ("http://p:1", "http_proxy")),
        ({"http_proxy": "http://p:1", "https_proxy": "http://q:1"}, ("http://q:1", "https_proxy")),
        ({"grpc_proxy": "http://p:1", "no_proxy": "example"}, None),
        ({"grpc_proxy": "http://p:1", "no_grpc_proxy": "other", "no_proxy": "example"}, ("http://p:1", "grpc_proxy")),
    ],
)
def test_which_proxy_it_is_over_grpc(environ: dict[str, str], expected: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    found = of_grpc("http://collector.example:4317")
    assert (found and found[:2]) == expected


def test_grpc_names_its_proxy(send: Callable[..., Outcome], closed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://{closed}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "1")
    outcome = send("http://collector.example:4317", "grpc")
    assert isinstance(outcome, Retry)
    assert outcome.why.startswith("gRPC UNAVAILABLE")
    assert outcome.why.endswith(f"by way of the proxy http://{closed}: see http_proxy and no_proxy")


NETRC = "machine 127.0.0.1 login other password secret\n"
BASIC = "Basic " + base64.b64encode(b"me:pw").decode()
OF_NETRC = "Basic " + base64.b64encode(b"other:secret").decode()


@pytest.mark.parametrize(
    ("headers", "userinfo", "expected"),
    [
        ("authorization=Bearer%20token", "", "Bearer token"),
        ("Authorization=Bearer%20token", "me:pw@", "Bearer token"),
        ("", "me:pw@", BASIC),
        ("", "", OF_NETRC),
    ],
)
def test_whose_credentials_are_sent(
    headers: str,
    userinfo: str,
    expected: str,
    send: Callable[..., Outcome],
    collector: HttpServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    (tmp_path / "netrc").write_text(NETRC)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", headers)
    assert send(collector.url.replace("//", f"//{userinfo}")) == Delivered()
    [sent] = collector.headers
    assert {name.lower(): value for name, value in sent.items()}["authorization"] == expected
