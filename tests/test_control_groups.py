"""The memory of a control group against its limit, as kernels write it, in both versions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lifesign.control_groups import MemoryGroups, folders
from support.faults.mounts import V2, Mounts, write

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


V1: Mounts = {"memory": ("/", "memory"), "cpu": ("/", "cpu,cpuacct"), "unified": ("/", "")}

# The process's groups, the files, what is used of what limit, and how often the OOM killer came.
ROWS: list[tuple[str, str, dict[str, str], Any, Any, Any]] = [
    ("in a container", "0::/", group("", 64 * MIB, str(128 * MIB)), (64 * MIB, 128 * MIB, 0), 3, V2),
    # 115 in use, 25 of it files, of which 5 are shared memory that nobody can take back
    ("nearly full", "0::/", group("", 115 * MIB, str(128 * MIB)), (115 * MIB, 128 * MIB, 95 * MIB), 3, V2),
    ("no limit", "0::/", group("", 64 * MIB, "max"), None, 3, V2),
    (
        "a limit above, which is lower",
        "0::/pod/shop",
        {**group("pod/", 60 * MIB, str(100 * MIB)), **group("pod/shop/", 50 * MIB, str(200 * MIB))},
        (60 * MIB, 100 * MIB, 0),
        3,
        V2,
    ),
    (
        "the first version",
        "4:memory:/shop\n1:cpu:/other\n0::/",
        {**old_group("memory/", 900 * MIB, 9223372036854771712), **old_group("memory/shop/", 115 * MIB, 128 * MIB)},
        (115 * MIB, 128 * MIB, 95 * MIB),
        4,
        V1,
    ),
    ("nothing there", "0::/\nnonsense", {}, None, None, V2),
    ("nonsense there", "0::/", {"memory.max": "much\n", "memory.events": "oom_kill\nx y\n"}, None, None, V2),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_what_is_used_of_the_limit(row: Any, tmp_path: Path) -> None:
    _, groups, files, memory, killed, mounts = row
    found = MemoryGroups(*write(tmp_path, groups, files, mounts))
    limit = found.limit()
    assert (limit and limit.memory()) == memory
    assert found.oom_kills() == killed


def test_without_the_kernels_files_nothing_is_known() -> None:
    found = MemoryGroups("/nowhere/cgroup")
    assert found.limit() is None
    assert found.oom_kills() is None


MAIN, SIDECAR = "/kubepods/burstable/pod7/main", "/kubepods/burstable/pod7/sidecar"
DEEP = "/".join(["a"] * 40)

# The process's groups, what is mounted where, the folders that are there, and those of the controller cpu.
SEEN: list[tuple[str, str, Mounts, list[str], list[str]]] = [
    ("the second version", "0::/pod/shop", V2, ["pod/shop"], ["", "pod", "pod/shop"]),
    ("both side by side", "2:cpuacct,cpu:/pod\n1:memory:/x\n0::/y", V1, ["cpu/pod", "unified/y"],
     ["cpu", "cpu/pod", "unified", "unified/y"]),
    ("a container's own namespace", "0::/", V2, [], [""]),
    ("moved out of it", "0::/../shop", V2, ["shop"], []),
    ("moved down in it", "0::/init.scope", V2, ["init.scope"], ["", "init.scope"]),
    ("a container in the machine's namespace", f"3:cpu:{MAIN}", {"cpu": (MAIN, "cpu")}, [], ["cpu"]),
    ("one in a container in that", f"0::{MAIN}/docker/x", {"": (MAIN, "")}, ["docker/x"], ["", "docker", "docker/x"]),
    ("another container of the pod", f"3:cpu:{MAIN}", {"cpu": (SIDECAR, "cpu")}, [], []),
    ("... with a name that begins alike", f"0::{MAIN}-2", {"": (MAIN, "")}, ["-2"], []),
    ("... in a namespace", "0::/../main", V2, ["main"], []),
    ("... and what is mounted is above both", "0::/../main", {"": ("/..", "")}, ["main"], ["", "main"]),
    ("... higher up", "0::/../../other/main", {"": ("/..", "")}, ["other/main"], []),
    ("mounted twice", f"0::{MAIN}", {"own": (MAIN, ""), "all": ("/", "")}, ["own", f"all{MAIN}"],
     ["all", "all/kubepods", "all/kubepods/burstable", "all/kubepods/burstable/pod7", f"all{MAIN}"]),
    ("hidden by something else", f"0::{MAIN}", {"own": (MAIN, ""), "all": ("/", "")}, ["own"], ["own"]),
    ("a point with a space", "0::/x", {"a b": ("/", "")}, ["a b/x"], ["a b", "a b/x"]),
    ("a controller that is not mounted", "3:cpu:/", {"memory": ("/", "memory")}, ["memory"], []),
    ("very deep", f"0::/{DEEP}", V2, [DEEP], [DEEP[: 2 * n - 1] for n in range(9, 41)]),
]  # fmt: skip


@pytest.mark.parametrize("row", SEEN, ids=lambda row: row[0])
def test_which_groups_of_a_process_are_seen(row: Any, tmp_path: Path) -> None:
    _, groups, mounts, there, seen = row
    for name in (*mounts, *there):
        (tmp_path / name.lstrip("/")).mkdir(parents=True, exist_ok=True)
    file, table = write(tmp_path, groups, {}, mounts)
    assert folders(file, "cpu", table) == [str(tmp_path / name) for name in seen]
