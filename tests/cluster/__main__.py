"""A real Kubernetes node, and the scenarios of this folder on it: ``make cluster``.

usage: python -m cluster [--keep] [--all] [--name NAME] [PYTEST-OPTION...]

It needs what `make cluster` builds. The node has a network, mounts and processes of its own and ends with this program,
however this ends.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from cluster.node import leftovers
from cluster.node.images import Images
from cluster.node.place import VARIABLE, Place, children
from support.built import built
from support.paths import ROOT, TESTS

_PATIENCE = 300.0
HERE = "tests/cluster"
PROGRAMS = {"COLLECTOR": ("otelcol",), "PROMETHEUS": ("prometheus", "prometheus"),
            "ALERTMANAGER": ("alertmanager", "alertmanager")}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="make cluster ARGS=...", description=__doc__.split("\n")[0])
    parser.add_argument("--keep", action="store_true", help="start the node, say how to use it, wait for Ctrl-C")
    parser.add_argument("--all", action="store_true", help="the long scenarios, too")
    parser.add_argument("--name", default="node", help="of this node, where there are others (default: node)")
    options, pytest_options = parser.parse_known_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    cache = Path(built("kubernetes")).parent
    place = Place(cache / "nodes" / options.name)
    podman, _, image = built("images").partition(" ")
    programs = [Path(built(name), *within) for name, *within in PROGRAMS.values()]
    images = Images(podman, image, programs, Path(built("kubernetes")))
    saved = images.saved(cache / "node-images")
    named = {"PYTHON": images.python, "OTHER": images.other, **dict(zip(PROGRAMS, images.of, strict=True))}
    os.environ |= {f"LIFESIGN_TEST_NODE_{name}": value for name, value in named.items()}
    code = 0
    if not options.keep and not pytest_options:
        print("cluster: a node is started and whoever started it is killed: is anything left?", flush=True)
        code = subprocess.run(_pytest(options.all, [], "tests/cluster/test_machine.py"), cwd=ROOT).returncode
    before = leftovers.seen(place.name)
    try:
        with _node(place, saved):
            code = _keep(place) if options.keep else _test(place, _pytest(options.all, pytest_options, HERE)) or code
    except KeyboardInterrupt:
        code = 130
    left = leftovers.changes(before, leftovers.seen(place.name)) + leftovers.processes(place.folder)
    print(*(f"cluster: left behind: {line}" for line in left), sep="\n", end="\n" if left else "")
    if not left:
        print("cluster: nothing is left behind: settings of the kernel, mounts, links, control groups, processes")
    return code or (1 if left else 0)


@contextlib.contextmanager
def _node(place: Place, images: Path) -> Iterator[None]:
    """Starts it; its end is that of a pipe, which the kernel closes should this process be killed."""
    kubernetes = built("kubernetes")
    init = [sys.executable, "-m", "cluster.node.init", str(place.folder), kubernetes, str(images)]
    command = [sys.executable, "-m", "cluster.node.guardian", str(place.folder), *init]
    guardian = subprocess.Popen(command, stdin=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(TESTS)})
    assert guardian.stdin is not None
    print(f"cluster: starting a node; its logs are in {place.logs}", flush=True)
    began = time.time()
    try:
        while not place.is_ready(since=began):
            if guardian.poll() is not None or time.time() > began + _PATIENCE:
                raise SystemExit("cluster: there is no node (see above)")
            time.sleep(0.1)
        place.write_scripts()
        yield
    finally:
        print("cluster: ending the node", flush=True)
        guardian.stdin.close()
        guardian.wait()


def _pytest(everything: bool, options: list[str], default: str) -> list[str]:
    """Its command line; the options may name other tests."""
    marks = [] if everything or "-m" in options else ["-m", "not long"]
    named = [option for option in options if "tests/" in option]
    return [sys.executable, "-m", "pytest", *marks, *options, *([] if named else [default])]


def _test(place: Place, command: list[str]) -> int:
    """Runs the scenarios in the node; a Ctrl-C is handed on once."""
    running = subprocess.Popen(place.entering(ROOT, *command), start_new_session=True)

    def hand_on(*_: object) -> None:
        for child in children(running.pid):
            os.kill(child, signal.SIGINT)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGINT, hand_on)
    return running.wait()


def _keep(place: Place) -> int:
    folder = place.folder
    print(f"""
The node is up. In another terminal:
  {folder}/kubectl get pods -A
  {folder}/run CMD           runs CMD in the node: curl a pod's address, tail {place.disk}/pods/...
  {folder}/run .venv/bin/pytest tests/cluster -k NAME
  export KUBECONFIG={place.kubeconfig}   for Helm, which runs in the node too: {folder}/run helm ...
The images are {os.environ["LIFESIGN_TEST_IMAGES"].partition(" ")[2]}, {os.environ["LIFESIGN_TEST_NODE_PYTHON"]} and
{os.environ["LIFESIGN_TEST_NODE_COLLECTOR"]}. {VARIABLE}={folder}
Ctrl-C ends it, and removes all of it.""", flush=True)  # fmt: skip
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(1)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
