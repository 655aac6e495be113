"""The firm changes only by a quorum of people other than the proposer, on the exact proposal they saw, in time."""

from __future__ import annotations

from typing import Any

import pytest

from infra.proofs import base64url
from schemas.canonical import policy_hash, proposal_digest
from schemas.events.governance import (
    AccessChanged,
    BreakerReset,
    FirmCommandRejected,
    PolicyActivated,
    PolicyProposed,
    ProposalApproved,
    ProposalClosed,
)
from schemas.firm import WebAuthnCredential
from schemas.firm_commands import FirmCommand
from streams.rules.decider import Received
from streams.rules.governance.changes import state as state_module
from streams.rules.refusals import governance as refusals
from streams.rules.refusals.base import AssertionWrong, CounterNotRisen, PersonNeeded, PrincipalRevoked, Refused
from tests.streams.rules.governance.changes.specification import (
    SECOND,
    Specification,
    Step,
    access,
    approve,
    decline,
    given,
    policy_proposal,
    propose_access,
    propose_policy,
    propose_reset,
    trip,
    withdraw,
)
from tests.world.firm import governance as firm
from tests.world.firm.desk import Fido2Key

DAY = 86_400
TRIPPED = trip("rita", "desk", "newswap")
NIL = "00000000-0000-0000-0000-000000000000"


# What a quorum leads to ------------------------------------------------------------------------------------------


def test_a_breaker_is_reset_by_two_others() -> None:
    spec = given(TRIPPED).when(propose_reset("rita")).then("reset-proposed")
    assert spec.proposal.requires == ["risk-officer:1 & compliance-officer:1"]
    spec.when(approve("cora")).then("proposal-approved")
    assert spec.only(ProposalApproved).requires == ["risk-officer:1 & compliance-officer:1"]
    assert spec.firm.breakers
    spec.when(approve("carl")).then("proposal-approved", "proposal-closed", "breaker-reset")
    assert spec.firm.breakers == {}
    assert spec.only(BreakerReset).reason == "prices agree again"
    closed = spec.only(ProposalClosed)
    assert (closed.reason, closed.message) == ("enacted", "agreed to by cora, carl")
    assert [approval.principal for approval in closed.approvals] == ["cora", "carl"]


def test_a_policy_is_put_in_force_by_two_others() -> None:
    spec = given().when(propose_policy("rita")).then("policy-proposed")
    before = spec.firm.policy
    assert before is not None
    proposed = spec.only(PolicyProposed)
    assert (proposed.version, proposed.policy_hash == before.policy_hash) == (2, False)
    spec.given(approve("cora")).when(approve("carl")).then("proposal-approved", "proposal-closed", "policy-activated")
    active = spec.only(PolicyActivated)
    assert spec.firm.policy == active
    assert active.policy_hash == proposed.policy_hash == policy_hash(active)
    assert (active.version, active.proposal_id) == (2, proposed.proposal_id)
    assert [limit.limit_id for limit in active.limits] == ["single"]


def test_rights_are_given_by_two_others() -> None:
    spec = given().when(propose_access("rita", access("nina", "risk-officer"))).then("access-proposed")
    assert spec.firm.active("nina") is None
    spec.given(approve("carl")).when(approve("cora")).then("proposal-approved", "proposal-closed", "access-changed")
    changed = spec.only(AccessChanged)
    assert spec.firm.active("nina") == changed
    assert (changed.roles, changed.proposal_id) == (["risk-officer"], spec.proposal.proposal_id)


def test_rights_are_taken_away_by_two_others() -> None:
    spec = given(propose_access("rita", access("paula", status="revoked")), approve("carl"), approve("cora"))
    assert spec.firm.active("paula") is None
    spec.when(trip("paula", "desk", "newswap")).then_rejected(PrincipalRevoked)


