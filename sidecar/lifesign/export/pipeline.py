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
        self._push: MetricPush | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._spool: Spool
        self._delivery: Delivery
        self._lanes: list[Lane]

    async def start(self) -> None:
        """Opens the spool and begins to deliver.

        Raises:
            SpoolHeldError: another sidecar uses the spool directory that the settings name.
            SpoolError: that directory cannot be used.
        """
        self._spool = await Spool.open(self._tenancy(), self._settings.spool_size)
        self._delivery = Delivery(self._spool, self._exporters)
        self._lanes = list(self._delivery.lanes.values())
        self._tasks = [asyncio.create_task(self._delivery.run(), name="lifesign-delivery")]
        if METRICS in self._exporters:
            exporter = self._exporters[METRICS]
            lane = Lane(exporter)
            self._lanes.append(lane)
            self._push = MetricPush(Metrics(exporter.preferences(), self._own), lane, self._settings.metric_interval)
            self._tasks.append(asyncio.create_task(self._push.run(), name="lifesign-metrics"))

    def _tenancy(self) -> Tenancy | None:
        if self._settings.spool_dir is not None:
            return Tenancy(Path(self._settings.spool_dir))
        try:
            return first_free(default_directory(self._environ))
        except SpoolError as error:
            _logger.warning(
                "lifesign: %s; until then records wait in memory only and are lost when the sidecar ends",
                "; ".join(filter(None, (error.what, error.hint))),
            )
            return None

    async def put(self, resources: Iterable[Resource], signals: Sequence[Signal]) -> None:
        """Takes signals on their way; returns when the kernel has them.

        Args:
            resources: at least those that `signals` refer to. The metrics of a process begin when its
                resource was put, be it without signals.
            signals: in their order.
        """
        resources = list(resources)
        for resource in resources:
            self._resources.pop(resource.key, None)  # so that the one that came last stands last
            self._resources[resource.key] = resource
        while len(self._resources) > RESOURCES_MAX:
            del self._resources[next(iter(self._resources))]
        wanted = [s for s in signals if (TRACES if isinstance(s, Span) else LOGS) in self._exporters]
        if wanted:
            await self._spool.append(resources, wanted)

    def observe(self, snapshots: Sequence[Snapshot]) -> None:
        """Takes the newest state of all processes; when one has newly ended its tombstone is sent at once."""
        if self._push is None:
            return
        self._push.metrics.observe(snapshots, self._resources)
        ended = {snapshot.key for snapshot in snapshots if snapshot.state in ENDED}
        if ended - self._ended:
            self._push.now()
        self._ended = ended

    def status(self) -> Status:
        """How it is doing now."""
        successes = [lane.last_success for lane in self._lanes if lane.last_success is not None]
        return Status(
            endpoints={kind: exporter.target.shown for kind, exporter in self._exporters.items()},
            spool_dir=self._spool.directory,
            spool_size=self._spool.size,
            last_success_age=time.monotonic() - max(successes) if successes else None,
            errors=tuple(lane.error for lane in self._lanes if lane.error is not None),
            rejected=self._delivery.rejected,
            dropped=self._spool.dropped,
        )

    async def close(self, timeout: float) -> None:
        """Sends what there is within `timeout` seconds; the rest stays in the spool."""
        self._delivery.finish()
        if self._push is not None:
            self._push.finish()
        _, late = await asyncio.wait(self._tasks, timeout=timeout)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        for exporter in self._exporters.values():
            exporter.shutdown()
        await self._spool.close()

    def _own(self) -> Own:
        return Own(self._spool.size, self._delivery.rejected, self._spool.dropped)
