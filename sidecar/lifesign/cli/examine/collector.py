"""Whether the Collector can be reached: the standard variables, the certificates, and whether anything answers."""

from __future__ import annotations

import asyncio
import socket
from typing import Iterator, Mapping
from urllib.parse import urlsplit

from lifesign.cli.examine.problem import Finding, Passed, Problem
from lifesign.cli.examine.values import ENDPOINTS, shown_url
from lifesign.errors import SettingError
from lifesign.export.otlp import targets, tls

_PORTS = {"http": 80, "https": 443}
_CONNECT_SECONDS = 1.0
_EXPORT_SECONDS = 3.0
_RETRIED = "the log of the Collector; is this the port of its OTLP receiver, 4318 for HTTP and 4317 for gRPC?"
_REFUSED = "the Collector's pipelines: each kind of telemetry needs one"


def findings(environ: Mapping[str, str], *, profiles: bool) -> list[Finding]:
    """What is wrong with the variables ``OTEL_EXPORTER_OTLP_*`` and with what they name; tries to export nothing.

    Args:
        profiles: whether profiles are sent, too.
    """
    found: list[Finding] = []
    unread = targets.unread_configuration(environ)
    if unread is not None and not targets.is_configured(environ):
        found.append(Problem(unread, "set OTEL_EXPORTER_OTLP_ENDPOINT as well"))
    rest = dict(environ)
    for name in ENDPOINTS:
        if environ.get(name):
            found += _endpoint(name, environ[name])
            if _address(environ[name]) is None:
                del rest[name]  # what else is wrong is still to be seen
    found += _export(rest, profiles)
    return found or list(_tried(environ))


def _tried(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Sends of each kind of telemetry a request without a record, as the sidecar sends those with some."""
    if not targets.is_configured(environ):
        yield Passed("no Collector is set (OTEL_EXPORTER_OTLP_ENDPOINT): lifesign run serves the page instead")
        return
    from opentelemetry.sdk.metrics.export import MetricsData

    from lifesign.export.otlp.channel import Channel
    from lifesign.export.otlp.exporters import open_exporters
    from lifesign.export.otlp.outcome import Delivered, Refused

    taken: dict[str, list[str]] = {}
    for kind, exporter in open_exporters(environ).items():
        exporter.target = exporter.target._replace(timeout=_EXPORT_SECONDS)
        outcome = asyncio.run(Channel(exporter).attempt(MetricsData([]) if kind == targets.METRICS else []))
        exporter.shutdown()
        if isinstance(outcome, Delivered):
            taken.setdefault(exporter.target.base, []).append(kind)
        else:
            hint = _REFUSED if isinstance(outcome, Refused) else _RETRIED
            yield Problem(f"{kind} do not reach {exporter.target.shown}: {outcome.why}", hint)
    for base, kinds in taken.items():
        yield Passed(f"the Collector at {base} takes {', '.join(kinds)}")


def _export(environ: Mapping[str, str], profiles: bool) -> list[Problem]:
    try:
        found = targets.targets(environ, profiles=profiles) if targets.is_configured(environ) else {}
    except SettingError as error:
        return [Problem.of(error)]
    wrong = []
    for target in found.values():
        files = tls.files(target.kind, environ)
        if target.is_secure:
            why = files.problem()
            wrong += [Problem(why, "name readable files in PEM format")] if why is not None else []
        elif any(files):
            named = ", ".join(file.variable for file in files if file is not None)
            wrong.append(Problem(f"{named}: not used, {target.shown} speaks no TLS", "write https:// in the endpoint"))
    return list(dict.fromkeys(wrong))


def _endpoint(name: str, raw: str) -> list[Problem]:
    shown = shown_url(raw)
    address = _address(raw)
    if address is None:
        hint = "http://localhost:4318" if "//" in shown else f"http://{shown}"
        return [Problem(f"{name}={shown} is not a URL with http:// or https:// and a host", hint)]
    host, port = address
    try:
        socket.create_connection(address, timeout=_CONNECT_SECONDS).close()
    except (OSError, UnicodeError) as error:  # UnicodeError: a host name that cannot be one
        reason = getattr(error, "strerror", None) or error
        what = f"{name}: nothing answers at {host}:{port}: {reason}"
        return [Problem(what, "start the Collector, or correct the address")]
    return []


def _address(raw: str) -> tuple[str, int] | None:
    try:
        url = urlsplit(raw)
        host, port = url.hostname, url.port
    except ValueError:  # a port that is none, brackets that do not match
        return None
    return (host, port or _PORTS[url.scheme]) if host and url.scheme in _PORTS else None
