"""What must not be shown."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

HIDDEN = "(hidden)"


def without_password(address: str) -> str:
    """Return an address without the credentials in it.

    >>> without_password("redis://reader:open-sesame@cache.example:6379/0")
    'redis://(hidden)@cache.example:6379/0'
    """
    if "://" not in address:
        return address
    parts = urlsplit(address)
    _, at, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{HIDDEN}@{host}")) if at else address
