"""TLS and mutual TLS to a real Collector, over both protocols: what arrives, and what is said where nothing does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator

import pytest

from lifesign.export.otlp import encode
from lifesign.export.otlp.exporters import open_exporters
from lifesign.export.otlp.outcome import Delivered, Outcome, Retry
from lifesign.watch.telemetry import Profile, Resource, Span
from support.backends.secured import Secured, endpoint
from support.waiting import eventually
from support.watched import watched

CERTIFICATE = "OTEL_EXPORTER_OTLP_CERTIFICATE"
CLIENT_CERTIFICATE = "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"
CLIENT_KEY = "OTEL_EXPORTER_OTLP_CLIENT_KEY"


@pytest.fixture(scope="module")
def secured(otelcol: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    collectors = Secured(otelcol, tmp_path_factory.mktemp("tls"))
    yield collectors
    collectors.stop()


@pytest.fixture(params=["http/protobuf", "grpc"])
def protocol(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", request.param)
    return request.param


class Sender:
    """Sends one span with the exporter that the environment asks for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, secured: Secured, kind: str, protocol: str) -> None:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint(secured(kind), protocol))
        self._monkeypatch = monkeypatch
        self.exporter: Any = None

    def __call__(self, **environ: str | Path) -> Outcome:
        for name, value in environ.items():
            self._monkeypatch.setenv(name, str(value))
        self.exporter = self.exporter or open_exporters(os.environ)["traces"]
        span = Span("7-abc", "0af7651916cd43dd8448eb211c80319c", "00f067aa0ba902b7", "secured", 1_000, 2_000)
        outcome: Outcome = self.exporter.export([encode.span(span, encode.resource(Resource("7-abc", {})))])
        return outcome


@pytest.fixture
def sender(monkeypatch: pytest.MonkeyPatch, secured: Secured, protocol: str) -> Iterator[Any]:
    made: list[Sender] = []

    def make(kind: str) -> Sender:
        made.append(Sender(monkeypatch, secured, kind, protocol))
        return made[-1]

    yield make
    for one in made:
        if one.exporter is not None:
            one.exporter.shutdown()


def why(outcome: Outcome) -> str:
    assert isinstance(outcome, Retry), outcome  # nothing is thrown away for a certificate
    return outcome.why


def test_with_the_authority_it_arrives(sender: Any, secured: Secured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(secured.stranger.file))  # often set, and not meant for us
    assert sender("good")(**{CERTIFICATE: secured.authority.file}) == Delivered()
    eventually(lambda: [span.name for span in secured("good").spans()])


def test_the_variable_of_one_kind_goes_first(sender: Any, secured: Secured) -> None:
    environ = {CERTIFICATE: secured.stranger.file, "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE": secured.authority.file}
    assert sender("good")(**environ) == Delivered()


def test_without_the_authority_it_says_which_setting_names_it(sender: Any) -> None:
    assert f"set {CERTIFICATE}" in why(sender("good")())


def test_another_authority_is_no_use(sender: Any, secured: Secured) -> None:
    assert CERTIFICATE in why(sender("good")(**{CERTIFICATE: secured.stranger.file}))


def test_an_expired_certificate_is_called_that(sender: Any, secured: Secured) -> None:
    said = why(sender("expired")(**{CERTIFICATE: secured.authority.file}))
    assert "expired" in said
    assert "give it a new one" in said


def test_a_certificate_of_another_name_is_called_that(sender: Any, secured: Secured) -> None:
    assert "a name that stands in the Collector's certificate" in why(
        sender("other name")(**{CERTIFICATE: secured.authority.file})
    )


def test_a_collector_that_wants_a_certificate_gets_one(sender: Any, secured: Secured) -> None:
    certificate, key = secured.authority.signs("client", "lifesign.example")
    environ = {CERTIFICATE: secured.authority.file, CLIENT_CERTIFICATE: certificate, CLIENT_KEY: key}
    assert sender("mutual")(**environ) == Delivered()


def test_without_one_it_says_so(sender: Any, secured: Secured) -> None:
    assert CLIENT_CERTIFICATE in why(sender("mutual")(**{CERTIFICATE: secured.authority.file}))


