"""Commands to governance and their answers, over HTTP, decided by the real governance: breakers, proposals, policies."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import httpx
import pytest

from commands.client import ApprovalMismatch, CommandRefused, PolicyDraft, ProofdeskClient, wanted_agreement
from commands.client.shapes import ShownProposal
from infra.local_cluster.deadline import Deadline
from schemas.firm_commands import ProposeReset, TripBreaker
from tests.commands.conftest import Door
from tests.world.firm.door import DESK, OTHER_DESK, WALLET, transfer

pytestmark = pytest.mark.cluster

SEEN_SECONDS_MAX = 20

V = TypeVar("V")


def awaited(look: Callable[[], V], holds: Callable[[V], bool] = bool) -> V:
    """The read side's answer, once it has come so far."""
    deadline = Deadline(SEEN_SECONDS_MAX)
    while True:
        try:
            if holds(found := look()):
                return found
        except CommandRefused:
            pass
        assert not deadline.passed, "the read side never showed it"
        time.sleep(0.05)


def shown(client: ProofdeskClient, proposal_id: str | None) -> ShownProposal:
    assert proposal_id is not None
    return awaited(lambda: client.proposal(proposal_id))


def agree(door: Door, proposal_id: str | None, *people: str) -> str:
    """The state after these people agreed, one after the other."""
    answers = [door.person(name).approve_proposal(wanted_agreement(shown(door.person(name), proposal_id))) for name in people]
    return answers[-1].state


def draft(door: Door, **settings: int) -> PolicyDraft:
    present = door.system().policy_in_force()
    return present.model_copy(update={"settings": present.settings.model_copy(update=settings)})


def test_a_breaker_is_tripped_at_once_and_reset_by_a_quorum_of_others(door: Door) -> None:
    rosa = door.person("rosa")

    tripped = rosa.trip("desk", OTHER_DESK, "open", "looks odd")
    listed = awaited(lambda: rosa.read("/v1/breakers")["breakers"])
    proposed = rosa.propose_reset("desk", OTHER_DESK, "was a drill")

    assert (tripped.state, tripped.scope, tripped.subject, tripped.breaker) == ("tripped", "desk", OTHER_DESK, "open")
    assert [(each["subject"], each["state"], each["tripped_by"]) for each in listed] == [(OTHER_DESK, "open", "rosa")]
    assert (proposed.state, proposed.requires) == ("awaiting-approval", ("risk-officer:1 & compliance-officer:1",))
    with pytest.raises(CommandRefused) as refused:
        rosa.approve_proposal(wanted_agreement(shown(rosa, proposed.proposal_id)))
    assert (refused.value.problem.status, refused.value.problem.check) == (403, "proposer-decides")
    assert refused.value.problem.proposal_id == proposed.proposal_id
    assert agree(door, proposed.proposal_id, "carl") == "awaiting-approval"
    assert agree(door, proposed.proposal_id, "cora") == "enacted"
    assert awaited(lambda: rosa.read("/v1/breakers"), lambda found: found["breakers"] == [])
    [closed] = rosa.read("/v1/breakers", all="true")["breakers"]
    assert (closed["state"], closed["reason"], closed["proposal_id"]) == ("closed", "was a drill", proposed.proposal_id)


def test_who_may_not_trip_is_told_so(door: Door) -> None:
    with pytest.raises(CommandRefused) as refused:
        door.person("paula").trip("desk", OTHER_DESK, "open", "no reason")
    assert (refused.value.problem.status, refused.value.problem.check) == (403, "policy-refuses")


def test_a_breaker_that_would_stop_nothing_is_refused(door: Door) -> None:
    with pytest.raises(CommandRefused) as refused:
        door.person("rosa").trip("asset", "DOGE", "open", "no reason")
    assert (refused.value.problem.status, refused.value.problem.check) == (422, "breaker-subject-unknown")


def test_the_same_command_to_governance_is_answered_alike_also_from_the_read_side(door: Door) -> None:
    carl = door.person("carl")
    command = carl.firm_command(TripBreaker(scope="contract", subject="*", state="reducing", reason="a drill"))
    first, second = carl.send_to_firm(command), carl.send_to_firm(command)
    awaited(lambda: carl.read("/v1/breakers")["breakers"])

    door.cluster.restart_process("gateway")
    door.await_ready()

    assert first == second == carl.send_to_firm(command)
    other = carl.firm_command(ProposeReset(scope="contract", subject="*", reason="over"), command.command_id)
    with pytest.raises(CommandRefused) as refused:
        carl.send_to_firm(other)
    assert (refused.value.problem.status, refused.value.problem.check) == (409, "idempotency-conflict")
    assert agree(door, carl.propose_reset("contract", "*", "over").proposal_id, "rosa", "cora") == "enacted"


