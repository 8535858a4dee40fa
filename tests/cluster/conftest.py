"""A real kube-apiserver with its etcd: the API of a cluster, without nodes to run anything."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.backends.ports import free_port
from support.built import built
from support.paths import CHART
from support.waiting import eventually

_TOKEN = "of-the-tests"


class Cluster:
    """An API server that runs.

    Attributes:
        kubeconfig: a file for Helm.
    """

    def __init__(self, port: int, folder: Path) -> None:
        self._url = f"https://127.0.0.1:{port}"
        self.kubeconfig = folder / "kubeconfig"
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "it", "cluster": {"server": self._url, "insecure-skip-tls-verify": True}}],
            "users": [{"name": "we", "user": {"token": _TOKEN}}],
            "contexts": [{"name": "this", "context": {"cluster": "it", "user": "we"}}],
            "current-context": "this",
        }
        self.kubeconfig.write_text(json.dumps(content))
        self.kubeconfig.chmod(0o600)

    def ready(self) -> bool:
        try:
            return self._ask("GET", "/readyz") == b"ok"
        except OSError:
            return False

    def create(self, path: str, manifest: dict[str, Any]) -> dict[str, Any]:
        """What the server makes of a manifest: the object as admitted, or a Status that says why not."""
        try:
            return json.loads(self._ask("POST", path, json.dumps(manifest).encode()))
        except urllib.error.HTTPError as error:
            return json.loads(error.read())

    def _ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        headers = {"Authorization": f"Bearer {_TOKEN}", "Content-Type": "application/json"}
        request = urllib.request.Request(self._url + path, body, headers, method=method)
        with urllib.request.urlopen(request, timeout=60, context=ssl._create_unverified_context()) as answer:
            return answer.read()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    binary = os.environ.get("LIFESIGN_TEST_KUBE_APISERVER")
    if not binary:
        pytest.skip("LIFESIGN_TEST_KUBE_APISERVER is not set: run `make cluster`")
    folder = tmp_path_factory.mktemp("cluster")
    clients, peers, api = (free_port() for _ in range(3))
    key, tokens = folder / "key.pem", folder / "tokens.csv"
    subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
    tokens.write_text(f"{_TOKEN},we,we,system:masters\n")
    etcd = f"http://127.0.0.1:{clients}"
    peer = f"http://127.0.0.1:{peers}"
    commands = [
        ["etcd", "--data-dir", str(folder / "etcd"), "--listen-client-urls", etcd, "--advertise-client-urls", etcd,
         "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}"],
        [binary, f"--etcd-servers={etcd}", f"--cert-dir={folder / 'certs'}", f"--secure-port={api}",
         "--bind-address=127.0.0.1", "--service-account-issuer=https://it", f"--service-account-key-file={key}",
         f"--service-account-signing-key-file={key}", f"--token-auth-file={tokens}",
         "--authorization-mode=AlwaysAllow", "--disable-admission-plugins=ServiceAccount",
         "--service-cluster-ip-range=10.0.0.0/24"],
    ]  # fmt: skip
    running = Cluster(api, folder)
    processes: list[subprocess.Popen[bytes]] = []
    with (folder / "log").open("wb") as log:
        try:
            for command, port in zip(commands, (clients, api)):
                processes.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=folder))
                eventually(
                    lambda port=port: _listens(port), seconds=180, every=0.2
                )  # the server gives up on a late etcd
            eventually(running.ready, seconds=180, every=0.5)
            yield running
        finally:
            for process in reversed(processes):
                process.terminate()
                process.wait(60)


@pytest.fixture(scope="session")
def helm(cluster: Cluster) -> Callable[..., str]:
    """Runs Helm against the cluster, with the chart after the verb and the release's name."""

    def run(verb: str, *arguments: str) -> str:
        command = [built("helm"), verb, "lifesign", str(CHART), "--namespace", "shop", *arguments]
        environ = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig)}
        ended = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    return run


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
