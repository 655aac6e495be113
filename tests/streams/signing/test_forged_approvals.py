"""A compromised desk writes anything on its own topics; without people's signatures no order is signed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from schemas.events.base import Event, OrderEvent
from schemas.events.facts import ApprovalFact
from schemas.events.lifecycle import ApprovalDeclined, ApprovalGiven, Approved, PolicyEvaluated, Simulated
from schemas.events.limits import LimitReleased, LimitReserved
from schemas.examples import example
from tests.world.line.forgery import Change, approval_of, examined, facts, fields, rewritten, where
from tests.world.line.line import Line
from tests.world.line.scenery import orders_named

HOUR = 3_600_000_000


def without_approvals(event: Event) -> Event | None:
    return None if isinstance(event, ApprovalGiven) else event


def without_claims(event: Event) -> Event | None:
    if isinstance(event, PolicyEvaluated) and is_first(event):
        return facts(approvals=[])(event)  # type: ignore[no-any-return]
    return where(Approved, "o1", fields(approvals=[]))(event) if without_approvals(event) else None  # type: ignore[return-value]


def by_the_other_order(line: Line, **changes: object) -> Change:
    """Each approval of `o1` replaced by the same person's approval of `o2`."""
    others = {event.approver: event for event in line.events(ApprovalGiven, "o2")}
    return where(
        ApprovalGiven,
        "o1",
        lambda given: others[given.approver].model_copy(
            update={"order_id": given.order_id, "decided_at": given.decided_at, **changes}
        ),
    )


def with_the_right_words(line: Line) -> Change:
    """The other order's assertions in commands that name this order."""
    others = {event.approver: event for event in line.events(ApprovalGiven, "o2")}

    def reworded(given: ApprovalGiven) -> ApprovalGiven:
        assertion = others[given.approver].assertion
        command = given.command.model_copy(update={"authorization": assertion})
        return given.model_copy(update={"assertion": assertion, "command": command})

    return where(ApprovalGiven, "o1", reworded)


def is_first(event: OrderEvent) -> bool:
    return event.order_id in orders_named("o1")


def given_by(line: Line, by: str) -> Change:
    """Somebody else in cora's place, with an assertion of their own."""
    forged = approval_of(line, "o1", by)
    role = ["risk-officer", "chief-risk-officer"]
    fact = ApprovalFact(principal=by, site="zurich", roles=role)

    def change(event: Event) -> Event | None:
        if isinstance(event, ApprovalGiven) and event.approver == "cora":
            return forged.model_copy(update={"decided_at": event.decided_at}) if is_first(event) else event
        if isinstance(event, PolicyEvaluated | Approved) and is_first(event):
            counted = event.approvals if isinstance(event, Approved) else event.facts.approvals
            claimed = [each if each.principal != "cora" else fact for each in counted]
            said = fields if isinstance(event, Approved) else facts
            return said(approvals=claimed)(event)  # type: ignore[no-any-return]
        return event

    return change


def before_it_was_allowed(make: Callable[[PolicyEvaluated], OrderEvent]) -> Change:
    """One link more, right before the evaluation that let the order pass."""
    return where(PolicyEvaluated, "o1", lambda e: [make(e), e] if e.outcome == "allowed" else e)


ATTACKS: dict[str, tuple[Callable[[Line], Change], str]] = {
    "approved without a single approval": (lambda _: without_approvals, "approvals"),
    "approved without claiming any": (lambda _: without_claims, "policy"),
    "approvals of another amount": (by_the_other_order, "approvals"),
    "approvals replayed under this order's hash": (with_the_right_words, "approvals"),
    "approved by the initiator": (lambda line: given_by(line, "paula"), "approvals"),
    "approved by a system": (lambda line: given_by(line, "treasury-bot"), "approvals"),
    "approved by somebody without the role": (lambda line: given_by(line, "rita"), "approvals"),
    "in somebody else's name": (
        lambda _: where(ApprovalGiven, "o1", fields(approver="rita")),
        "approvals",
    ),
    "counted in roles that nobody gave": (
        lambda _: where(
            Approved,
            "o1",
            lambda a: a.model_copy(
                update={"approvals": [x.model_copy(update={"roles": ["risk-officer"]}) for x in a.approvals]}
            ),
        ),
        "approvals",
    ),
    "declined, and approved all the same": (
        lambda _: before_it_was_allowed(
            lambda a: example(ApprovalDeclined).model_copy(
                update={"desk_id": a.desk_id, "order_id": a.order_id, "decided_at": a.decided_at}
            )
        ),
        "chain-shape",
    ),
    "under other rules than policy has": (lambda _: where(PolicyEvaluated, "o1", fields(rules=[])), "policy"),
    "after its reservation was released": (
        lambda _: before_it_was_allowed(
            lambda a: LimitReleased(
                desk_id=a.desk_id, order_id=a.order_id, decided_at=a.decided_at, released=[], reason="superseded"
            )
        ),
        "chain-shape",
    ),
    "never evaluated": (
        lambda _: lambda event: None if isinstance(event, PolicyEvaluated) else event,
        "chain-shape",
    ),
    "never reserved": (lambda _: lambda event: None if isinstance(event, LimitReserved) else event, "chain-shape"),
    "approved twice": (lambda _: where(Approved, "o1", lambda approved: [approved, approved]), "chain-shape"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_forged_approval_is_refused_by_the_check_that_sees_it(agreed: Line, name: str) -> None:
    forge, check = ATTACKS[name]
    found = examined(rewritten(agreed.records, forge(agreed)), agreed.now)
    assert found.of("o1") == check, found.messages
    assert not found.digests or found.of("o2") == "signed"


def test_what_people_agreed_to_is_signed(agreed: Line) -> None:
    found = examined(agreed.records, agreed.now)
    assert (found.of("o1"), found.of("o2")) == ("signed", "signed")
    assert examined(rewritten(agreed.records, lambda event: event), agreed.now).answers == found.answers


def test_an_approval_that_came_after_the_order_had_expired_is_refused(agreed: Line) -> None:
    def late(event: Event) -> Event:
        if not isinstance(event, PolicyEvaluated | Approved | Simulated) or is_first(event):
            return event
        if isinstance(event, PolicyEvaluated) and event.outcome != "allowed":
            return event
        moved = event.model_copy(update={"decided_at": event.decided_at + HOUR})
        return facts(evaluated_at=moved.decided_at)(moved) if isinstance(moved, PolicyEvaluated) else moved

    found = examined(rewritten(agreed.records, late), agreed.now + HOUR)
    assert found.of("o2") == "approvals", found.messages
