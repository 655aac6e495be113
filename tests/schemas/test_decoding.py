"""The fast decoder gives the general decoder's result or defers to it, on every record, damaged or not."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field, field_validator

from schemas import wire
from schemas.avro.declaration import UnmappedType
from schemas.avro.decoding import NotPlain, decoder_of
from schemas.avro.encoding import encoder_of, long, text
from schemas.commands import Command, InitiateOrder, SplitOrder
from schemas.examples import example
from schemas.topics import TOPIC_OF, TOPICS, Topic
from schemas.values import Record

RECORDS = [topic for topic in TOPICS.values() if topic.record is not None]


def quick(topic: Topic, value: bytes) -> Record | None:
    """The fast decoder's result; None where it defers to the general one."""
    _, decode = wire._reader(topic.name)
    try:
        record, end = decode(value, wire.HEADER_BYTES)
    except (ValueError, IndexError):
        return None
    assert isinstance(record, Record)
    return record if end == len(value) else None


def general(topic: Topic, value: bytes) -> Record | None:
    """The general decoder's result; None where it refuses."""
    try:
        return wire._decode_in_general(topic.name, value)
    except wire.Unreadable:
        return None


def written(topic: Topic) -> bytes:
    assert topic.record is not None
    return wire.encode(example(topic.record))


@pytest.mark.parametrize("topic", RECORDS, ids=lambda topic: topic.name)
def test_what_we_write_is_read_without_the_general_decoder(topic: Topic) -> None:
    found = quick(topic, written(topic))
    assert topic.record is not None
    assert found is not None
    assert found == general(topic, written(topic)) == example(topic.record)
    assert list(found.__dict__) == list(topic.record.model_fields)
    assert found.model_dump_json() == example(topic.record).model_dump_json()


@pytest.mark.parametrize("topic", RECORDS, ids=lambda topic: topic.name)
def test_of_damaged_bytes_it_gives_nothing_else_than_the_general_decoder(topic: Topic) -> None:
    whole = written(topic)

    @settings(max_examples=60)
    @given(st.data())
    def same(data: st.DataObject) -> None:
        value = bytearray(whole)
        for _ in range(data.draw(st.integers(1, 3))):
            place = data.draw(st.integers(wire.HEADER_BYTES, len(value) - 1))
            match data.draw(st.sampled_from(["change", "insert", "delete"])):
                case "change":
                    value[place] = data.draw(st.integers(0, 255))
                case "insert":
                    value.insert(place, data.draw(st.integers(0, 255)))
                case "delete" if len(value) > wire.HEADER_BYTES + 1:
                    del value[place]
                case _:
                    pass
        found = quick(topic, bytes(value))
        assert found is None or found == general(topic, bytes(value))

    same()


@pytest.mark.parametrize("topic", RECORDS, ids=lambda topic: topic.name)
def test_of_each_beginning_alone_it_gives_nothing(topic: Topic) -> None:
    whole = written(topic)
    assert [end for end in range(wire.HEADER_BYTES, len(whole)) if quick(topic, whole[:end]) is not None] == []


def test_a_list_is_held_to_its_length() -> None:
    split = example(SplitOrder)
    assert len(split.amounts) == 2
    command = example(Command).model_copy(update={"body": split.model_copy(update={"amounts": split.amounts[:1]})})
    with pytest.raises(wire.Unreadable, match="at least 2 items"):
        wire.decode("commands", wire.encode(command))


def test_what_avro_allows_and_we_do_not_write_is_read_all_the_same() -> None:
    """The memo's length in two bytes, as no encoder should write it and every decoder reads it."""
    body = InitiateOrder(wallet_id="treasury-1", action=example(InitiateOrder).action, memo="as agreed")
    command = example(Command).model_copy(update={"body": body})
    value = wire.encode(command)
    assert value.count(text("as agreed")) == 1
    longer = value.replace(text("as agreed"), bytes([len("as agreed") << 1 | 0x80, 0]) + b"as agreed")
    assert wire.decode("commands", longer) == command


@pytest.mark.parametrize(
    "encoded",
    [long(-1), bytes([0x81, 0x01]), b"\x80" * 10 + b"\x01", b"\xff" * 9 + b"\x7f"],
    ids=["negative", "negative, two bytes", "eleven bytes", "more than 64 bits"],
)
def test_a_length_that_is_none_is_left_to_the_general_decoder(encoded: bytes) -> None:
    class R(Record):
        name: str

    decode = decoder_of(R, {"type": "record", "name": "R", "namespace": "n", "fields": [{"name": "name", "type": "string"}]})
    with pytest.raises(NotPlain):
        decode(encoded + b"aaaa", 0)


@given(st.integers(-(2**63), 2**63 - 1))
def test_whole_numbers_come_back(number: int) -> None:
    class R(Record):
        number: Annotated[int, Field(le=2**63)]

    schema = {"type": "record", "name": "R", "namespace": "n", "fields": [{"name": "number", "type": "long"}]}
    assert decoder_of(R, schema)(encoder_of(R, schema)(R(number=number)), 0)[0] == R(number=number)


def test_a_model_that_checks_more_than_single_fields_gets_no_decoder() -> None:
    class R(Record):
        name: str

        @field_validator("name")
        @classmethod
        def _short(cls, value: Any) -> Any:
            return value

    with pytest.raises(UnmappedType, match="checks more"):
        decoder_of(R, {"type": "record", "name": "R", "namespace": "n", "fields": [{"name": "name", "type": "string"}]})


def test_every_topic_of_records_has_its_decoder() -> None:
    assert {wire._record_type(topic.name) for topic in RECORDS} == set(TOPIC_OF)
