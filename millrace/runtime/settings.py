"""What every service is told: one typed class a service, environment prefix `MILLRACE_`.

A service's own settings are a subclass of `Connections`, in its own package.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from millrace.domain.errors import SettingsError


class Connections(BaseSettings):
    """Where the log, the stores and the registry are, and the keys to trust."""

    model_config = SettingsConfigDict(env_prefix="MILLRACE_", extra="ignore", validate_default=True)

    home: Path = Field(Path(".millrace"), description="Folder for keys, addresses and embedded state.")
    kafka: str = Field("127.0.0.1:9092", description="Kafka bootstrap servers, or @FILE: a file that holds them.")
    embedded_log: bool = Field(
        False, description="The log is the embedded one: memory only; a restart of it begins a new epoch."
    )
    kafka_security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How the Kafka cluster is spoken to. The embedded log knows PLAINTEXT only."
    )
    kafka_sasl: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "PLAIN", description="How user and password are given, where the cluster asks for them."
    )
    kafka_user: str = Field("", description="The Kafka user (or API key).")
    kafka_password: SecretStr = Field(SecretStr(""), description="The Kafka user's password (or secret).")
    kafka_ca: Path | None = Field(None, description="Certificates (PEM) to trust for Kafka; by default the system's.")
    kafka_certificate: Path | None = Field(None, description="Our own certificate (PEM), where Kafka asks for one.")
    kafka_key: Path | None = Field(None, description="The private key (PEM) of our own certificate.")
    schema_registry: str = Field(
        "", description="URL of the schema registry of topics in Avro or Protobuf; read only. Empty: there is none."
    )
    schema_registry_user: str = Field("", description="The schema registry's user (or API key).")
    schema_registry_password: SecretStr = Field(
        SecretStr(""), description="The schema registry's password (or secret)."
    )
    schema_registry_ca: Path | None = Field(None, description="Certificates (PEM) to trust for the schema registry.")
    topic_prefix: str = Field(
        "",
        pattern=r"^[a-zA-Z0-9._-]*$",
        description="Put before the names of our own topics, groups and transactional ids, as in team-a. (with its dot).",
    )
    s3_endpoint: str = Field("http://127.0.0.1:9000", description="S3 endpoint URL.")
    s3_access_key: str = Field("millrace", description="S3 access key.")
    s3_secret_key: SecretStr = Field(SecretStr("millrace-secret"), description="S3 secret key.")
    s3_reader_access_key: str = Field(
        "", description="S3 access key for `millrace up` to give to the parts that only read; empty: the same for all."
    )
    s3_reader_secret_key: SecretStr = Field(SecretStr(""), description="The secret key that belongs to it.")
    s3_region: str = Field("us-east-1", description="S3 region.")
    checkpoints_bucket: str = Field("checkpoints", description="Bucket of checkpoints.")
    artifacts_bucket: str = Field("mlflow-artifacts", description="Bucket of MLflow's artifacts.")
    redis: str = Field("redis://127.0.0.1:6379/0", description="Redis or Valkey URL.")
    mlflow: str = Field("http://127.0.0.1:5000", description="MLflow tracking and registry URL.")
    public_keys: list[Path] = Field(
        default_factory=list,
        description="Ed25519 public keys (PEM) that sealed states may be signed with; several while rotating.",
    )

    def bootstrap(self) -> str:
        """Return the log's address now; an address file is read anew at each call."""
        if not self.kafka.startswith("@"):
            return self.kafka
        where = Path(self.kafka[1:])
        if not where.exists():
            raise SettingsError(f"the log's address is not known yet: {where} does not exist (is the log running?)")
        return where.read_text().strip()

    def trusted_keys(self) -> list[Path]:
        """Return the public keys to trust; by default the one the trainer made under `home`."""
        return self.public_keys or [self.home / "keys" / "trainer.pub"]
