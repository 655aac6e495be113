"""An approval counts for one exact order from an eligible person; every invalid approval is refused."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from infra.identity.authenticator import SoftwareAuthenticator
from schemas.commands import GiveApproval, WebAuthnAssertion
from schemas.events.answers import CommandRejected
from schemas.events.lifecycle import ApprovalGiven, Approved, OrderClosed, PolicyEvaluated
from schemas.firm import WebAuthnCredential
from streams.rules.decider import Received
from streams.rules.policy import starter
from streams.rules.refusals import orders as refusals
from tests.streams.rules.orders.specification import (
    Specification,
    again,
    approve,
    cancel,
    decline,
    given,
    initiate,
    signed,
    transfer,
)
from tests.world.firm.desk import (
    CUSTODIAN,
    FIRM,
    LIMITS,
    ORIGIN,
    RP_ID,
    STRANGER,
    VAULT,
    VENUE,
    Fido2Key,
    limit,
    person,
    policy,
    price,
)

WAITING = initiate("o1", transfer("40000"))
TWO_WAITING = initiate("o1", transfer("40000", to=STRANGER))
"""Needs a senior risk officer, a compliance officer and, for the amount, a risk officer."""


def test_an_approval_that_is_enough_hands_the_order_over() -> None:
    spec = given(FIRM, WAITING).when(approve("o1", by="rita")).then("approval-given", "policy-evaluated", "approved")
    event = spec.only(ApprovalGiven)
    assert (event.approver, event.roles, event.counter) == ("rita", ["risk-officer"], 1)
    assert event.assertion == spec.sent["rita approves o1"].authorization
    assert [fact.principal for fact in spec.only(Approved).approvals] == ["rita"]
    spec.when(again("rita approves o1")).then_nothing()


def test_a_real_authenticator_file_approves(tmp_path: Path) -> None:
    authenticator = SoftwareAuthenticator.create(tmp_path / "rita.json", rp_id=RP_ID, origin=ORIGIN, user="rita")
    registered = WebAuthnCredential(credential_id=authenticator.credential_id, public_key=f"0x{authenticator.public_key.hex()}")
    spec = given(FIRM.with_person(person("rita", "risk-officer", credentials=[registered])), WAITING)

    def confirmed(spec: Specification) -> Received:
        asked = spec.order("o1").approval_hash
        assert asked is not None
        shown = authenticator.get(bytes.fromhex(asked))
        assertion = WebAuthnAssertion(
            credential_id=shown.credential_id,
            authenticator_data=shown.authenticator_data,
            client_data_json=shown.client_data_json,
            signature=shown.signature,
        )
        body = GiveApproval(order_id=spec.order_id("o1"), approval_hash=asked)
        return spec.received(signed(spec, "a", "rita", body).model_copy(update={"authorization": assertion}))

    spec.when(confirmed).then("approval-given", "policy-evaluated", "approved")


def test_a_quorum_of_several_is_met_one_by_one() -> None:
    spec = given(FIRM, TWO_WAITING)
    assert spec.only(PolicyEvaluated).requires == ["risk-officer:1", "senior-risk-officer:1 & compliance-officer:1"]
    expires_at = spec.order("o1").expires_at
    spec.after(10).when(approve("o1", by="rita")).then("approval-given", "policy-evaluated")
    assert spec.only(PolicyEvaluated).requires == ["senior-risk-officer:1 & compliance-officer:1"]
    assert spec.only(PolicyEvaluated).expires_at == expires_at
    spec.when(approve("o1", by="sven")).then("approval-given", "policy-evaluated")
    spec.when(approve("o1", by="carl")).then("approval-given", "policy-evaluated", "approved")
    assert [fact.principal for fact in spec.only(Approved).approvals] == ["rita", "sven", "carl"]


def test_somebody_whose_role_is_not_named_counts_where_policy_says_so() -> None:
    given(FIRM, WAITING).when(approve("o1", by="cora")).then("approval-given", "policy-evaluated", "approved")


# Attacks ----------------------------------------------------------------------------------------------------------


def test_the_initiator_never_approves() -> None:
    both = FIRM.with_person(person("paula", "portfolio-manager", "risk-officer"))
    spec = given(both, WAITING)
    spec.when(approve("o1", by="paula")).then_rejected(refusals.InitiatorApproves)
    spec.when(decline("o1", by="paula")).then_rejected(refusals.InitiatorApproves)


def test_the_same_person_does_not_count_twice() -> None:
    spec = given(FIRM, TWO_WAITING, approve("o1", by="rita"))
    spec.when(approve("o1", by="rita", name="again")).then_rejected(refusals.ApprovedAlready)


def test_an_approval_of_another_amount_is_refused_and_both_are_named() -> None:
    spec = given(FIRM, WAITING, initiate("o2", transfer("40001")))
    other, asked = spec.order("o2").approval_hash, spec.order("o1").approval_hash
    assert other is not None
    assert asked is not None
    spec.when(approve("o1", by="rita", approval_hash=other)).then_rejected(refusals.ApprovalOfOther, other, asked)
    assert spec.only(CommandRejected).order_id == spec.order_id("o1")
    assert spec.only(CommandRejected).content_hash is None


def replay(onto: str) -> object:
    """The assertion of an approval that was given, under a new command id, for another order's hash."""

    def step(spec: Specification) -> Received:
        asked = spec.order(onto).approval_hash
        assert asked is not None
        fresh = signed(spec, "replay", "rita", GiveApproval(order_id=spec.order_id(onto), approval_hash=asked))
        stolen = spec.sent["rita approves o1"].authorization
        return spec.received(fresh.model_copy(update={"authorization": stolen}))

    return step


