"""The memory of a control group against its limit, as kernels write it, in both versions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lifesign.control_groups import MemoryGroups

MIB = 1 << 20
STAT_V2 = f"anon {90 * MIB}\nfile {25 * MIB}\nkernel 4096\nshmem {5 * MIB}\n"
STAT_V1 = f"cache 1\nrss 1\ntotal_cache {25 * MIB}\ntotal_rss {90 * MIB}\ntotal_shmem {5 * MIB}\n"
EVENTS = "low 0\nhigh 0\nmax 7\noom 2\noom_kill 3\noom_group_kill 0\n"


def group(folder: str, used: int, limit: str, stat: str = STAT_V2) -> dict[str, str]:
    files = {"memory.current": f"{used}\n", "memory.max": f"{limit}\n", "memory.stat": stat, "memory.events": EVENTS}
    return {f"{folder}{name}": text for name, text in files.items()}


def old_group(folder: str, used: int, limit: int) -> dict[str, str]:
    files = {
        "memory.usage_in_bytes": f"{used}\n",
        "memory.limit_in_bytes": f"{limit}\n",
        "memory.stat": STAT_V1,
        "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n",
    }
    return {f"{folder}{name}": text for name, text in files.items()}


# The process's groups, the files, what is used of what limit, and how often the OOM killer came.
ROWS: list[tuple[str, str, dict[str, str], tuple[int, int, int] | None, int | None]] = [
    ("in a container", "0::/", group("", 64 * MIB, str(128 * MIB)), (64 * MIB, 128 * MIB, 0), 3),
    # 115 in use, 25 of it files, of which 5 are shared memory that nobody can take back
    ("nearly full", "0::/", group("", 115 * MIB, str(128 * MIB)), (115 * MIB, 128 * MIB, 95 * MIB), 3),
    ("no limit", "0::/", group("", 64 * MIB, "max"), None, 3),
    (
        "a limit above, which is lower",
        "0::/pod/shop",
        {**group("pod/", 60 * MIB, str(100 * MIB)), **group("pod/shop/", 50 * MIB, str(200 * MIB))},
        (60 * MIB, 100 * MIB, 0),
        3,
    ),
    (
        "the first version",
        "4:memory:/shop\n1:cpu:/other\n0::/",
        {**old_group("memory/", 900 * MIB, 9223372036854771712), **old_group("memory/shop/", 115 * MIB, 128 * MIB)},
        (115 * MIB, 128 * MIB, 95 * MIB),
        4,
    ),
    ("nothing there", "0::/\nnonsense", {}, None, None),
    ("nonsense there", "0::/", {"memory.max": "much\n", "memory.events": "oom_kill\nx y\n"}, None, None),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_what_is_used_of_the_limit(row: Any, tmp_path: Path) -> None:
    _, groups, files, memory, killed = row
    (tmp_path / "cgroup").write_text(groups)
    for name, text in files.items():
        file = tmp_path / "mounted" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    found = MemoryGroups(str(tmp_path / "cgroup"), str(tmp_path / "mounted"))
    assert found.memory() == memory
    assert found.oom_kills() == killed


def test_without_the_kernels_files_nothing_is_known() -> None:
    found = MemoryGroups("/nowhere/cgroup")
    assert found.memory() is None
    assert found.oom_kills() is None
