"""What the kernel's files say of a process, as kernels write them; and what is said where there are none."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from lifesign.agent.stalls import kernel
from lifesign.agent.stalls.kernel import Quota
from support.faults.mounts import V2 as TWO
from support.faults.mounts import Mounts, write

V2 = "usage_usec 100\nuser_usec 50\nsystem_usec 50\nnr_periods 20\nnr_throttled 3\nthrottled_usec 1500\n"
V1 = "nr_periods 20\nnr_throttled 3\nthrottled_time 1500000\nnr_bursts 0\nburst_time 0\n"
NO_QUOTA = "usage_usec 100\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n"

ONE: Mounts = {"cpu": ("/", "cpu,cpuacct"), "unified": ("/", "")}

# The process's groups, the files, for how many nanoseconds it was throttled, and what is mounted.
ROWS: list[tuple[str, str, dict[str, str], int, Mounts]] = [
    ("the second version", "0::/pods/shop", {"pods/shop/cpu.stat": V2}, 1_500_000, TWO),
    ("the first", "4:cpu,cpuacct:/pods/shop\n1:name=systemd:/", {"cpu/pods/shop/cpu.stat": V1}, 1_500_000, ONE),
    (
        "both side by side",
        "1:cpu:/shop\n0::/",
        {"cpu/shop/cpu.stat": V1, "unified/cpu.stat": "usage_usec 7\n"},
        1_500_000,
        ONE,
    ),
    (
        "a quota of the group above",
        "0::/pods/shop",
        {"pods/cpu.stat": V2, "pods/shop/cpu.stat": NO_QUOTA},
        1_500_000,
        TWO,
    ),
    ("in a container, where its group is mounted", "0::/pods/a", {"cpu.stat": V2}, 1_500_000, {"": ("/pods/a", "")}),
    ("without a quota", "0::/pods", {"pods/cpu.stat": NO_QUOTA, "cpu.stat": "usage_usec 7\n"}, 0, TWO),
    ("no such files", "0::/pods/shop\nnonsense\n", {}, 0, TWO),
    ("files that say something else", "0::/", {"cpu.stat": "nr_periods many\n"}, 0, TWO),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_for_how_long_a_quota_was_used_up(row: tuple[str, str, dict[str, str], int, Mounts], tmp_path: Path) -> None:
    _, groups, files, wanted, mounts = row
    assert Quota(*write(tmp_path, groups, files, mounts)).throttled_ns() == wanted


def test_without_the_kernels_files_nothing_is_known() -> None:
    assert Quota("/nowhere/cgroup").throttled_ns() == 0
    assert kernel.thread_time(-1) is None
    assert kernel.state(-1) == ("", 0)


def test_this_thread_is_there() -> None:
    own = threading.get_native_id()
    used = kernel.thread_time(own)
    assert used is not None
    assert used.cpu_ns > 0
    assert used.queued_ns >= 0
    assert kernel.state(own)[0] == "R"
    assert own in kernel.threads()
    assert kernel.stolen_ns() >= 0
    assert kernel.switches() >= 0
