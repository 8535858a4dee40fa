"""What the sidecar says when it begins."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Mapping

if TYPE_CHECKING:
    from lifesign.export.pipeline import Status
    from lifesign.serve.server import Server


def introduction(status: Status | None, servers: Mapping[str, Server], directory: str | None) -> str:
    """Where telemetry goes, what is served, and where it keeps what.

    Args:
        status: of the pipeline; None where nothing is exported.
        directory: the run directory, where nobody has named it.
    """
    parts = []
    if status is not None:
        to = sorted({re.sub(r"/v1/(traces|metrics|logs)$", "", url) for url in status.endpoints.values()})
        parts.append(f"exporting to {', '.join(to)}" if to else "exporting nothing, as the OTEL_* variables say")
    elif "page" in servers:
        parts.append("no Collector is set (OTEL_EXPORTER_OTLP_ENDPOINT)")
    parts += [f"{name} at {server.url}/" for name, server in servers.items()]
    if directory is not None:
        parts.append(f"run directory {directory}")
        if status is not None:
            parts.append(f"spool {status.spool_dir or 'in memory'}")
    return "; ".join(parts) if parts else "watching, but neither a Collector nor a page is set (see lifesign doctor)"
