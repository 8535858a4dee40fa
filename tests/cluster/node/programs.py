"""The programs of a node, their command lines and their configuration."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

from cluster.node.place import ADDRESS, API, PODS, SERVICES, TOKEN, Place, output

_ETCD = "http://127.0.0.1:2379"
_SOCKET = "/run/containerd/containerd.sock"
PAUSE = "localhost/lifesign-test/pause:1"

# Those whose objects a test makes, or that clean up after them.
_CONTROLLERS = ("cronjob-controller", "daemonset-controller", "deployment-controller", "disruption-controller",
                "endpointslice-controller", "garbage-collector-controller", "job-controller", "namespace-controller",
                "node-lifecycle-controller", "pod-garbage-collector-controller", "replicaset-controller",
                "serviceaccount-controller", "statefulset-controller", "taint-eviction-controller",
                "ttl-after-finished-controller")  # fmt: skip

# restrict_oom_score_adj: without CAP_SYS_RESOURCE, as in a container, nobody may lower that score.
_CONTAINERD = """\
version = 2
root = "{disk}/containerd"
state = "/run/containerd/state"
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  disable_tcp_service = true
  tolerate_missing_hugetlb_controller = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/run/node/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        BinaryName = "runc"
        SystemdCgroup = false
"""

# Each pod has a link of its own to the node, which routes: services need no help of a bridge.
_NETWORK = {
    "cniVersion": "1.0.0",
    "name": "node",
    "plugins": [
        {
            "type": "ptp",
            "ipMasq": False,
            "ipam": {
                "type": "host-local",
                "dataDir": "/run/node/addresses",
                "ranges": [[{"subnet": PODS}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        }
    ],
}


class Program(NamedTuple):
    """One of them."""

    name: str
    command: list[str]


def credentials(place: Place) -> None:
    """Who may ask the API server, and the key that it signs with."""
    Path("/run/node/tokens.csv").write_text(f"{TOKEN},we,we,system:masters\n")
    output("openssl", "genrsa", "-out", "/run/node/key.pem", "2048")
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "it", "cluster": {"server": API, "insecure-skip-tls-verify": True}}],
        "users": [{"name": "we", "user": {"token": TOKEN}}],
        "contexts": [{"name": "this", "context": {"cluster": "it", "user": "we"}}],
        "current-context": "this",
    }
    place.kubeconfig.write_text(json.dumps(config))
    place.kubeconfig.chmod(0o600)


def control_plane(place: Place, kubernetes: Path) -> list[Program]:
    """In the order in which they start."""
    server = [
        f"--etcd-servers={_ETCD}",
        "--cert-dir=/run/node/certificates",
        f"--advertise-address={ADDRESS}",
        "--allow-privileged=true",
        "--kubelet-preferred-address-types=InternalIP",
        "--service-account-issuer=https://it",
        "--service-account-key-file=/run/node/key.pem",
        "--service-account-signing-key-file=/run/node/key.pem",
        "--token-auth-file=/run/node/tokens.csv",
        "--authorization-mode=AlwaysAllow",
        "--disable-admission-plugins=ServiceAccount",
        f"--service-cluster-ip-range={SERVICES}",
    ]
    client = [f"--kubeconfig={place.kubeconfig}", "--leader-elect=false", "--bind-address=127.0.0.1"]
    controllers = f"--controllers={','.join(_CONTROLLERS)}"
    return [
        Program("etcd", ["etcd", "--data-dir=/run/node/etcd"]),
        Program("kube-apiserver", [str(kubernetes / "kube-apiserver"), *server]),
        Program("kube-controller-manager", [str(kubernetes / "kube-controller-manager"), *client, controllers]),
        Program("kube-scheduler", [str(kubernetes / "kube-scheduler"), *client]),
    ]


def containerd(place: Place) -> Program:
    Path("/run/node/cni").mkdir(parents=True)
    Path("/run/node/cni/node.conflist").write_text(json.dumps(_NETWORK))
    config = Path("/run/node/containerd.toml")
    config.write_text(_CONTAINERD.format(disk=place.disk, socket=_SOCKET, pause=PAUSE))
    return Program("containerd", ["containerd", "--config", str(config)])


def workers(place: Place, kubernetes: Path) -> list[Program]:
    kubelet: dict[str, Any] = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": ADDRESS,
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{place.name}",
        "clusterDNS": [ADDRESS],
        "clusterDomain": "cluster.local",
        "containerRuntimeEndpoint": f"unix://{_SOCKET}",
        "enforceNodeAllocatable": ["pods"],
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%",
                         "nodefs.inodesFree": "0%"},
        "failCgroupV1": False,
        "failSwapOn": False,
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "nodeStatusUpdateFrequency": "5s",
        "oomScoreAdj": 0,
        "podLogsDir": str(place.disk / "pods"),
        "volumePluginDir": "/run/node/plugins",
    }  # fmt: skip
    proxy: dict[str, Any] = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "bindAddress": "0.0.0.0",
        "clientConnection": {"kubeconfig": str(place.kubeconfig)},
        "clusterCIDR": PODS,
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        "hostnameOverride": "node",
        "mode": "iptables",
        "oomScoreAdj": 0,
    }
    for name, config in (("kubelet", kubelet), ("kube-proxy", proxy)):
        Path(f"/run/node/{name}.json").write_text(json.dumps(config))
    roots = [f"--root-dir={place.disk / 'kubelet'}", "--cert-dir=/run/node/kubelet"]
    names = ["--hostname-override=node", f"--node-ip={ADDRESS}", f"--kubeconfig={place.kubeconfig}"]
    return [
        Program("kubelet", [str(kubernetes / "kubelet"), "--config=/run/node/kubelet.json", *roots, *names]),
        Program("kube-proxy", [str(kubernetes / "kube-proxy"), "--config=/run/node/kube-proxy.json"]),
        Program("dns", [sys.executable, "-m", "cluster.node.dns", str(place.kubeconfig)]),
    ]
