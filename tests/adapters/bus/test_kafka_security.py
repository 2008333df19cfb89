"""A cluster that asks for TLS and a password, as managed ones do."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from millrace.adapters.bus.kafka import KafkaBus
from millrace.adapters.bus.kafka_security import security_of
from millrace.adapters.bus.port import Message, TopicPartition
from millrace.domain.errors import SettingsError, Unreachable
from millrace.runtime.embedded import kafka_broker
from millrace.runtime.embedded.ports import free_ports
from millrace.runtime.settings import Connections
from tests.kafka import real_kafka


def told(address: str = "127.0.0.1:1", **settings: object) -> Connections:
    usual = {"kafka_security": "SASL_SSL", "kafka_user": "reader", "kafka_password": SecretStr("secret")}
    return Connections(kafka=address, **{**usual, **settings})  # type: ignore[arg-type]


def certificate(folder: Path) -> tuple[Path, Path]:
    """Return a file with a key and its self-signed certificate for 127.0.0.1, and one with the certificate alone."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = signed.public_bytes(serialization.Encoding.PEM)
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    both, alone = folder / "both.pem", folder / "certificate.pem"
    both.write_bytes(private + pem)
    alone.write_bytes(pem)
    return both, alone


@pytest.fixture
def guarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connections]:
    """Real Kafka with a second door, which asks for TLS and a password."""
    both, alone = certificate(tmp_path)
    [port] = free_ports(1)
    doors = kafka_broker._PROPERTIES.replace(
        "PLAINTEXT://127.0.0.1:{broker}", f"PLAINTEXT://127.0.0.1:{{broker}},SASL_SSL://127.0.0.1:{port}"
    )
    login = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_reader="secret";'
    guard = f"""listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL
sasl.enabled.mechanisms=PLAIN
listener.name.sasl_ssl.plain.sasl.jaas.config={login}
ssl.keystore.type=PEM
ssl.keystore.location={both}
"""
    monkeypatch.setattr(kafka_broker, "_PROPERTIES", doors + guard)
    with real_kafka(tmp_path / "kafka"):
        yield told(f"127.0.0.1:{port}", kafka_ca=alone)


def bus_of(connections: Connections) -> KafkaBus:
    return KafkaBus(connections.bootstrap, patience=5.0, security=security_of(connections))


@pytest.mark.kafka
async def test_every_client_speaks_to_a_guarded_cluster(guarded: Connections) -> None:
    """Topics are made, a transaction is written and read over TLS with a password; a wrong one is told as refused."""
    bus, where = bus_of(guarded), TopicPartition("guarded", 0)
    await bus.ensure_topics({where.topic: 1})
    writer = await bus.transactional_writer("guarded")
    assert await writer.commit([], Message(where.topic, b"entry", partition=0)) == 0
    await writer.close()
    reader = await bus.reader({where: 0})
    found = await reader.read(timeout=5.0)
    assert [it.value for it in found[where]] == [b"entry"]
    await reader.close()
    await bus.close()

    stranger = bus_of(guarded.model_copy(update={"kafka_password": SecretStr("guessed")}))
    with pytest.raises(Unreachable):
        await stranger.cluster_id()
    await stranger.close()
    untrusting = bus_of(guarded.model_copy(update={"kafka_ca": None}))
    with pytest.raises(Unreachable):
        await untrusting.cluster_id()
    await untrusting.close()


def test_in_the_open_nothing_is_said() -> None:
    """The embedded log knows no security, whatever the surroundings say."""
    assert security_of(told(embedded_log=True)) == {}
    assert security_of(told(kafka_security="PLAINTEXT")) == {}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"kafka_user": ""}, "needs MILLRACE_KAFKA_USER"),
        ({"kafka_ca": Path("nothing.pem")}, r"cannot be read \(nothing.pem"),
        ({"kafka_certificate": Path("mine.pem"), "kafka_key": Path("mine.key")}, "mine.pem, mine.key"),
    ],
)
def test_settings_that_do_not_fit_are_told(settings: dict[str, object], said: str) -> None:
    """A user that is missing, a file that is not there."""
    with pytest.raises(SettingsError, match=said):
        security_of(told(**settings))
