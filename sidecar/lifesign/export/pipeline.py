"""The room's face: signals and snapshots in, OpenTelemetry out."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from typing import Iterable, Mapping, Sequence

import msgspec

from lifesign.errors import SpoolError
from lifesign.export.delivery import Delivery, Lane
from lifesign.export.instruments import Own
from lifesign.export.metric_push import MetricPush
from lifesign.export.metrics import Metrics
from lifesign.export.otlp import open_exporters
from lifesign.export.spool import Spool
from lifesign.export.targets import LOGS, METRICS, TRACES
from lifesign.export.tenancy import Tenancy, default_directory, first_free
from lifesign.settings import Settings
from lifesign.watch.signals import Resource, Signal, Snapshot, Span
from lifesign.watch.states import ENDED

RESOURCES_MAX = 4096  # of processes that came last

_logger = logging.getLogger("lifesign")


class Status(msgspec.Struct, frozen=True):
    """How the export is doing.

    `endpoints` has no credentials; `spool_dir` is None where records wait in memory only; `spool_size` is in bytes,
    `last_success_age` in seconds since the Collector last took anything, None if it never did; `errors` says why each
    kind of telemetry that fails does so now.
    """

    endpoints: dict[str, str]
    spool_dir: str | None
    spool_size: int
    last_success_age: float | None
    errors: tuple[str, ...]
    rejected: int
    dropped: dict[str, int]


class Pipeline:
    """Exports what it is given.

    Args:
        settings: of the sidecar.
        environ: the environment of this process, for the standard ``OTEL_*`` variables.

    Raises:
        SettingError: a variable has a value that cannot be used.
    """

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._environ = environ
        self._exporters = open_exporters(environ)
        self._resources: dict[str, Resource] = {}
        self._ended: set[str] = set()
        self._spool: Spool | None = None
        self._delivery: Delivery | None = None
        self._metrics: Metrics | None = None
        self._push: MetricPush | None = None
        self._tasks: list[asyncio.Task[None]] = []
