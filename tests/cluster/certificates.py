"""An authority of this run's own: who the API server is, and who asks it."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIVES = datetime.timedelta(days=1)


class Authority:
    """Signs certificates into a folder: NAME.crt and NAME.key each, its own as ca.crt."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("tests of the chart")
        basics = x509.BasicConstraints(ca=True, path_length=None)
        self._write("ca", self._key, self._unsigned(self._name, self._key).add_extension(basics, critical=True))

    def server(self, name: str, *addresses: str) -> None:
        """Certify a server at some addresses of this machine."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName(
            [x509.DNSName("localhost"), *(x509.IPAddress(ipaddress.ip_address(it)) for it in addresses)]
        )
        self._write(name, key, self._unsigned(_name(name), key).add_extension(names, critical=False))

    def user(self, name: str, group: str = "") -> None:
        """Certify a user of Kubernetes: its name is the common name, its group the organization."""
        key = ec.generate_private_key(ec.SECP256R1())
        use = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
        self._write(name, key, self._unsigned(_name(name, group), key).add_extension(use, critical=False))

    def pair(self, name: str) -> None:
        """Write a pair of keys without a certificate: NAME.key and NAME.pub."""
        key = ec.generate_private_key(ec.SECP256R1())
        public = serialization.PublicFormat.SubjectPublicKeyInfo
        (self.folder / f"{name}.key").write_bytes(_private(key))
        (self.folder / f"{name}.pub").write_bytes(key.public_key().public_bytes(serialization.Encoding.PEM, public))

    def _unsigned(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return x509.CertificateBuilder(
            issuer_name=self._name,
            subject_name=subject,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now - LIVES,
            not_valid_after=now + LIVES,
        )

    def _write(self, name: str, key: ec.EllipticCurvePrivateKey, made: x509.CertificateBuilder) -> None:
        signed = made.sign(self._key, hashes.SHA256())
        (self.folder / f"{name}.crt").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        (self.folder / f"{name}.key").write_bytes(_private(key))


def _name(common: str, organization: str = "") -> x509.Name:
    said = [x509.NameAttribute(NameOID.COMMON_NAME, common)]
    if organization:
        said.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(said)


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
