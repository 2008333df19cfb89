"""A cluster of one node on this machine: a scheduler, a kubelet and what they need, beside the control plane.

All of it runs in namespaces of its own (network, mounts, processes), which `make node-test` opens: what it leaves behind goes
with them, and nothing here meets the machine's own network.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import yaml

from tests.chart.rendering import ROOT, tool
from tests.cluster.asking import Asked, eventually
from tests.cluster.control_plane import ControlPlane

HOST = "192.168.77.1"
PODS = "10.244.0.0/24"
NAMES = "10.96.0.10"
"""Where pods ask for names."""
NODE = "here"
IMAGES = ROOT / ".tools" / "images"
NAMESPACE = "millrace"
KEPT = IMAGES / "containerd"
"""What containerd has unpacked, kept from run to run."""
SYSTEM = Path(__file__).parent / "system.yaml"
VOLUMES = 8
NAMED = "/apis/apps/v1/namespaces/kube-system/deployments/coredns"
STARTED = 240.0
"""Seconds until a first pod runs and names are looked up."""
USERS = {
    "system:kube-scheduler": "",
    f"system:node:{NODE}": "system:nodes",
    "system:kube-proxy": "",
    "network-policies": "system:masters",
    "kubelet-asker": "system:masters",
}


class Node(ControlPlane):
    """A cluster whose pods run. `folder` holds all it writes, but for control groups and the images that are kept."""

    modes = "Node,RBAC"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, HOST, 6443)
        self.socket = folder / "containerd.sock"

    def start(self) -> None:
        """Start everything; return when the node is ready and names are resolved on it."""
        _network()
        _sweep()
        for user, group in USERS.items():
            self.authority.user(user, group)
        self.authority.server("kubelet", HOST)
        self._run("containerd", [f"--config={self._containerd()}"])
        super().start()
        self._forget_containers()
        self._take_images()
        self._run(
            "kube-scheduler", [f"--kubeconfig={self.kubeconfig('system:kube-scheduler')}", "--leader-elect=false"]
        )
        self._run("kubelet", self._kubelet())
        self._run("kube-proxy", [f"--config={self._proxy()}"])
        self._until(f"/api/v1/nodes/{NODE}")
        self._run("kube-router", self._policies())
        self._make_system()
        self._until(NAMED, lambda it: it.json()["status"].get("readyReplicas"), STARTED)

    def _apiserver(self) -> list[str]:
        return [
            *super()._apiserver(),
            "--kubelet-preferred-address-types=InternalIP",
            f"--kubelet-client-certificate={self.folder / 'kubelet-asker.crt'}",
            f"--kubelet-client-key={self.folder / 'kubelet-asker.key'}",
            f"--kubelet-certificate-authority={self.folder / 'ca.crt'}",
        ]

    def _containerd(self) -> Path:
        networks = self.folder / "networks"
        networks.mkdir()
        plugin = {
            "type": "ptp",  # every packet is routed, so that policies see it
            "ipam": {
                "type": "host-local",
                "ranges": [[{"subnet": PODS}]],
                "routes": [{"dst": "0.0.0.0/0"}],
                "dataDir": str(self.folder / "addresses"),
            },
        }
        told = {"cniVersion": "1.0.0", "name": "pods", "plugins": [plugin]}
        (networks / "10-pods.conflist").write_text(json.dumps(told))
        file = self.folder / "containerd.toml"
        file.write_text(
            f"""version = 2
