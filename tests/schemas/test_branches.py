"""Every record is the same after it was written and read: also where one of several records stands, which Avro writes otherwise."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import fastavro
import pytest

from schemas import catalogue, wire
from schemas.branches import to_avro, to_json
from schemas.commands import (
    Body,
    CancelOrder,
    Command,
    DeclineApproval,
    Ed25519Signature,
    GiveApproval,
    InitiateOrder,
    SplitOrder,
    WebAuthnAssertion,
)
from schemas.events.lifecycle import OrderClosed, PolicyEvaluated
from schemas.examples import example
from schemas.orders import Action, ApproveToken, Swap, Transfer
from schemas.topics import TOPIC_OF
from schemas.values import Record


def found_out(record: Record) -> bytes:
    """The record as the encoder writes it when it has to find each branch out."""
    schema = fastavro.parse_schema(catalogue.newest(TOPIC_OF[type(record)].subject).schema)
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, record.model_dump(mode="json"))
    return out.getvalue()


def held(record: Record) -> None:
    value = wire.encode(record)
    assert value[wire.HEADER_BYTES :] == found_out(record)
    assert wire.decode(TOPIC_OF[type(record)].name, value) == record


def command(**changes: Any) -> Command:
    return example(Command).model_copy(update=changes)


@pytest.mark.parametrize("record_type", list(TOPIC_OF), ids=lambda each: each.__name__)
def test_every_record(record_type: type[Record]) -> None:
    held(example(record_type))


@pytest.mark.parametrize("kind", [InitiateOrder, GiveApproval, DeclineApproval, CancelOrder, SplitOrder])
def test_every_body(kind: type[Body]) -> None:
    held(command(body=example(kind)))


@pytest.mark.parametrize("kind", [Transfer, Swap, ApproveToken])
def test_every_action(kind: type[Action]) -> None:
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


def test_nothing_to_name_costs_nothing() -> None:
    assert naming({"type": "record", "name": "R", "namespace": "n", "fields": [{"name": "f", "type": "string"}]}) is None
    assert naming({"type": "array", "items": ["null", "string"]}) is None


def test_records_in_arrays_and_beside_null() -> None:
    tag = {"type": "enum", "name": "AKind", "symbols": ["a"]}
    one = {"type": "record", "name": "A", "namespace": "n", "fields": [{"name": "kind", "type": tag}]}
    other = {"type": "record", "name": "B", "namespace": "n", "fields": [{"name": "kind", "type": {**tag, "symbols": ["b"]}}]}
    named = naming({"type": "array", "items": ["null", one, other]})
    assert named is not None
    assert named([{"kind": "b"}, None, {"kind": "a"}]) == [("n.B", {"kind": "b"}), None, ("n.A", {"kind": "a"})]
