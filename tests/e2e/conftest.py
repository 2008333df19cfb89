"""Logs and a schema registry, as others have them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from millrace.adapters.bus.kafka import KafkaBus
from tests.e2e.others import DELIVERIES, PARCELS, TABLE, Log
from tests.kafka import embedded_bus, embedded_log, real_kafka
from tests.registry import Registry, registry


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Log]:
    if request.param == "embedded":
        with embedded_log(tmp_path) as place:
            yield Log(place.read_text(), lambda: embedded_bus(place), embedded=True)
    else:
        with real_kafka(tmp_path / "kafka") as broker:
            address = broker.address
            admin = AdminClient({"bootstrap.servers": address})
            for each in admin.create_topics([NewTopic(it, 2) for it in (PARCELS, DELIVERIES, TABLE)]).values():
                each.result(30)
            yield Log(address, lambda: KafkaBus(address), embedded=False)


@pytest.fixture
def schemas() -> Iterator[Registry]:
    with registry("reader", "secret") as kept:
        yield kept
