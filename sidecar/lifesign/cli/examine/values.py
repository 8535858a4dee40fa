"""Every setting with its effective value and its source, and the standard variables that are set."""

from __future__ import annotations

import logging
from typing import Any, Mapping, NamedTuple

from lifesign import parsing
from lifesign.checkspec import Spec
from lifesign.cli.examine.problem import Problem
from lifesign.cli.options.arguments import Given
from lifesign.errors import SettingError
from lifesign.export.otlp.targets import without_secrets
from lifesign.settings import TABLE, Setting, Settings

_SIGNALS = ("", "TRACES_", "METRICS_", "LOGS_", "PROFILES_")
ENDPOINTS = tuple(f"OTEL_EXPORTER_OTLP_{signal}ENDPOINT" for signal in _SIGNALS)
# Shown as set or not: a header is where the token is.
_HEADERS = tuple(f"OTEL_EXPORTER_OTLP_{signal}HEADERS" for signal in _SIGNALS)
_FILES = tuple(
    f"OTEL_EXPORTER_OTLP_{signal}{what}"
    for signal in _SIGNALS
    for what in ("CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY")
)
_DURATIONS = (parsing.seconds, parsing.threshold)
_UNITS = (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))
_SHOWN = ("OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_EXPORTER_OTLP_PROTOCOL", *_FILES)


class Value(NamedTuple):
    """An effective setting as text, and its source: a flag, a variable, ``file``, ``default`` or ``unset``."""

    name: str
    value: str
    source: str


def effective(given: Given, environ: Mapping[str, str]) -> tuple[list[Value], dict[str, Any], list[Problem]]:
    """Every setting as it is shown, and its value by name; and every malformed one."""
    values: list[Value] = []
    resolved_by_name: dict[str, Any] = {}
    problems: list[Problem] = []
    for setting in TABLE:
        # One at a time, so that a malformed value does not hide the next.
        alone = {name: environ[name] for name in (setting.env, setting.alias) if name and name in environ}
        flags = {setting.name: given.flags.get(setting.name)}
        file = {name: text for name, text in given.file.items() if name == setting.name}
        try:
            resolved = Settings(flags, alone, file)
        except SettingError as error:
            problems.append(Problem.of(error))
            resolved = Settings(environ={})
        source = resolved.sources[setting.name]
        value = resolved_by_name[setting.name] = getattr(resolved, setting.name)
        values.append(Value(setting.name, _shown(setting, value), "unset" if value is None else source))
    values += [Value(name, shown_url(environ[name]), name) for name in ENDPOINTS if environ.get(name)]
    values += [Value(name, environ[name], name) for name in _SHOWN if environ.get(name)]
    values += [Value(name, "(not shown)", name) for name in _HEADERS if environ.get(name)]
    return values, resolved_by_name, problems


def shown_url(raw: str) -> str:
    """An endpoint without what may be secret in it, and as it was written otherwise: it need not be a URL."""
    return without_secrets(raw if "//" in raw else f"//{raw}").removeprefix("" if "//" in raw else "//")


def _shown(setting: Setting, value: object) -> str:
    """As one would write it."""
    if setting.name == "log_level" and isinstance(value, int):
        return logging.getLevelName(value).lower()
    if setting.name.endswith("_size") and isinstance(value, int):
        unit, size = next(((unit, size) for unit, size in _UNITS if value and value % size == 0), ("", 1))
        return f"{value // size}{unit}"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:g}" if setting.parse not in _DURATIONS else f"{value:g}s"
    return _as_text(value)


def _as_text(value: object) -> str:
    if isinstance(value, Spec):
        return value.label
    if isinstance(value, tuple) and value:
        return _address(*value) if isinstance(value[-1], int) else ",".join(value)
    if isinstance(value, dict) and value:
        return ",".join(f"{name}={_short(one)}" for name, one in value.items())
    return "-" if value is None or value in ((), {}) else str(value)


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _short(value: float | Spec) -> str:
    return value.label if isinstance(value, Spec) else f"{value:g}s"
