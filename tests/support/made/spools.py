"""Spools, and whole pipelines, for the tests of this room."""

from __future__ import annotations

import resource as limits
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import AsyncIterator, Iterable, Iterator, Sequence

from lifesign.export.pipeline import Pipeline
from lifesign.export.queue.spool import Spool
from lifesign.settings import Settings
from lifesign.watch.telemetry import Resource, Span, Telemetry

MIB = 1 << 20


@contextmanager
def disk_full_at(size: int) -> Iterator[None]:
    """Within, no file of this process can grow past `size` bytes: the kernel writes up to it, then refuses."""
    soft, hard = limits.getrlimit(limits.RLIMIT_FSIZE)
    limits.setrlimit(limits.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        limits.setrlimit(limits.RLIMIT_FSIZE, (soft, hard))


async def opened(directory: Path, limit: int = MIB) -> Spool:
    return await Spool.open(directory, limit)


async def append(spool: Spool, resources: Iterable[Resource], records: Sequence[Telemetry]) -> bool:
    """Puts records and sees them to disk; whether they are safe there."""
    spool.put(resources, records)
    return await spool.flush()


async def drained(spool: Spool, limit: int = 100) -> list[str]:
    """Names of the spans and bodies of the logs in the spool, in order, each committed."""
    seen = []
    while batch := await spool.read(limit):
        seen += [s.name if isinstance(s, Span) else s.body for s in batch.records]
        assert {s.resource for s in batch.records} == set(batch.resources)
        await spool.commit(batch)
    return seen


def segments(directory: Path) -> list[Path]:
    return sorted(directory.glob("0*.jsonl"))


@asynccontextmanager
async def piping(url: str, spool: Path | None, timeout: float = 2.0, **environ: str) -> AsyncIterator[Pipeline]:
    if spool is not None:
        environ["LIFESIGN_SPOOL_DIR"] = str(spool)
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, **environ}
    pipeline = Pipeline(Settings(environ=environ), environ)
    await pipeline.start()
    try:
        yield pipeline
    finally:
        await pipeline.close(timeout)
