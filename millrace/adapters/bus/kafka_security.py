"""How a Kafka cluster is spoken to: in the open, over TLS, with a user and a password."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

from millrace.domain.errors import SettingsError
from millrace.runtime.settings import Connections

Security = Mapping[str, Any]
"""What every client of aiokafka is given besides the address."""


def security_of(connections: Connections) -> Security:
    """Return what the settings say; raise `SettingsError` where they do not fit together or name no file."""
    its = connections
    if its.embedded_log or its.kafka_security == "PLAINTEXT":
        return {}
    found: dict[str, Any] = {"security_protocol": its.kafka_security}
    if its.kafka_security.endswith("SSL"):
        found["ssl_context"] = _tls(its)
    if its.kafka_security.startswith("SASL"):
        if not its.kafka_user:
            raise SettingsError(f"MILLRACE_KAFKA_SECURITY={its.kafka_security} needs MILLRACE_KAFKA_USER and _PASSWORD")
        found |= {
            "sasl_mechanism": its.kafka_sasl,
            "sasl_plain_username": its.kafka_user,
            "sasl_plain_password": its.kafka_password.get_secret_value(),
        }
    return found


def _tls(its: Connections) -> ssl.SSLContext:
    """Return a context that checks the cluster's certificate and its name, and shows ours where we have one."""
    try:
        context = ssl.create_default_context(cafile=its.kafka_ca)
        if its.kafka_certificate is not None:
            context.load_cert_chain(its.kafka_certificate, its.kafka_key)
    except OSError as error:  # an SSLError is an OSError
        named = f"{its.kafka_ca}, {its.kafka_certificate}, {its.kafka_key}"
        raise SettingsError(f"the certificates for Kafka cannot be read ({named}): {error}") from error
    return context
