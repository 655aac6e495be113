"""The firm changes between approval and signature: orders that are no longer valid are refused, others are signed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from schemas.commands import CancelOrder, GiveApproval, InitiateOrder, WithdrawApproval
from schemas.events.base import Event, FirmEvent
from schemas.events.governance import AssetListed, BreakerTripped
from schemas.events.lifecycle import (
    ApprovalGiven,
    Approved,
    OrderClosed,
    OrderHeld,
    PolicyEvaluated,
    Signed,
    SigningRefused,
    Simulated,
)
from schemas.firm import BreakerScope, BreakerState
from schemas.firm_commands import ProposeAccess, ProposeReset, TripBreaker
from streams.rules.evidence.dossier import EVIDENCE_TOPICS, EvidenceFold
from streams.rules.evidence.signing_verdict import Verdict, judge
from streams.rules.firm.view import GovernanceFold
from streams.rules.policy import starter
from tests.streams.rules.governance.changes.specification import access, policy_proposal
from tests.world.firm import governance as firm
from tests.world.firm.desk import Fido2Key
from tests.world.firm.governance import CUSTODIAN, VENUE
from tests.world.line.forgery import everywhere, examined, facts, fields, rewritten
from tests.world.line.line import Line, simulated_of
from tests.world.line.scenery import DESK, LIMITS, STRANGER, genesis, limit, pay, swap, wallet

PERSONS = [*firm.document().persons, firm.person("sara", "senior-risk-officer")]
FOUNDED = {"wallets": [wallet(holding=CUSTODIAN), wallet("treasury-2"), wallet("vault", "other")], "persons": PERSONS}
FIRM = genesis(**FOUNDED)
"""One wallet has somewhere to evacuate to, and nobody is the only one in a role that policy asks for, but carl."""
OTHER_KEY = [Fido2Key("another").registered()]
COMMITTEE = ("sven", "carl", "cora")

Happening = Callable[[Line], Any]


def approved(body: InitiateOrder, *approvers: str) -> Line:
    """`o1` before the enclave."""
    line = Line(FIRM)
    line.send("o1", body)
    for approver in approvers:
        line.run("desk")
        line.approve("o1", approver)
    line.run("desk", "execution")
    assert [simulated.verdict for simulated in line.events(Simulated, "o1")] == ["passed"]
    return line


def newest(line: Line) -> int:
    """The position of the last governance event."""
    return max(r.record.position for r in line.records if isinstance(r.record, FirmEvent))


def trip(scope: BreakerScope, subject: str, state: BreakerState = "open", by: str = "rita") -> Happening:
    def happen(line: Line) -> None:
        line.ask_firm(TripBreaker(scope=scope, subject=subject, state=state, reason="prices diverge"), by)
        line.run("governance")
        assert any(isinstance(r.record, BreakerTripped) for r in line.records)

    return happen


def stopped_for_a_while(line: Line) -> None:
    trip("firm", "*")(line)
    line.change_firm(ProposeReset(scope="firm", subject="*", reason="prices agree again"))


def becomes(principal: str, *roles: str, **changes: Any) -> Happening:
    rights = ProposeAccess(access=access(principal, *roles, **changes), reason="a review")
    return lambda line: line.change_firm(rights)


def activated(**changes: Any) -> Happening:
    return lambda line: line.change_firm(policy_proposal(**({"limits": list(LIMITS)} | changes)))


def command_about(body: CancelOrder | WithdrawApproval, by: str) -> Happening:
    def happen(line: Line) -> None:
        named = body.model_copy(update={"order_id": line.order_id("o1")})
        line.send(f"{by} {body.kind}", named, by)
        line.run("desk")

    return happen


SOME = "0b9f4f0e-5b0c-5d3f-9c7e-2f1f3f0a9d11"
PAYING, SWAPPING, COMMITTED = (pay("1000"),), (swap("20000"),), (pay("300000", to=STRANGER), *COMMITTEE)

STOPPED: dict[str, tuple[tuple[Any, ...], Happening, str]] = {
    "the firm is stopped": (SWAPPING, trip("firm", "*"), "breakers"),
    "the desk is stopped": (SWAPPING, trip("desk", DESK), "breakers"),
    "the wallet is stopped": (SWAPPING, trip("wallet", "treasury-1"), "breakers"),
    "what it buys is stopped": (SWAPPING, trip("asset", "WETH"), "breakers"),
    "the venue is stopped": (SWAPPING, trip("contract", VENUE), "breakers"),
    "only what reduces may pass": (SWAPPING, trip("desk", DESK, "reducing"), "breakers"),
    "its initiator cancels": (PAYING, command_about(CancelOrder(order_id=SOME), "paula"), "cancelled"),
    "somebody of the desk cancels": (PAYING, command_about(CancelOrder(order_id=SOME), "rita"), "cancelled"),
    "its initiator is revoked": (PAYING, becomes("paula", "portfolio-manager", status="revoked"), "rights"),
    "its initiator leaves the desk": (PAYING, becomes("paula", "portfolio-manager", desks=[]), "rights"),
    "its initiator's key is replaced": (PAYING, becomes("paula", "portfolio-manager", credentials=OTHER_KEY), "rights"),
    "its initiator has another role": (PAYING, becomes("paula", "auditor"), "policy-today"),
    "an approver is revoked": (COMMITTED, becomes("sven", "senior-risk-officer", status="revoked"), "policy-today"),
    "an approver loses the role": (COMMITTED, becomes("sven", "auditor"), "policy-today"),
    "an approver leaves the desk": (COMMITTED, becomes("sven", "senior-risk-officer", desks=[]), "policy-today"),
    "an approver's key is replaced": (COMMITTED, becomes("sven", "senior-risk-officer", credentials=OTHER_KEY), "policy-today"),
    "an approver takes it back": (COMMITTED, command_about(WithdrawApproval(order_id=SOME), "sven"), "policy-today"),
    "the policy asks for more": (
        SWAPPING,
        activated(cedar=starter.CEDAR.replace("context.amount_usd_cents > 2500000 &&", "context.amount_usd_cents > 2500 &&")),
        "policy-today",
    ),
    "the policy bounds what the simulation showed": (
        SWAPPING,
        activated(cedar=starter.CEDAR.replace("slippage_ppm > 20000", "slippage_ppm > 500")),
        "policy-today",
    ),
    "a limit is lowered": (PAYING, activated(limits=[limit("trader-day", "999")]), "policy-today"),
    "a limit of another kind is set": (
        PAYING,
        activated(limits=[*LIMITS, limit("month", "999", kind="calendar-month", window_seconds=0)]),
        "policy-today",
    ),
}

PASSING: dict[str, tuple[tuple[Any, ...], Happening]] = {
    "another desk is stopped": (SWAPPING, trip("desk", "other")),
    "an evacuation, though the firm is stopped": (PAYING, trip("firm", "*")),
    "the firm was stopped and goes on": (SWAPPING, stopped_for_a_while),
    "the same policy again, with more room": (COMMITTED, activated(limits=[limit("trader-day", "7000000")])),
    "an approver has one role more": (COMMITTED, becomes("sven", "senior-risk-officer", "auditor")),
    "somebody who had nothing to do with it is revoked": (COMMITTED, becomes("sara", "auditor", status="revoked")),
}  # fmt: skip


@pytest.mark.parametrize("name", STOPPED)
def test_what_no_longer_holds_is_refused_by_the_check_that_sees_it(name: str) -> None:
    order, happen, check = STOPPED[name]
    line = approved(*order)
    happen(line)
    line.run()
    assert (line.outcome("o1"), line.key.digests) == (check, []), line.events(SigningRefused)
    (refused,) = line.events(SigningRefused, "o1")
    assert refused.governance_position == newest(line)
    assert [closed.reason for closed in line.events(OrderClosed, "o1")] == [
        "cancelled" if check == "cancelled" else "signing-refused"
    ]


@pytest.mark.parametrize("name", PASSING)
def test_what_still_holds_is_signed(name: str) -> None:
    order, happen = PASSING[name]
    line = approved(*order)
    happen(line)
    line.run()
    assert line.outcome("o1") == "signed", line.events(SigningRefused)
    (signed,) = line.events(Signed, "o1")
    (given,) = line.events(Approved, "o1")
    assert (signed.order, signed.effect) == (given.order, given.effect)
    assert signed.governance_position == newest(line)


def test_what_is_stopped_before_it_is_simulated_is_held_for_a_person() -> None:
    line = Line(FIRM)
    line.send("o1", swap("20000"))
    line.run("desk")
    trip("desk", DESK)(line)
    line.run()
    assert [finding.code for finding in line.events(Simulated, "o1")[0].findings] == ["breaker"]
    assert [held.reason for held in line.events(OrderHeld, "o1")] == ["flagged"]
    assert line.outcome("o1") == "nothing"


def test_a_signature_is_not_taken_back_by_what_comes_after_it() -> None:
    line = approved(*COMMITTED)
    line.run("signer")
    for happen in (command_about(WithdrawApproval(order_id=SOME), "sven"), command_about(CancelOrder(order_id=SOME), "paula")):
        happen(line)
    line.run()
    assert (line.outcome("o1"), line.events(OrderClosed)) == ("signed", [])


# Who was allowed to, then ------------------------------------------------------------------------------------------------


def waiting(*approvers: str) -> Line:
    """`o1` to a stranger, with some of the approvals that it needs."""
    line = Line(FIRM)
    line.send("o1", pay("300000", to=STRANGER))
    for approver in approvers:
        line.run()
        line.approve("o1", approver)
    line.run()
    return line


def test_an_approval_that_was_taken_back_and_given_again_counts_once() -> None:
    line = waiting("sven", "carl")
    command_about(WithdrawApproval(order_id=SOME), "sven")(line)
    line.approve("o1", "cora")
    line.run()
    assert line.outcome("o1") == "nothing"
    (hashed, *_) = {event.approval_hash for event in line.events(PolicyEvaluated, "o1")} - {None}
    assert hashed is not None
    line.send("sven once more", GiveApproval(order_id=line.order_id("o1"), approval_hash=hashed), "sven")
    line.run()
    assert (line.outcome("o1"), len(line.events(ApprovalGiven, "o1"))) == ("signed", 4)
    assert [given.principal for given in line.events(Approved, "o1")[0].approvals] == ["carl", "cora", "sven"]


def test_an_approver_who_was_revoked_while_the_order_waited_does_not_spoil_the_others() -> None:
    line = waiting("sara", "carl")
    becomes("sara", "senior-risk-officer", status="revoked")(line)
    for approver in ("sven", "cora"):
        line.approve("o1", approver)
        line.run()
    assert line.outcome("o1") == "signed", line.events(SigningRefused)
    assert [given.principal for given in line.events(Approved, "o1")[0].approvals] == ["carl", "sven", "cora"]


def test_an_order_that_was_approved_long_before_the_firm_changed_is_judged_by_the_firm_of_then_and_of_now() -> None:
    """Sven's key is replaced after he approved: his assertion is proven with the key he had, and no longer counts."""
    line = approved(*COMMITTED)
    becomes("sven", "senior-risk-officer", credentials=OTHER_KEY)(line)
    line.run()
    (refused,) = line.events(SigningRefused, "o1")
    assert (refused.refusal.check, "senior-risk-officer" in refused.refusal.message) == ("policy-today", True)