def test_one_of_another_authority_is_not_taken(sender: Any, secured: Secured) -> None:
    certificate, key = secured.stranger.signs("client", "lifesign.example")
    environ = {CERTIFICATE: secured.authority.file, CLIENT_CERTIFICATE: certificate, CLIENT_KEY: key}
    assert CLIENT_CERTIFICATE in why(sender("mutual")(**environ))


def test_profiles_go_by_the_same_certificates(
    sender: Any, secured: Secured, protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender("mutual")  # a Collector that takes no profiles, which it says once it trusts who asks
    certificate, key = secured.authority.signs("client", "lifesign.example")
    profile = Profile("7-abc", "1" * 32, 1_000, 2_000, [{"stack": [], "samples": 1, "time": 1, "computing": 0}])
    items = [(profile, encode.resource(Resource("7-abc", {})))]

    def sent(**environ: str | Path) -> str:
        for name, value in environ.items():
            monkeypatch.setenv(name, str(value))
        exporter = open_exporters(os.environ, profiles=True)["profiles"]
        try:
            return why(exporter.export(items))
        finally:
            exporter.shutdown()

    assert f"set {CERTIFICATE}" in sent()
    assert CLIENT_CERTIFICATE in sent(**{CERTIFICATE: secured.authority.file})
    assert "such a pipeline" in sent(**{CLIENT_CERTIFICATE: certificate, CLIENT_KEY: key})
    assert "cannot be read" in sent(OTEL_EXPORTER_OTLP_PROFILES_CERTIFICATE="/nowhere"), "its own goes first"


def test_a_certificate_that_is_put_right_is_used(sender: Any, secured: Secured, tmp_path: Path) -> None:
    file = tmp_path / "authority.pem"
    send = sender("good")
    assert why(send(**{CERTIFICATE: file})) == f"{CERTIFICATE}={file} cannot be read: No such file or directory"
    file.write_text("-----BEGIN")
    assert why(send()) == f"{CERTIFICATE}={file} holds no certificate in PEM format"
    file.write_bytes(secured.stranger.file.read_bytes())
    assert CERTIFICATE in why(send())
    file.write_bytes(secured.authority.file.read_bytes())
    eventually(lambda: send() == Delivered(), seconds=30)


def test_plain_http_to_a_collector_with_tls_loses_nothing(
    monkeypatch: pytest.MonkeyPatch, sender: Any, secured: Secured, protocol: str
) -> None:
    send = sender("good")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint(secured("good"), protocol).replace("https", "http"))
    said = why(send())
    assert protocol == "grpc" or "write https:// in the endpoint" in said


def test_what_waited_for_a_certificate_is_delivered_and_no_header_is_told(
    monkeypatch: pytest.MonkeyPatch, secured: Secured, protocol: str, tmp_path: Path
) -> None:
    file = tmp_path / "authority.pem"
    file.write_bytes(secured.stranger.file.read_bytes())
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint(secured("good"), protocol))
    monkeypatch.setenv(CERTIFICATE, str(file))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20hush-hush")
    monkeypatch.setenv("LIFESIGN_LOG_LEVEL", "debug")
    run, log = tmp_path / "run", tmp_path / "log.txt"
    run.mkdir()
    with watched(run) as service, open(log, "wb") as stderr:
        command = [sys.executable, "-m", "lifesign", "watch", "--dir", str(run), "--spool-dir", str(tmp_path / "spool")]
        with subprocess.Popen(command, stderr=stderr) as sidecar:
            try:
                eventually(lambda: "trying again" in log.read_text(), seconds=40)
                assert CERTIFICATE in log.read_text()
                file.write_bytes(secured.authority.file.read_bytes())
                eventually(lambda: any(_is_boot_of(service.pid, span) for span in secured("good").spans()), seconds=60)
            finally:
                sidecar.terminate()
    assert "hush-hush" not in log.read_text()


def _is_boot_of(pid: int, span: Any) -> bool:
    return bool(span.name == "boot" and span.resource["process.pid"] == pid)