def test_an_approval_replayed_onto_another_order_is_refused() -> None:
    spec = given(FIRM, WAITING, initiate("o2", transfer("40000")), approve("o1", by="rita"))
    spec.when(replay("o2")).then_rejected(refusals.AssertionWrong, "challenge")  # type: ignore[arg-type]


def test_an_approval_replayed_onto_the_same_order_is_refused() -> None:
    spec = given(FIRM, TWO_WAITING, approve("o1", by="rita"))
    spec.when(replay("o1")).then_rejected(refusals.CounterNotRisen)  # type: ignore[arg-type]


def test_a_key_whose_counter_falls_back_is_refused() -> None:
    spec = given(FIRM, TWO_WAITING, approve("o1", by="rita"), initiate("o2", transfer("40000")))
    spec.keys["rita"] = Fido2Key("rita", counter=0)
    spec.when(approve("o2", by="rita")).then_rejected(refusals.CounterNotRisen, "1 does not follow 1")


def test_a_forged_assertion_is_refused() -> None:
    spec = given(FIRM, WAITING)
    spec.keys["rita"] = Fido2Key("rita")

    def forged(spec: Specification) -> Received:
        asked = spec.order("o1").approval_hash
        assert asked is not None
        command = signed(spec, "forged", "rita", GiveApproval(order_id=spec.order_id("o1"), approval_hash=asked))
        mallory = Fido2Key("mallory").confirm(bytes.fromhex(asked))
        stolen = mallory.model_copy(update={"credential_id": Fido2Key("rita").registered().credential_id})
        return spec.received(command.model_copy(update={"authorization": stolen}))

    spec.when(forged).then_rejected(refusals.AssertionWrong, "signature")


def test_an_approval_made_on_another_page_is_refused() -> None:
    spec = given(FIRM, WAITING)

    def phished(spec: Specification) -> Received:
        asked = spec.order("o1").approval_hash
        assert asked is not None
        command = signed(spec, "phished", "rita", GiveApproval(order_id=spec.order_id("o1"), approval_hash=asked))
        elsewhere = spec.key("rita").confirm(bytes.fromhex(asked), origin="http://localhost.evil.example")
        return spec.received(command.model_copy(update={"authorization": elsewhere}))

    spec.when(phished).then_rejected(refusals.AssertionWrong, "origin")


@pytest.mark.parametrize(
    ("by", "refusal"),
    [
        ("carl", refusals.RoleNotAsked),
        ("gone", refusals.PrincipalRevoked),
        ("omar", refusals.DeskNotEntitled),
        ("nobody", refusals.PrincipalUnknown),
        ("officer-bot", refusals.PersonNeeded),
    ],
)
def test_who_does_not_count_is_told_why(by: str, refusal: type[refusals.Refused]) -> None:
    spec = given(FIRM, WAITING)
    spec.when(approve("o1", by=by)).then_rejected(refusal)
    spec.when(decline("o1", by=by)).then_rejected(refusal)


