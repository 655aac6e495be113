"""A policy is evaluated only once it is known to fit its context."""

from __future__ import annotations

import pytest

from streams.rules.policy import starter
from streams.rules.policy.conformity import fitting
from streams.rules.policy.ruleset import PolicyInvalid

PERMIT = '@id("all") @reason("All may.") permit(principal, action, resource);'


def problems(cedar: str = PERMIT, schema: str = starter.CEDAR_SCHEMA, zone: str = "UTC") -> tuple[str, ...]:
    with pytest.raises(PolicyInvalid) as refusal:
        fitting(cedar, schema, zone)
    return refusal.value.problems


def changed(before: str, after: str) -> str:
    assert before in starter.CEDAR_SCHEMA
    return starter.CEDAR_SCHEMA.replace(before, after)


def when(condition: str, action: str = 'Action::"order"') -> str:
    return f'@id("r") @reason("It is so.") permit(principal, action in {action}, resource) when {{ {condition} }};'


@pytest.mark.parametrize("zone", ["UTC", "Europe/Zurich", "Asia/Kathmandu"])
def test_the_starter_policy_fits_in_any_zone(zone: str) -> None:
    assert "over-25k" in fitting(starter.CEDAR, starter.CEDAR_SCHEMA, zone).rules


def test_the_same_texts_are_looked_at_once() -> None:
    assert fitting(PERMIT, starter.CEDAR_SCHEMA, "UTC") is fitting(PERMIT, starter.CEDAR_SCHEMA, "UTC")


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("resource.liisted", "r: for policy `policy0`, attribute `liisted` on entity type"),
        ("context.amount_usd_cents", "expected type"),
        ("context.moon_phase > 1", "attribute `moon_phase`"),
        ('context.desk == "newswap"', "r: "),
        ("context.simulation.touched > 3", "optional attribute"),
        ("context.headroom_usd_cents.trader > 3", "optional attribute"),
        ('resource.counterparty == Counterparty::"x"', "optional attribute"),
        ('context.scope == "firm"', "attribute `scope`"),
        ('principal == Usr::"x"', "unrecognized entity type `Usr`"),
    ],
)
def test_a_rule_that_could_not_mean_what_it_says_is_refused(condition: str, said: str) -> None:
    found = problems(when(condition))
    assert any(problem.startswith("r: ") and said in problem for problem in found), found


def test_a_rule_on_orders_cannot_be_put_to_changes_of_the_firm() -> None:
    assert "attribute `amount_usd_cents`" in problems(when("context.amount_usd_cents > 1", 'Action::"change"'))[0]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("approvers: Long,", "approvers: Long, moon_phase: Long,", "of transfer: failed to build request"),
        ("approvers: Long,", "approvers: String,", "of transfer: failed to build request"),
        ("    hour: Long,\n", "", "of transfer: failed to build request"),
        ("simulation?: Simulation,", "simulation: Simulation,", "of transfer: failed to build request"),
        ("    touched: Long,\n", "", "of transfer: failed to build request"),
        ("    firm?: Long,\n", "", "of transfer: failed to build request"),
        ("buys?: Asset,", "buys?: Desk,", "of swap: failed to build request"),
        ("listed: Bool,", "listed: Long,", "of transfer: "),
        ("    site: String,\n", "", "of transfer: "),
        ("entity Wallet in [Desk];", "entity Wallet;", "of transfer: "),
        ('action "transfer" in ["order"]', 'action "transfer"', "of transfer: "),
        ("concerns_self: Bool,", "concerns_self: Long,", "of trip-breaker: failed to build request"),
    ],
)
def test_a_schema_that_says_anything_else_than_what_is_told_is_refused(before: str, after: str, said: str) -> None:
    found = problems(schema=changed(before, after))
    assert found[0].startswith(f"its schema does not fit the attributes {said}"), found


def test_a_broken_schema_is_refused() -> None:
    assert problems(schema="entity") == ("its schema is not Cedar: error parsing schema: unexpected end of input",)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "europe"])
def test_a_zone_that_nobody_knows_is_refused(zone: str) -> None:
    assert problems(zone=zone) == (
        f'the settings\' zone "{zone}" is not in the IANA time zone database: write one such as Europe/Zurich',
    )


def test_a_broken_schema_and_an_unknown_zone_are_both_told() -> None:
    assert len(problems(schema="entity", zone="Mars/Olympus")) == 2
