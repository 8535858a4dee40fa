"""Who the main process is."""

from __future__ import annotations

import os
import re
import sys
import time
from _random import Random  # the module around it costs more to import than all of this file
from typing import TYPE_CHECKING, Mapping

from lifesign import semconv
from lifesign.settings import Settings

if TYPE_CHECKING:
    from lifesign.wire.records import Identity

_TRACEPARENT = (
    r"^[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$"  # compiled where there is one
)
_BLOCK_TEXT = 1000  # characters of a free text, so that all of them fit into one block
_UP_COARSE_NS = 1_000_000_000
_FORKED = 0x40  # the kernel's PF_FORKNOEXEC: forked, and no program started in it since

_ids = Random(int.from_bytes(os.urandom(16), "little"))


def reseed() -> None:
    """In a forked child: its ids must not be its parent's."""
    _ids.seed(int.from_bytes(os.urandom(16), "little"))


def new_trace_id() -> str:
    # Not os.urandom: it releases the GIL, and the host's loop may wait long to get it back.
    return f"{_ids.getrandbits(128) or 1:032x}"


def new_span_id() -> str:
    return (_ids.getrandbits(64) or 1).to_bytes(8, "big").hex()


def identity(settings: Settings, environ: Mapping[str, str]) -> Identity:
    """The identity block of this process; the boot's trace joins ``TRACEPARENT`` if it is set."""
    age_ns = _age_ns()
    given = environ.get("TRACEPARENT")
    parent = re.match(_TRACEPARENT, given) if given else None
    return {
        "pid": os.getpid(),
        "command": os.path.basename(_command())[:_BLOCK_TEXT],
        "executable": os.path.basename(sys.executable or "python")[:_BLOCK_TEXT],
        "python": ".".join(map(str, sys.version_info[:3])),
        "implementation": sys.implementation.name,
        "host": os.uname().nodename[:_BLOCK_TEXT],
        "instance": _new_uuid(),
        "started": time.time_ns() - age_ns,
        "started_mono_ns": max(0, time.monotonic_ns() - age_ns),
        "boot_timeout": settings.boot_timeout,
        "heartbeat_interval": settings.heartbeat_interval,
        "trace": parent.group(1) if parent else new_trace_id(),
        "boot_span": new_span_id(),
        "parent_span": parent.group(2) if parent else None,
        "otel_service_name": environ.get("OTEL_SERVICE_NAME", "")[:_BLOCK_TEXT],
        "otel_resource_attributes": environ.get("OTEL_RESOURCE_ATTRIBUTES", "")[:_BLOCK_TEXT],
        "worker": _is_worker(),
        "agent": semconv.VERSION,
    }


def _new_uuid() -> str:
    """A random UUID (version 4); the uuid module costs its import."""
    number = _ids.getrandbits(128) & ~(0xF << 76) & ~(0x3 << 62) | 0x4 << 76 | 0x2 << 62
    digits = f"{number:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _command() -> str:
    """The program as its user knows it; with ``python -m`` argv[0] is still "-m" or a file then."""
    command = sys.argv[0] if getattr(sys, "argv", None) else ""
    if command in ("", "-c", "-m"):
        return sys.executable or "python"
    if os.path.basename(command) == "__main__.py":
        return os.path.basename(os.path.dirname(command))
    return command


def _is_worker() -> bool:
    """Whether this process was forked, or made by multiprocessing, rather than started as a program."""
    # It may be in the middle of its import, in another thread.
    parent = getattr(sys.modules.get("multiprocessing.process"), "parent_process", None)
    if parent is not None and parent() is not None:
        return True
    try:
        return bool(int(_stat()[6]) & _FORKED)
    except (OSError, ValueError, IndexError):
        return False


def _age_ns() -> int:
    """How long ago this process began; 0 if the platform does not say."""
    try:
        started = int(_stat()[19]) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
        age = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - started
        up = _up_ns()
        # Older than the system: the clocks that we see are moved (libfaketime), the kernel's file is not.
        return max(0, age if age <= up + _UP_COARSE_NS else up - started)
    except (OSError, ValueError, IndexError, AttributeError):
        return 0


def _up_ns() -> int:
    """How long ago the system began."""
    with open("/proc/uptime", "rb") as file:
        return int(float(file.read().split()[0]) * 1e9)


def _stat() -> list[bytes]:
    """The fields of ``/proc/self/stat`` from the third on."""
    with open("/proc/self/stat", "rb") as file:
        # The second field is a name in brackets that may hold anything, spaces and brackets too.
        return file.read().rpartition(b")")[2].split()
