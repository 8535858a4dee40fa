"""Control groups written by hand: the files of groups, and the table that says what is mounted where."""

from __future__ import annotations

from pathlib import Path
from typing import Mapping

Mounts = Mapping[str, "tuple[str, str]"]

V2: Mounts = {"": ("/", "")}


def write(folder: Path, groups: str, files: Mapping[str, str], mounts: Mounts = V2) -> tuple[str, str]:
    """Writes all of it; returns the file with the groups of a process and the table of mounts.

    Args:
        groups: in which the process is.
        files: what stands in each file below `folder`.
        mounts: by folder, the group that is mounted there and the controllers, none for the second version.
    """
    (folder / "cgroup").write_text(groups)
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    lines = ["23 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw"]
    for number, (name, (root, controllers)) in enumerate(mounts.items(), 31):
        point = str(folder / name).replace("\\", "\\134").replace(" ", "\\040")
        kind = f"cgroup cgroup rw,{controllers}" if controllers else "cgroup2 cgroup rw,nsdelegate"
        lines.append(f"{number} 23 0:{number} {root} {point} rw,nosuid shared:{number} - {kind}")
    (folder / "mountinfo").write_text("\n".join([*lines, "nonsense", ""]))
    return str(folder / "cgroup"), str(folder / "mountinfo")
