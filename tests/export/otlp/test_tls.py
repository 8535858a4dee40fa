"""The files that the standard variables name: which they are, what is wrong with them, what a failure means."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest
import trustme

from lifesign.export.otlp import encode, tls
from lifesign.export.otlp.exporters import open_exporters
from lifesign.export.otlp.outcome import Delivered, Outcome, Retry
from lifesign.watch.telemetry import Resource, Span
from support.otlp_server import HttpServer
from support.rows import rows

AUTHORITY, CERTIFICATE, KEY = (
    f"OTEL_EXPORTER_OTLP_{what}" for what in ("CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY")
)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables that name files which fit each other."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    issued = authority.issue_cert("shop.example")
    paths = {AUTHORITY: folder / "authority.pem", CERTIFICATE: folder / "own.pem", KEY: folder / "own.key"}
    authority.cert_pem.write_to_path(str(paths[AUTHORITY]))
    issued.cert_chain_pems[0].write_to_path(str(paths[CERTIFICATE]))
    issued.private_key_pem.write_to_path(str(paths[KEY]))
    return {name: str(path) for name, path in paths.items()}


def problem(environ: dict[str, str]) -> str | None:
    return tls.files("traces", environ).problem()


def test_good_files_have_no_problem(good: dict[str, str]) -> None:
    assert problem({}) is None
    assert problem({AUTHORITY: good[AUTHORITY]}) is None
    assert problem(good) is None


def test_the_variable_of_one_kind_goes_first(good: dict[str, str]) -> None:
    own = {**good, "OTEL_EXPORTER_OTLP_LOGS_CERTIFICATE": "/nowhere"}
    assert tls.files("traces", own) == tls.files("traces", good)
    assert str(tls.files("logs", own).authority) == "OTEL_EXPORTER_OTLP_LOGS_CERTIFICATE=/nowhere"


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda good, bad: {**good, AUTHORITY: bad}, f"{AUTHORITY}=BAD holds no certificate in PEM format"),
        (lambda good, bad: {**good, CERTIFICATE: bad}, f"{CERTIFICATE}=BAD or {KEY}="),
        (lambda good, bad: {AUTHORITY: "/nowhere"}, f"{AUTHORITY}=/nowhere cannot be read: No such file or directory"),
        (lambda good, bad: {CERTIFICATE: good[CERTIFICATE]}, f"{CERTIFICATE} is set without {KEY}"),
        (lambda good, bad: {KEY: good[KEY]}, f"{KEY} is set without {CERTIFICATE}"),
    ],
)
def test_what_is_wrong_names_the_variable(
    good: dict[str, str], tmp_path: Path, change: Callable[..., dict[str, str]], what: str
) -> None:
    bad = tmp_path / "bad.pem"
    bad.write_text("no certificate")
    assert (problem(change(good, str(bad))) or "").replace(str(bad), "BAD").startswith(what)


def test_a_key_of_another_certificate(good: dict[str, str], tmp_path: Path) -> None:
    other = tmp_path / "other.key"
    trustme.CA().issue_cert("shop.example").private_key_pem.write_to_path(str(other))
    assert problem({**good, KEY: str(other)}) == f"{KEY}={other} is not the key of {CERTIFICATE}={good[CERTIFICATE]}"


def test_files_are_examined_again_when_they_change(good: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "authority.pem"
    watched = tls.Watched(tls.files("traces", {AUTHORITY: str(file)}))
    assert "cannot be read" in (watched.problem() or "")
    file.write_bytes(Path(good[AUTHORITY]).read_bytes())
    assert watched.problem() is None
    assert watched.problem() is None  # as it was


@rows(
    ("said", "advice"),
    [
        ("TLS: certificate has expired", "give it a new one"),
        ("TLS: Hostname mismatch, certificate is not valid for 'a'.", "a name that stands in the Collector's"),
        ("TLS: unable to get local issuer certificate", f"set {AUTHORITY}"),
        ("TLS: wrong version number", "write http://"),
        ("TLS: tlsv13 alert certificate required", f"set {CERTIFICATE}"),
    ],
)
def test_a_failed_handshake_says_what_to_try(said: str, advice: str) -> None:
    outcome = tls.explain(Retry(said, after=3.0))
    assert isinstance(outcome, Retry)
    assert outcome.why.startswith(f"{said}; ")
    assert advice in outcome.why
    assert outcome.after == 3.0


def test_what_is_not_understood_is_left_as_it_is() -> None:
    for outcome in (Delivered(), Retry("the moon is full")):
        assert tls.explain(outcome) == outcome


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_nothing_is_sent_while_a_file_is_wrong(
    protocol: str,
    good: dict[str, str],
    collector: HttpServer,
    resource: Resource,
    span: Callable[..., Span],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And once it is right, what fails is said: there is no TLS here."""
    url = collector.url.replace("http:", "https:")
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}
    items = [encode.span(span(), encode.resource(resource))]

    def sent(authority: str) -> Outcome:
        monkeypatch.setenv(AUTHORITY, authority)
        exporters = open_exporters({**environ, AUTHORITY: authority, "OTEL_EXPORTER_OTLP_TIMEOUT": "0.5"})
        try:
            return exporters["traces"].export(items)
        finally:
            for exporter in exporters.values():
                exporter.shutdown()

    assert sent("/nowhere") == Retry(f"{AUTHORITY}=/nowhere cannot be read: No such file or directory")
    outcome = sent(good[AUTHORITY])
    assert isinstance(outcome, Retry)
    assert "the Collector speaks no TLS there: write http:// in the endpoint" in outcome.why
    assert collector.requests == []