# A desk that names the governance it would like ---------------------------------------------------------------------------


def test_a_desk_that_names_an_older_position_gains_nothing() -> None:
    """Sven had lost his role when the last approval came. As of before that, the decision is right; today it is not."""
    line = waiting("sven", "carl")
    before = newest(line)
    becomes("sven", "auditor")(line)
    line.approve("o1", "cora")
    line.run()
    assert (line.events(Approved), newest(line) > before) == ([], True)
    line = approved(*COMMITTED)
    becomes("sven", "auditor")(line)
    assert {event.facts.governance_position for event in line.events(PolicyEvaluated)} == {before}
    assert examined(line.records, line.now).of("o1") == "policy-today"


@pytest.mark.parametrize("position", [0, 1])
def test_a_decision_on_governance_before_there_was_a_policy_is_refused(paid: Line, position: int) -> None:
    found = examined(rewritten(paid.records, everywhere("o1", fields(governance_position=position))), paid.now)
    assert (found.of("o1"), found.digests) == ("governance", [])


def test_decisions_whose_governance_runs_backwards_are_refused() -> None:
    line = waiting("sven", "carl")
    activated(limits=[*LIMITS, limit("wide", "9000000")])(line)
    for approver in ("cora", *COMMITTEE):
        line.approve("o1", approver)
        line.run("desk")
    line.run("desk", "execution")
    assert examined(line.records, line.now).of("o1") == "signed"
    before = min(event.facts.governance_position for event in line.events(PolicyEvaluated))

    def back(event: Event) -> Event:
        if isinstance(event, PolicyEvaluated) and event.outcome == "allowed":
            return facts(governance_position=before)(event)  # type: ignore[no-any-return]
        return fields(governance_position=before)(event) if isinstance(event, Approved) else event

    assert examined(rewritten(line.records, back), line.now).of("o1") == "governance"


