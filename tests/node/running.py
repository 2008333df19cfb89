"""A release whose pods run: installed, asked, taken apart and put together again."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.chart.rendering import CHART, PRESETS, ROOT, TOOLS, tool
from tests.chart.test_connections import Arrow
from tests.node.machine import NAMESPACE, Node

NOT_HERE = {
    "images.minio.digest": "",  # a stand-in has another one
    "images.minioClient.digest": "",
    "trainer.registrationInterval": "60",  # so that MLflow has figures to show before long
    "kafka.exporter.enabled": "false",  # its module and Grafana's pages cannot be had as Go modules
    "watching.grafana.enabled": "false",
    "watching.grafana.expose": "false",
}
"""What the demo is told besides: what only the images of others could give."""
INSTALLED = "10m"
KNOCK = """
import concurrent.futures, socket, sys
def opens(target):
    host, port = target.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), 5).close()
    except OSError:
        return False
    return True
with concurrent.futures.ThreadPoolExecutor(50) as pool:
    print(*(it for it, opened in zip(sys.argv[1:], pool.map(opens, sys.argv[1:])) if opened), sep="\\n")
"""
"""What prints those of its arguments, HOST:PORT each, that open."""


class Running:
    """The release `millrace`, as its operator sees it."""

    def __init__(self, machine: Node) -> None:
        self.machine = machine
        assert machine.kubectl("apply", "--filename", str(ROOT / "k8s" / "namespaces.yaml")).returncode == 0

    def options(self, **more: str) -> list[str]:
        """Return what the demo is told here."""
        told = NOT_HERE | {name.replace("__", "."): value for name, value in more.items()}
        return [*PRESETS["demo"], *(word for it in told.items() for word in ("--set", "=".join(it)))]

    def helm(self, *words: str) -> str:
        """Run helm in the namespace; return what it prints."""
        reach = ("--kubeconfig", str(self.machine.kubeconfig("admin")), "--namespace", NAMESPACE)
        own = {f"HELM_{it}_HOME": str(self.machine.folder / "helm") for it in ("CACHE", "CONFIG", "DATA")}
        done = subprocess.run(
            [tool("helm"), *words, *reach], capture_output=True, text=True, check=False, env=os.environ | own
        )
        assert done.returncode == 0, (done.stderr, self.kubectl("get", "pods", "--output", "wide"))
        return done.stdout

    def install(self, **more: str) -> str:
        """Install or upgrade, and wait until everything is ready and every job done."""
        waits = ("--wait", "--wait-for-jobs", "--timeout", INSTALLED)
        return self.helm("upgrade", "--install", "millrace", str(CHART), *self.options(**more), *waits)

    def settle(self, folder: Path) -> None:
        """Make a folder look as that of somebody who follows the guide: the chart, and values of one's own."""
        (folder / "charts").symlink_to(CHART.parent)
        told = self.helm("get", "values", "millrace", "--output", "yaml")
        (folder / "my-values.yaml").write_text(told)

    def shell(self, console: str, folder: Path) -> None:
        """Run lines of the guide in a folder, one after the other; a line in the background is given until it answers."""
        lines = [line.removeprefix("$ ") for line in console.splitlines()]
        waits = ">/dev/null 2>&1 & until curl --silent localhost:9000 >/dev/null; do sleep 0.2; done"
        script = "\n".join(line[:-1] + waits if line.endswith("&") else line for line in lines)
        own = {f"HELM_{it}_HOME": str(self.machine.folder / "helm") for it in ("CACHE", "CONFIG", "DATA")}
        told = {
            "KUBECONFIG": str(self.machine.kubeconfig("admin")),
            "HOME": str(folder),
            "MC_CONFIG_DIR": str(folder / "mc"),
        }
        told |= {"PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}", **own}
        done = subprocess.run(
            ["bash", "-euxmo", "pipefail", "-c", script],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | told,
        )
        assert done.returncode == 0, done.stderr[-4000:] + self.kubectl("get", "pods", "--output", "wide")

    def remove(self) -> None:
        """Take everything away: the release, its Secrets, its volumes and what is in them."""
        self.helm("uninstall", "millrace", "--wait", "--timeout", "5m")
        self.kubectl("delete", "secret,persistentvolumeclaim", "--all", "--wait")
        self.machine.empty_volumes()

    def ask(self) -> str:
        """Run the chart's own test; return what it prints: an answer, and the state that gave it."""
        return self.helm("test", "millrace", "--logs")

    def kubectl(self, *words: str, patience: float = 180.0) -> str:
        """Run kubectl in the namespace; return what it prints."""
        done = self.machine.kubectl("--namespace", NAMESPACE, *words, patience=patience)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def within(self, what: str, *words: str, patience: float = 180.0) -> str:
        """Run a command in a pod; return what it prints."""
        return self.kubectl("exec", what, "--container", self._container(what), "--", *words, patience=patience)

    def _container(self, what: str) -> str:
        first = "{.spec.containers[0].name}" if what.startswith("pod/") else "{.spec.template.spec.containers[0].name}"
        return self.kubectl("get", what, "--output", f"jsonpath={first}")

    def pods(self, *more: str) -> list[dict[str, Any]]:
        """Return the pods that have not ended."""
        found = json.loads(self.kubectl("get", "pods", "--output", "json", *more))["items"]
        return [it for it in found if it["status"]["phase"] not in ("Succeeded", "Failed")]

    def component(self, name: str) -> dict[str, Any]:
        """Return the one pod of a component."""
        (it,) = self.pods("--selector", f"app.kubernetes.io/component={name}")
        return it

    def pod(self, component: str, port: int) -> str:
        """Return the address of a component's pod, which its node may ask."""
        return f"http://{self.component(component)['status']['podIP']}:{port}"

    def service(self, name: str) -> str:
        """Return the address of a Service."""
        return self.kubectl("get", "service", name, "--output", "jsonpath={.spec.clusterIP}:{.spec.ports[0].port}")

    def opened(self, pod: dict[str, Any], targets: dict[str, tuple[str, int]]) -> set[str]:
        """Knock at addresses from within a pod, all at once; return the names of those that open."""
        where = {f"{host}:{port}": name for name, (host, port) in targets.items()}
        said = self.within(f"pod/{pod['metadata']['name']}", "python3", "-c", KNOCK, *where)
        return {where[it] for it in said.split()}

    def arrows(self) -> set[Arrow]:
        """Return every connection between two components that really opens, tried one by one."""
        pods = {_component(it): it for it in self.pods()}
        listening = {
            f"{name}:{port['containerPort']}": (it["status"]["podIP"], port["containerPort"])
            for name, it in pods.items()
            for container in it["spec"]["containers"]
            for port in container.get("ports", ())
        }
        return {
            Arrow(opener, *_named(it))
            for opener, pod in pods.items()
            for it in self.opened(
                pod, {at: where for at, where in listening.items() if not at.startswith(f"{opener}:")}
            )
        }


def _component(pod: dict[str, Any]) -> str:
    return str(pod["metadata"]["labels"].get("app.kubernetes.io/component", ""))


def _named(target: str) -> tuple[str, int]:
    name, port = target.rsplit(":", 1)
    return name, int(port)
