"""Policy allows only permitted orders; a forbid always wins; a rule that cannot be evaluated refuses."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from schemas.orders import Action
from schemas.values import TEXT_CHARACTERS_MAX
from streams.rules.policy import starter
from streams.rules.policy.evaluation import EVALUATION_ERROR, Evaluation, evaluate
from tests.streams.rules.policy.proposals import (
    RITA,
    TRANSFER,
    UNLISTED,
    exceeded,
    facts,
    listed,
    order,
    policy,
    summary,
    swap,
    target,
    tripped,
)
from tests.world.firm import governance as firm

FIVE_MILLION = {"amount_usd": Decimal(5_000_000), "limits": [exceeded()]}
PERMIT = '@id("all") @reason("All may.") permit(principal, action, resource);\n'


def starter_says(action: Action = TRANSFER, **changes: Any) -> Evaluation:
    return evaluate(policy(), order(action), facts(**changes))


def forbid(name: str, condition: str, annotations: str = "") -> str:
    head = f'@id("{name}") @reason("It is forbidden.") {annotations}'
    return f'{head} forbid(principal, action in Action::"order", resource) when {{ {condition} }};\n'


# What is told ---------------------------------------------------------------------------------------------------------


def test_an_allowed_order_names_the_rules_that_permit_it() -> None:
    said = starter_says(initiator_roles=["portfolio-manager", "trader"])
    assert [rule.rule_id for rule in said.rules] == ["traders-may-propose", "portfolio-managers-may-propose"]
    assert {rule.effect for rule in said.rules} == {"permit"}


def test_a_denied_order_names_every_forbid_that_matched_with_its_quorum() -> None:
    said = starter_says(swap(), **FIVE_MILLION, target=listed(1))
    assert [(rule.rule_id, rule.effect, rule.requires) for rule in said.rules] == [
        ("contract-recently-listed", "forbid", "risk-officer:1"),
        ("over-25k", "forbid", "risk-officer:1"),
        ("over-transaction-limit", "forbid", "chief-risk-officer:1"),
    ]


def test_a_refusal_says_what_it_is_about_and_what_would_change_it() -> None:
    [refusal] = starter_says(swap(), target=UNLISTED).refusals
    assert refusal.message == (
        "The contract is not on the firm's list of contracts that may be dealt with. "
        f"(swap of 25,000.00 USD, {firm.VENUE}: no listed name)"
    )
    assert refusal.remedy.startswith("Have the security committee audit and list the contract")


def test_a_refusal_by_a_breaker_names_it() -> None:
    [refusal] = starter_says(breakers=[tripped("protocol", "newswap")]).refusals
    assert refusal.message.endswith("NewSwap router; protocol:newswap is open)")


def test_a_refusal_for_want_of_a_role_names_the_roles_there_are() -> None:
    [refusal] = starter_says(initiator_roles=["auditor"]).refusals
    assert "permits paula to propose a transfer (roles: auditor)" in refusal.message


def test_a_rule_without_a_remedy_still_says_what_to_do() -> None:
    said = evaluate(policy(PERMIT + forbid("never", "true")), order(), facts())
    assert said.refusals[0].remedy.startswith("Change the order")


def test_no_fact_is_so_long_that_it_cannot_be_told() -> None:
    crowd = ["x" * 63] * 100
    many = [tripped("protocol", name) for name in crowd]
    said = starter_says(breakers=many, initiator_roles=crowd, target=target(name="y" * TEXT_CHARACTERS_MAX))
    assert summary(said) == "refused | breaker-open | no-rule-permits"


# What cannot be evaluated ---------------------------------------------------------------------------------------------

OVERFLOW = "context.amount_usd_cents * 9223372036854775807 > 0"


def test_a_forbid_that_cannot_be_evaluated_refuses_though_a_permit_matches() -> None:
    said = evaluate(policy(PERMIT + forbid("broken", OVERFLOW)), order(), facts())
    assert summary(said) == f"refused | {EVALUATION_ERROR}"
    assert "`broken`" in said.refusals[0].message


def test_a_permit_that_cannot_be_evaluated_refuses_though_another_matches() -> None:
    broken = f'@id("odd") @reason("Odd.") permit(principal, action in Action::"order", resource) when {{ {OVERFLOW} }};'
    said = evaluate(policy(PERMIT + broken), order(), facts())
    assert summary(said) == f"refused | {EVALUATION_ERROR}"


def test_a_broken_rule_beside_one_that_asks_for_approval_refuses() -> None:
    lifted = 'context.approvers < 1 && !context.quorums.contains("risk-officer:1")'
    asks = forbid("asks", lifted, '@requires("risk-officer:1")')
    said = evaluate(policy(PERMIT + asks + forbid("broken", OVERFLOW)), order(), facts())
    assert summary(said) == f"refused | {EVALUATION_ERROR}"


def test_a_schema_that_does_not_fit_the_facts_refuses() -> None:
    wanting = starter.CEDAR_SCHEMA.replace("approvers: Long,", "approvers: Long, moon_phase: Long,")
    said = evaluate(policy(PERMIT, wanting), order(), facts())
    assert summary(said) == "refused | policy-invalid"
    assert "moon_phase" in said.refusals[0].message


@pytest.mark.parametrize("cedar", ["permit(", "permit(principal, action, resource);", PERMIT + forbid("odd", "context.moon")])
def test_a_policy_that_cannot_be_read_refuses_everything(cedar: str) -> None:
    said = evaluate(policy(cedar), order(), facts())
    assert summary(said) == "refused | policy-invalid"
    assert "Version 1 of the policy cannot be evaluated" in said.refusals[0].message


def test_a_policy_without_rules_refuses_everything() -> None:
    assert summary(evaluate(policy(""), order(), facts())) == "refused | no-rule-permits"


def test_a_quorum_that_is_met_but_whose_rule_still_forbids_goes_on_being_asked_for() -> None:
    stubborn = forbid("two", 'context.approvers < 2 || context.quorums.contains("nobody:1")', '@requires("nobody:1")')
    said = evaluate(policy(PERMIT + stubborn), order(), facts(approvals=[RITA]))
    assert summary(said) == "needs-approval | nobody:1"
