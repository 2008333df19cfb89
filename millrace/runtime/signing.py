"""Ed25519 keys (RFC 8032): the trainer signs, readers verify."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from millrace.domain.errors import SettingsError, Untrusted


class Signer:
    """Holds the private key. Only the trainer has one."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature of a message."""
        return self._key.sign(message)

    def public_pem(self) -> bytes:
        """Return the public key, as PEM."""
        public = self._key.public_key()
        return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    @classmethod
    def load_or_create(cls, private: Path) -> Signer:
        """Read a private key (PEM, PKCS 8), or make one with its public half beside it (`.pub`)."""
        if private.exists():
            loaded = serialization.load_pem_private_key(private.read_bytes(), password=None)
            if not isinstance(loaded, Ed25519PrivateKey):
                raise SettingsError(f"{private} is not an Ed25519 private key; remove it to have one made")
            signer = cls(loaded)
        else:
            signer = cls(Ed25519PrivateKey.generate())
            private.parent.mkdir(parents=True, exist_ok=True)
            _write(private, signer._private_pem(), 0o600)
        public = private.with_suffix(".pub")
        if not public.exists():
            _write(public, signer.public_pem(), 0o644)
        return signer

    def _private_pem(self) -> bytes:
        none = serialization.NoEncryption()
        return self._key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, none)


def _write(path: Path, data: bytes, mode: int) -> None:
    """Write a file whole or not at all, with its rights from the first byte on."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as out:
        out.write(data)
    new.replace(path)


class PublicKeys:
    """The keys that are trusted; several while one is replaced by another."""

    def __init__(self, pems: Iterable[bytes]) -> None:
        self._keys = [self._public(pem) for pem in pems]

    @staticmethod
    def _public(pem: bytes) -> Ed25519PublicKey:
        # The chart has no other way to write a public key down than as a certificate of it.
        is_certificate = pem.lstrip().startswith(b"-----BEGIN CERTIFICATE")
        key = (
            x509.load_pem_x509_certificate(pem).public_key()
            if is_certificate
            else serialization.load_pem_public_key(pem)
        )
        if not isinstance(key, Ed25519PublicKey):
            raise SettingsError("a public key to trust is not an Ed25519 key")
        return key

    @classmethod
    def load(cls, paths: Iterable[Path]) -> PublicKeys:
        """Read public keys, or certificates of them (PEM)."""
        return cls([path.read_bytes() for path in paths])

    def verify(self, message: bytes, signature: bytes) -> None:
        """Return when any trusted key made the signature; raise `Untrusted` otherwise."""
        for key in self._keys:
            try:
                return key.verify(signature, message)
            except InvalidSignature:
                continue
        raise Untrusted(f"the signature was made by none of the {len(self._keys)} trusted keys")
