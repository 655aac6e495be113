"""A permitted principal trips a breaker at once; trips only tighten, and only where they stop something."""

from __future__ import annotations

import pytest

from schemas.events.governance import BreakerTripped
from schemas.firm import BreakerScope, BreakerState
from streams.rules.governance.genesis import Contract
from streams.rules.refusals import governance as refusals
from streams.rules.refusals.base import Refused
from tests.streams.rules.governance.changes.specification import Specification, given, propose_reset, trip
from tests.world.firm import governance as firm

KNOWN: list[tuple[BreakerScope, str]] = [
    ("firm", "*"),
    ("desk", "newswap"),
    ("desk", "*"),
    ("wallet", "treasury-1"),
    ("wallet", "*"),
    ("asset", "USDC"),
    ("contract", firm.VENUE),
    ("protocol", "newswap-v3"),
    ("counterparty", "newswap-labs"),
]
UNKNOWN: list[tuple[BreakerScope, str]] = [
    ("firm", "newswap"),
    ("firm", ""),
    ("desk", "rates"),
    ("desk", ""),
    ("wallet", "treasury-9"),
    ("asset", "EUR"),
    ("contract", firm.TREASURY),
    ("contract", firm.VENUE.lower()),
    ("protocol", "newswap"),
    ("protocol", ""),
    ("counterparty", "circle"),
    ("counterparty", ""),
]


def with_protocol() -> Specification:
    venue = Contract(
        chain_id=firm.CHAIN,
        address=firm.VENUE,
        kind="contract",
        name="router",
        protocol="newswap-v3",
        counterparty="newswap-labs",
    )
    return given(contracts=[venue, *firm.document().contracts[1:]])


@pytest.mark.parametrize(("scope", "subject"), KNOWN)
def test_whatever_there_is_can_be_stopped(scope: BreakerScope, subject: str) -> None:
    spec = with_protocol().when(trip("rita", scope, subject)).then("breaker-tripped")
    tripped = spec.only(BreakerTripped)
    assert spec.firm.breakers == {(scope, subject): tripped}
    assert (tripped.state, tripped.tripped_by, tripped.reason) == ("open", "rita", "prices diverge")
    assert tripped.causation_id == tripped.command.command_id


@pytest.mark.parametrize(("scope", "subject"), UNKNOWN)
def test_what_would_stop_nothing_is_refused(scope: BreakerScope, subject: str) -> None:
    spec = with_protocol().when(trip("rita", scope, subject))
    spec.then_rejected(refusals.BreakerSubjectUnknown, f"there is no {scope} {subject}")
    assert spec.firm.breakers == {}


@pytest.mark.parametrize(
    ("before", "after", "outcome"),
    [
        ("reducing", "open", "breaker-tripped"),
        ("reducing", "reducing", "firm-command-rejected"),
        ("open", "open", "firm-command-rejected"),
        ("open", "reducing", "firm-command-rejected"),
    ],
)
def test_a_breaker_goes_only_further(before: BreakerState, after: BreakerState, outcome: str) -> None:
    spec = given(trip("rita", "desk", "newswap", before)).when(trip("carl", "desk", "newswap", after)).then(outcome)
    assert spec.firm.breakers["desk", "newswap"].state == (after if outcome == "breaker-tripped" else before)


def test_one_breaker_stands_beside_another() -> None:
    spec = given(trip("rita", "desk", "newswap"), trip("rita", "firm", "*", "reducing"), trip("rita", "desk", "*"))
    assert {key: breaker.state for key, breaker in spec.firm.breakers.items()} == {
        ("desk", "newswap"): "open",
        ("firm", "*"): "reducing",
        ("desk", "*"): "open",
    }


@pytest.mark.parametrize(
    ("by", "refusal"),
    [
        ("rita", None),
        ("carl", None),
        ("detectors", None),
        ("paula", refusals.PolicyRefuses),
        ("treasury-bot", refusals.PolicyRefuses),
    ],
)
def test_who_may_trip_is_for_policy_to_say(by: str, refusal: type[Refused] | None) -> None:
    spec = given().when(trip(by, "desk", "newswap"))
    if refusal is None:
        spec.then("breaker-tripped")
    else:
        spec.then_rejected(refusal, "no-rule-permits", by)


def test_tripping_never_waits_for_a_quorum() -> None:
    waits = """
@id("stops-agreed")
@reason("Stopping the firm takes two.")
@requires("compliance-officer:1")
forbid (principal, action == Action::"trip-breaker", resource)
when { context.scope == "firm" }
unless { context.quorums.contains("compliance-officer:1") };
"""
    policy = firm.policy()
    spec = given(policy=policy.model_copy(update={"cedar": policy.cedar + waits}))
    spec.when(trip("rita", "firm", "*")).then_rejected(refusals.NotAtOnce, "compliance-officer:1", "does not wait")
    spec.when(trip("rita", "desk", "*")).then("breaker-tripped")


def test_tripping_further_unsettles_a_reset_that_was_proposed() -> None:
    spec = given(
        trip("rita", "desk", "newswap", "reducing"),
        propose_reset("rita"),
        trip("rita", "asset", "USDC"),
    )
    assert len(spec.partition.state.proposals) == 1
    spec.when(trip("detectors", "desk", "newswap", "open")).then("breaker-tripped", "proposal-closed")
    assert spec.partition.state.proposals == {}