def test_what_is_approved_is_the_change_its_proposer_and_its_id() -> None:
    spec = given(propose_policy("rita"))
    proposal = spec.proposal
    seen = proposal_digest(proposal.proposal_id, "rita", policy_proposal(limits=[firm.limit("single", cap_usd="500000")]))
    assert seen.hex() == proposal.proposal_hash
    assert proposal.command.body == policy_proposal(limits=[firm.limit("single", cap_usd="500000")])


def test_a_quorum_that_policy_takes_instead_is_enough() -> None:
    persons = [
        firm.person("rita", "risk-officer"),
        firm.person("sven", "senior-risk-officer"),
        firm.person("cora", "chief-risk-officer"),
        firm.person("carl", "compliance-officer", site="london"),
        firm.person("paula", "portfolio-manager"),
    ]
    spec = given(TRIPPED, propose_reset("rita"), approve("cora"), persons=persons)
    spec.when(approve("carl")).then("proposal-approved", "proposal-closed", "breaker-reset")


# Who counts ------------------------------------------------------------------------------------------------------


WHO: list[tuple[str, type[Refused], str]] = [
    ("rita", refusals.ProposerDecides, "rita made proposal"),
    ("paula", refusals.RoleNotAsked, "paula has no such role"),
    ("sven", refusals.RoleNotAsked, "sven has no such role"),
    ("treasury-bot", PersonNeeded, "treasury-bot is a system"),
    ("detectors", PersonNeeded, "detectors is a system"),
]


@pytest.mark.parametrize(("by", "refusal", "words"), WHO)
def test_who_has_no_say_is_told_why(by: str, refusal: type[Refused], words: str) -> None:
    spec = given(TRIPPED, propose_reset("rita"))
    spec.when(approve(by)).then_rejected(refusal, words)
    spec.when(decline(by)).then_rejected(refusal, words)
    assert spec.only(FirmCommandRejected).proposal_id == spec.proposal.proposal_id


def test_nobody_has_a_say_in_their_own_rights() -> None:
    spec = given(propose_access("sven", access("cora", "chief-risk-officer", "senior-risk-officer", "risk-officer")))
    spec.when(approve("cora")).then_rejected(refusals.SubjectDecides, "about the rights of cora")
    spec.when(decline("cora")).then_rejected(refusals.SubjectDecides)


def test_nobody_proposes_their_own_rights() -> None:
    spec = given().when(propose_access("rita", access("rita", "risk-officer", "chief-risk-officer")))
    spec.then_rejected(refusals.PolicyRefuses, "own-access")


def test_nobody_counts_twice() -> None:
    spec = given(TRIPPED, propose_reset("rita"), approve("cora"))
    spec.when(approve("cora")).then_rejected(refusals.ApprovedAlready, "cora has approved")


def test_an_approver_who_was_revoked_before_the_quorum_no_longer_counts() -> None:
    spec = given(TRIPPED, propose_reset("sven"), approve("rita"))
    reset = spec.proposal
    spec.given(propose_access("sven", access("rita", "risk-officer", status="revoked")), approve("cora"), approve("carl"))
    asked = {"proposal_id": reset.proposal_id, "proposal_hash": reset.proposal_hash}
    spec.when(approve("carl", **asked)).then("proposal-approved")
    spec.when(approve("cora", **asked)).then("proposal-approved", "proposal-closed", "breaker-reset")
    assert [approval.principal for approval in spec.only(ProposalClosed).approvals] == ["carl", "cora"]


def test_an_approver_whose_key_was_replaced_before_the_quorum_no_longer_counts() -> None:
    spec = given(TRIPPED, propose_reset("sven"), approve("rita"))
    reset = spec.proposal
    renewed = access("rita", "risk-officer", credentials=[Fido2Key("rita's new key").registered()])
    spec.given(propose_access("sven", renewed), approve("cora"), approve("carl"))
    asked = {"proposal_id": reset.proposal_id, "proposal_hash": reset.proposal_hash}
    spec.when(approve("carl", **asked)).then("proposal-approved")
    assert spec.firm.breakers


