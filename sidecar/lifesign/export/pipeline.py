"""The room's face: signals and snapshots in, OpenTelemetry out."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from pathlib import Path
from typing import Iterable, Mapping, Sequence

import msgspec

from lifesign.errors import SpoolError
from lifesign.export.delivery import Delivery
from lifesign.export.instruments import Own
from lifesign.export.lane import Lane
from lifesign.export.metric_push import MetricPush
from lifesign.export.metrics import Metrics
from lifesign.export.otlp import open_exporters
from lifesign.export.spool import Spool
from lifesign.export.targets import LOGS, METRICS, TRACES
from lifesign.export.tenancy import Tenancy, default_directory, first_free, refusal
from lifesign.settings import Settings
from lifesign.watch.signals import Resource, Signal, Snapshot, Span
from lifesign.watch.states import ENDED

RESOURCES_MAX = 4096  # of processes that came last

_logger = logging.getLogger("lifesign")


class Status(msgspec.Struct, frozen=True):
    """How the export is doing.

    `endpoints` has no credentials; `spool_dir` is None where records wait in memory only; `last_success_age` is in
    seconds since the Collector last took anything, None if it never did; `errors` says why each kind of telemetry that
    fails does so now.
    """

    endpoints: dict[str, str]
    spool_dir: str | None
    last_success_age: float | None
    errors: tuple[str, ...]
    own: Own

    def summary(self) -> str:
        """One line for a person."""
        own, age = self.own, self.last_success_age
        last = "nothing delivered yet" if age is None else f"last success {age:.1f} s ago"
        counts = f"{own.retries} retries, {own.rejected} rejected"
        dropped = ", ".join(f"{count} dropped ({reason})" for reason, count in own.dropped.items())
        return f"{last}, {own.spool_size} bytes wait, {counts}, {dropped}"


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
        self._tenancy: Tenancy | None = None
        self._spools: dict[str, Spool] = {}
        self._lanes: dict[str, Lane] = {}
        self._deliveries: list[Delivery] = []

    async def start(self) -> None:
        """Opens the spools and begins to deliver.

        Raises:
            SpoolHeldError: another sidecar uses the spool directory that the settings name.
            SpoolError: a spool cannot be used; SpoolFailedError where another start may find it better.
        """
        self._tenancy = self._find_place()
        self._lanes = {kind: Lane(exporter) for kind, exporter in self._exporters.items()}
        kinds = [kind for kind in (TRACES, LOGS) if kind in self._lanes]
        for kind in kinds:
            # Each has a spool of its own, so that a kind the Collector does not take neither holds up nor
            # pushes out the other.
            folder = self._tenancy.folder(kind) if self._tenancy is not None else None
            try:
                spool = await Spool.open(folder, self._settings.spool_size // len(kinds))
            except OSError as error:
                raise refusal(folder or Path(), error) from None
            self._spools[kind] = spool
            delivery = Delivery(spool, self._lanes[kind])
            self._deliveries.append(delivery)
            self._tasks.append(asyncio.create_task(delivery.run(), name=f"lifesign-{kind}"))
        if METRICS in self._lanes:
            lane = self._lanes[METRICS]
            metrics = Metrics(lane.exporter.preferences(), self._own)
            self._push = MetricPush(metrics, lane, self._settings.metric_interval)
            self._tasks.append(asyncio.create_task(self._push.run(), name="lifesign-metrics"))

    def _find_place(self) -> Tenancy | None:
        if self._settings.spool_dir is not None:
            return Tenancy(Path(self._settings.spool_dir))
        try:
            return first_free(default_directory(self._environ), os.path.abspath(self._settings.dir or ""))
        except SpoolError as error:
            _logger.warning(
                "lifesign: %s; until then records wait in memory only and are lost when the sidecar ends",
                "; ".join(filter(None, (error.what, error.hint))),
            )
            return None

    async def put(self, resources: Iterable[Resource], signals: Sequence[Signal]) -> None:
        """Takes signals on their way; returns when the kernel has them, or when they wait in memory (see `safe`).

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
        for kind, spool in self._spools.items():
            wanted = [s for s in signals if isinstance(s, Span) is (kind == TRACES)]
            if wanted or not spool.safe:
                await spool.append(resources, wanted)

    def safe(self) -> bool:
        """Whether a kill would lose nothing of what was put: all of it is on disk, or was never to be."""
        return all(spool.safe for spool in self._spools.values())

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
        successes = [lane.last_success for lane in self._lanes.values() if lane.last_success is not None]
        return Status(
            endpoints={kind: exporter.target.shown for kind, exporter in self._exporters.items()},
            spool_dir=str(self._tenancy.directory) if self._tenancy is not None else None,
            last_success_age=time.monotonic() - max(successes) if successes else None,
            errors=tuple(lane.error for lane in self._lanes.values() if lane.error is not None),
            own=self._own(),
        )

    async def close(self, timeout: float) -> None:
        """Sends what there is within `timeout` seconds; the rest stays in the spool."""
        for delivery in self._deliveries:
            delivery.finish()
        if self._push is not None:
            self._push.finish()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=timeout)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        for exporter in self._exporters.values():
            exporter.shutdown()
        for spool in self._spools.values():
            await spool.close()
        if self._tenancy is not None:
            self._tenancy.end()

    def _own(self) -> Own:
        spools, lanes = self._spools.values(), self._lanes.values()
        return Own(
            spool_size=sum(spool.size for spool in spools),
            retries=sum(lane.retries for lane in lanes),
            age=max((lane.age for lane in lanes), default=0.0),
            rejected=sum(spool.rejected for spool in spools),
            dropped={reason: sum(spool.dropped[reason] for spool in spools) for reason in ("spool", "invalid")},
        )