def test_a_policy_is_validated_tried_on_past_orders_proposed_and_activated(door: Door) -> None:
    asked = door.person("paula").submit(DESK, WALLET, transfer("20000"))
    assert asked.outcome == "allowed"
    awaited(lambda: door.system().show(asked.order_id))
    stricter = draft(door, proposal_ttl_seconds=80_000)
    stricter = stricter.model_copy(update={"cedar": stricter.cedar.replace("> 2500000 &&", "> 1500000 &&")})
    content = stricter.model_dump(mode="json")
    rosa = door.person("rosa")

    review = rosa.ask("/v1/policies/validate", content)
    tested = rosa.ask("/v1/policies/backtest", {**content, "orders": 200})
    proposed = rosa.propose_policy(draft(door, proposal_ttl_seconds=80_000), "shorter")

    assert (review["valid"], review["problems"]) == (True, [])
    [changed] = [each for each in tested["otherwise"] if each["order_id"] == asked.order_id]
    assert (changed["before"]["outcome"], changed["after"]["outcome"]) == ("allowed", "needs-approval")
    assert (changed["after"]["requires"], changed["after"]["rules"]) == (["risk-officer:1"], ["over-25k"])
    assert changed["amount_usd"] == "20000.000000"
    assert agree(door, proposed.proposal_id, "carl", "cora") == "enacted"
    active = awaited(lambda: rosa.read("/v1/policies/active"), lambda found: found["proposal_id"] == proposed.proposal_id)
    assert (active["policy_hash"], active["settings"]["proposal_ttl_seconds"]) == (proposed.policy_hash, 80_000)


def test_everything_that_speaks_against_a_policy_is_said(door: Door) -> None:
    present = door.system().policy_in_force()
    [limit] = present.limits
    broken = present.model_copy(
        update={"limits": [limit, limit.model_copy(update={"kind": "calendar-day", "zone": "Europe/Atlantis"})]}
    )

    review = door.system().ask("/v1/policies/validate", broken.model_dump(mode="json"))

    assert not review["valid"]
    said = " ".join(review["problems"])
    for words in ("listed 2 times", "Europe/Atlantis", "has no window"):
        assert words in said
    with pytest.raises(CommandRefused) as refused:
        door.person("rosa").propose_policy(broken, "broken")
    assert (refused.value.problem.status, refused.value.problem.check) == (422, "proposal-unusable")
    assert "Europe/Atlantis" in refused.value.problem.detail


def test_a_policy_that_is_no_cedar_cannot_be_tried(door: Door) -> None:
    content = {**door.system().policy_in_force().model_dump(mode="json"), "cedar": "permit everything"}
    with pytest.raises(CommandRefused) as refused:
        door.system().ask("/v1/policies/backtest", content)
    assert refused.value.problem.status == 422
    assert "cannot be asked" in refused.value.problem.detail


def test_a_proposal_is_declined_or_taken_back(door: Door) -> None:
    rosa, carl = door.person("rosa"), door.person("carl")
    first = rosa.propose_policy(draft(door, order_ttl_seconds=4_000), "longer")
    second = rosa.propose_policy(draft(door, order_ttl_seconds=5_000), "longer still")
    assert first.proposal_id is not None
    assert second.proposal_id is not None

    assert carl.decline_proposal(first.proposal_id, "too long").state == "declined"
    with pytest.raises(CommandRefused) as refused:
        carl.withdraw_proposal(second.proposal_id)
    assert (refused.value.problem.status, refused.value.problem.check) == (403, "not-your-proposal")
    assert rosa.withdraw_proposal(second.proposal_id, "never mind").state == "withdrawn"
    ended = awaited(lambda: rosa.proposal(second.proposal_id or ""), lambda found: found.state == "withdrawn")
    assert "never mind" in ended.message
    with pytest.raises(ApprovalMismatch, match="it is withdrawn"):
        wanted_agreement(ended)


def test_what_is_shown_of_a_proposal_must_be_what_its_hash_is_of(door: Door) -> None:
    rosa = door.person("rosa")
    proposed = rosa.propose_policy(draft(door, order_ttl_seconds=4_001), "longer")
    proposal = shown(rosa, proposed.proposal_id)
    forged = proposal.model_copy(update={"change": proposal.change.model_copy(update={"cedar": ""})})

    with pytest.raises(ApprovalMismatch, match="sign nothing"):
        wanted_agreement(forged)
    assert rosa.withdraw_proposal(proposal.proposal_id).state == "withdrawn"


def test_a_system_has_no_say(door: Door) -> None:
    rosa, system = door.person("rosa"), door.system()
    proposed = rosa.propose_policy(draft(door, order_ttl_seconds=4_002), "longer")

    with pytest.raises(CommandRefused) as refused:
        system.decline_proposal(shown(system, proposed.proposal_id).proposal_id, "no")

    assert (refused.value.problem.status, refused.value.problem.check) == (403, "person-needed")
    assert rosa.withdraw_proposal(proposed.proposal_id or "").state == "withdrawn"


def test_a_body_as_large_as_a_policy_is_only_taken_where_policies_are(door: Door) -> None:
    for path, status in (("/v1/breakers", 413), ("/v1/policies", 401)):
        content = b'{"cedar": "' + b"x" * 100_000 + b'"}'
        answer = httpx.post(door.description.http + path, content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code == status, path