def test_an_approver_who_lost_the_role_before_the_quorum_no_longer_counts() -> None:
    spec = given(TRIPPED, propose_reset("sven"), approve("rita"))
    reset = spec.proposal
    spec.given(propose_access("sven", access("rita", "portfolio-manager")), approve("cora"), approve("carl"))
    asked = {"proposal_id": reset.proposal_id, "proposal_hash": reset.proposal_hash}
    spec.when(approve("carl", **asked)).then("proposal-approved")
    assert spec.firm.breakers


# What an approval is of ------------------------------------------------------------------------------------------


def test_an_approval_replayed_from_another_proposal_counts_for_nothing() -> None:
    spec = given(TRIPPED, trip("rita", "firm", "*"), propose_reset("rita", "desk", "newswap"))
    first = spec.proposal
    spec.given(approve("cora"), propose_reset("rita", "firm", "*"))

    def replayed(**changes: Any) -> Step:
        """Cora's assertion for the first proposal in a command about the second."""
        given_before = next(s.recorded.event for s in spec.log if isinstance(s.recorded.event, ProposalApproved))

        def step(spec: Specification) -> Received:
            command = approve("cora", **changes)(spec).record
            assert isinstance(command, FirmCommand)
            return spec.received(command.model_copy(update={"authorization": given_before.command.authorization}))

        return step

    spec.when(replayed()).then_rejected(AssertionWrong, "challenge")
    spec.when(replayed(proposal_hash=first.proposal_hash)).then_rejected(CounterNotRisen)
    spec.when(approve("cora", proposal_hash=first.proposal_hash)).then_rejected(refusals.ApprovalOfOther)
    assert len(spec.firm.breakers) == 2


@pytest.mark.parametrize("step", [approve("cora", proposal_id=NIL)])
def test_a_proposal_that_was_never_made_is_unknown(step: Step) -> None:
    given(TRIPPED, propose_reset("rita")).when(step).then_rejected(refusals.ProposalUnknown, NIL)


# How a proposal ends ---------------------------------------------------------------------------------------------


ENDS: list[tuple[Step, str, str]] = [
    (decline("carl"), "declined", "carl: not yet"),
    (withdraw("rita"), "withdrawn", "rita"),
    (withdraw("rita", "a mistake"), "withdrawn", "rita: a mistake"),
]


@pytest.mark.parametrize(("step", "reason", "message"), ENDS)
def test_a_proposal_ends_by_a_word_and_nothing_follows(step: Step, reason: str, message: str) -> None:
    spec = given(TRIPPED, propose_reset("rita"), approve("cora")).when(step).then("proposal-closed")
    closed = spec.only(ProposalClosed)
    assert (closed.reason, closed.message) == (reason, message)
    assert [approval.principal for approval in closed.approvals] == ["cora"]
    for late in (approve("carl"), decline("carl"), withdraw("rita")):
        spec.when(late).then_rejected(refusals.ProposalEnded, f"is closed: {reason} ({message})")
    assert spec.firm.breakers


def test_only_its_proposer_withdraws_a_proposal() -> None:
    spec = given(TRIPPED, propose_reset("rita"))
    spec.when(withdraw("cora")).then_rejected(refusals.NotYourProposal, "was made by rita, and cora may not")


def test_a_proposal_expires_when_its_time_is_over() -> None:
    spec = given(TRIPPED, propose_reset("rita"), approve("cora"))
    assert spec.proposal.expires_at == spec.now + DAY * SECOND
    spec.after(DAY - 1).then_nothing()
    spec.after(1).then("proposal-closed")
    assert spec.only(ProposalClosed).reason == "expired"
    assert spec.only(ProposalClosed).causation_id == "clock"
    spec.when(approve("carl")).then_rejected(refusals.ProposalEnded, "expired")


