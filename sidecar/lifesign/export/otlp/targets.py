"""Where each kind of telemetry goes, by the standard ``OTEL_*`` variables."""

from __future__ import annotations

import math
from difflib import get_close_matches
from typing import Iterator, Mapping, NamedTuple
from urllib.parse import unquote, urlsplit

from lifesign import semconv
from lifesign.errors import SettingError

TRACES = "traces"
METRICS = "metrics"
LOGS = "logs"
PROFILES = "profiles"
KINDS = (TRACES, METRICS, LOGS)
_PATHS = {TRACES: "v1/traces", METRICS: "v1/metrics", LOGS: "v1/logs", PROFILES: "v1development/profiles"}

HTTP = "http/protobuf"
GRPC = "grpc"

_CONFIG_FILE = "OTEL_CONFIG_FILE"
_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
_DEFAULT_ENDPOINTS = {HTTP: "http://localhost:4318", GRPC: "http://localhost:4317"}
_OURS = ("otlp", "otlp_proto_http", "otlp_proto_grpc")  # exporters, as OpenTelemetry for Python names them
_TIMEOUT = 10.0  # seconds
_COMPRESSIONS = ("none", "gzip", "deflate")


class Target(NamedTuple):
    """Where one kind of telemetry goes: a full URL for HTTP, scheme and address for gRPC."""

    kind: str
    protocol: str
    url: str
    timeout: float = _TIMEOUT  # seconds for one attempt

    @property
    def is_secure(self) -> bool:
        """Whether TLS is spoken there."""
        return self.url.startswith("https:")

    @property
    def base(self) -> str:
        """Like `shown`, without the path that each kind of telemetry has over HTTP by default."""
        return self.shown.removesuffix(f"/{_PATHS[self.kind]}")

    @property
    def shown(self) -> str:
        """The URL without what may be secret in it."""
        return without_secrets(self.url)


def service_name(environ: Mapping[str, str]) -> str:
    """What the environment says the service is called; empty where it does not."""
    name = environ.get("OTEL_SERVICE_NAME", "").strip()
    for part in environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(","):
        key, _, value = part.partition("=")
        if key.strip() == semconv.SERVICE_NAME:
            name = name or unquote(value.strip())
    return name


def is_configured(environ: Mapping[str, str]) -> bool:
    """Whether a variable says where a Collector is."""
    return any(environ.get(name) for name in (_ENDPOINT, *(_of_kind(kind, "ENDPOINT") for kind in KINDS)))


def unread_configuration(environ: Mapping[str, str]) -> str | None:
    """What there is to say of a declarative configuration: its loader is no part of the SDK, and experimental."""
    if not environ.get(_CONFIG_FILE):
        return None
    where = "its exporters go by OTEL_EXPORTER_OTLP_*" if is_configured(environ) else "nothing is exported by it"
    return f"{_CONFIG_FILE} is not read by lifesign: {where}"


def remarks(environ: Mapping[str, str]) -> Iterator[str]:
    """What is set for the program and means nothing to lifesign, or means that it exports less."""
    unread = unread_configuration(environ)
    if unread is not None:
        yield unread
    for kind in KINDS if is_configured(environ) else ():
        name, words = _exporters(kind, environ)
        if words != ["none"] and not _have_ours(words):
            yield f"{name}={environ[name]} is for the program: lifesign exports no {kind}, unless otlp is named, too"


def targets(environ: Mapping[str, str], *, profiles: bool = False) -> dict[str, Target]:
    """The target of each kind of telemetry that is to be exported.

    Args:
        profiles: whether profiles are, too.

    Raises:
        SettingError: a variable has a value that cannot be used.
    """
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return {}
    kinds = (*KINDS, PROFILES) if profiles else KINDS
    return {kind: _target(kind, environ) for kind in kinds if _is_exported(kind, environ)}


def without_secrets(url: str) -> str:
    """A URL without user, password, query and fragment."""
    try:
        parts = urlsplit(url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
    except ValueError:
        return "an address that cannot be read"


def _of_kind(kind: str, what: str) -> str:
    return f"OTEL_EXPORTER_OTLP_{kind.upper()}_{what}"


def find(kind: str, what: str, environ: Mapping[str, str]) -> tuple[str, str]:
    """The variable that says `what` for one kind of telemetry, its own before the one for all, and its value."""
    general = f"OTEL_EXPORTER_OTLP_{what}"
    for name in (_of_kind(kind, what), general):
        if environ.get(name):
            return name, environ[name].strip()
    return general, ""


def _is_exported(kind: str, environ: Mapping[str, str]) -> bool:
    name, words = _exporters(kind, environ)
    if _have_ours(words):
        return True
    meant = [meant for word in words if word != "none" for meant in get_close_matches(word, ("otlp", "none"), 1)]
    if meant:
        raise SettingError(f"{name}={environ[name]!r} cannot be used: did you mean {meant[0]}?", f"unset {name}")
    return False


def _have_ours(exporters: list[str]) -> bool:
    """Whether OTLP is among them; where none is named it is what OpenTelemetry takes."""
    return not exporters or not set(exporters).isdisjoint(_OURS)


def _exporters(kind: str, environ: Mapping[str, str]) -> tuple[str, list[str]]:
    """The variable that names the exporters of one kind of telemetry, and what it names."""
    name = f"OTEL_{kind.upper()}_EXPORTER"
    return name, [word.strip().lower() for word in environ.get(name, "").split(",") if word.strip()]


def _target(kind: str, environ: Mapping[str, str]) -> Target:
    name, protocol = find(kind, "PROTOCOL", environ)
    protocol = protocol or HTTP
    if protocol not in _DEFAULT_ENDPOINTS:
        raise SettingError(
            f"{name}={protocol!r} cannot be used: it wants http/protobuf or grpc",
            f"unset {name} for http/protobuf",
        )
    timeout = _seconds(*find(kind, "TIMEOUT", environ))
    _check_compression(*find(kind, "COMPRESSION", environ))
    _check_headers(*find(kind, "HEADERS", environ))
    name, url = find(kind, "ENDPOINT", environ)
    if not url:
        url = _DEFAULT_ENDPOINTS[protocol]
    _check_url(name, url)
    if protocol == HTTP and name == _ENDPOINT:
        url = f"{url.rstrip('/')}/{_PATHS[kind]}"
    return Target(kind, protocol, url, timeout)


def _check_url(name: str, url: str) -> None:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none, brackets that do not match
        good = False
    if not good:
        raise SettingError(
            f"{name} cannot be used: it wants a URL such as http://localhost:4318, not {without_secrets(url)!r}",
            f"write {name} with http:// or https:// in front, and a host",
        )


def _seconds(name: str, value: str) -> float:
    if not value:
        return _TIMEOUT
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds > 0):
        raise SettingError(f"{name}={value!r} cannot be used: it wants seconds above 0", f"unset {name} for 10")
    return seconds


def _check_compression(name: str, value: str) -> None:
    if value and value.lower() not in _COMPRESSIONS:
        raise SettingError(f"{name}={value!r} cannot be used: it wants none, gzip or deflate", f"unset {name}")


def _check_headers(name: str, value: str) -> None:
    # The SDK would say it too, with the header in full.
    for number, header in enumerate(filter(None, (part.strip() for part in value.split(","))), 1):
        key, equals, _ = header.partition("=")
        if not equals or not key.strip().isprintable() or not key.strip():
            raise SettingError(
                f"{name} (not shown) cannot be used: header {number} is not of the form name=value",
                "name=value,name=value, with what is special in a value percent-encoded",
            )
