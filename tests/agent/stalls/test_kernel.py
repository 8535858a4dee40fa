"""What the kernel's files say of a process, as kernels write them; and what is said where there are none."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from lifesign.agent.stalls import kernel
from lifesign.agent.stalls.kernel import Quota

V2 = "usage_usec 100\nuser_usec 50\nsystem_usec 50\nnr_periods 20\nnr_throttled 3\nthrottled_usec 1500\n"
V1 = "nr_periods 20\nnr_throttled 3\nthrottled_time 1500000\nnr_bursts 0\nburst_time 0\n"
NO_QUOTA = "usage_usec 100\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n"

# The process's groups, the files, and for how many nanoseconds it was throttled.
ROWS: list[tuple[str, str, dict[str, str], int]] = [
    ("the second version", "0::/pods/shop", {"pods/shop/cpu.stat": V2}, 1_500_000),
    ("the first", "4:cpu,cpuacct:/pods/shop\n1:name=systemd:/", {"cpu,cpuacct/pods/shop/cpu.stat": V1}, 1_500_000),
    (
        "both side by side",
        "1:cpu:/shop\n0::/",
        {"cpu/shop/cpu.stat": V1, "unified/cpu.stat": "usage_usec 7\n"},
        1_500_000,
    ),
    ("a quota of the group above", "0::/pods/shop", {"pods/cpu.stat": V2, "pods/shop/cpu.stat": NO_QUOTA}, 1_500_000),
    ("in a container, where the root is the group", "0::/../../pods/shop", {"cpu.stat": V2}, 1_500_000),
    ("without a quota", "0::/pods/shop", {"pods/shop/cpu.stat": NO_QUOTA, "cpu.stat": "usage_usec 7\n"}, 0),
    ("no such files", "0::/pods/shop\nnonsense\n", {}, 0),
    ("files that say something else", "0::/", {"cpu.stat": "nr_periods many\n"}, 0),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_for_how_long_a_quota_was_used_up(row: tuple[str, str, dict[str, str], int], tmp_path: Path) -> None:
    _, groups, files, wanted = row
    (tmp_path / "cgroup").write_text(groups)
    for name, text in files.items():
        file = tmp_path / "mounted" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert Quota(str(tmp_path / "cgroup"), str(tmp_path / "mounted")).throttled_ns() == wanted


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