def test_a_proposal_whose_time_is_over_takes_no_approval_though_nobody_looked_at_the_clock() -> None:
    spec = given(TRIPPED, propose_reset("rita"), approve("cora"))
    spec.now += DAY * SECOND
    spec.when(approve("carl")).then_rejected(refusals.ProposalExpired)
    assert spec.firm.breakers


def test_the_firm_says_how_long_a_proposal_may_wait() -> None:
    policy = firm.policy()
    short = policy.model_copy(update={"settings": policy.settings.model_copy(update={"proposal_ttl_seconds": 60})})
    given(TRIPPED, propose_reset("rita"), policy=short).after(60).then("proposal-closed")


def test_how_proposals_closed_is_remembered_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_module, "CLOSED_REMEMBERED_MAX", 1)
    spec = given(TRIPPED, propose_reset("rita"))
    first = spec.proposal.proposal_id
    spec.given(withdraw("rita"), propose_reset("rita"), withdraw("rita"))
    spec.when(approve("cora")).then_rejected(refusals.ProposalEnded)
    spec.when(approve("cora", proposal_id=first)).then_rejected(refusals.ProposalUnknown)


# What unsettles a proposal ---------------------------------------------------------------------------------------

UNSETTLED: list[tuple[str, Step, Step, str]] = [
    ("any, by a new policy", propose_reset("rita"), propose_policy("rita"), "policy 2 was put in force"),
    ("another policy", propose_policy("rita", {"limits": []}), propose_policy("rita"), "policy 2 was put in force"),
    (
        "the same rights",
        propose_access("rita", access("paula", "trader")),
        propose_access("rita", access("paula", "portfolio-manager", "trader")),
        "the rights of paula were changed since",
    ),
    (
        "that of somebody revoked",
        propose_policy("sven"),
        propose_access("rita", access("sven", "senior-risk-officer", status="revoked")),
        "the access of sven, who proposed it, was revoked",
    ),
    ("the same reset", propose_reset("sven"), propose_reset("rita"), "the breaker of desk newswap was reset since"),
]


@pytest.mark.parametrize(("unsettled", "enacted", "words"), [row[1:] for row in UNSETTLED], ids=[row[0] for row in UNSETTLED])
def test_what_a_proposal_was_judged_by_has_changed(unsettled: Step, enacted: Step, words: str) -> None:
    spec = given(TRIPPED, unsettled)
    lost = spec.proposal
    spec.given(enacted, approve("cora"), approve("carl"))
    assert [sealed.topic for sealed in spec.outcome][-1] == "proposal-closed"
    last = spec.outcome[-1].recorded.event
    assert isinstance(last, ProposalClosed)
    assert (last.proposal_id, last.reason) == (lost.proposal_id, "outdated")
    assert words in last.message
    spec.when(approve("cora", proposal_id=lost.proposal_id, proposal_hash=lost.proposal_hash))
    spec.then_rejected(refusals.ProposalEnded, "outdated")


SETTLED: list[tuple[str, Step, Step]] = [
    ("other rights", propose_access("rita", access("paula", "trader")), propose_access("rita", access("nina", "trader"))),
    ("another reset", propose_reset("rita", "firm", "*"), propose_reset("rita")),
    ("a policy, by rights", propose_policy("rita"), propose_access("rita", access("nina", "trader"))),
]


@pytest.mark.parametrize(("kept", "enacted"), [row[1:] for row in SETTLED], ids=[row[0] for row in SETTLED])
def test_what_it_was_not_judged_by_may_change(kept: Step, enacted: Step) -> None:
    spec = given(TRIPPED, trip("rita", "firm", "*"), kept)
    waiting = spec.proposal.proposal_id
    spec.given(enacted, approve("cora"), approve("carl"))
    assert list(spec.partition.state.proposals) == [waiting]


