"""Reads Protocol Buffers by the descriptor a registry has of them: no generated code is needed."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import UTC
from importlib import import_module
from typing import Any

from millrace.adapters.schemas.registry import Fetched
from millrace.domain.errors import NotReady, Refused


def protobuf_reader(schema: Fetched) -> Callable[[bytes], Any]:
    """Return what reads the bytes of a value, its message's indexes first; it raises `Refused` for what does not fit."""
    try:
        from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    except ImportError as error:
        raise NotReady("Protocol Buffers are read with protobuf: pip install 'millrace[sources]'") from error

    pool, own = descriptor_pool.DescriptorPool(), _descriptor(descriptor_pb2, schema.schema, "")
    for file in (*(_descriptor(descriptor_pb2, text, name) for name, text in schema.needs), own):
        _add(pool, file, descriptor_pool.Default(), descriptor_pb2)

    def read(data: bytes) -> Any:
        try:
            indexes, start = _indexes(data)
            found = message_factory.GetMessageClass(pool.FindMessageTypeByName(_named(own, indexes)))()
            found.ParseFromString(data[start:])
        except Exception as error:  # protobuf raises DecodeError, KeyError, IndexError, depending on its build
            raise Refused(f"the bytes do not fit their message: {type(error).__name__} {error}") from error
        return _plain(found)

    return read


def _descriptor(pb: Any, text: str, name: str) -> Any:
    try:
        found = pb.FileDescriptorProto.FromString(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError) as error:
        raise Refused("the registry gives the schema as text only; it must know `?format=serialized`") from error
    found.name = name or found.name
    return found


def _add(pool: Any, file: Any, usual: Any, pb: Any) -> None:
    """Add a file after those it imports; Google's own are in every build."""
    for name in file.dependency:
        try:
            pool.FindFileByName(name)
        except KeyError:
            known = pb.FileDescriptorProto()
            _loaded(usual, name).CopyToProto(known)
            _add(pool, known, usual, pb)
    pool.Add(file)


def _loaded(usual: Any, name: str) -> Any:
    """Return one of Google's own files; the pool has it once its module is imported."""
    if name.startswith("google/protobuf/"):
        import_module(f"{name.removesuffix('.proto').replace('/', '.')}_pb2")
    return usual.FindFileByName(name)


def _indexes(data: bytes) -> tuple[list[int], int]:
    """Return which message of the file it is, from outside in, and where its bytes begin; a lone 0 is the first."""
    count, at = _varint(data, 0)
    found: list[int] = []
    for _ in range(count):
        index, at = _varint(data, at)
        found.append(index)
    return found or [0], at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Read a zigzag variable-length number; return it and what comes after."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), at


def _named(file: Any, indexes: list[int]) -> str:
    found = file.message_type[indexes[0]]
    names = [file.package] if file.package else []
    names.append(found.name)
    for index in indexes[1:]:
        found = found.nested_type[index]
        names.append(found.name)
    return ".".join(names)


def _plain(message: Any) -> Any:
    """Return a message as plain data: what is unset and can be told apart from its default is `None`."""
    if message.DESCRIPTOR.full_name == "google.protobuf.Timestamp":
        return message.ToDatetime(tzinfo=UTC)
    return {field.name: _field(message, field) for field in message.DESCRIPTOR.fields}


def _field(message: Any, field: Any) -> Any:
    value = getattr(message, field.name)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        its = field.message_type.fields_by_name["value"]
        return {str(key): _one(it, its) for key, it in value.items()}
    if field.is_repeated:
        return [_one(it, field) for it in value]
    return None if field.has_presence and not message.HasField(field.name) else _one(value, field)


def _one(value: Any, field: Any) -> Any:
    if field.message_type is not None:
        return _plain(value)
    if field.enum_type is not None:
        named = field.enum_type.values_by_number.get(value)
        return named.name if named else value
    return value
