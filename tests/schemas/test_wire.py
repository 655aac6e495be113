"""Every record survives encoding and decoding unchanged; anything else is refused."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas import catalogue, wire
from schemas.avro import declaration
from schemas.check import incompatibilities, problems
from schemas.commands import Command
from schemas.events.facts import PriceFact
from schemas.examples import example
from schemas.orders import ApproveToken, Transfer
from schemas.topics import TOPICS, Topic
from schemas.values import Record

RECORDS = [topic for topic in TOPICS.values() if topic.record is not None]
ADDRESS = "0x5FbDB2315678afecb367f032d93F642f64180aa3"


def record_type(topic: Topic) -> type[Record]:
    assert topic.record is not None
    return topic.record


@pytest.mark.parametrize("topic", RECORDS, ids=lambda topic: topic.name)
def test_what_is_written_is_what_is_read(topic: Topic) -> None:
    record = example(record_type(topic))
    assert wire.decode(topic.name, wire.encode(record)) == record


@pytest.mark.parametrize("topic", RECORDS, ids=lambda topic: topic.name)
def test_any_avro_reader_reads_it_with_the_published_schema(topic: Topic) -> None:
    """Not our decoder: fastavro with the registry's own schema, logical types and all."""
    value = wire.encode(example(record_type(topic)))
    magic, schema_id = struct.unpack(">bI", value[:5])
    schema = fastavro.parse_schema(json.loads(catalogue.by_id()[schema_id].text))
    content: Any = fastavro.schemaless_reader(io.BytesIO(value[5:]), schema, None)
    assert magic == 0
    assert set(content) == set(record_type(topic).model_fields)


OF_TODAY = [entry for entry in catalogue.entries() if entry.generation == catalogue.GENERATION]
OF_EARLIER = [entry for entry in catalogue.entries() if entry.generation != catalogue.GENERATION]


@pytest.mark.parametrize("entry", OF_TODAY, ids=lambda entry: f"{entry.subject}-v{entry.version}")
def test_golden_bytes_of_every_version_still_read(entry: catalogue.Entry) -> None:
    value = bytes.fromhex(entry.golden_path.read_text("ascii"))
    record = wire.decode(entry.subject.removesuffix("-value"), value)
    known = {each["name"]: {field["name"] for field in each["fields"]} for each in declared(entry.schema)}
    assert record == as_known(example(type(record)), known), "what was added since is not at its default"


def declared(schema: Any) -> Iterator[dict[str, Any]]:
    """Every record that an Avro schema declares, wherever in it."""
    if isinstance(schema, dict) and schema.get("type") == "record":
        yield schema
    inside = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    for each in inside:
        yield from declared(each)


def as_known(value: Any, known: dict[str, set[str]]) -> Any:
    """The value with whatever its schema did not know at its default, in records within records, too."""
    if isinstance(value, list):
        return [as_known(each, known) for each in value]
    if not isinstance(value, Record):
        return value
    fields = type(value).model_fields.items()
    names = known.get(type(value).__name__, set(type(value).model_fields))
    return value.model_copy(
        update={
            name: as_known(getattr(value, name), known) if name in names else field.get_default(call_default_factory=True)
            for name, field in fields
        }
    )


@pytest.mark.parametrize("entry", OF_EARLIER, ids=lambda entry: f"{entry.subject}-v{entry.version}")
def test_what_an_earlier_generation_wrote_is_refused_by_name_and_readable_by_others(entry: catalogue.Entry) -> None:
    """No guess at an old meaning; any Avro reader gets at it with the schema that the catalogue keeps."""
    value = bytes.fromhex(entry.golden_path.read_text("ascii"))
    with pytest.raises(wire.Unreadable, match=f"of generation {entry.generation}; this version reads {catalogue.GENERATION}"):
        wire.decode(entry.subject.removesuffix("-value"), value)
    body = io.BytesIO(value[wire.HEADER_BYTES :])
    assert isinstance(fastavro.schemaless_reader(body, fastavro.parse_schema(entry.schema), None), dict)
    assert body.read() == b""


@pytest.mark.parametrize("topic", RECORDS, ids=lambda topic: topic.name)
def test_the_newest_version_writes_its_golden_bytes(topic: Topic) -> None:
    golden = bytes.fromhex(catalogue.newest(topic.subject).golden_path.read_text("ascii"))
    assert wire.encode(example(record_type(topic))) == golden


