"""A compromised desk repeats an approval that its giver withdrew: refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from infra.proofs import base64url
from schemas.commands import GiveApproval, WebAuthnAssertion, WithdrawApproval
from schemas.events.base import Event
from schemas.events.lifecycle import ApprovalGiven, PolicyEvaluated
from streams.rules.evidence.authority import is_same_touch
from tests.world.line.forgery import examined, rewritten
from tests.world.line.line import Line
from tests.world.line.scenery import STRANGER, orders_named, pay

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.fixture(scope="module")
def again() -> Line:
    """Sven approves `o1`, takes it back, and approves it once more; then others do."""
    line = Line()
    line.send("o1", pay("2000000", to=STRANGER))
    line.run("desk")
    line.approve("o1", "sven")
    line.run("desk")
    line.send("back", WithdrawApproval(order_id=line.order_id("o1")), "sven")
    line.run("desk")
    asked = line.events(PolicyEvaluated, "o1")[-1].approval_hash
    assert asked is not None
    line.send("once more", GiveApproval(order_id=line.order_id("o1"), approval_hash=asked), "sven")
    line.run("desk")
    for approver in ("carl", "cora"):
        line.approve("o1", approver)
        line.run("desk")
    line.run("desk", "execution")
    return line


def test_whoever_approves_again_after_taking_it_back_is_counted(again: Line) -> None:
    assert len(again.events(ApprovalGiven)) == 4
    assert examined(again.records, again.now).of("o1") == "signed"


def other_form(assertion: WebAuthnAssertion) -> WebAuthnAssertion:
    """The same touch with the other signature that ECDSA lets anybody make of it."""
    r, s = decode_dss_signature(base64url.decode(assertion.signature))
    return assertion.model_copy(update={"signature": base64url.encode(encode_dss_signature(r, P256_ORDER - s))})


@pytest.mark.parametrize("form", [lambda assertion: assertion, other_form], ids=["as it was", "in its other form"])
def test_an_approval_that_was_taken_back_does_not_count_when_it_is_said_once_more(
    again: Line, form: Callable[[WebAuthnAssertion], WebAuthnAssertion]
) -> None:
    """The same assertion after its withdrawal: only the desk says that it was given then."""
    first = next(each for each in again.events(ApprovalGiven) if each.approver == "sven")
    assertion = form(first.assertion)
    said = {"assertion": assertion, "command": first.command.model_copy(update={"authorization": assertion})}

    def change(event: Event) -> Event:
        if isinstance(event, ApprovalGiven) and event.order_id in orders_named("o1") and event.approver == "sven":
            return event.model_copy(update=said if event.position > first.position else {})
        return event

    found = examined(rewritten(again.records, change), again.now)
    assert (found.of("o1"), found.digests) == ("approvals", [])


def test_touches_are_told_apart_by_what_only_the_key_can_make(again: Line) -> None:
    first, second = (each for each in again.events(ApprovalGiven) if each.approver == "sven")
    assert not is_same_touch(first, second)
    counted_nothing = second.assertion.model_copy(update={"authenticator_data": first.assertion.authenticator_data})
    assert not is_same_touch(first, second.model_copy(update={"assertion": counted_nothing}))
    no_r = counted_nothing.model_copy(update={"signature": base64url.encode(bytes(64))})
    assert is_same_touch(first, second.model_copy(update={"assertion": no_r}))