def test_what_no_longer_makes_sense_is_not_put_in_force_by_a_quorum() -> None:
    shared = [Fido2Key("shared").registered()]
    spec = given(propose_access("rita", access("nina", "trader", credentials=shared)))
    first = spec.proposal
    spec.given(propose_access("rita", access("nora", "trader", credentials=shared)), approve("cora"), approve("carl"))
    asked = {"proposal_id": first.proposal_id, "proposal_hash": first.proposal_hash}
    spec.given(approve("cora", **asked)).when(approve("carl", **asked)).then("proposal-approved", "proposal-closed")
    closed = spec.only(ProposalClosed)
    assert closed.reason == "outdated"
    assert "listed 2 times" in closed.message
    assert spec.firm.active("nina") is None


# What may be proposed --------------------------------------------------------------------------------------------


def test_more_proposals_than_people_can_look_at_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.rules.governance.changes.proposals.PROPOSALS_OPEN_MAX", 1)
    spec = given(TRIPPED, propose_reset("rita"))
    spec.when(propose_policy("rita")).then_rejected(refusals.ProposalsTooMany, "1 proposals are open")


def test_what_is_not_tripped_cannot_be_reset() -> None:
    given().when(propose_reset("rita")).then_rejected(refusals.BreakerNotTripped, "desk newswap is not tripped")


@pytest.mark.parametrize("by", ["paula", "treasury-bot", "detectors"])
def test_who_may_propose_is_for_policy_to_say(by: str) -> None:
    spec = given(TRIPPED)
    for step in (propose_reset(by), propose_policy(by), propose_access(by, access("nina", "trader"))):
        spec.when(step).then_rejected(refusals.PolicyRefuses, "no-rule-permits")


def test_a_proposal_that_only_its_proposer_could_agree_to_is_refused() -> None:
    spec = given(TRIPPED).when(propose_reset("carl"))
    spec.then_rejected(refusals.QuorumUnmeetable, "carl never count", "compliance-officer:1")


def test_a_proposal_that_only_whom_it_is_about_could_agree_to_is_refused() -> None:
    spec = given().when(propose_access("rita", access("carl", "compliance-officer", site="zurich")))
    spec.then_rejected(refusals.QuorumUnmeetable, "carl and rita never count")


def test_what_policy_lets_pass_without_a_quorum_is_refused_all_the_same() -> None:
    alone = """
@id("anything")
@reason("Whoever asks may.")
permit (principal, action == Action::"reset-breaker", resource);
"""
    stops = '@id("stops")\n@reason("Anybody stops.")\npermit (principal, action == Action::"trip-breaker", resource);\n'
    policy = firm.policy(alone + stops)
    spec = given(TRIPPED, policy=policy)
    spec.when(propose_reset("rita")).then_rejected(refusals.QuorumMissing, "rita", "every change needs a quorum")


def test_an_approval_that_policy_refuses_at_this_hour_leaves_the_proposal_as_it_was() -> None:
    by_day = """
@id("by-day")
@reason("Nothing is reset after six in the evening.")
@remedy("Wait until the morning.")
forbid (principal, action == Action::"reset-breaker", resource) when { context.hour >= 18 };
"""
    policy = firm.policy()
    spec = given(
        TRIPPED, propose_reset("rita"), approve("cora"), policy=policy.model_copy(update={"cedar": policy.cedar + by_day})
    )
    spec.now += 10 * 3_600 * SECOND
    spec.when(approve("carl")).then_rejected(refusals.PolicyRefuses, "by-day")
    assert "Wait until the morning." in spec.only(FirmCommandRejected).refusal.remedy
    spec.now += 12 * 3_600 * SECOND
    spec.when(approve("carl")).then("proposal-approved", "proposal-closed", "breaker-reset")


def test_a_key_is_registered_as_it_was_proposed() -> None:
    key = WebAuthnCredential(credential_id=base64url.encode(b"nina"), public_key=Fido2Key("nina").registered().public_key)
    spec = given(propose_access("rita", access("nina", "risk-officer", credentials=[key])), approve("cora"), approve("carl"))
    spec.when(trip("nina", "desk", "newswap")).then("breaker-tripped")
