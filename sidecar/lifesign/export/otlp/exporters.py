"""The official OTLP exporters, each attempt judged by what the Collector answered.

The exporters read headers, certificates, compression, timeouts and temporality from the environment
of this process by themselves.
"""

from __future__ import annotations

import logging
import os
from typing import Any, Mapping, Protocol

from lifesign.export.otlp.imports import later, without
from lifesign.export.otlp.outcome import Outcome
from lifesign.export.otlp.targets import GRPC, Target, targets


class Exporter(Protocol):
    """One exporter, for one kind of telemetry."""

    target: Target

    def export(self, items: Any) -> Outcome:
        """Sends spans, log records, profiles or `MetricsData`, once. Blocks until there is an answer or a timeout."""

    def preferences(self) -> tuple[Any, Any]:
        """Temporality and aggregation by kind of instrument, for a metric reader."""

    def abort(self) -> None:
        """Aborts an `export` in another thread, and its connection; the next one opens a new connection."""

    def shutdown(self) -> None:
        """Closes the connections."""


def open_exporters(environ: Mapping[str, str], *, profiles: bool = False) -> dict[str, Exporter]:
    """An exporter for each kind of telemetry that is to be exported.

    Args:
        profiles: whether profiles are, too.

    Raises:
        SettingError: a variable has a value that cannot be used.
    """
    # It quotes headers that it does not understand, and a header is where the token is.
    logging.getLogger("opentelemetry.util.re").setLevel(logging.CRITICAL + 1)
    exporters = {kind: _open(target) for kind, target in targets(environ, profiles=profiles).items()}
    # We say what fails, once and with a hint; the exporters would say it for each batch.
    logging.getLogger("opentelemetry.exporter.otlp").setLevel(logging.CRITICAL + 1)
    return exporters


def _open(target: Target) -> Exporter:
    # Each protocol costs megabytes of memory, so only what is asked for is imported.
    if target.protocol == GRPC:
        # Its library writes to standard error by itself, on which we say what fails.
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
        later("grpc.aio")  # 0.5 MiB
        from lifesign.export.otlp.grpc import GrpcExporter

        return GrpcExporter(target)
    later("idna")  # 0.2 MiB, for a host with letters beyond ASCII
    # `requests` guesses the encoding of a text with one of them, 2.6 MiB, and we ask for no text.
    with without("charset_normalizer", "chardet"):
        from lifesign.export.otlp.http import HttpExporter

    return HttpExporter(target)
