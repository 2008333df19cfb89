"""One control plane for all tests of this folder; each test's release has a namespace of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml

from tests.chart.rendering import ROOT
from tests.cluster.asking import Asked, eventually
from tests.cluster.control_plane import ControlPlane, started
from tests.cluster.releases import DEPLOYER, Release, admins_make, namespaces

CRDS = ROOT / ".tools" / "crds"


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A running control plane."""
    with started(ControlPlane(tmp_path_factory.mktemp("kubernetes"))) as it:
        it.authority.user(DEPLOYER)
        yield it


@pytest.fixture(scope="session")
def cluster(plane: ControlPlane) -> Iterator[Asked]:
    """What its admin sees, after `kubectl apply -f k8s/namespaces.yaml`."""
    with plane.client() as client:
        it = Asked(client)
        it.create(*namespaces())
        yield it


@pytest.fixture(scope="session")
def kinds(cluster: Asked) -> None:
    """The kinds of the operators that the chart can write for, and the right of a namespace's admin to make such."""
    made = [yaml.safe_load(file.read_text()) for file in sorted(CRDS.glob("*.yaml"))]
    assert len(made) >= 5, f"{CRDS} is not whole: .ci/cluster-tools fills it"
    cluster.create(*made, admins_make({it["spec"]["group"] for it in made}))
    wanted = {
        (f"{it['spec']['group']}/{of['name']}", it["spec"]["names"]["kind"])
        for it in made
        for of in it["spec"]["versions"]
    }
    eventually(lambda: all(cluster.serves(*it) for it in wanted), lambda: wanted)


@pytest.fixture
def release(plane: ControlPlane, cluster: Asked, request: pytest.FixtureRequest) -> Iterator[Release]:
    """A release to be, in an empty namespace that is named after the test."""
    it = Release(plane, cluster, request.node.name)
    it.prepare()
    yield it
    it.remove()
