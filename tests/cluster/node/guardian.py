"""The process that a node lives and dies with: it ends the node when its standard input ends, and cleans up.

usage: python -m cluster.node.guardian FOLDER COMMAND...

Whoever wants the node holds the other end of that pipe: the kernel closes it, however the holder ends. COMMAND is the
first process of namespaces of the node's own. When that one ends the kernel kills every other process in them, and with
the last of these the network and all mounts are gone. What is left are folders and control groups.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import selectors
import shutil
import subprocess
import sys
import time
from pathlib import Path

from cluster.node.place import NAMESPACES, Place, children

_PATIENCE = 20.0  # seconds for the kernel to end all that runs in a node


def main() -> int:
    place, command = Place(Path(sys.argv[1])), sys.argv[2:]
    os.setsid()  # a Ctrl-C is for whoever holds the pipe
    place.folder.parent.mkdir(parents=True, exist_ok=True)
    with place.lock.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"cluster: there is a node in {place.folder} already; give this one another --name", flush=True)
            return 2
        if clean(place):
            print("cluster: cleaned up after a node that was killed", flush=True)
        try:
            return _guard(place, command)
        finally:
            clean(place)


def _guard(place: Place, command: list[str]) -> int:
    for folder in (place.logs, place.disk, *place.control_groups()):
        folder.mkdir(parents=True, exist_ok=True)
    apart = ["unshare", *NAMESPACES, "--fork", "--kill-child", "--mount-proc", "--propagation", "private"]
    # Should even we be killed, they are too.
    node = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *apart, *command], stdin=subprocess.DEVNULL)
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(os.pidfd_open(node.pid), selectors.EVENT_READ)
            selector.register(sys.stdin, selectors.EVENT_READ)
            while not (first := children(node.pid)) and node.poll() is None:
                time.sleep(0.01)
            place.init.write_text(" ".join(map(str, first)))
            while not selector.select():
                pass
        return node.poll() or 0
    finally:
        node.kill()
        node.wait()


def clean(place: Place) -> bool:
    """Removes what outlives the processes of a node; whether there was anything. Its log stays."""
    found = False
    until = time.monotonic() + _PATIENCE
    for group in place.control_groups():
        found |= group.exists()
        while group.exists():
            for folder, _, _ in os.walk(group, topdown=False):
                with contextlib.suppress(OSError):  # somebody in it has not ended yet, or it is gone
                    os.rmdir(folder)
            if time.monotonic() > until:
                print(f"cluster: {group} cannot be removed: something is running in it", flush=True)
                break
            time.sleep(0.05)
    for path in place.folder.glob("*"):
        if path == place.logs:
            continue
        found = True
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return found


if __name__ == "__main__":
    raise SystemExit(main())
