"""Our encoder writes fastavro's bytes for any content of any record; caching does not change them."""

from __future__ import annotations

import io
import types
from decimal import Decimal
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import PlainSerializer

from schemas import catalogue, wire
from schemas.avro import remembering
from schemas.avro.declaration import CHOICE, UnmappedType
from schemas.avro.encoding import encoder_of, long, text
from schemas.events.limits import LimitReserved
from schemas.examples import example
from schemas.topics import TOPIC_OF
from schemas.values import Record

pytestmark = pytest.mark.slow

LONGS = st.integers(-(2**63), 2**63 - 1) | st.integers(-200, 200)
TEXTS = st.text(max_size=12) | st.text("a", min_size=60, max_size=140)
DOLLARS = st.decimals(0, 10**15, places=6) | st.sampled_from([Decimal(0), Decimal("1.5"), Decimal(10) ** 14])


def content_of(hint: Any, *, is_text: bool = False) -> st.SearchStrategy[Any]:
    """Any content for a field, valid or not: only its form counts here."""
    if get_origin(hint) is Annotated:
        base, *annotations = get_args(hint)
        return content_of(base, is_text=is_text or any(isinstance(each, PlainSerializer) for each in annotations))
    if get_origin(hint) in (Union, types.UnionType):
        return st.one_of(*[content_of(member) for member in get_args(hint)])
    if get_origin(hint) is list:
        return st.lists(content_of(get_args(hint)[0]), max_size=3)
    if get_origin(hint) is Literal:
        return st.sampled_from(get_args(hint))
    if hint is int:
        return st.integers(-(2**256), 2**256) if is_text else LONGS
    simple = {str: TEXTS, bool: st.booleans(), Decimal: DOLLARS, types.NoneType: st.none()}
    return simple[hint] if hint in simple else records(hint)


def records(record_type: type[Record]) -> st.SearchStrategy[Any]:
    hints = get_type_hints(record_type, include_extras=True)
    fields = {name: content_of(hints[name]) for name in record_type.model_fields}
    return st.fixed_dictionaries(fields).map(lambda values: record_type.model_construct(**values))


def named_in(schema: Any) -> dict[str, Any]:
    """Every record of a schema by its full name."""
    if isinstance(schema, list):
        return {name: each for member in schema for name, each in named_in(member).items()}
    if not isinstance(schema, dict):
        return {}
    own = {f"{schema['namespace']}.{schema['name']}": schema} if schema["type"] == "record" else {}
    return own | named_in([field["type"] for field in schema.get("fields", [])]) | named_in(schema.get("items"))


def avro_form(value: Any, schema: Any, named: dict[str, Any]) -> Any:
    """A value's JSON form as fastavro wants it: a record of a choice under its kind."""
    if isinstance(schema, list):
        return None if value is None else avro_form(value, schema[1], named)
    schema = named.get(schema, schema) if isinstance(schema, str) else schema
    if not isinstance(schema, dict) or schema["type"] not in ("array", "record"):
        return value
    if schema["type"] == "array":
        return [avro_form(each, schema["items"], named) for each in value]
    if schema.get(CHOICE):
        (kind,) = (field["type"][1] for field in schema["fields"] if field["name"] == value["kind"])
        return {value["kind"]: avro_form(value, kind, named)}
    return {field["name"]: avro_form(value[field["name"]], field["type"], named) for field in schema["fields"]}


def by_fastavro(record: Record) -> bytes:
    schema = catalogue.newest(TOPIC_OF[type(record)].subject).schema
    form = avro_form(record.model_dump(mode="json"), schema, named_in(schema))
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), form)
    return out.getvalue()


@pytest.mark.parametrize("record_type", list(TOPIC_OF), ids=lambda each: each.__name__)
def test_any_content_of_any_record_is_written_as_fastavro_writes_it(record_type: type[Record]) -> None:
    @settings(max_examples=25)
    @given(records(record_type))
    def same(record: Record) -> None:
        assert wire.encode(record)[wire.HEADER_BYTES :] == by_fastavro(record)

    same()


@given(LONGS)
def test_whole_numbers(number: int) -> None:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, "long", number)
    assert long(number) == out.getvalue()


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1])
def test_a_number_beyond_64_bits_is_no_long(number: int) -> None:
    with pytest.raises(OverflowError, match="64 bits"):
        long(number)


@given(st.text(max_size=300))
def test_texts(characters: str) -> None:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, "string", characters)
    assert text(characters) == out.getvalue()


def test_more_values_than_are_remembered_are_written_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembering, "REMEMBERED_MAX", 3)
    schema = {"type": "record", "name": "R", "namespace": "n", "fields": [{"name": "reserved", "type": "string"}]}

    class R(Record):
        reserved: str

    encode = encoder_of(R, schema)
    for number in (1, 2, 3, 4, 5, 1, 2):
        assert encode(R(reserved=f"limit {number}")) == text(f"limit {number}")


def test_a_value_that_the_model_would_have_refused_is_not_written() -> None:
    reserved = example(LimitReserved).reserved
    for wrong in ({"order_id": None}, {"order_id": 7}, {"position": "1"}, {"reserved": reserved[0]}, {"reserved": [None]}):
        with pytest.raises((AttributeError, TypeError)):
            wire.encode(example(LimitReserved).model_copy(update=wrong))


@pytest.mark.parametrize("schema", [["null", "string", "long"], "string"])
def test_what_no_schema_of_ours_has_gets_no_encoder(schema: Any) -> None:
    class R(Record):
        field: Decimal

    with pytest.raises(UnmappedType):
        encoder_of(R, {"type": "record", "name": "R", "namespace": "n", "fields": [{"name": "field", "type": schema}]})
