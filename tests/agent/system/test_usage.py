"""What this process uses is in its pulse, read when it is due and not before."""

from __future__ import annotations

import gc
import os
import resource
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Callable, Iterator

import pytest

from lifesign.agent.system import usage
from lifesign.agent.system.usage import UsageWriter
from lifesign.control_groups import MemoryGroups
from lifesign.wire.process.usage import OwnNumbers
from lifesign.wire.reader import PulseReader
from lifesign.wire.writer import PulseWriter
from support.faults.mounts import write


@pytest.fixture
def pulse(tmp_path: Path) -> Iterator[PulseWriter]:
    writer = PulseWriter(str(tmp_path / "pulse"), {"pid": 7}, 65536)
    yield writer
    writer.close()


def written(folder: Path) -> OwnNumbers:
    directory = os.open(folder, os.O_RDONLY)
    reader = PulseReader(directory)
    try:
        return reader.numbers()
    finally:
        reader.close()
        os.close(directory)


def limited(folder: Path, used: int) -> Callable[[], MemoryGroups]:
    files = write(folder, "0::/", {"memory.max": "1000\n", "memory.current": f"{used}\n"})
    return lambda: MemoryGroups(*files)


def test_nothing_is_said_before_the_first_beat(pulse: PulseWriter, tmp_path: Path) -> None:
    UsageWriter(pulse, 5.0)
    assert written(tmp_path) == OwnNumbers()


def test_the_numbers_are_those_of_this_process(pulse: PulseWriter, tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF)
    UsageWriter(pulse, 5.0, limited(tmp_path, 300)).beat()
    after = resource.getrusage(resource.RUSAGE_SELF)
    said = written(tmp_path)
    assert said.usage is not None
    assert before.ru_utime * 1e9 - 1 <= said.usage.user_ns <= after.ru_utime * 1e9 + 1
    assert before.ru_stime * 1e9 - 1 <= said.usage.system_ns <= after.ru_stime * 1e9 + 1
    assert before.ru_nvcsw <= said.usage.voluntary <= after.ru_nvcsw
    assert before.ru_nivcsw <= said.usage.involuntary <= after.ru_nivcsw
    assert before.ru_minflt <= said.usage.minor_faults <= after.ru_minflt
    assert before.ru_majflt <= said.usage.major_faults <= after.ru_majflt
    assert 1 << 20 < said.usage.memory <= after.ru_maxrss * 1024 + (1 << 20)
    assert said.usage.threads >= threading.active_count()
    assert abs(said.usage.descriptors - len(os.listdir("/proc/self/fd"))) <= 1
    assert len(said.garbage) == 3
    assert said.garbage[2][0] == gc.get_stats()[2]["collections"]
    assert said.memory is not None
    assert said.memory[1:] == (300, 1000, 0)


def test_they_are_read_again_when_they_are_due(
    pulse: PulseWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr("lifesign.agent.system.usage.time.monotonic", lambda: clock[0])
    monkeypatch.setattr("lifesign.agent.system.usage.time.monotonic_ns", lambda: int(clock[0] * 1e9))
    usage = UsageWriter(pulse, 5.0, limited(tmp_path, 300))
    seen = []
    for clock[0], used in ((1000.0, 300), (1000.9, 400), (1001.0, 500), (1004.9, 600), (1005.0, 700), (10.0, 800)):
        (tmp_path / "memory.current").write_text(f"{used}\n")
        usage.beat()
        said = written(tmp_path)
        assert said.usage is not None
        assert said.memory is not None
        seen.append((said.usage.mono_ns // 10**9, said.memory.used))
    # Memory each second, the rest every five; a clock that was set back is followed.
    assert seen == [(1000, 300), (1000, 300), (1000, 500), (1000, 600), (1005, 600), (10, 800)]


def test_what_the_system_does_not_say_is_none(
    pulse: PulseWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> bytes:
        raise OSError

    monkeypatch.setattr(usage, "_rusage", None)
    monkeypatch.setattr(usage, "read_kernel_file", refused)
    before_6_2 = SimpleNamespace(stat=lambda _: os.stat_result([0] * 10), scandir=refused)
    monkeypatch.setattr(usage, "os", before_6_2)
    UsageWriter(pulse, 5.0, limited(tmp_path, 300)).beat()
    said = written(tmp_path).usage
    assert said is not None
    assert (said.user_ns, said.memory, said.threads, said.descriptors) == (0, 0, 0, 0)