root = "{KEPT}"
state = "{self.folder / "containerd-state"}"
[grpc]
  address = "{self.socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = true  # where this machine does not let even root lower it
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{networks}"
"""
        )
        return file

    def _kubelet(self) -> list[str]:
        told = {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(self.folder / "ca.crt")},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": str(self.folder / "kubelet.crt"),
            "tlsPrivateKeyFile": str(self.folder / "kubelet.key"),
            "cgroupDriver": "cgroupfs",
            "failCgroupV1": False,
            "failSwapOn": False,
            "clusterDNS": [NAMES],
            "clusterDomain": "cluster.local",
            "resolvConf": "/dev/null",
            "containerRuntimeEndpoint": f"unix://{self.socket}",
            "imageGCHighThresholdPercent": 100,
            "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1Gi"},
            "podLogsDir": str(self.folder / "pods"),
        }
        file = self.folder / "kubelet.yaml"
        file.write_text(yaml.safe_dump(told))
        return [
            f"--config={file}",
            f"--kubeconfig={self.kubeconfig(f'system:node:{NODE}')}",
            f"--hostname-override={NODE}",
            f"--node-ip={HOST}",
            f"--containerd={self.socket}",  # whose containers have figures
            f"--root-dir={self.folder / 'kubelet'}",
            f"--cert-dir={self.folder / 'kubelet-certificates'}",
        ]

    def _proxy(self) -> Path:
        told = {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "iptables",
            "hostnameOverride": NODE,
            "clusterCIDR": PODS,
            "clientConnection": {"kubeconfig": str(self.kubeconfig("system:kube-proxy"))},
            "conntrack": {"maxPerCore": 0},
        }
        file = self.folder / "kube-proxy.yaml"
        file.write_text(yaml.safe_dump(told))
        return file

    def _policies(self) -> list[str]:
        return [
            f"--kubeconfig={self.kubeconfig('network-policies')}",
            f"--hostname-override={NODE}",
            "--run-router=false",
            "--run-service-proxy=false",
            "--run-firewall=true",
            "--run-loadbalancer=false",
            "--service-cluster-ip-range=10.96.0.0/16",
        ]

    def _ctr(self, *words: str) -> str:
        reach = ("ctr", f"--address={self.socket}", "--namespace=k8s.io")
        return subprocess.run([*reach, *words], check=True, capture_output=True, text=True).stdout

    def _forget_containers(self) -> None:
        """Take away what is written of containers of a run that was killed: their processes ended with its namespace."""
        if left := self._ctr("containers", "list", "--quiet").split():
            self._ctr("containers", "remove", *left)

    def _take_images(self) -> None:
        for archive in sorted(IMAGES.glob("*.tar")):
            made, taken = archive.with_name(f"{archive.name}.id"), KEPT / f"{archive.name}.id"
            if not taken.exists() or taken.read_text() != made.read_text():
                self._ctr("images", "import", str(archive))
                taken.write_text(made.read_text())

    def _make_system(self) -> None:
        """Name service, storage class, volumes; all that a cluster brings of its own."""
        with self.client() as client:
            cluster = Asked(client)
            for it in yaml.safe_load_all(SYSTEM.read_text()):
                cluster.create(it, namespace=it["metadata"].get("namespace", ""))
            for number in range(VOLUMES):
                cluster.create(self._volume(number))

    def _volume(self, number: int) -> dict[str, object]:
        place = self.folder / "volumes" / str(number)
        place.mkdir(parents=True)
        chosen = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE]}]}
        return {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": f"here-{number}"},
            "spec": {
                "capacity": {"storage": "20Gi"},
                "accessModes": ["ReadWriteOnce"],
                "persistentVolumeReclaimPolicy": "Retain",
                "storageClassName": "here",
                "local": {"path": str(place)},
                "nodeAffinity": {"required": {"nodeSelectorTerms": [chosen]}},
            },
        }

    def empty_volumes(self) -> None:
        """Make volumes that nobody claims any more as good as new."""
        with self.client() as client:
            for number in range(VOLUMES):
                volume = f"/api/v1/persistentvolumes/here-{number}"
                if client.get(volume).raise_for_status().json()["status"]["phase"] == "Released":
                    client.delete(volume).raise_for_status()
                    shutil.rmtree(self.folder / "volumes" / str(number))
                    eventually(
                        lambda volume=volume: client.get(volume).status_code == 404, lambda volume=volume: volume
                    )
                    Asked(client).create(self._volume(number))

    def kubectl(self, *words: str, patience: float = 120.0) -> subprocess.CompletedProcess[str]:
        """Run kubectl as the cluster's admin."""
        reach = (tool("kubectl"), "--kubeconfig", str(self.kubeconfig("admin")))
        return subprocess.run([*reach, *words], capture_output=True, text=True, check=False, timeout=patience)


def _network() -> None:
    """Give this network namespace its loopback, one address, and a way out that leads nowhere."""
    for words in (
        "link set lo up",
        "link add node0 type bridge",
        f"address add {HOST}/24 dev node0",
        "link set node0 up",
        "route add default dev node0",
    ):
        subprocess.run(["ip", *words.split()], check=True)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def _sweep() -> None:
    """Remove the control groups of a run that was killed; nothing is in them any more."""
    for top in Path("/sys/fs/cgroup").glob("*/kubepods"):
        for folder in sorted((it for it in top.rglob("*") if it.is_dir()), reverse=True):
            folder.rmdir()
        top.rmdir()
