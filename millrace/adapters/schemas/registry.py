"""A schema registry with Confluent's REST interface: Confluent's own, Karapace, Apicurio (its `ccompat` address)."""

from __future__ import annotations

import ssl
from typing import Any

import httpx
import msgspec

from millrace.domain.errors import Unreachable
from millrace.runtime.settings import Connections

TIMEOUT = 5.0
_SERIALIZED = {"format": "serialized"}
"""Asks for Protocol Buffers as a descriptor instead of as text; others pass it over."""


class Fetched(msgspec.Struct, frozen=True):
    """A schema as a registry gave it. `needs` are the schemas it refers to, by name, those they refer to before them.

    `kind` is `AVRO`, `PROTOBUF`, `JSON`; empty when the registry has no schema of that id.
    """

    kind: str
    schema: str = ""
    needs: list[tuple[str, str]] = []


class SchemaRegistry:
    """Asks a registry. Raises `Unreachable` when it does not answer, or refuses."""

    def __init__(self, connections: Connections) -> None:
        self._url = connections.schema_registry.rstrip("/")
        user = connections.schema_registry_user
        self._auth = (user, connections.schema_registry_password.get_secret_value()) if user else None
        self._verify = ssl.create_default_context(cafile=connections.schema_registry_ca)

    async def fetch(self, number: int) -> Fetched:
        """Return the schema with an id; one without a kind when there is none."""
        found = await self._ask(f"/schemas/ids/{number}")
        if found is None:
            return Fetched("")
        kind = found.get("schemaType", "AVRO")
        needs: dict[str, str] = {}
        await self._collect(found.get("references") or [], needs)
        return Fetched(kind, found["schema"], list(needs.items()))

    async def _collect(self, references: list[dict[str, Any]], needs: dict[str, str]) -> None:
        for each in references:
            if each["name"] in needs:
                continue
            found = await self._ask(f"/subjects/{each['subject']}/versions/{each['version']}")
            if found is None:
                raise Unreachable(f"the schema registry at {self._url} has no {each['subject']} {each['version']}")
            await self._collect(found.get("references") or [], needs)
            needs[each["name"]] = found["schema"]

    async def _ask(self, path: str) -> dict[str, Any] | None:
        try:
            # A schema is asked for once: a connection kept for the next one would outlive its use.
            async with httpx.AsyncClient(auth=self._auth, verify=self._verify, timeout=TIMEOUT) as client:
                response = await client.get(self._url + path, params=_SERIALIZED)
            if response.status_code == 404:
                return None
            response.raise_for_status()
            return msgspec.json.decode(response.content, type=dict[str, Any])
        except (httpx.HTTPError, httpx.InvalidURL, msgspec.MsgspecError) as error:
            raise Unreachable(f"the schema registry at {self._url} gives no answer: {error or repr(error)}") from error
