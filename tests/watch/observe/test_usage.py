"""What a process uses: by its own word, and as the kernel shows it where it can be seen."""

from __future__ import annotations

import os
from typing import Callable, Iterator

import msgspec
import pytest

from lifesign.watch.observe.usage import ProcessUsage
from lifesign.watch.telemetry import MemoryReading, UsageReading
from lifesign.wire.process.usage import MemorySigns
from lifesign.wire.reader import PulseReader
from support.mainprocess import Main

S = 1_000_000_000
SAID = (S, 2 * S, S // 2, 30, 4, 500, 6, 7000, 8, 9)
GARBAGE = (S, 10, 11, 0, 12, 13, 0, 14, 15, 1)


@pytest.fixture
def watched(main: Callable[..., Main]) -> Iterator[tuple[Main, ProcessUsage]]:
    made = main()
    directory = os.open(made.folder, os.O_RDONLY)
    life = os.open(made.folder / "life", os.O_RDONLY)
    reader = PulseReader(directory)
    yield made, ProcessUsage(reader, life)
    reader.close()
    os.close(life)
    os.close(directory)


def test_one_that_cannot_be_seen_is_taken_at_its_word(
    watched: tuple[Main, ProcessUsage], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lifesign.watch.observe.usage.holder", lambda _: 0)
    process, usage = watched
    usage.read(S, alive=True)
    assert usage.usage is None
    assert usage.memory is None
    process.pulse.usage.write(*SAID)
    process.pulse.garbage.write(*GARBAGE)
    process.pulse.memory.write(S, 16000, 32000, 0)
    usage.read(2 * S - 1, alive=True)
    assert usage.usage is None  # not read more often than once a second
    usage.read(2 * S, alive=True)
    whole = UsageReading(
        2.0, 0.5, 30, 4, 500, 6, 7000, 8, 9, ((10, 11, 0), (12, 13, 0), (14, 15, 1)), MemoryReading(16000, 32000)
    )
    assert usage.usage == whole
    assert usage.memory == MemorySigns(S, 16000, 32000, 0)
    assert not usage.oom_killed()
    # A counter never falls, whatever is written there.
    process.pulse.usage.write(S, S, S, 20, 5, 400, 7, 6000, 1, 0)
    usage.read(4 * S, alive=False)
    assert usage.usage == msgspec.structs.replace(
        whole, system=1.0, involuntary=5, major_faults=7, memory=6000, threads=1, descriptors=None
    )


def test_one_that_is_seen_is_looked_at(watched: tuple[Main, ProcessUsage]) -> None:
    process, usage = watched
    process.pulse.usage.write(S, 0, 0, 30, 4, 0, 0, 1, 1000, 0)
    usage.read(S, alive=True)
    seen = usage.usage
    assert seen is not None
    assert (seen.voluntary, seen.involuntary) == (30, 4)  # which nobody else can know of all threads
    assert seen.threads == 1
    assert seen.memory is not None
    assert seen.memory > 1 << 20
    assert seen.minor_faults > 0


def test_the_oom_killer_was_there_if_the_control_group_counts_more(
    watched: tuple[Main, ProcessUsage], monkeypatch: pytest.MonkeyPatch
) -> None:
    kills: list[int | None] = [2]
    monkeypatch.setattr("lifesign.control_groups.MemoryGroups.oom_kills", lambda _: kills[0])
    _, usage = watched
    assert not usage.oom_killed()
    usage.read(S, alive=True)
    assert not usage.oom_killed()
    kills[0] = 3
    assert usage.oom_killed()
    # Once it is in a group that is not mounted here, nobody can say.
    monkeypatch.setattr("lifesign.watch.observe.usage.read_kernel_file", lambda _: b"0::/../shop\n")
    kills[0] = None
    usage.read(3 * S, alive=True)
    kills[0] = 4
    assert not usage.oom_killed()
