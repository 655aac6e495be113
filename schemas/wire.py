"""The bytes on Kafka: the Confluent wire format, a zero byte, a schema id of four bytes, then Avro without its schema.

Ids come from the append-only catalogue (schemas/catalogue), so that a reader needs no server to decode, and one that
has a Schema Registry client finds the same ids behind the gateway's `/registry`.
Source: Confluent "Wire Format"; Avro 1.12 specification, "Schema Resolution".
"""

from __future__ import annotations

import io
import struct
from functools import cache
from typing import Any, Final

import fastavro
from pydantic import ValidationError

from schemas import catalogue
from schemas.avro.branches import NotOne, Translation, to_json
from schemas.avro.decoding import Decoder, decoder_of
from schemas.avro.encoding import Encoder, encoder_of
from schemas.topics import TOPIC_OF, TOPICS
from schemas.values import Record

MAGIC: Final = 0
HEADER_BYTES: Final = 5
RECORD_BYTES_MAX: Final = 1_000_000
"""A broker's default; no record of ours comes near it."""

_HEADER: Final = struct.Struct(">bI")


class Unreadable(Exception):
    """Bytes that are not a record of the topic they stand on. `content` holds the fields if Avro could be read."""

    def __init__(self, reason: str, content: dict[str, Any] | None = None) -> None:
        super().__init__(reason)
        self.content = content


def encode(record: Record) -> bytes:
    """The record's value on its topic, with the newest schema id of its subject."""
    header, body = _writer(type(record))
    return header + body(record)


def decode(topic: str, value: bytes) -> Record:
    """The record that stands on `topic` as `value`.

    Raises:
        Unreadable: not the wire format, an unknown schema id, broken Avro, or fields that are no record of ours.
    """
    header, body = _reader(topic)
    if value.startswith(header) and len(value) <= RECORD_BYTES_MAX:
        try:
            record, end = body(value, HEADER_BYTES)
        except (ValueError, IndexError):
            end = 0
        if end == len(value):
            return record  # type: ignore[no-any-return] # the decoder of a type of record gives records
    return _decode_in_general(topic, value)


def _decode_in_general(topic: str, value: bytes) -> Record:
    """As `decode`: of every version and in every form that Avro allows; says what is wrong."""
    record_type = _record_type(topic)
    content = _content(topic, value)
    try:
        return record_type.model_validate(content)
    except ValidationError as error:
        raise Unreadable(explain(error), content) from error


def explain(error: ValidationError) -> str:
    """Where and why a record's fields are wrong, in one line, without repeating what was sent."""
    faults = (
        f"{'.'.join(str(part) for part in fault['loc']) or 'record'}: {fault['msg']}"
        for fault in error.errors(include_url=False, include_input=False)
    )
    return "; ".join(faults)


def _content(topic: str, value: bytes) -> dict[str, Any]:
    if len(value) < HEADER_BYTES or len(value) > RECORD_BYTES_MAX:
        message = f"{len(value)} bytes cannot be a record"
        raise Unreadable(message)
    magic, schema_id = _HEADER.unpack_from(value)
    if magic != MAGIC:
        message = f"first byte is {magic}, not 0: not in the Confluent wire format"
        raise Unreadable(message)
    entry = catalogue.by_id().get(schema_id)
    if entry is None or entry.subject != TOPICS[topic].subject:
        message = f"schema id {schema_id} is not one of subject {TOPICS[topic].subject}"
        raise Unreadable(message)
    if entry.generation != catalogue.GENERATION:
        message = f"schema id {schema_id} is of generation {entry.generation}; this version reads {catalogue.GENERATION}"
        raise Unreadable(message)
    body = io.BytesIO(value)
    body.seek(HEADER_BYTES)
    written, newest, translate = _reading(schema_id, topic)
    try:
        content = fastavro.schemaless_reader(body, written, newest)
    except Exception as error:  # fastavro raises whatever its parsing meets: EOFError, IndexError, UnicodeDecodeError …
        message = f"not Avro of schema {schema_id}: {type(error).__name__}"
        raise Unreadable(message) from error
    if body.tell() != len(value) or not isinstance(content, dict):
        message = f"{len(value) - body.tell()} bytes after the record's end"
        raise Unreadable(message)
    try:
        translated: dict[str, Any] = translate(content)
    except NotOne as error:
        raise Unreadable(str(error), content) from error
    return translated


@cache
def _writer(record_type: type[Record]) -> tuple[bytes, Encoder]:
    """The first bytes of a record's value, and what makes the others."""
    entry = catalogue.newest(TOPIC_OF[record_type].subject)
    return _HEADER.pack(MAGIC, entry.schema_id), encoder_of(record_type, entry.schema)


@cache
def _reader(topic: str) -> tuple[bytes, Decoder]:
    """The first bytes of the topic's newest records, and what reads the others."""
    record_type = _record_type(topic)
    entry = catalogue.newest(TOPICS[topic].subject)
    return _HEADER.pack(MAGIC, entry.schema_id), decoder_of(record_type, entry.schema)


def _record_type(topic: str) -> type[Record]:
    record_type = TOPICS[topic].record
    if record_type is None:
        message = f"topic {topic} holds no records"
        raise Unreadable(message)
    return record_type


@cache
def _reading(schema_id: int, topic: str) -> tuple[Any, Any, Translation]:
    """The schema it was written with, the newest of its subject only where it differs, and what turns it into JSON's form."""
    newest = catalogue.newest(TOPICS[topic].subject)
    resolved = None if newest.schema_id == schema_id else _parsed(newest.schema_id)
    return _parsed(schema_id), resolved, to_json(newest.schema) or _as_it_is


@cache
def _parsed(schema_id: int) -> Any:
    return fastavro.parse_schema(_without_logical_types(catalogue.by_id()[schema_id].schema))


def _as_it_is(content: Any) -> Any:
    return content


def _without_logical_types(schema: Any) -> Any:
    """Instants stay integers in Python: exact, cheap, and the same as in JSON."""
    if isinstance(schema, dict):
        return {key: _without_logical_types(part) for key, part in schema.items() if key != "logicalType"}
    if isinstance(schema, list):
        return [_without_logical_types(part) for part in schema]
    return schema
