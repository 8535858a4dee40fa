"""Where a node's things are, its addresses, and how to run something in it."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path

ADDRESS = "10.90.0.1"
PODS = "10.91.0.0/24"
SERVICES = "10.92.0.0/24"
API = f"https://{ADDRESS}:6443"
TOKEN = "of-the-tests"
NAMESPACES = ("--net", "--mount", "--pid")
VARIABLE = "LIFESIGN_TEST_NODE"  # the folder, for those who run in the node


class Place:
    """The folder of one node.

    Args:
        folder: it need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = f"lifesign-{folder.name}"
        self.logs = folder / "log"
        self.disk = folder / "disk"  # images and volumes; memory would be charged to whoever writes there
        self.kubeconfig = folder / "kubeconfig"
        self.ready = folder / "ready"
        self.init = folder / "init.pid"  # of the first process in the node, as this machine counts
        self.lock = folder.with_suffix(".lock")

    def control_groups(self) -> list[Path]:
        """Where its control groups are, one for each hierarchy of this machine."""
        root = Path("/sys/fs/cgroup")
        if (root / "cgroup.controllers").exists():
            return [root / self.name]
        return [folder / self.name for folder in sorted(root.iterdir()) if folder.is_dir() and not folder.is_symlink()]

    def is_ready(self, since: float) -> bool:
        """Whether the node has become ready since then; one that was killed may have left a file that says so."""
        with contextlib.suppress(OSError):
            return self.ready.stat().st_mtime > since
        return False

    def entering(self, folder: Path, *command: str) -> list[str]:
        """The command line that runs a command in it, in this folder, with the environment of whoever calls."""
        return ["nsenter", "--target", self.init.read_text().strip(), *NAMESPACES, "--", "env", "-C", str(folder),
                *(f"{name}={value}" for name, value in self.environment().items()), *command]  # fmt: skip

    def environment(self) -> dict[str, str]:
        path = f"{os.environ.get('LIFESIGN_TEST_KUBERNETES', '')}:{os.environ['PATH']}:/usr/sbin:/sbin"
        handed_on = {name: value for name, value in os.environ.items() if name.startswith("LIFESIGN_TEST_")}
        return {**handed_on, "KUBECONFIG": str(self.kubeconfig), VARIABLE: str(self.folder), "PATH": path}

    def write_scripts(self) -> None:
        """`run CMD`, and `kubectl`, for a person."""
        words = " ".join(f"{name}='{value}'" for name, value in self.environment().items())
        pid = self.init.read_text().strip()
        run = f'exec nsenter --target {pid} {" ".join(NAMESPACES)} -- env -C "$PWD" {words}'
        for name, command in (("run", '"$@"'), ("kubectl", 'kubectl "$@"')):
            script = self.folder / name
            script.write_text(f"#!/bin/sh\n{run} {command}\n")
            script.chmod(0o755)


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    with contextlib.suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            if f"\nPPid:\t{pid}\n" in status.read_text():
                found.append(int(status.parent.name))
    return found


def output(*command: str) -> str:
    """What a command prints; what it complains of, when it fails."""
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(f"{' '.join(command)}: {ended.stderr or ended.stdout}")
    return ended.stdout
