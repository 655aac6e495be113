"""Policy: nothing is allowed unless permitted, a forbid always wins, and what cannot be evaluated is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events.facts import Facts
from schemas.orders import Action
from schemas.values import TEXT_CHARACTERS_MAX, USD_MAX
from streams.policy import starter
from streams.policy.context.orders import DAY_MICROS, UNLIMITED_ALLOWANCE_96_BITS, UNLIMITED_ALLOWANCE_MIN
from streams.policy.evaluation import EVALUATION_ERROR, Evaluation, evaluate
from tests.streams.governance import firm
from tests.streams.policy.proposals import (
    APPROVE_TOKEN,
    NOW,
    TRANSFER,
    UNLISTED,
    approval,
    exceeded,
    facts,
    listed,
    order,
    policy,
    swap,
    target,
    tripped,
)

PERMIT = '@id("all") @reason("All may.") permit(principal, action, resource);\n'
SEVERITY = ("allowed", "needs-approval", "refused")


def starter_says(action: Action = TRANSFER, **changes: Any) -> Evaluation:
    return evaluate(policy(), order(action), facts(**changes))


def forbid(name: str, condition: str, annotations: str = "") -> str:
    head = f'@id("{name}") @reason("It is forbidden.") {annotations}'
    return f'{head} forbid(principal, action in Action::"order", resource) when {{ {condition} }};\n'


def summary(evaluation: Evaluation) -> str:
    """The outcome with what determined it: quorums that are missing, or checks that refused."""
    checks = [refusal.check for refusal in evaluation.refusals]
    return " ".join([evaluation.outcome, *evaluation.requires, *checks])


# The starter policy, as its risk officers read it -------------------------------------------------------------------

FIVE_MILLION = {"amount_usd": Decimal(5_000_000), "limits": [exceeded()]}
ONE_MILLION = {"amount_usd": Decimal(1_000_000), "limits": [exceeded(exceeded=False)]}
RITA = approval("rita", "risk-officer")
RHEA = approval("rhea", "risk-officer")
SVEN = approval("sven", "senior-risk-officer")
CORA = approval("cora", "chief-risk-officer")
CARL = approval("carl", "compliance-officer")
BOTH = approval("sven", "senior-risk-officer", "compliance-officer")
PAULA = approval("paula", "risk-officer", "chief-risk-officer")

STARTER: list[tuple[str, Action, dict[str, Any], str]] = [
    # who may propose
    ("a small transfer to a listed account needs nobody", TRANSFER, {}, "allowed"),
    ("a trader may propose too", TRANSFER, {"initiator_roles": ["trader"]}, "allowed"),
    ("one role that may propose is enough", TRANSFER, {"initiator_roles": ["auditor", "trader"]}, "allowed"),
    ("a risk officer may not propose", TRANSFER, {"initiator_roles": ["risk-officer"]}, "refused no-rule-permits"),
    ("nobody without a role may propose", TRANSFER, {"initiator_roles": []}, "refused no-rule-permits"),
    (
        "nobody is asked to approve what no rule permits",
        TRANSFER,
        {"initiator_roles": [], "amount_usd": Decimal(30_000)},
        "refused no-rule-permits",
    ),
    # where value may go
    ("a swap on a contract listed long ago is allowed", swap(), {}, "allowed"),
    ("a swap on an unlisted contract is refused", swap(), {"target": UNLISTED}, "refused contract-not-listed"),
    (
        "an approval does not lift an unlisted contract",
        swap(),
        {"target": UNLISTED, "approvals": [RITA, SVEN, CORA, CARL]},
        "refused contract-not-listed",
    ),
    ("an allowance to an unlisted contract is refused", APPROVE_TOKEN, {"target": UNLISTED}, "refused contract-not-listed"),
    (
        "a transfer to an unlisted account needs two people",
        TRANSFER,
        {"target": UNLISTED},
        "needs-approval senior-risk-officer:1 & compliance-officer:1",
    ),
    (
        "one of them is not enough",
        TRANSFER,
        {"target": UNLISTED, "approvals": [SVEN]},
        "needs-approval senior-risk-officer:1 & compliance-officer:1",
    ),
    (
        "one person in both roles is not two people",
        TRANSFER,
        {"target": UNLISTED, "approvals": [BOTH]},
        "needs-approval senior-risk-officer:1 & compliance-officer:1",
    ),
    ("both of them are enough", TRANSFER, {"target": UNLISTED, "approvals": [SVEN, CARL]}, "allowed"),
    ("open findings refuse", swap(), {"target": target(open_findings=1)}, "refused open-findings"),
    ("the 29th day is recent", swap(), {"target": listed(29)}, "needs-approval risk-officer:1"),
    ("the 30th day is not", swap(), {"target": listed(30)}, "allowed"),
    (
        "thirty days less a microsecond are recent",
        swap(),
        {"target": target(listed_at=NOW - 30 * DAY_MICROS + 1)},
        "needs-approval risk-officer:1",
    ),
    ("a listing in the future is recent", swap(), {"target": listed(-400)}, "needs-approval risk-officer:1"),
    ("an account may be recent", TRANSFER, {"target": listed(0)}, "allowed"),
    # how much
    ("$25,000 needs nobody", TRANSFER, {"amount_usd": Decimal(25_000)}, "allowed"),
    (
        "a millionth of a dollar more needs a risk officer",
        TRANSFER,
        {"amount_usd": Decimal("25000.000001")},
        "needs-approval risk-officer:1",
    ),
    ("who approves", TRANSFER, {"amount_usd": Decimal(30_000), "approvals": [RITA]}, "allowed"),
    ("or is the chief", TRANSFER, {"amount_usd": Decimal(30_000), "approvals": [CORA]}, "allowed"),
    (
        "but is not whoever proposed",
        TRANSFER,
        {"amount_usd": Decimal(30_000), "approvals": [PAULA]},
        "needs-approval risk-officer:1",
    ),
    (
        "five million into a new venue need the chief and a risk officer",
        swap(),
        {**FIVE_MILLION, "target": listed(1)},
        "needs-approval chief-risk-officer:1 risk-officer:1",
    ),
    ("the chief can give both", swap(), {**FIVE_MILLION, "target": listed(1), "approvals": [CORA]}, "allowed"),
    (
        "two risk officers cannot",
        swap(),
        {**FIVE_MILLION, "target": listed(1), "approvals": [RITA, RHEA]},
        "needs-approval chief-risk-officer:1",
    ),
    (
        "a part of one million needs one approval",
        swap(),
        {**ONE_MILLION, "target": listed(1)},
        "needs-approval risk-officer:1",
    ),
    ("and has it", swap(), {**ONE_MILLION, "target": listed(1), "approvals": [RITA]}, "allowed"),
    ("a rolling limit is not policy's", TRANSFER, {"limits": [exceeded("rolling")]}, "allowed"),
    (
        "no sum is too large to be told",
        TRANSFER,
        {"amount_usd": USD_MAX},
        "needs-approval chief-risk-officer:1 & compliance-officer:1 risk-officer:1",
    ),
    # how
    ("an exact allowance is allowed", APPROVE_TOKEN, {}, "allowed"),
    (
        "an allowance of more than any token has is refused",
        APPROVE_TOKEN,
        {"amount": UNLIMITED_ALLOWANCE_MIN},
        "refused unlimited-allowance",
    ),
    ("one less is not", APPROVE_TOKEN, {"amount": UNLIMITED_ALLOWANCE_MIN - 1}, "allowed"),
    (
        "96 bits full are no bound either",
        APPROVE_TOKEN,
        {"amount": UNLIMITED_ALLOWANCE_96_BITS},
        "refused unlimited-allowance",
    ),
    ("a transfer of as much is no allowance", TRANSFER, {"amount": UNLIMITED_ALLOWANCE_MIN}, "allowed"),
    ("2 % of slippage may be accepted", swap(200), {}, "allowed"),
    ("more may not", swap(201), {}, "refused slippage-bound-too-wide"),
    # when all must stop
    ("an open breaker stops a transfer", TRANSFER, {"breakers": [tripped("protocol", "newswap")]}, "refused breaker-open"),
    ("and a swap", swap(), {"breakers": [tripped("protocol", "newswap"), tripped("asset", "USDC")]}, "refused breaker-open"),
    ("and an allowance", APPROVE_TOKEN, {"breakers": [tripped("protocol", "newswap")]}, "refused breaker-open"),
    (
        "every reason is told, not only the first",
        swap(500),
        {"target": UNLISTED, "breakers": [tripped("protocol", "newswap")], "initiator_roles": []},
        "refused contract-not-listed slippage-bound-too-wide breaker-open no-rule-permits",
    ),
    (
        "what nothing lifts hides what approvals could",
        TRANSFER,
        {"amount_usd": Decimal(30_000), "breakers": [tripped("protocol", "newswap")]},
        "refused breaker-open",
    ),
]


@pytest.mark.parametrize(("action", "changes", "expected"), [row[1:] for row in STARTER], ids=[row[0] for row in STARTER])
def test_starter_policy(action: Action, changes: dict[str, Any], expected: str) -> None:
    assert summary(starter_says(action, **changes)) == expected


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
    assert summary(said) == "refused breaker-open no-rule-permits"


# What cannot be evaluated ---------------------------------------------------------------------------------------------

OVERFLOW = "context.amount_usd_cents * 9223372036854775807 > 0"


def test_a_forbid_that_cannot_be_evaluated_refuses_though_a_permit_matches() -> None:
    said = evaluate(policy(PERMIT + forbid("broken", OVERFLOW)), order(), facts())
    assert summary(said) == f"refused {EVALUATION_ERROR}"
    assert "`broken`" in said.refusals[0].message


def test_a_permit_that_cannot_be_evaluated_refuses_though_another_matches() -> None:
    broken = f'@id("odd") @reason("Odd.") permit(principal, action in Action::"order", resource) when {{ {OVERFLOW} }};'
    said = evaluate(policy(PERMIT + broken), order(), facts())
    assert summary(said) == f"refused {EVALUATION_ERROR}"


def test_a_broken_rule_beside_one_that_asks_for_approval_refuses() -> None:
    lifted = 'context.approvers < 1 && !context.quorums.contains("risk-officer:1")'
    asks = forbid("asks", lifted, '@requires("risk-officer:1")')
    said = evaluate(policy(PERMIT + asks + forbid("broken", OVERFLOW)), order(), facts())
    assert summary(said) == f"refused {EVALUATION_ERROR}"


def test_a_schema_that_does_not_fit_the_facts_refuses() -> None:
    wanting = starter.CEDAR_SCHEMA.replace("approvers: Long,", "approvers: Long, moon_phase: Long,")
    said = evaluate(policy(PERMIT, wanting), order(), facts())
    assert summary(said) == "refused policy-invalid"
    assert "moon_phase" in said.refusals[0].message


@pytest.mark.parametrize("cedar", ["permit(", "permit(principal, action, resource);", PERMIT + forbid("odd", "context.moon")])
def test_a_policy_that_cannot_be_read_refuses_everything(cedar: str) -> None:
    said = evaluate(policy(cedar), order(), facts())
    assert summary(said) == "refused policy-invalid"
    assert "Version 1 of the policy cannot be used" in said.refusals[0].message


def test_a_policy_without_rules_refuses_everything() -> None:
    assert summary(evaluate(policy(""), order(), facts())) == "refused no-rule-permits"


def test_a_quorum_that_is_met_but_whose_rule_still_forbids_goes_on_being_asked_for() -> None:
    stubborn = forbid("two", 'context.approvers < 2 || context.quorums.contains("nobody:1")', '@requires("nobody:1")')
    said = evaluate(policy(PERMIT + stubborn), order(), facts(approvals=[RITA]))
    assert summary(said) == "needs-approval nobody:1"


# What holds for any policy and any facts ------------------------------------------------------------------------------

CONDITIONS = st.sampled_from(
    [
        "true",
        "false",
        "context.amount_usd_cents > 2500000",
        "!resource.listed",
        "resource.listed_days < 30",
        "!context.breakers_open.isEmpty()",
        "context.unlimited_allowance",
        OVERFLOW,
        'principal in Role::"trader"',
    ]
)
QUORUM = "risk-officer:1"
RULES = st.tuples(st.sampled_from(["permit", "forbid", "asks"]), CONDITIONS)
POLICIES = st.lists(RULES, max_size=5)
FACTS = st.builds(
    facts,
    amount_usd=st.sampled_from([Decimal(1), Decimal(25_000), Decimal(5_000_000)]),
    initiator_roles=st.lists(st.sampled_from(["trader", "portfolio-manager", "auditor"]), max_size=2),
    target=st.sampled_from([UNLISTED, listed(1), listed(400)]),
    breakers=st.sampled_from([[], [tripped("protocol", "newswap")]]),
    approvals=st.lists(st.sampled_from([RITA, RHEA, CORA, PAULA]), max_size=3),
)
ACTIONS = st.sampled_from([TRANSFER, swap(), APPROVE_TOKEN])


def written(rules: list[tuple[str, str]]) -> str:
    return "".join(_rule(f"r{number}", kind, condition) for number, (kind, condition) in enumerate(rules))


def _rule(name: str, kind: str, condition: str) -> str:
    match kind:
        case "permit":
            scope = 'principal, action in Action::"order", resource'
            return f'@id("{name}") @reason("May.") permit({scope}) when {{ {condition} }};\n'
        case "asks":
            lifted = f'({condition}) && !context.quorums.contains("{QUORUM}")'
            return forbid(name, lifted, f'@requires("{QUORUM}")')
        case _:
            return forbid(name, condition)


def said(rules: list[tuple[str, str]], action: Action, given_facts: Facts) -> Evaluation:
    return evaluate(policy(written(rules)), order(action), given_facts)


@settings(deadline=None)
@given(POLICIES, st.tuples(st.sampled_from(["forbid", "asks"]), CONDITIONS), ACTIONS, FACTS)
def test_adding_a_forbid_never_makes_an_outcome_better(
    rules: list[tuple[str, str]], added: tuple[str, str], action: Action, given_facts: Facts
) -> None:
    before, after = said(rules, action, given_facts), said([*rules, added], action, given_facts)
    assert SEVERITY.index(after.outcome) >= SEVERITY.index(before.outcome)


@settings(deadline=None)
@given(POLICIES, st.sampled_from(["permit", "forbid", "asks"]), st.integers(0, 5), ACTIONS, FACTS)
def test_a_rule_that_cannot_be_evaluated_never_allows_and_never_asks(
    rules: list[tuple[str, str]], kind: str, place: int, action: Action, given_facts: Facts
) -> None:
    broken = [*rules[:place], (kind, OVERFLOW), *rules[place:]]
    assert said(broken, action, given_facts).outcome == "refused"


@settings(deadline=None)
@given(POLICIES, ACTIONS, FACTS)
def test_an_outcome_comes_with_what_it_needs_and_with_nothing_else(
    rules: list[tuple[str, str]], action: Action, given_facts: Facts
) -> None:
    found = said(rules, action, given_facts)
    assert bool(found.refusals) == (found.outcome == "refused")
    assert bool(found.requires) == (found.outcome == "needs-approval")
    if found.outcome == "allowed":
        assert {rule.effect for rule in found.rules} == {"permit"}


@settings(deadline=None)
@given(POLICIES, ACTIONS, FACTS)
def test_what_needs_approval_is_allowed_once_every_quorum_is_met(
    rules: list[tuple[str, str]], action: Action, given_facts: Facts
) -> None:
    if said(rules, action, given_facts).outcome == "needs-approval":
        approved = given_facts.model_copy(update={"approvals": [RITA]})
        assert said(rules, action, approved).outcome == "allowed"


@settings(deadline=None)
@given(POLICIES, ACTIONS, FACTS)
def test_the_initiators_own_approval_changes_nothing(rules: list[tuple[str, str]], action: Action, given_facts: Facts) -> None:
    own = given_facts.model_copy(update={"approvals": [*given_facts.approvals, PAULA]})
    assert said(rules, action, own) == said(rules, action, given_facts)