def test_approvals_of_an_earlier_policy_do_not_count_under_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """A desk that was taken over does not evaluate anew what was reserved under the policy before."""
    line = waiting("sven", "carl")
    shown = line.events(PolicyEvaluated, "o1")[-1].approval_hash
    activated(limits=[*LIMITS, limit("wide", "9000000")])(line)
    line.approve("o1", "cora")
    with monkeypatch.context() as taken_over:
        taken_over.setattr("streams.rules.orders.steps.approvals.hash_now", lambda *_: shown)
        line.run("desk", "execution")
    assert len(line.events(Approved)) == 1
    assert examined(line.records, line.now).of("o1") == "governance"


def test_an_order_that_would_do_something_else_today_is_refused() -> None:
    line = approved(*PAYING)
    assert judged(line).refusal is None
    usdc = next(r.record for r in line.records if isinstance(r.record, AssetListed) and r.record.asset_id == "USDC")
    refusal = judged(line, fields(decimals=18)(usdc)).refusal
    assert refusal is not None
    assert refusal.check == "rights"


def judged(line: Line, *more: FirmEvent) -> Verdict:
    """The verdict on `o1` of somebody who believes governance's log, and sees more of it."""
    evidence, governance = EvidenceFold(), GovernanceFold()
    for received in line.records:
        if received.topic in EVIDENCE_TOPICS:
            evidence.accept(received)
        elif isinstance(received.record, FirmEvent):
            governance.accept(received.record)
    for event in more:
        governance.accept(event.model_copy(update={"position": governance.view.position + 1}))
    received = simulated_of(line, "o1")
    assert isinstance(received.record, Simulated)
    dossier = evidence.dossier(received, received.record)
    assert dossier is not None
    return judge(dossier, governance, {}, line.now)


def test_an_order_that_a_taken_over_desk_lets_pass_a_breaker_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The firm's policy says nothing of breakers: that they stop an order is no rule's to lift."""
    silent = starter.CEDAR.replace("!context.breakers_reducing.isEmpty()", "context.amount_usd_cents < 0")
    line = Line(genesis(**FOUNDED, policy=firm.policy(cedar=silent, limits=list(LIMITS))))
    trip("wallet", "treasury-1", "reducing")(line)
    line.send("o1", swap("20000"))
    with monkeypatch.context() as taken_over:
        taken_over.setattr("streams.rules.breakers.open_breakers.stops", lambda _: [])
        taken_over.setattr("streams.rules.transactions.simulation_findings.stops_now", lambda *_: [])
        line.run("desk", "execution")
    assert [simulated.verdict for simulated in line.events(Simulated)] == ["passed"]
    assert examined(line.records, line.now).of("o1") == "policy"
