"""Whether the sidecar's dependencies, the extra ``lifesign[sidecar]``, are installed."""

from __future__ import annotations

import importlib.util
import sys

from lifesign.errors import MissingExtraError

_MODULES = (
    "aiofiles",
    "msgspec",
    "opentelemetry.exporter.otlp.proto.grpc",
    "opentelemetry.exporter.otlp.proto.http",
    "opentelemetry.sdk",
    "rich",
    "starlette",
    "uvicorn",
)
_NAMED = 3  # missing modules that an error names; pip brings them all


def missing() -> list[str]:
    """The modules of the extra that cannot be found, by name."""
    return [name for name in _MODULES if not _is_there(name)]


def require() -> None:
    """Raises `MissingExtraError` unless the whole extra is there."""
    absent = missing()
    if absent:
        newer = " with Python 3.10 or newer" if sys.version_info < (3, 10) else ""
        more = f" and {len(absent) - _NAMED} more" if len(absent) > _NAMED else ""
        named = ", ".join(absent[:_NAMED])
        raise MissingExtraError(f"not installed: {named}{more}", f"pip install 'lifesign[sidecar]'{newer}")


def _is_there(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ModuleNotFoundError, ValueError):  # a parent is missing; somebody put a stub into sys.modules
        return False
