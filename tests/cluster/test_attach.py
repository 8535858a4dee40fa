"""Into a pod that runs already, as docs/kubernetes.md says: `kubectl exec`, `kubectl debug`, and who may not.

The Python of the service and lifesign itself are folders of this machine; an image would have them.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cluster.client import Client
from support.built import PYTHONS, built
from support.paths import ROOT
from support.waiting import eventually

NEWEST = max(PYTHONS, key=lambda version: tuple(map(int, version.split("."))))
PYTHON = os.path.realpath(PYTHONS[NEWEST])
SERVICE = """
import asyncio

async def book(mine, other):
    async with mine:
        await asyncio.sleep(0.1)
        async with other:
            pass

async def main():
    first, second = asyncio.Lock(), asyncio.Lock()
    await asyncio.gather(book(first, second), book(second, first))

asyncio.run(main())
"""
RESTRICTED = {
    "runAsUser": 1234,
    "runAsNonRoot": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
_number = itertools.count(os.getpid())

pytestmark = pytest.mark.skipif(
    tuple(map(int, NEWEST.split("."))) < (3, 14), reason="no Python 3.14 or newer is at hand"
)
Kubectl = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def kubectl(cluster: Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """In a namespace of its own, in which a service runs that is in a deadlock."""
    namespace = f"attach-{next(_number)}"

    def run(*arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
        line = ["kubectl", "--namespace", namespace, *arguments]
        return subprocess.run(line, input=given, capture_output=True, text=True, timeout=180, check=False)

    run("create", "namespace", namespace)
    top = tmp_path_factory.mktemp("top")
    top.chmod(0o755)  # root runs no Python from below a folder that others may write to, as they may to an emptyDir
    made = run("apply", "-f", "-", given=json.dumps(_pod(top)))
    assert made.returncode == 0, made.stderr
    eventually(lambda: run("exec", "shop", "-c", "shop", "--", "true").returncode == 0, seconds=180, every=0.5)
    yield run
    run("delete", "pod", "shop", "--force", "--grace-period=0")
    cluster.delete(f"/api/v1/namespaces/{namespace}")


def _pod(empty: Path) -> dict[str, object]:
    home = Path(PYTHON).parent.parent.parent
    top = Path(*home.parts[:2])  # that of the image may be closed to others
    mounts = [
        {"name": "top", "mountPath": str(top)},
        {"name": "python", "mountPath": str(home), "readOnly": True},
        {"name": "lifesign", "mountPath": "/opt/lifesign", "readOnly": True},
    ]
    container = {
        "name": "shop",
        "image": os.environ["LIFESIGN_TEST_NODE_PYTHON"],
        "command": [PYTHON, "-c", SERVICE],
        "securityContext": RESTRICTED,
        "volumeMounts": mounts,
    }
    volumes = [
        {"name": "top", "hostPath": {"path": str(empty)}},
        {"name": "python", "hostPath": {"path": str(home)}},
        {"name": "lifesign", "hostPath": {"path": str(ROOT / "sidecar")}},
    ]
    spec = {"containers": [container], "volumes": volumes, "terminationGracePeriodSeconds": 1}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "shop"}, "spec": spec}


@pytest.fixture(scope="module")
def debugging(kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Adds a debug container with lifesign's image, and runs a shell in it."""
    image = built("images").partition(" ")[2]

    def add(name: str, profile: str, **security: object) -> str:
        custom = tmp_path_factory.mktemp("debug") / "custom.json"
        custom.write_text(json.dumps({"securityContext": security}))
        options = [f"--image={image}", "--target=shop", f"--profile={profile}", f"--custom={custom}", "-c", name]
        made = kubectl("debug", "shop", *options, "--", "sleep", "3600")
        assert made.returncode == 0, made.stderr
        eventually(lambda: kubectl("exec", "shop", "-c", name, "--", "true").returncode == 0, seconds=120, every=0.5)
        return name

    return add


def test_exec_attaches_to_a_restricted_container_and_leaves_nothing(kubectl: Kubectl) -> None:
    lifesign = ("exec", "shop", "-c", "shop", "--", "env", "PYTHONPATH=/opt/lifesign", PYTHON, "-m", "lifesign")
    attached = kubectl(*lifesign, "attach", "1", "--timeout", "60")
    assert attached.returncode == 0, attached.stderr
    assert "attached to process 1: lifesign why" in attached.stderr
    detached = kubectl(*lifesign, "detach", "1", "--timeout", "60")
    assert (detached.returncode, detached.stderr) == (0, "lifesign: detached from process 1\n")
    assert kubectl("exec", "shop", "-c", "shop", "--", "ls", "/dev/shm").stdout == ""


def test_a_debug_container_brings_lifesign_along(kubectl: Kubectl, debugging: Callable[..., str]) -> None:
    name = debugging("root", "general", runAsUser=0)

    def shell(line: str) -> subprocess.CompletedProcess[str]:
        return kubectl("exec", "shop", "-c", name, "--", "sh", "-c", line)

    assert "is in another mount namespace" in shell("lifesign attach 1").stderr
    assert shell("cp -r /opt/lifesign/lib/python3*/site-packages/lifesign /dev/shm/").returncode == 0
    attached = shell(f"chroot /proc/1/root env PYTHONPATH=/dev/shm {PYTHON} -m lifesign attach 1 --timeout 60")
    assert attached.returncode == 0, attached.stderr

    def why() -> str:
        said = shell("lifesign why").stdout
        return said if "deadlock" in said else ""

    assert "book" in eventually(why, seconds=120, every=1)
    again = shell("lifesign attach 1")
    assert "process 1 is watched already: lifesign why --dir /dev/shm/lifesign-" in again.stderr
    detached = shell("lifesign detach 1 --timeout 60")
    assert (detached.returncode, detached.stderr) == (0, "lifesign: detached from process 1\n")
    assert shell("rm -r /dev/shm/lifesign; ls /dev/shm").stdout == ""


def test_what_is_missing_is_said(kubectl: Kubectl, debugging: Callable[..., str]) -> None:
    def said(name: str) -> str:
        ended = kubectl("exec", "shop", "-c", name, "--", "lifesign", "attach", "1")
        assert ended.returncode == 3
        return ended.stderr

    assert "process 1 runs as another user (uid 1234, you are 65532)" in said(debugging("other", "general"))
    assert "CAP_SYS_PTRACE is missing" in said(debugging("powerless", "baseline", runAsUser=0))