def test_the_catalogue_and_the_models_agree() -> None:
    assert list(problems()) == []


@given(st.binary(max_size=300))
def test_bytes_from_anywhere_are_unreadable_and_nothing_worse(value: bytes) -> None:
    with pytest.raises(wire.Unreadable):
        wire.decode("commands", value)


@given(st.data())
def test_a_changed_byte_is_unreadable_or_another_valid_record(data: st.DataObject) -> None:
    value = bytearray(wire.encode(example(Command)))
    value[data.draw(st.integers(0, len(value) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        record = wire.decode("commands", bytes(value))
    except wire.Unreadable:
        return
    assert wire.decode("commands", wire.encode(record)) == record


def test_bytes_after_the_end_are_refused() -> None:
    with pytest.raises(wire.Unreadable, match="after the record's end"):
        wire.decode("commands", wire.encode(example(Command)) + b"\x00")


def test_a_record_of_another_topic_is_refused() -> None:
    with pytest.raises(wire.Unreadable, match="is not one of subject commands-value"):
        wire.decode("commands", wire.encode(example(record_type(TOPICS["signed"]))))


def test_a_branch_of_a_union_is_never_ambiguous() -> None:
    """An allowance must not be written as a transfer, whatever their fields are called."""
    for action in (
        Transfer(asset_id="USDC", amount=Decimal(1), destination=ADDRESS),
        ApproveToken(asset_id="USDC", amount=Decimal(1), spender=ADDRESS),
    ):
        command = example(Command)
        changed = command.model_copy(update={"body": command.body.model_copy(update={"action": action})})
        decoded = wire.decode("commands", wire.encode(changed))
        assert decoded == changed


def record_schema(*fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": "record", "name": "R", "fields": list(fields)}


A = {"name": "a", "type": "string"}
B = {"name": "b", "type": "string"}
B_WITH_DEFAULT = {**B, "default": ""}
A_AS_LONG = {"name": "a", "type": "long"}


@pytest.mark.parametrize(
    ("reader", "writer", "compatible"),
    [
        (record_schema(A), record_schema(A), True),
        (record_schema(A, B_WITH_DEFAULT), record_schema(A), True),
        (record_schema(A), record_schema(A, B_WITH_DEFAULT), True),
        (record_schema(A, B), record_schema(A), False),
        (record_schema(A), record_schema(A_AS_LONG), False),
    ],
)
def test_a_change_that_an_older_reader_could_not_read_is_found(
    reader: dict[str, Any], writer: dict[str, Any], *, compatible: bool
) -> None:
    assert (incompatibilities(reader, writer) == []) is compatible


def test_a_float_has_no_place_in_a_schema() -> None:
    class Loose(Record):
        amount: float

    with pytest.raises(declaration.UnmappedType, match=r"Loose\.amount has no Avro form"):
        declaration.schema_of(Loose)


@pytest.mark.parametrize("usd", ["1e3", "-1", "NaN", "1,000", "0.0000001", "", " 1", 1.5, "10000000000000000"])
def test_dollars_that_are_no_dollars_are_refused(usd: object) -> None:
    price = example(PriceFact).model_dump()
    with pytest.raises(ValidationError):
        PriceFact.model_validate({**price, "usd": usd})


def test_nothing_is_written_without_a_sign() -> None:
    price = example(PriceFact)
    assert PriceFact(**{**dict(price), "usd": Decimal("-0.00")}).model_dump(mode="json")["usd"] == "0.000000"


@pytest.mark.parametrize("amount", ["-1", "0", "1e400", "0x10", "1.", ".5", "\uff19", "1" * 79, True, 1.5, None])
def test_amounts_that_are_no_amounts_are_refused(amount: object) -> None:
    with pytest.raises(ValidationError):
        Transfer.model_validate({"kind": "transfer", "asset_id": "USDC", "amount": amount, "destination": ADDRESS})


def test_a_mistyped_address_is_told_from_a_malformed_one() -> None:
    fields = {"kind": "transfer", "asset_id": "USDC", "amount": "1"}
    with pytest.raises(ValidationError, match="EIP-55"):
        Transfer.model_validate({**fields, "destination": ADDRESS.replace("b", "B", 1)})
    with pytest.raises(ValidationError, match="40 hexadecimal digits"):
        Transfer.model_validate({**fields, "destination": ADDRESS[:-1]})
