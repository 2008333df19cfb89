"""Kubernetes without nodes: etcd, the API server and the controllers, on loopback, in one temporary folder.

Deployments, StatefulSets and Jobs really make pods here, and Pod Security judges each. There is no scheduler and no
kubelet: pods stay Pending, claims unbound.
"""

from __future__ import annotations

import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import httpx
import yaml

from millrace.runtime.embedded.ports import free_ports
from tests.chart.rendering import tool
from tests.cluster.certificates import Authority

LOOPBACK = "127.0.0.1"
FIRST_SERVICE = "10.96.0.1"  # the service `kubernetes`
PATIENCE = 90.0  # seconds until it must answer; a busy machine takes 15


Cluster = TypeVar("Cluster", bound="ControlPlane")


class ControlPlane:
    """A running API server: where it is, and how its users reach it. `host` is the address that it answers at."""

    modes = "RBAC"
    """Who is asked whether a user may do what it asks for."""

    def __init__(self, folder: Path, host: str = LOOPBACK, port: int = 0) -> None:
        self.folder = folder
        self.host = host
        self.etcd, self._peers, free = free_ports(3)
        self.port = port or free
        self.url = f"https://{host}:{self.port}"
        self.authority = Authority(folder)
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start all three; return when the API server is ready and its controllers have a first namespace done."""
        self.authority.server("apiserver", self.host, FIRST_SERVICE)
        self.authority.pair("accounts")
        self.authority.user("admin", "system:masters")
        self.authority.user("system:kube-controller-manager")
        self._run("etcd", self._etcd())
        self._run("kube-apiserver", self._apiserver())
        self._until("/readyz")
        self._run("kube-controller-manager", self._controllers())
        self._until("/api/v1/namespaces/default/serviceaccounts/default")

    def stop(self) -> None:
        """End them, the last first."""
        for process in reversed(self._running):
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def client(self, user: str = "admin") -> httpx.Client:
        """Return a client that asks as a user whom the authority has certified."""
        trusted = ssl.create_default_context(cafile=self.folder / "ca.crt")
        trusted.load_cert_chain(self.folder / f"{user}.crt", self.folder / f"{user}.key")
        return httpx.Client(base_url=self.url, verify=trusted, trust_env=False, timeout=30)

    def kubeconfig(self, user: str) -> Path:
        """Write how helm and the controllers reach it as a user."""
        told = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "it",
            "clusters": [
                {"name": "it", "cluster": {"server": self.url, "certificate-authority": str(self.folder / "ca.crt")}}
            ],
            "users": [
                {
                    "name": "it",
                    "user": {
                        "client-certificate": str(self.folder / f"{user}.crt"),
                        "client-key": str(self.folder / f"{user}.key"),
                    },
                }
            ],
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        }
        file = self.folder / f"{user}.kubeconfig"
        file.write_text(yaml.safe_dump(told))
        return file

    def _etcd(self) -> list[str]:
        own, peers = f"http://127.0.0.1:{self.etcd}", f"http://127.0.0.1:{self._peers}"
        return [
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={own}",
            f"--advertise-client-urls={own}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=default={peers}",
            "--unsafe-no-fsync",  # it lives as long as the tests
        ]

    def _apiserver(self) -> list[str]:
        return [
            f"--etcd-servers=http://127.0.0.1:{self.etcd}",
            f"--bind-address={self.host}",
            f"--advertise-address={self.host}",
            *(["--endpoint-reconciler-type=none"] if self.host == LOOPBACK else []),  # no pod would reach it there
            f"--secure-port={self.port}",
            f"--tls-cert-file={self.folder / 'apiserver.crt'}",
            f"--tls-private-key-file={self.folder / 'apiserver.key'}",
            f"--client-ca-file={self.folder / 'ca.crt'}",
            "--anonymous-auth=false",
            f"--authorization-mode={self.modes}",
            "--service-cluster-ip-range=10.96.0.0/16",
            f"--service-account-issuer={self.url}",
            f"--service-account-key-file={self.folder / 'accounts.pub'}",
            f"--service-account-signing-key-file={self.folder / 'accounts.key'}",
        ]

    def _controllers(self) -> list[str]:
        return [
            f"--kubeconfig={self.kubeconfig('system:kube-controller-manager')}",
            "--secure-port=0",
            "--leader-elect=false",
            "--use-service-account-credentials=true",
            f"--service-account-private-key-file={self.folder / 'accounts.key'}",
            f"--root-ca-file={self.folder / 'ca.crt'}",
            "--horizontal-pod-autoscaler-sync-period=1s",
        ]

    def _run(self, name: str, options: list[str]) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen([tool(name), *options], stdout=log, stderr=log, cwd=self.folder)
        self._running.append(process)

    def _until(
        self, path: str, holds: Callable[[httpx.Response], object] = lambda _: True, patience: float = PATIENCE
    ) -> None:
        """Wait until something is there, and holds."""
        deadline = time.monotonic() + patience
        with self.client() as client:
            while not self._answers(client, path, holds):
                self._all_live()
                assert time.monotonic() < deadline, f"{path} is not so after {patience:g} s; logs in {self.folder}"
                time.sleep(0.2)

    @staticmethod
    def _answers(client: httpx.Client, path: str, holds: Callable[[httpx.Response], object]) -> bool:
        try:
            answer = client.get(path)
        except httpx.TransportError:
            return False
        return answer.is_success and bool(holds(answer))

    def _all_live(self) -> None:
        for process in self._running:
            assert process.poll() is None, f"{process.args[0]} ended; its log is in {self.folder}"


@contextmanager
def started(it: Cluster) -> Iterator[Cluster]:
    """Run a control plane, or more of a cluster, as long as the block lasts."""
    try:
        it.start()
        yield it
    finally:
        it.stop()
