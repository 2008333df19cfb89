"""What an upgrade leaves as it is, shown on a small API server that knows the Secrets of the release before."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.rendering import KUBERNETES, PRESETS, Object, component, objects, template

CORE = [
    {"name": "secrets", "singularName": "secret", "namespaced": True, "kind": "Secret", "verbs": ["get", "list"]},
    {
        "name": "configmaps",
        "singularName": "configmap",
        "namespaced": True,
        "kind": "ConfigMap",
        "verbs": ["get", "list"],
    },
]
APPS = [
    {
        "name": "statefulsets",
        "singularName": "statefulset",
        "namespaced": True,
        "kind": "StatefulSet",
        "verbs": ["get", "list"],
    },
]


class Cluster:
    """Answers what `lookup` asks of an API server: discovery, and the Secrets that are there."""

    def __init__(self, secrets: dict[str, Object]) -> None:
        self.secrets = secrets
        self.asked: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, path: str) -> tuple[int, Any]:
        """Return the status and the body of one address."""
        major, minor, _ = KUBERNETES.split(".")
        known: dict[str, Any] = {
            "/version": {"major": major, "minor": minor, "gitVersion": f"v{KUBERNETES}"},
            "/api": {"kind": "APIVersions", "versions": ["v1"]},
            "/apis": {
                "kind": "APIGroupList",
                "apiVersion": "v1",
                "groups": [{"name": "apps", "versions": [{"groupVersion": "apps/v1", "version": "v1"}]}],
            },
            "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": CORE},
            "/apis/apps/v1": {"kind": "APIResourceList", "groupVersion": "apps/v1", "resources": APPS},
        }
        if path in known:
            return 200, known[path]
        self.asked.append(path)
        name = path.rpartition("/")[2]
        if path == f"/api/v1/namespaces/river/secrets/{name}" and name in self.secrets:
            return 200, self.secrets[name]
        return 404, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}

    def kubeconfig(self, file: Path) -> Path:
        """Write how to reach this cluster."""
        url = f"http://127.0.0.1:{self._server.server_address[1]}"
        told = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "it",
            "clusters": [{"name": "it", "cluster": {"server": url}}],
            "users": [{"name": "it", "user": {}}],
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        }
        file.write_text(yaml.safe_dump(told))
        return file

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        cluster = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = cluster.answer(self.path.partition("?")[0])
                text = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
                """Say nothing."""

        return Handler


@pytest.fixture
def installed() -> Iterator[Cluster]:
    """A cluster with the Secrets that an installation has made."""
    yield from _with()


@pytest.fixture
def watched() -> Iterator[Cluster]:
    """The same of the demo, which brings a Grafana."""
    yield from _with(*PRESETS["demo"])


def _with(*options: str) -> Iterator[Cluster]:
    made = [it for it in objects(*options, kind="Secret") if component(it) == "secrets"]
    it = Cluster({it["metadata"]["name"]: it for it in made})
    yield it
    it.close()


def upgraded(cluster: Cluster, folder: Path, *options: str) -> dict[str, dict[str, str]]:
    """Return the data of the Secrets that an upgrade would write, by name."""
    reach = ("--dry-run=server", "--kubeconfig", str(cluster.kubeconfig(folder / "kubeconfig")), "--is-upgrade")
    done = template(*reach, *options)
    assert done.returncode == 0, done.stderr
    found = [it for it in yaml.load_all(done.stdout, yaml.CSafeLoader) if it and it["kind"] == "Secret"]
    return {it["metadata"]["name"]: it["data"] for it in found}


@pytest.mark.parametrize(
    "change", [(), ("--set", "kafka.brokers=3,api.replicas=5"), ("--set", "useCases[0].name=another")]
)
def test_an_upgrade_writes_the_same_secrets(installed: Cluster, tmp_path: Path, change: tuple[str, ...]) -> None:
    """Passwords, keys and Kafka's cluster id are those of the first installation, whatever else changes."""
    assert upgraded(installed, tmp_path, *change) == {name: it["data"] for name, it in installed.secrets.items()}
    assert len(installed.asked) >= len(installed.secrets) == 8


def test_grafanas_password_stays_too(watched: Cluster, tmp_path: Path) -> None:
    """Who has written it down gets in after an upgrade."""
    after = upgraded(watched, tmp_path, *PRESETS["demo"], "--set", "watching.grafana.anonymous=true")
    kept = watched.secrets["m-millrace-grafana"]["data"]
    assert set(kept) == {"password", "secret-key"}
    assert after["m-millrace-grafana"] == kept


def test_a_secret_that_is_gone_is_made_anew_and_the_others_stay(installed: Cluster, tmp_path: Path) -> None:
    """Taking one away is how a password is renewed."""
    before = installed.secrets.pop("m-millrace-redis")
    after = upgraded(installed, tmp_path)
    assert after.pop("m-millrace-redis") != before["data"]
    assert after == {name: it["data"] for name, it in installed.secrets.items()}


def test_a_key_of_the_users_own_stays_too(installed: Cluster, tmp_path: Path) -> None:
    """A pair that was put in by hand is not replaced by a generated one."""
    mine = base64.b64encode(b"mine").decode()
    installed.secrets["m-millrace-signing"]["data"]["trainer.key"] = mine
    assert upgraded(installed, tmp_path)["m-millrace-signing"]["trainer.key"] == mine