def test_a_person_with_a_machines_key_is_no_person() -> None:
    spec = given(FIRM, WAITING)
    machine = FIRM.governance.principals["officer-bot"]
    bot = machine.model_copy(update={"credentials": [Fido2Key("officer-bot").registered()], "signing_keys": []})
    spec.at(FIRM.with_person(bot))

    def by_fido2(spec: Specification) -> Received:
        asked = spec.order("o1").approval_hash
        assert asked is not None
        command = signed(spec, "machine", "officer-bot", GiveApproval(order_id=spec.order_id("o1"), approval_hash=asked))
        return spec.received(
            command.model_copy(update={"authorization": Fido2Key("officer-bot").confirm(bytes.fromhex(asked))})
        )

    spec.when(by_fido2).then_rejected(refusals.PersonNeeded)


@pytest.mark.parametrize(
    "changed",
    [
        person("rita", "risk-officer", status="revoked"),
        person("rita", "trader"),
        person("rita", "risk-officer", desks=["vault"]),
        person("rita", "risk-officer", credentials=[Fido2Key("ritas-new-key").registered()]),
    ],
    ids=["revoked", "another role", "another desk", "another key"],
)
def test_an_approver_who_lost_what_made_it_count_no_longer_counts(changed: object) -> None:
    spec = given(FIRM, TWO_WAITING, approve("o1", by="rita"), approve("o1", by="sven"))
    spec.at(FIRM.with_person(changed))  # type: ignore[arg-type]
    spec.when(approve("o1", by="carl")).then("approval-given", "policy-evaluated")
    assert spec.only(PolicyEvaluated).requires == ["risk-officer:1"]
    spec.when(approve("o1", by="rolf")).then("approval-given", "policy-evaluated", "approved")


def test_an_initiator_who_was_revoked_has_the_order_refused() -> None:
    spec = given(FIRM, WAITING).at(FIRM.with_person(person("paula", "portfolio-manager", status="revoked")))
    spec.when(approve("o1", by="rita")).then("approval-given", "policy-evaluated", "limit-released", "order-closed")
    assert "no-rule-permits" in spec.only(OrderClosed).message
    assert spec.used("trader-day", "trader:paula") == 0


def test_who_does_not_count_cannot_bring_about_a_refusal() -> None:
    spec = given(FIRM, WAITING).at(FIRM.with_person(person("paula", "portfolio-manager", status="revoked")))
    spec.when(approve("o1", by="carl")).then_rejected(refusals.RoleNotAsked)


# Time, price and policy ---------------------------------------------------------------------------------------------


def test_an_approval_that_comes_too_late_is_refused_even_before_the_clock_was_looked_at() -> None:
    spec = given(FIRM, WAITING)
    spec.now += 3_600_000_000
    spec.when(approve("o1", by="rita")).then_rejected(refusals.OrderExpired)
    spec.when(cancel("o1")).then_rejected(refusals.OrderExpired)


@pytest.mark.parametrize(
    ("order", "refusal"), [("o2", refusals.OrderElsewhere), ("o3", refusals.OrderUnknown), ("o1", refusals.OrderElsewhere)]
)
def test_only_an_order_that_waits_can_be_approved(order: str, refusal: type[refusals.Refused]) -> None:
    spec = given(FIRM, WAITING, approve("o1", by="rita"), initiate("o2", transfer("1")))
    spec.when(approve(order, by="rolf")).then_rejected(refusal)


def test_an_order_of_another_desk_is_not_known_here() -> None:
    """One person, entitled to two desks on one partition, names the wrong one."""
    both = FIRM.with_person(person("rita", "risk-officer", desks=["newswap", "vault"]))

    def elsewhere(spec: Specification) -> Received:
        body = GiveApproval(order_id=spec.order_id("o1"), approval_hash=spec.order("o1").approval_hash or "")
        return spec.received(signed(spec, "x", "rita", body, desk_id="vault"), key="vault")

    given(both, WAITING).when(elsewhere).then_rejected(refusals.OrderUnknown, "vault")


