"""Who the main process is."""

from __future__ import annotations

import os
import platform
import re
import sys
import time
import uuid
from typing import Mapping

from lifesign import semconv
from lifesign.settings import Settings
from lifesign.wire.records import Identity

_TRACEPARENT = re.compile(r"^[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$")
_BLOCK_TEXT = 1000  # characters of a free text, so that all of them fit into one block


def new_trace_id() -> str:
    return os.urandom(16).hex()


def new_span_id() -> str:
    return os.urandom(8).hex()


def identity(settings: Settings, environ: Mapping[str, str]) -> Identity:
    """The identity block of this process; the boot's trace joins ``TRACEPARENT`` where there is one."""
    age_ns = _age_ns()
    parent = _TRACEPARENT.match(environ.get("TRACEPARENT", ""))
    return {
        "pid": os.getpid(),
        "command": os.path.basename(_command())[:_BLOCK_TEXT],
        "executable": os.path.basename(sys.executable or "python")[:_BLOCK_TEXT],
        "python": platform.python_version(),
        "implementation": sys.implementation.name,
        "host": platform.node()[:_BLOCK_TEXT],
        "instance": str(uuid.UUID(bytes=os.urandom(16), version=4)),
        "started": time.time_ns() - age_ns,
        "started_mono_ns": max(0, time.monotonic_ns() - age_ns),
        "boot_timeout": settings.boot_timeout,
        "heartbeat_interval": settings.heartbeat_interval,
        "trace": parent.group(1) if parent else new_trace_id(),
        "boot_span": new_span_id(),
        "parent_span": parent.group(2) if parent else None,
        "otel_service_name": environ.get("OTEL_SERVICE_NAME", "")[:_BLOCK_TEXT],
        "otel_resource_attributes": environ.get("OTEL_RESOURCE_ATTRIBUTES", "")[:_BLOCK_TEXT],
        "agent": semconv.VERSION,
    }


def _command() -> str:
    """The program as its user knows it; with ``python -m`` argv[0] is still "-m" or a file then."""
    command = sys.argv[0] if getattr(sys, "argv", None) else ""
    if command in ("", "-c", "-m"):
        return sys.executable or "python"
    if os.path.basename(command) == "__main__.py":
        return os.path.basename(os.path.dirname(command))
    return command


def _age_ns() -> int:
    """How long ago this process began; 0 where the platform does not tell."""
    try:
        with open("/proc/self/stat", "rb") as file:
            # The second field is a name in brackets that may hold anything, spaces and brackets too.
            ticks = int(file.read().rpartition(b")")[2].split()[19])
        started = ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
        return max(0, time.clock_gettime_ns(time.CLOCK_BOOTTIME) - started)
    except (OSError, ValueError, IndexError, AttributeError):
        return 0
