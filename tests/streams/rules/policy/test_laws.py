"""Laws that hold for any policy, any order and any facts."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events.facts import Facts, SimulationFact
from schemas.orders import Action
from streams.rules.policy.conformity import fitting
from streams.rules.policy.evaluation import Evaluation, evaluate
from tests.streams.rules.policy import plain
from tests.streams.rules.policy.proposals import (
    APPROVE_TOKEN,
    CALL,
    CARL,
    CARL_ELSEWHERE,
    CORA,
    DEPOSIT,
    NOW,
    PAULA,
    QUORUMS,
    RHEA,
    RITA,
    TRANSFER,
    UNLISTED,
    WITHDRAW,
    exceeded,
    facts,
    listed,
    order,
    policy,
    swap,
    target,
    tripped,
)

SEVERITY = ("allowed", "needs-approval", "refused")
OVERFLOW = "context.amount_usd_cents * 9223372036854775807 > 0"
HOUR_MICROS = 3_600_000_000
EVERY_CONDITION = [
    "true",
    "false",
    "context.amount_usd_cents > 2500000",
    "2500000 <= context.amount_usd_cents && context.amount_usd_cents != 500000000",
    "context.amount_usd_cents * 2 > 5000000",
    "!resource.listed",
    "resource.listed_days < 30",
    'resource in Protocol::"newswap"',
    "resource has counterparty",
    "!context.breakers_open.isEmpty()",
    'context.breakers_reducing.contains("asset:USDC")',
    "context.unlimited_allowance",
    "context.max_slippage_basis_points >= 100 && context.max_slippage_basis_points < 150",
    "context.hour < 8 || context.weekday > 5",
    "context.headroom_usd_cents has trader && context.headroom_usd_cents.trader < context.amount_usd_cents",
    "context has simulation && context.simulation.touched > 3",
    "context.approvers < 2 && context.approver_sites < 2",
    'context.wallet in Desk::"newswap" && context.asset == Asset::"USDC"',
    'context.desk == Desk::"other"',
    'context has buys && context.buys == Asset::"ETH"',
    'context.function == "claim()"',
    'action in Action::"use-contract"',
    "context == context && context.evacuates",
    'principal in Role::"trader"',
    'principal.site == "zurich"',
    OVERFLOW,
]
CONDITIONS = st.sampled_from(EVERY_CONDITION)
RULES = st.tuples(st.sampled_from(["permit", "permit", "forbid", "asks"]), CONDITIONS, st.sampled_from(QUORUMS))
POLICIES = st.lists(RULES, max_size=5)
FORBIDS = st.tuples(st.sampled_from(["forbid", "asks"]), CONDITIONS, st.sampled_from(QUORUMS))
FACTS = st.builds(
    facts,
    evaluated_at=st.integers(0, 7 * 24).map(lambda hours: NOW + hours * HOUR_MICROS),
    amount_usd=st.sampled_from([Decimal(1), Decimal("24999.999"), Decimal(25_000), Decimal("25000.01"), Decimal(5_000_000)]),
    initiator_roles=st.lists(st.sampled_from(["trader", "portfolio-manager", "auditor"]), max_size=2, unique=True),
    target=st.sampled_from([UNLISTED, listed(1), listed(400), target(protocol="newswap", counterparty="newswap-ag")]),
    limits=st.lists(
        st.sampled_from([exceeded(), exceeded("rolling", exceeded=False), exceeded("rolling", used_usd=Decimal(999_999))]),
        max_size=2,
    ),
    breakers=st.sampled_from([[], [tripped("protocol", "newswap")], [tripped("asset", "USDC", "reducing")]]),
    simulation=st.sampled_from([None, SimulationFact(slippage_ppm=-5, gas_used=1, touched=4)]),
    approvals=st.lists(st.sampled_from([RITA, RHEA, CORA, CARL, CARL_ELSEWHERE, PAULA]), max_size=3),
)
ACTIONS = st.sampled_from([TRANSFER, swap(), swap(120), swap(150), APPROVE_TOKEN, DEPOSIT, WITHDRAW, CALL])

Rule = tuple[str, str, str]


def written(rules: list[Rule]) -> str:
    return "".join(_rule(f"r{number}", rule) for number, rule in enumerate(rules))


def _rule(name: str, rule: Rule) -> str:
    kind, condition, quorum = rule
    head = f'@id("{name}") @reason("So it is.")'
    scope = 'principal, action in Action::"order", resource'
    match kind:
        case "asks":
            lifted = f'({condition}) && !context.quorums.contains("{quorum}")'
            return f'{head} @requires("{quorum}") forbid({scope}) when {{ {lifted} }};\n'
        case _:
            return f"{head} {kind}({scope}) when {{ {condition} }};\n"


def decided(rules: list[Rule], action: Action, given_facts: Facts) -> Evaluation:
    return evaluate(policy(written(rules)), order(action), given_facts)


def test_every_condition_here_fits_what_is_told() -> None:
    whole = policy(written([("permit", condition, QUORUMS[0]) for condition in EVERY_CONDITION]))
    assert len(fitting(whole.cedar, whole.cedar_schema, "UTC").rules) == len(EVERY_CONDITION)


@pytest.mark.slow
@settings(deadline=None, max_examples=300)
@given(POLICIES, ACTIONS, FACTS)
def test_telling_only_what_is_looked_at_says_the_same_as_telling_everything(
    rules: list[Rule], action: Action, given_facts: Facts
) -> None:
    found = decided(rules, action, given_facts)
    allowed, determining, broken = plain.decision(policy(written(rules)), order(action), given_facts)
    assert (found.outcome == "allowed") == allowed
    assert any(refusal.check == "policy-evaluation-error" for refusal in found.refusals) == broken
    if allowed or not broken:
        assert {rule.rule_id for rule in found.rules} == determining


@settings(deadline=None)
@given(POLICIES, FORBIDS, ACTIONS, FACTS)
def test_adding_a_forbid_never_makes_an_outcome_better(
    rules: list[Rule], added: Rule, action: Action, given_facts: Facts
) -> None:
    before, after = decided(rules, action, given_facts), decided([*rules, added], action, given_facts)
    assert SEVERITY.index(after.outcome) >= SEVERITY.index(before.outcome)


@settings(deadline=None)
@given(POLICIES, st.sampled_from(["permit", "forbid", "asks"]), st.integers(0, 5), ACTIONS, FACTS)
def test_a_rule_that_cannot_be_evaluated_never_allows_and_never_asks(
    rules: list[Rule], kind: str, place: int, action: Action, given_facts: Facts
) -> None:
    broken = [*rules[:place], (kind, OVERFLOW, QUORUMS[0]), *rules[place:]]
    assert decided(broken, action, given_facts).outcome == "refused"


@settings(deadline=None)
@given(POLICIES, ACTIONS, FACTS)
def test_an_outcome_comes_with_what_it_needs_and_with_nothing_else(
    rules: list[Rule], action: Action, given_facts: Facts
) -> None:
    found = decided(rules, action, given_facts)
    assert bool(found.refusals) == (found.outcome == "refused")
    assert bool(found.requires) == (found.outcome == "needs-approval")
    if found.outcome == "allowed":
        assert {rule.effect for rule in found.rules} == {"permit"}


@settings(deadline=None)
@given(POLICIES, ACTIONS, FACTS)
def test_what_needs_approval_is_allowed_once_every_quorum_is_met(rules: list[Rule], action: Action, given_facts: Facts) -> None:
    lifting = [rule for rule in rules if "approve" not in rule[1]]
    if decided(lifting, action, given_facts).outcome == "needs-approval":
        approved = given_facts.model_copy(update={"approvals": [RITA, CARL_ELSEWHERE]})
        assert decided(lifting, action, approved).outcome == "allowed"


@pytest.mark.slow
@settings(deadline=None)
@given(POLICIES, ACTIONS, FACTS)
def test_the_initiators_own_approval_changes_nothing(rules: list[Rule], action: Action, given_facts: Facts) -> None:
    own = given_facts.model_copy(update={"approvals": [*given_facts.approvals, PAULA]})
    assert decided(rules, action, own) == decided(rules, action, given_facts)
