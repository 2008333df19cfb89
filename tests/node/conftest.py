"""One cluster, and one release on it that all tests here live with, in the order they are written."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.control_plane import started
from tests.node.machine import Node
from tests.node.running import Running


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A cluster of one node, with what it brings of its own."""
    with started(Node(tmp_path_factory.mktemp("node"))) as it:
        yield it


@pytest.fixture(scope="session")
def release(machine: Node) -> Running:
    """The demo, installed with one command that waits until all of it is ready."""
    it = Running(machine)
    it.install()
    return it
