"""Every order kind of the schema is registered once, and says everything."""

from __future__ import annotations

import string
from typing import Any, get_args

import pytest

from schemas.orders import Action
from schemas.values import Record
from streams.rules.actions.table import ACTIONS
from streams.rules.policy import samples
from streams.rules.policy.cedar.actions import ORDER_ACTIONS
from streams.rules.policy.context.orders import order_action

RECORDS: dict[str, type[Record]] = {record.model_fields["kind"].default: record for record in get_args(get_args(Action)[0])}


def record_of(kind: object) -> Any:
    """The record that a kind is about: the argument of its generic base."""
    return get_args(type(kind).__orig_bases__[0])[0]  # type: ignore[attr-defined]


def test_the_table_holds_every_kind_of_the_schema_and_no_other() -> None:
    assert {name: record_of(kind) for name, kind in ACTIONS.items()} == RECORDS


@pytest.mark.parametrize("name", ACTIONS)
def test_a_sentence_names_fields_of_the_record_alone(name: str) -> None:
    named = {field for _, field, _, _ in string.Formatter().parse(ACTIONS[name].sentence) if field}
    assert {"amount", "asset_id"} <= named <= set(RECORDS[name].model_fields)


def test_policy_knows_the_same_kinds_and_has_a_sample_of_each() -> None:
    assert set(ORDER_ACTIONS) == {name.replace("_", "-") for name in ACTIONS}
    assert {order_action(samples.order(each)) for each in samples.ACTIONS} == set(ORDER_ACTIONS)