def test_policy_looks_at_the_price_of_now_and_the_reservation_stays() -> None:
    spec = given(FIRM, initiate("o1", transfer("399", "ETH")))
    assert spec.only(PolicyEvaluated).requires == ["risk-officer:1"]
    spec.at(FIRM.with_price(price("ETH", "2600"))).when(approve("o1", by="rita"))
    spec.then("approval-given", "policy-evaluated")
    assert spec.only(PolicyEvaluated).requires == ["chief-risk-officer:1"]
    assert spec.used("trader-day", "trader:paula") == 399 * 2_500
    rolling = [fact for fact in spec.only(PolicyEvaluated).facts.limits if fact.kind == "rolling"]
    assert {(fact.used_usd, fact.requested_usd) for fact in rolling} == {(Decimal(0), Decimal(399 * 2_500))}


def test_an_approval_at_a_stale_price_is_refused_and_can_be_given_again() -> None:
    spec = given(FIRM, initiate("o1", transfer("399", "ETH"))).after(61)
    spec.when(approve("o1", by="rita")).then_rejected(refusals.PriceStale)
    spec.at(FIRM.with_price(price("ETH", "2500", spec.now))).when(again("rita approves o1"))
    spec.then("approval-given", "policy-evaluated", "approved")


REJUDGED = ("command-rejected", "limit-released", "limit-reserved", "policy-evaluated")


def test_after_a_change_of_policy_the_order_is_judged_anew_and_old_approvals_fall_away() -> None:
    spec = given(FIRM, TWO_WAITING, approve("o1", by="rita"))
    before = spec.order("o1").approval_hash
    spec.at(FIRM.with_policy(policy(*LIMITS, version=2))).when(approve("o1", by="sven")).then(*REJUDGED)
    assert spec.only(CommandRejected).refusal.check == "approval-outdated"
    assert spec.order("o1").approval_hash != before
    assert spec.order("o1").approvals == []
    assert spec.used("trader-day", "trader:paula") == 40_000
    spec.given(approve("o1", by="rita", name="r2"), approve("o1", by="sven", name="s2"))
    spec.when(approve("o1", by="carl")).then("approval-given", "policy-evaluated", "approved")


def test_a_new_policy_may_allow_refuse_or_limit_the_order() -> None:
    lenient = starter.CEDAR.replace("> 2500000", "> 5000000")
    assert lenient != starter.CEDAR
    spec = given(FIRM, WAITING).at(FIRM.with_policy(policy(*LIMITS, version=2, cedar=lenient)))
    spec.when(approve("o1", by="rita")).then(*REJUDGED, "approved")

    tighter = policy(limit("trader-day", "39999"), version=2)
    spec = given(FIRM, WAITING).at(FIRM.with_policy(tighter)).when(approve("o1", by="rita"))
    spec.then("command-rejected", "limit-released", "policy-evaluated", "order-closed")
    assert "limit-exceeded" in spec.only(OrderClosed).message
    assert spec.used("trader-day", "trader:paula") == 0


def test_an_order_that_is_judged_anew_needs_no_more_room_than_it_held() -> None:
    just_enough = policy(limit("trader-day", "40000"), version=2)
    spec = given(FIRM, WAITING).at(FIRM.with_policy(just_enough)).when(approve("o1", by="rita")).then(*REJUDGED)
    assert spec.is_open("o1")
    assert spec.used("trader-day", "trader:paula") == 40_000


def test_after_a_change_of_the_effect_the_order_is_judged_anew() -> None:
    spec = given(FIRM, WAITING).at(FIRM.with_wallet("treasury-1", "newswap", VAULT))
    spec.when(approve("o1", by="rita")).then(*REJUDGED)
    spec.at(FIRM.with_wallet("treasury-1", "vault", VAULT))
    spec.when(approve("o1", by="rita", name="r2")).then_rejected(refusals.WalletOfOtherDesk)


def test_the_hash_covers_amount_destination_and_wallet() -> None:
    spec = given(
        FIRM,
        WAITING,
        initiate("o2", transfer("40000.000001")),
        initiate("o3", transfer("40000", to=VENUE)),
        initiate("o4", transfer("40000", to=CUSTODIAN)),
    )
    hashes = {spec.order(name).approval_hash for name in ("o1", "o2", "o3", "o4")}
    assert len(hashes) == 4
