"""The export as the rest of the sidecar sees it: telemetry and snapshots in, OpenTelemetry out."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from pathlib import Path
from typing import Iterable, Mapping, Sequence

import msgspec

from lifesign.errors import SpoolError
from lifesign.export.complaint import Complaint
from lifesign.export.delivery import Delivery
from lifesign.export.metric_push import MetricPush
from lifesign.export.metrics import Metrics
from lifesign.export.otlp.channel import Channel
from lifesign.export.otlp.exporters import open_exporters
from lifesign.export.otlp.targets import LOGS, METRICS, PROFILES, TRACES, Target, find, service_name
from lifesign.export.queue import places
from lifesign.export.queue.spool import Spool
from lifesign.export.queue.spool_lock import SpoolLock, refusal
from lifesign.export.readings import ExportStats
from lifesign.judge.states import ENDED, IDLE
from lifesign.off_loop import off_loop
from lifesign.resource import encodable
from lifesign.settings import Settings
from lifesign.watch.telemetry import Log, Profile, Resource, Snapshot, Span, Telemetry

_SPOOLED: dict[type[Telemetry], str] = {Span: TRACES, Log: LOGS, Profile: PROFILES}
RESOURCES_MAX = 4096  # of processes that came last
_STANDSTILL = 5.0  # seconds: a disk that has not answered for this long hangs
_LAST_WRITE = 0.5  # seconds at least for what is still in memory at the end

_logger = logging.getLogger("lifesign")


class Status(msgspec.Struct, frozen=True):
    """The state of the export.

    `endpoints` has no credentials; `spool_dir` is None where records wait in memory only; `last_success_age` is in
    seconds since the Collector last took anything, None if it never did; `errors` says why each kind of telemetry that
    fails does so now.
    """

    endpoints: dict[str, str]
    spool_dir: str | None
    last_success_age: float | None
    errors: tuple[str, ...]
    stats: ExportStats

    def summary(self) -> str:
        """One line for a person."""
        stats, age = self.stats, self.last_success_age
        last = "nothing delivered yet" if age is None else f"last success {age:.1f} s ago"
        counts = f"{stats.retries} retries, {stats.rejected} rejected"
        dropped = ", ".join(f"{count} dropped ({reason})" for reason, count in stats.dropped.items())
        return f"{last}, {stats.spool_size} bytes wait, {counts}, {dropped}"


class Pipeline:
    """Exports what it is given.

    Args:
        settings: of the sidecar.
        environ: the environment of this process, for the standard ``OTEL_*`` variables.
        service: what is watched, where the environment does not name it.

    Raises:
        SettingError: a variable has a value that cannot be used.
    """

    def __init__(self, settings: Settings, environ: Mapping[str, str], service: str = "") -> None:
        self._settings = settings
        self._service = service
        self._environ = environ
        self._exporters = open_exporters(environ, profiles=settings.profiles)
        self._resources: dict[str, Resource] = {}
        self._ended: set[str] = set()
        self._push: MetricPush | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._lock: SpoolLock | None = None
        self._spools: dict[str, Spool] = {}
        self._channels: dict[str, Channel] = {}
        self._deliveries: list[Delivery] = []
        self._standing = Complaint()

    async def start(self) -> None:
        """Opens the spools and begins to deliver.

        Raises:
            SpoolHeldError: another sidecar uses the spool directory that the settings name.
            SpoolError: a spool cannot be used; SpoolFailedError where another start may find it better.
        """
        self._lock = await off_loop(self._find_place)
        self._channels = {kind: Channel(exporter) for kind, exporter in self._exporters.items()}
        kinds = [kind for kind in _SPOOLED.values() if kind in self._channels]
        for kind in kinds:
            # Each has a spool of its own, so that a kind the Collector does not take neither holds up nor
            # pushes out the other.
            folder = await off_loop(self._lock.folder, kind) if self._lock is not None else None
            try:
                spool = await Spool.open(folder, self._settings.spool_size // len(kinds))
            except OSError as error:
                raise refusal(folder or Path(), error) from None
            self._spools[kind] = spool
            delivery = Delivery(spool, self._channels[kind])
            self._deliveries.append(delivery)
            self._tasks.append(asyncio.create_task(delivery.run(), name=f"lifesign-{kind}"))
        if METRICS in self._channels:
            channel = self._channels[METRICS]
            metrics = Metrics(channel.exporter.preferences(), self._stats)
            self._push = MetricPush(metrics, channel, self._settings.metric_interval)
            self._tasks.append(asyncio.create_task(self._push.run(), name="lifesign-metrics"))

    def _find_place(self) -> SpoolLock | None:
        if self._settings.spool_dir is not None:
            return places.adopt(Path(self._settings.spool_dir), self._owner())
        try:
            return places.take(places.default_directory(self._environ), self._owner())
        except SpoolError as error:
            _logger.warning(
                "lifesign: %s; until then records wait in memory only and are lost when the sidecar ends",
                "; ".join(filter(None, (error.what, error.hint))),
            )
            return None

    def _owner(self) -> places.Owner:
        targets = self._destinations()
        sent = [(target.kind, target.url, find(target.kind, "HEADERS", self._environ)[1]) for target in targets]
        run = os.path.abspath(self._settings.dir or "")
        return places.Owner(
            destination=places.destination(part for parts in sent for part in parts),
            service=encodable(service_name(self._environ) or self._service or run),
            run=encodable(run),
            shown=tuple(sorted({target.base for target in targets})),
        )

    def _destinations(self) -> list[Target]:
        """Where records go. Profiles that go where the others do make no difference, so that they can be switched off
        with the same spool."""
        found = [exporter.target for exporter in self._exporters.values() if exporter.target.kind in (TRACES, LOGS)]
        known = {target.base for target in found}
        profiles = self._exporters.get(PROFILES)
        return [*found, profiles.target] if profiles is not None and profiles.target.base not in known else found

    def emit(self, resources: Iterable[Resource], records: Sequence[Telemetry]) -> None:
        """Takes records to be exported; they wait in memory until the disk has them (see `flush`).

        Args:
            resources: at least those that `records` refer to. The metrics of a process begin when its
                resource was put, even without records.
            records: in their order.
        """
        resources = list(resources)
        for resource in resources:
            self._resources.pop(resource.key, None)  # so that the newest one is last
            self._resources[resource.key] = resource
        while len(self._resources) > RESOURCES_MAX:
            del self._resources[next(iter(self._resources))]
        for kind, spool in self._spools.items():
            wanted = [record for record in records if _SPOOLED[type(record)] == kind]
            if wanted:
                spool.put(resources, wanted)
        if self._push is not None:
            self._push.metrics.exemplify(records)

    async def flush(self) -> bool:
        """Writes what was put so far to disk; whether it would survive a kill, or was never meant to be on disk."""
        return all(await asyncio.gather(*(spool.flush() for spool in self._spools.values())))

    def has_room(self) -> bool:
        """Whether more may be put: no disk is far behind."""
        return all(spool.has_room for spool in self._spools.values())

    def publish(self, snapshots: Sequence[Snapshot]) -> None:
        """Takes the newest state of all processes.

        When one has ended, or is about to, that is sent at once: this sidecar may not live to say it later.
        """
        standstill = self._standstill()
        if standstill is not None:
            self._standing.say("%s; records wait in memory, and in the pulses", standstill)
        else:
            self._standing.over("the spool's disk answers again")
        if self._push is None:
            return
        self._push.metrics.observe(snapshots, self._resources)
        ended = {snapshot.key for snapshot in snapshots if _owes_nothing(snapshot)}
        if ended - self._ended:
            self._push.now()
        self._ended = ended

    def status(self) -> Status:
        """The state of the export now."""
        successes = [channel.last_success for channel in self._channels.values() if channel.last_success is not None]
        return Status(
            endpoints={kind: exporter.target.shown for kind, exporter in self._exporters.items()},
            spool_dir=str(self._lock.directory) if self._lock is not None else None,
            last_success_age=time.monotonic() - max(successes) if successes else None,
            errors=(
                *(channel.error for channel in self._channels.values() if channel.error is not None),
                *filter(None, [self._standstill()]),
            ),
            stats=self._stats(),
        )

    async def close(self, timeout: float) -> None:
        """Sends what it can within `timeout` seconds; the rest stays in the spool.

        It does not wait for a hanging disk: then threads are left behind that Python would wait for.
        """
        until = time.monotonic() + timeout
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
        closing = [asyncio.create_task(spool.close()) for spool in self._spools.values()]
        left = max(_LAST_WRITE, until - time.monotonic())
        if closing and (await asyncio.wait(closing, timeout=left))[1]:
            _logger.warning(
                "lifesign: the spool's disk does not answer: what it did not take is exported by the next sidecar, "
                "where the run directory is still there"
            )
        elif self._lock is not None:
            self._say_what_waits(self._lock.directory)
            self._lock.close()

    def _say_what_waits(self, directory: Path) -> None:
        size = sum(spool.size for spool in self._spools.values())
        if size:
            _logger.warning(
                "lifesign: %d bytes did not reach the Collector and wait in %s%s",
                size,
                directory,
                "" if self._settings.spool_dir else " for the next run of this service with the same OTEL_*",
            )

    def _standstill(self) -> str | None:
        seconds = max((spool.standstill for spool in self._spools.values()), default=0.0)
        return f"the spool's disk has not answered for {seconds:.0f} s" if seconds > _STANDSTILL else None

    def _stats(self) -> ExportStats:
        spools, channels = self._spools.values(), self._channels.values()
        return ExportStats(
            spool_size=sum(spool.size for spool in spools),
            retries=sum(channel.retries for channel in channels),
            age=max((channel.age for channel in channels), default=0.0),
            rejected=sum(spool.rejected for spool in spools),
            dropped={reason: sum(spool.dropped[reason] for spool in spools) for reason in ("spool", "invalid")},
        )


def _owes_nothing(process: Snapshot) -> bool:
    """Whether no more beats are due for good; between two event loops there are none either, but others follow."""
    return process.state in ENDED or (not process.expected and process.state != IDLE)
