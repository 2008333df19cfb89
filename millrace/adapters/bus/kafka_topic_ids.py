"""Topic ids: what tells a topic from one of the same name that was deleted and made anew.

aiokafka 0.14 knows the metadata request up to version 5; topic ids came with version 10. This is version 12, on
aiokafka's own building blocks (see the message `MetadataRequest` of Kafka's protocol).
"""

from __future__ import annotations

import base64
from io import BytesIO

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Schema, TaggedFields

_NO_ID = bytes(16)


class Uuid:
    """16 bytes on the wire; in text as Kafka's own tools print them, empty for the id that means none."""

    @classmethod
    def encode(cls, value: bytes) -> bytes:
        """Return the bytes as they are."""
        return value

    @classmethod
    def decode(cls, data: BytesIO) -> str:
        """Read one id."""
        raw = data.read(16)
        return "" if raw == _NO_ID else base64.urlsafe_b64encode(raw)[:22].decode()

    @classmethod
    def repr(cls, value: object) -> str:
        """Return the id as a reader sees it."""
        return repr(value)


class TopicIdsResponse(Response):  # type: ignore[misc]  # aiokafka is untyped here
    """Metadata of topics, version 12."""

    API_KEY = 3
    API_VERSION = 12
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", CompactString("utf-8")),
                ("topic_id", Schema(("id", Uuid))),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class TopicIdsRequestV12(RequestStruct):  # type: ignore[misc]
    """Asks for the metadata of named topics, version 12."""

    FLEXIBLE_VERSION = True
    API_KEY = 3
    API_VERSION = 12
    RESPONSE_TYPE = TopicIdsResponse
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(("topic_id", Schema(("id", Uuid))), ("name", CompactString("utf-8")), ("tags", TaggedFields)),
        ),
        ("allow_auto_topic_creation", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class TopicIdsRequest(Request[TopicIdsRequestV12]):  # type: ignore[misc]
    """Asks for the ids of topics; raises `NotImplementedError` towards a broker too old to have them."""

    API_KEY = 3

    def __init__(self, topics: list[str]) -> None:
        self._topics = topics

    def build(self, request_struct_class: type[TopicIdsRequestV12]) -> TopicIdsRequestV12:
        """Make the request."""
        topics: list[object] = [((_NO_ID,), topic, {}) for topic in self._topics]
        return request_struct_class(topics, False, False, {})


def ids_by_topic(response: TopicIdsResponse) -> dict[str, str]:
    """Return the ids a response holds, by topic; topics that are not there are left out."""
    return {name: id_ for error, name, (id_,), *_ in response.topics if error == 0}
