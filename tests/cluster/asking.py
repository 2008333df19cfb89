"""Asks a Kubernetes API server over plain HTTP: what is there, and whether it would take an object as it is written."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import httpx
import yaml

from tests.chart.rendering import Object

PATIENCE = 60.0  # seconds that controllers may take
APPLY = {"Content-Type": "application/apply-patch+yaml"}


class Kind(NamedTuple):
    """A kind of objects: where they are, and whether in a namespace."""

    version: str
    name: str
    plural: str
    namespaced: bool
    listed: bool

    def path(self, namespace: str = "", name: str = "") -> str:
        """Return the path of all, or of one."""
        start = "/api/v1" if self.version == "v1" else f"/apis/{self.version}"
        inside = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{start}{inside}/{self.plural}" + (f"/{name}" if name else "")


class Asked:
    """One user's view of the cluster."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self._known: dict[tuple[str, str], Kind] = {}

    def kinds(self) -> dict[tuple[str, str], Kind]:
        """Return every kind that the server has now, by version and name."""
        groups = self._read("/apis")["groups"]
        versions = ["v1", *(it["groupVersion"] for group in groups for it in group["versions"])]
        self._known = {(it.version, it.name): it for version in versions for it in self._kinds(version)}
        return self._known

    def kind(self, version: str, name: str) -> Kind:
        """Return a kind that is there."""
        if (version, name) not in self._known:
            self.kinds()
        return self._known[version, name]

    def serves(self, version: str, name: str) -> bool:
        """Say whether a kind is there and answers: one that was just made takes a while."""
        known = self.kinds().get((version, name))
        return known is not None and self.client.get(known.path()).is_success

    def of(self, it: Object) -> Kind:
        """Return the kind of an object."""
        return self.kind(it["apiVersion"], it["kind"])

    def apply(self, it: Object, namespace: str = "", dry: bool = False) -> httpx.Response:
        """Hand an object over as it is; a field that the server does not know is refused."""
        told = {"fieldManager": "tests", "fieldValidation": "Strict", "force": "true"} | (
            {"dryRun": "All"} if dry else {}
        )
        path = self.of(it).path(namespace, it["metadata"]["name"])
        return self.client.patch(path, params=told, headers=APPLY, content=yaml.safe_dump(it))

    def create(self, *its: Object, namespace: str = "") -> None:
        """Apply objects, which must be taken."""
        for it in its:
            done = self.apply(it, namespace)
            assert done.is_success, done.text

    def delete(self, kind: str, namespace: str, name: str) -> None:
        """Take an object away that is there."""
        self.client.delete(self.kind("v1", kind).path(namespace, name)).raise_for_status()

    def all(self, kind: str, namespace: str, version: str = "v1") -> list[Object]:
        """Return all objects of a kind in a namespace."""
        found: list[Object] = self._read(self.kind(version, kind).path(namespace))["items"]
        return found

    def one(self, it: Object, namespace: str) -> Object | None:
        """Return an object as it is in the cluster, or None."""
        found = self.client.get(self.of(it).path(namespace, it["metadata"]["name"]))
        if found.status_code == 404:
            return None
        return dict(found.raise_for_status().json())

    def allows(self, user: str, asked: dict[str, str]) -> bool:
        """Ask whether a user may do something: resource, verb and namespace."""
        version = "authorization.k8s.io/v1"
        spec = {"user": user, "resourceAttributes": asked}
        it = {"apiVersion": version, "kind": "SubjectAccessReview", "metadata": {}, "spec": spec}
        done = self.client.post(self.kind(version, "SubjectAccessReview").path(), json=it)
        return bool(done.raise_for_status().json()["status"]["allowed"])

    def names(self, namespace: str) -> set[tuple[str, str]]:
        """Return kind and name of everything in a namespace but events."""
        return {(kind, it["metadata"]["name"]) for kind, it in self._everything(namespace)}

    def events(self, namespace: str, reason: str) -> list[str]:
        """Return what events with a reason say."""
        return [it["message"] for it in self.all("Event", namespace) if it["reason"] == reason]

    def _everything(self, namespace: str) -> Iterator[tuple[str, Object]]:
        seen = {it.plural: it for it in self.kinds().values() if it.namespaced and it.listed}
        for kind in seen.values():
            if kind.name != "Event":
                yield from ((kind.name, it) for it in self._read(kind.path(namespace))["items"])

    def _kinds(self, version: str) -> Iterator[Kind]:
        start = "/api/v1" if version == "v1" else f"/apis/{version}"
        found = self.client.get(start)
        if found.status_code == 404:  # a kind that was just made: its group is named before it is served
            return
        for it in found.raise_for_status().json()["resources"]:
            if "/" not in it["name"]:
                yield Kind(version, it["kind"], it["name"], it["namespaced"], "list" in it["verbs"])

    def _read(self, path: str) -> Object:
        return dict(self.client.get(path).raise_for_status().json())


def eventually(true: Callable[[], bool], said: Callable[[], object], patience: float = PATIENCE) -> None:
    """Wait until something holds, or fail with what is said then."""
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline, said()
        time.sleep(0.2)


def lost(written: object, live: object, path: str = "") -> Iterator[str]:
    """Yield what was written and is not there: a field that was dropped without a word, or a value that was changed."""
    if isinstance(written, dict) and isinstance(live, dict):
        for name, it in written.items():
            yield from lost(it, live.get(name), f"{path}.{name}")
    elif isinstance(written, list) and isinstance(live, list) and len(written) == len(live):
        for number, (it, other) in enumerate(zip(written, live, strict=True)):
            yield from lost(it, other, f"{path}[{number}]")
    elif written not in (live, None, [], {}, ""):
        yield f"{path}: {written!r} became {live!r}"


def names(its: Iterable[Object]) -> set[str]:
    """Return the names of objects."""
    return {it["metadata"]["name"] for it in its}
