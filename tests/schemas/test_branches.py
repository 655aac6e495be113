"""A union of records is written under the kind of its record, read back unchanged, and never as another kind."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any, get_args

import fastavro
import pytest

from schemas import catalogue, wire
from schemas.avro import declaration
from schemas.avro.branches import NotOne, to_json
from schemas.check import incompatibilities
from schemas.commands import Body, Command, Ed25519Signature, InitiateOrder, SplitOrder, WebAuthnAssertion
from schemas.events.lifecycle import OrderClosed, PolicyEvaluated
from schemas.examples import example
from schemas.orders import Action
from schemas.topics import TOPIC_OF
from schemas.values import Record

BODIES = get_args(get_args(Body)[0])
ACTIONS = get_args(get_args(Action)[0])


def held(record: Record) -> None:
    assert wire.decode(TOPIC_OF[type(record)].name, wire.encode(record)) == record


def command(**changes: Any) -> Command:
    return example(Command).model_copy(update=changes)


@pytest.mark.parametrize("kind", BODIES)
def test_every_body(kind: type[Any]) -> None:
    held(command(body=example(kind)))


@pytest.mark.parametrize("kind", ACTIONS)
def test_every_action(kind: type[Any]) -> None:
    held(command(body=InitiateOrder(wallet_id="treasury-1", action=example(kind))))


@pytest.mark.parametrize("kind", [Ed25519Signature, WebAuthnAssertion])
def test_every_authorization(kind: type[Record]) -> None:
    held(command(authorization=example(kind)))


def test_what_is_absent() -> None:
    held(example(PolicyEvaluated).model_copy(update={"approval_subject": None, "approval_hash": None}))
    held(example(OrderClosed).model_copy(update={"command": None, "child_order_ids": []}))


def test_a_split_inside_an_end() -> None:
    split = SplitOrder(order_id=example(SplitOrder).order_id, amounts=[Decimal(1), Decimal(2), Decimal(3)])
    held(example(OrderClosed).model_copy(update={"command": command(body=split)}))


def record(name: str, *fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, "namespace": "n", "fields": list(fields), **more}


def of_kind(name: str, kind: str) -> dict[str, Any]:
    return record(name, {"name": "kind", "type": {"type": "enum", "name": f"{name}Kind", "symbols": [kind]}})


def choice(*branches: dict[str, Any]) -> dict[str, Any]:
    fields = [{"name": b["name"].lower(), "type": ["null", b], "default": None} for b in branches]
    return record("Choice", *fields, choice=True)


A, B, C = of_kind("A", "a"), of_kind("B", "b"), of_kind("C", "c")


def test_what_is_the_same_in_both_forms_is_left_alone() -> None:
    for schema in (record("R", {"name": "f", "type": "string"}), {"type": "array", "items": ["null", "string"]}):
        assert to_json(schema) is None


def test_a_choice_is_taken_out_in_an_array_beside_null_and_where_it_is_only_named() -> None:
    named = {"name": "again", "type": ["null", {"type": "array", "items": "n.Choice"}]}
    take = to_json(record("R", {"name": "first", "type": choice(A, B)}, named))
    assert take is not None
    a, b = {"a": {"kind": "a"}, "b": None}, {"a": None, "b": {"kind": "b"}}
    assert take({"first": dict(a), "again": [b, a]}) == {"first": {"kind": "a"}, "again": [{"kind": "b"}, {"kind": "a"}]}
    assert take({"first": dict(b), "again": None}) == {"first": {"kind": "b"}, "again": None}


@pytest.mark.parametrize("several", [{"a": None, "b": None}, {"a": {"kind": "a"}, "b": {"kind": "b"}}, {}])
def test_a_choice_of_none_or_of_two_is_refused(several: dict[str, Any]) -> None:
    """Two readers could each take another one for the record."""
    take = to_json(choice(A, B))
    assert take is not None
    with pytest.raises(NotOne):
        take(several)


def test_a_record_with_two_bodies_is_unreadable() -> None:
    """As a stranger could write it, with the published schema and nothing else wrong."""
    schema_id = catalogue.newest("commands-value").schema_id
    schema = fastavro.parse_schema(catalogue.by_id()[schema_id].schema)
    value = wire.encode(command())
    content: Any = fastavro.schemaless_reader(io.BytesIO(value[wire.HEADER_BYTES :]), schema, None)
    content["body"]["cancel_order"] = {"kind": "cancel_order", "order_id": example(SplitOrder).order_id, "reason": ""}
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, content)
    with pytest.raises(wire.Unreadable, match="exactly one"):
        wire.decode("commands", value[: wire.HEADER_BYTES] + out.getvalue())


def test_a_choice_can_grow_by_a_kind_and_an_avro_union_cannot() -> None:
    older, newer = choice(A, B), choice(A, B, C)
    assert incompatibilities(older, newer) == incompatibilities(newer, older) == []
    union, grown = record("R", {"name": "one", "type": [A, B]}), record("R", {"name": "one", "type": [A, B, C]})
    assert incompatibilities(union, grown) != []


def test_a_kind_that_an_older_reader_does_not_know_is_refused_not_lost() -> None:
    older, newer = fastavro.parse_schema(choice(A, B)), fastavro.parse_schema(choice(A, B, C))
    out = io.BytesIO()
    fastavro.schemaless_writer(out, newer, {"c": {"kind": "c"}})
    take = to_json(choice(A, B))
    assert take is not None
    with pytest.raises(NotOne):
        take(fastavro.schemaless_reader(io.BytesIO(out.getvalue()), newer, older))


def test_every_choice_of_a_model_is_one_in_its_schema() -> None:
    schema = declaration.schema_of(Command)
    (body,) = (field["type"] for field in schema["fields"] if field["name"] == "body")
    assert body[declaration.CHOICE] is True
    assert [field["name"] for field in body["fields"]] == [kind.model_fields["kind"].default for kind in BODIES]
