"""What `lifesign doctor` looks at: every setting, the run directory, the extra, the way to the Collector."""

from __future__ import annotations

import os
import socket
from typing import Mapping, NamedTuple
from urllib.parse import urlsplit

from lifesign.checkspec import Spec
from lifesign.cli.options.arguments import Given
from lifesign.cli.supervise import extra
from lifesign.errors import LifesignError, SettingError
from lifesign.export.otlp import targets, tls
from lifesign.settings import BY_NAME, TABLE, Settings

_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
_ENDPOINTS = (_ENDPOINT, *(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT" for signal in ("TRACES", "METRICS", "LOGS")))
# Shown as set or not: a header is where the token is.
_HEADERS = (
    "OTEL_EXPORTER_OTLP_HEADERS",
    *(f"OTEL_EXPORTER_OTLP_{signal}_HEADERS" for signal in ("TRACES", "METRICS", "LOGS")),
)
_FILES = tuple(
    f"OTEL_EXPORTER_OTLP_{signal}{what}"
    for signal in ("", "TRACES_", "METRICS_", "LOGS_")
    for what in ("CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY")
)
_SHOWN = ("OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_EXPORTER_OTLP_PROTOCOL", *_FILES)
_PORTS = {"http": 80, "https": 443}
_CONNECT_SECONDS = 1.0
_MOUNTS = "/proc/self/mountinfo"


class Value(NamedTuple):
    """An effective setting as text, and its source: a flag, a variable, ``file``, ``default`` or ``unset``."""

    name: str
    value: str
    source: str


class Problem(NamedTuple):
    """What is wrong, and what to try."""

    what: str
    hint: str


def problem(error: LifesignError) -> Problem:
    return Problem(error.what, error.hint)


def settings(given: Given, environ: Mapping[str, str]) -> tuple[list[Value], list[Problem]]:
    """Every setting with its effective value, and every malformed one."""
    values: list[Value] = []
    problems: list[Problem] = []
    for setting in TABLE:
        # One at a time, so that a malformed value does not hide the next.
        alone = {name: environ[name] for name in (setting.env, setting.alias) if name and name in environ}
        flags = {setting.name: given.flags.get(setting.name)}
        file = {name: text for name, text in given.file.items() if name == setting.name}
        try:
            resolved = Settings(flags, alone, file)
        except SettingError as error:
            problems.append(problem(error))
            resolved = Settings(environ={})
        source = resolved.sources[setting.name]
        value = getattr(resolved, setting.name)
        values.append(Value(setting.name, _as_text(value), "unset" if value is None else source))
    values += [Value(name, _without_userinfo(environ[name]), name) for name in _ENDPOINTS if environ.get(name)]
    values += [Value(name, environ[name], name) for name in _SHOWN if environ.get(name)]
    values += [Value(name, "(not shown)", name) for name in _HEADERS if environ.get(name)]
    return values, problems


def surroundings(given: Given, environ: Mapping[str, str]) -> list[Problem]:
    """What is wrong outside the settings themselves."""
    problems = _run_directory(given.flags.get("dir") or environ.get(BY_NAME["dir"].env) or given.file.get("dir"))
    try:
        extra.require()
    except LifesignError as error:
        problems.append(problem(error))
    for name in _ENDPOINTS:
        if environ.get(name):
            problems += _endpoint(name, environ[name])
    return problems + _export(environ)


def _export(environ: Mapping[str, str]) -> list[Problem]:
    """What is wrong with the standard variables, and with the certificates that they name."""
    try:
        found = targets.targets(environ) if targets.is_configured(environ) else {}
    except SettingError as error:
        # What is wrong with an endpoint has been said above.
        return [] if "_ENDPOINT" in error.what else [problem(error)]
    problems = []
    for target in found.values():
        files = tls.files(target.kind, environ)
        if target.is_secure:
            wrong = files.problem()
            problems += [Problem(wrong, "name readable files in PEM format")] if wrong is not None else []
        elif any(files):
            named = ", ".join(file.variable for file in files if file is not None)
            problems.append(
                Problem(f"{named}: not used, {target.shown} speaks no TLS", "write https:// in the endpoint")
            )
    return list(dict.fromkeys(problems))


def _run_directory(path: str | None) -> list[Problem]:
    if path is None:
        return []  # `lifesign run` makes one of its own
    if not os.path.isdir(path):
        return [Problem(f"the run directory {path} does not exist", f"mkdir {path}")]
    if not os.access(path, os.W_OK | os.X_OK):
        return [Problem(f"the run directory {path} cannot be written", "compare its owner and mode with your user")]
    kind = _filesystem(path)
    if kind is not None and kind not in ("tmpfs", "ramfs"):
        what = f"the run directory {path} is not on memory ({kind}): writing to it can stop the event loop"
        return [Problem(what, "a folder in /dev/shm; in a pod an emptyDir with medium: Memory")]
    return []


def _filesystem(path: str) -> str | None:
    """The type of the file system that `path` is on; None where the platform does not tell."""
    path = os.path.join(os.path.realpath(path), "")
    found: tuple[str, str] | None = None
    try:
        with open(_MOUNTS, encoding="utf-8", errors="replace") as mounts:
            for line in mounts:
                fields, _, rest = line.partition(" - ")
                point = os.path.join(fields.split()[4].replace("\\040", " "), "")
                # The longest mount point is the nearest; of two on the same one the later hides the earlier.
                if path.startswith(point) and (found is None or len(point) >= len(found[0])):
                    found = point, rest.split()[0]
    except OSError:
        return None
    return found[1] if found else None


def _endpoint(name: str, raw: str) -> list[Problem]:
    shown = _without_userinfo(raw)
    try:
        url = urlsplit(raw)
        host, port = url.hostname, url.port
    except ValueError as error:
        return [Problem(f"{name}={shown} is no URL: {error}", "http://localhost:4318")]
    if url.scheme not in _PORTS or not host:
        return [Problem(f"{name}={shown} has no scheme or no host", f"http://{shown.rpartition('//')[2]}")]
    port = port or _PORTS[url.scheme]
    try:
        socket.create_connection((host, port), timeout=_CONNECT_SECONDS).close()
    except (OSError, UnicodeError) as error:  # UnicodeError: a host name that cannot be one
        reason = getattr(error, "strerror", None) or error
        return [
            Problem(
                f"{name}: nothing answers at {host}:{port}: {reason}", "start the Collector, or correct the address"
            )
        ]
    return []


def _without_userinfo(raw: str) -> str:
    scheme, slashes, rest = raw.partition("//") if "//" in raw else ("", "", raw)
    authority, slash, path = rest.partition("/")
    return f"{scheme}{slashes}{authority.rpartition('@')[2]}{slash}{path}".partition("?")[0]


def _as_text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, tuple):
        return ":".join(str(part) for part in value)
    if isinstance(value, dict):
        return ",".join(f"{name}={_short(one)}" for name, one in value.items()) or "-"
    return str(value)


def _short(value: float | Spec) -> str:
    return value.label if isinstance(value, Spec) else f"{value:g}s"
