"""A name server that knows the Services of a release, as a cluster's does, for one process that is started with it."""

from __future__ import annotations

import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

DOMAIN = "svc.cluster.local"
ADDRESS = "127.0.0.9"
PORT = 53
"""No other can be said in `resolv.conf`."""
ANSWER, UNKNOWN = 0x8580, 0x8583
"""Flags of a reply that has the last word: no error, and no such name."""


class NameServer:
    """Answers with the IPv4 addresses of names; knows no other name. Raises `OSError` where it may not have its port."""

    def __init__(self, names: Mapping[str, Sequence[str]]) -> None:
        self._names = {f"{name}.cluster.local.": list(addresses) for name, addresses in names.items()}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((ADDRESS, PORT))
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Stop answering."""
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                asked, whom = self._socket.recvfrom(4096)
                self._socket.sendto(self.answer(asked), whom)
            except OSError:
                return

    def answer(self, asked: bytes) -> bytes:
        """Return the reply to one question."""
        name, end = _name(asked, 12)
        (kind,) = struct.unpack_from(">H", asked, end)
        known = self._names.get(name)
        found = (known or []) if kind == 1 else []
        head = asked[:2] + struct.pack(">HHHHH", UNKNOWN if known is None else ANSWER, 1, len(found), 0, 0)
        records = [struct.pack(">HHHIH", 0xC00C, 1, 1, 5, 4) + socket.inet_aton(it) for it in found]
        return head + asked[12 : end + 4] + b"".join(records)


def _name(message: bytes, at: int) -> tuple[str, int]:
    labels = []
    while length := message[at]:
        labels.append(message[at + 1 : at + 1 + length].decode())
        at += 1 + length
    return "".join(f"{it}." for it in labels).lower(), at + 1


def asking(folder: Path, namespace: str) -> list[str]:
    """Return what stands before a command that is to ask this server, with the search list that pods have.

    It sees a `resolv.conf` of its own, by a mount that nobody else sees: only root may do that.
    """
    resolv = folder / "resolv.conf"
    search = f"{namespace}.{DOMAIN} {DOMAIN} {DOMAIN.partition('.')[2]}"
    resolv.write_text(f"nameserver {ADDRESS}\nsearch {search}\noptions ndots:5\n")
    mount = f'mount --bind "{resolv}" /etc/resolv.conf && exec "$@"'
    return [shutil.which("unshare") or "unshare", "--mount", "sh", "-c", mount, "sh"]


def may_ask(folder: Path) -> bool:
    """Tell whether this machine lets us do so."""
    try:
        probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        probe.bind((ADDRESS, PORT))
        probe.close()
        done = subprocess.run([*asking(folder, "river"), "true"], capture_output=True, check=False, timeout=10)
    except OSError:
        return False
    return done.returncode == 0
