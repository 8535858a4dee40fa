"""What a node could leave behind on the machine, looked at before and after it."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

# They change by themselves, or count what the machine does.
_VOLATILE = re.compile(
    r"fs/(?:dentry-state|file-nr|inode-(?:nr|state)|aio-nr|quota/.*|mount-nr)"
    r"|kernel/(?:random/.*|ns_last_pid|pty/nr|perf_event_max_sample_rate|tainted|spl/.*)"
    r"|net/netfilter/nf_conntrack_count|vm/(?:stat_refresh|compact_memory)|net/ipv4/route/flush|net/ipv6/route/flush"
)
_TRACES = ("/var/lib/kubelet", "/var/lib/cni", "/var/lib/containerd", "/run/containerd", "/run/netns",
           "/usr/libexec/kubernetes", "/var/log/pods", "/var/log/containers", "/opt/containerd")  # fmt: skip
_GROUPS = re.compile(r"/lifesign-|kubepods|k8s\.io|containerd|/pod[0-9a-f]{8}-")  # others come and go all the time
_OTHERS = r"libpod|crun|podman|/overlay/"  # podman's, of other tests on this machine


def seen(node: str) -> dict[str, str]:
    """Everything of the machine that a node might change, by its name; what other nodes have is theirs.

    Args:
        node: the name of its control groups.
    """
    others = re.compile(rf"{_OTHERS}|/lifesign-(?!{node.removeprefix('lifesign-')}(?:/|$))")
    found = dict(_settings())
    found |= {f"link {name}": "" for name in os.listdir("/sys/class/net")}
    found |= {f"control group {folder}": "" for folder in _control_groups()
              if _GROUPS.search(folder) and not others.search(folder)}  # fmt: skip
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        where = line.split()[4]
        if not others.search(where):
            found[f"mount {where}"] = line.partition(" - ")[2]
    for folder in _TRACES:
        with contextlib.suppress(OSError):
            found[f"folder {folder}"] = " ".join(sorted(os.listdir(folder)))
    return found


def changes(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """What is new, other or gone, one line for each."""
    return [
        f"{name}: {_text(before.get(name))} became {_text(after.get(name))}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def processes(folder: Path) -> list[str]:
    """The processes of a node: those that name its folder, in their command line or their environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int(entry.name) == os.getpid():
                continue
            words = (entry / "cmdline").read_bytes()
            if str(folder).encode() in words + (entry / "environ").read_bytes():
                found.append(f"process {entry.name}: {words.replace(bytes(1), b' ').decode(errors='replace')}")
    return found


def _settings() -> Iterator[tuple[str, str]]:
    root = Path("/proc/sys")
    for folder, _, files in os.walk(root):
        for file in files:
            name = str(Path(folder, file).relative_to(root))
            with contextlib.suppress(OSError, UnicodeDecodeError):
                if not _VOLATILE.fullmatch(name):
                    yield f"sysctl {name}", Path(folder, file).read_text().strip()


def _control_groups() -> Iterator[str]:
    for folder, _, _ in os.walk("/sys/fs/cgroup"):
        yield folder


def _text(value: str | None) -> str:
    return "nothing" if value is None else value or "there"
