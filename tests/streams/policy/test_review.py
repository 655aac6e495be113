"""A policy that could not be asked, that nobody could satisfy or that stops the firm is not put in force."""

from __future__ import annotations

import pytest

from schemas.firm_commands import POLICY_CHARACTERS_MAX
from streams.governance.genesis import access, activation
from streams.policy import review, starter
from tests.streams.governance import firm

PERMIT = '@id("all") @reason("All may.") permit(principal, action, resource);'
HEAD = '@id("f") @reason("No.")'
LIFTED = 'unless { context.quorums.contains("%s") }'
CHANGED_BY_TWO = (
    f'{HEAD} @requires("risk-officer:2") forbid(principal, action in Action::"change", resource) {LIFTED % "risk-officer:2"};'
)


def problems(cedar: str, schema: str = starter.CEDAR_SCHEMA) -> str:
    policy = activation(firm.policy(cedar, cedar_schema=schema))
    return "\n".join(review.problems(policy, tuple(access(firm.document()))))


def test_the_starter_policy_may_be_put_in_force() -> None:
    assert problems(starter.CEDAR) == ""


def test_a_policy_with_a_quorum_that_can_be_met_may_be_put_in_force() -> None:
    assert problems(PERMIT + CHANGED_BY_TWO) == ""


@pytest.mark.parametrize(
    ("cedar", "reason"),
    [
        ("permit(", "policy: not Cedar"),
        ("", "policy: denies everything"),
        ("// only a comment", "policy: denies everything"),
        (f"{HEAD} forbid(principal, action, resource);", "policy: denies everything"),
        (f"{PERMIT}{HEAD} forbid(principal, action, resource);", "policy: denies everything"),
        (PERMIT.replace("principal,", 'principal in Role::"janitor",'), "policy: denies everything"),
        (PERMIT.replace(";", " when { resource.liisted };"), "policy: all: "),
        (PERMIT.replace("principal,", 'principal == Usr::"x",'), "policy: all: "),
        (PERMIT.replace(";", " when { context.amount_usd_cents };"), "policy: all: "),
        (
            f'{PERMIT}{HEAD} @requires("wizard:1") forbid(principal, action, resource) {LIFTED % "wizard:1"};',
            'policy: f requires wizard:1, but nobody has the role "wizard"',
        ),
        (
            f'{PERMIT}{HEAD} @requires("trader:1") forbid(principal, action, resource) {LIFTED % "trader:1"};',
            'policy: f requires trader:1, but nobody has the role "trader"',
        ),
        (
            f'{PERMIT}{HEAD} @requires("risk-officer:3") forbid(principal, action, resource) {LIFTED % "risk-officer:3"};',
            "policy: f requires risk-officer:3, but only cora, rita can give it",
        ),
        (" " * POLICY_CHARACTERS_MAX, "policy: longer than 200000 characters"),
    ],
)
def test_a_policy_that_cannot_work_is_refused_with_the_reason(cedar: str, reason: str) -> None:
    assert reason in problems(cedar)


def test_a_schema_that_does_not_fit_what_the_desk_tells_is_refused() -> None:
    wanting = starter.CEDAR_SCHEMA.replace("approvers: Long,", "approvers: Long, moon_phase: Long,")
    assert "policy: its schema does not fit what is told of transfer" in problems(PERMIT, wanting)


def test_a_broken_schema_is_refused() -> None:
    assert "policy: its schema is not Cedar" in problems(PERMIT, "entity")
