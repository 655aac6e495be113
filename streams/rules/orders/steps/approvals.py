"""Counts approvals of an order and decides what follows (mission, lifecycle step 3; architecture, rules 7 and 9).

An approval signs one hash: of the order, its decoded effect, the policy and the reservation. It counts if its approver is a
person who may act on the desk, is not the initiator, has not approved before, used their own FIDO2 key, and has a role that
policy asks for. Policy is then evaluated again with all approvals that still stand (`standing`). If policy or the effect has
changed since the order was shown, the approval is refused and the order is evaluated anew. An order that a breaker stops waits
until the breaker is reset. The reservation keeps the value that was approved; policy uses the current price.
"""

from __future__ import annotations

from typing import assert_never

from schemas.commands import DeclineApproval, GiveApproval, WithdrawApproval
from schemas.events.base import Event
from schemas.events.lifecycle import ApprovalDeclined, ApprovalGiven, ApprovalWithdrawn
from schemas.events.limits import LimitReleased
from schemas.values import Instant
from streams.rules.access.sender import Given, Sender, VerifiedAssertion
from streams.rules.limits.ledger import Adjustment, amounts
from streams.rules.orders.intake import Accepted
from streams.rules.orders.judging.facts import Circumstances
from streams.rules.orders.judging.judgement import Judgement, judge
from streams.rules.orders.judging.verdict import approved, breached, evaluated, judged, reasons
from streams.rules.orders.state import DeskState, OpenOrder
from streams.rules.orders.steps.addressed_order import opened, waiting
from streams.rules.orders.steps.counted_approvals import hash_now, judge_with
from streams.rules.orders.steps.outcomes import ended
from streams.rules.policy import quorum
from streams.rules.refusals import orders as refusals
from streams.rules.refusals.orders import Refused


def give(
    state: DeskState, accepted: Accepted, body: GiveApproval, circumstances: Circumstances, now: Instant
) -> tuple[Event, ...]:
    """Return the events of an approval.

    Raises:
        Refused: the approval does not count, or not now.
    """
    found = waiting(state, accepted.command.desk_id, body.order_id, now)
    if body.approval_hash != found.approval_hash:
        raise refusals.ApprovalOfOther(order_id=body.order_id, given=body.approval_hash, asked=found.approval_hash)
    sender = accepted.sender
    shown = _check_person(found, sender)
    if any(given.principal == sender.access.principal for given in found.approvals):
        raise refusals.ApprovedAlready(principal=sender.access.principal, order_id=body.order_id)
    judgement = judge_with(_with(found, sender), state, found, circumstances, now)
    for stop in judgement.stopped:
        raise stop
    if hash_now(judgement, state) != found.approval_hash:
        outdated = accepted.rejected(refusals.ApprovalOutdated(order_id=body.order_id))
        return (outdated, *judged_anew(state, found, circumstances, now))
    if not _asked_of(found.requires, sender):
        _check_moves(found, sender, judgement, judge_with(found.approvals, state, found, circumstances, now))
    given = ApprovalGiven(
        desk_id=found.order.desk_id,
        order_id=found.order.order_id,
        approver=sender.access.principal,
        roles=sender.access.roles,
        approval_hash=body.approval_hash,
        assertion=shown.assertion,
        counter=shown.counter,
        command=accepted.command,
    )
    return (given, *_after(state, found, judgement, circumstances))


def decline(
    state: DeskState, accepted: Accepted, body: DeclineApproval, circumstances: Circumstances, now: Instant
) -> tuple[Event, ...]:
    """Close an order that one of its possible approvers declined.

    Raises:
        Refused: the sender may not decline it.
    """
    found = waiting(state, accepted.command.desk_id, body.order_id, now)
    _check_person(found, accepted.sender)
    if not _asked_of(found.requires, accepted.sender):
        judgement = judge_with(_with(found, accepted.sender), state, found, circumstances, now)
        before = judge_with(found.approvals, state, found, circumstances, now)
        _check_moves(found, accepted.sender, judgement, before)
    approver = accepted.sender.access.principal
    declined = ApprovalDeclined(
        desk_id=found.order.desk_id,
        order_id=found.order.order_id,
        approver=approver,
        reason=body.reason,
        command=accepted.command,
    )
    return (declined, *ended(state, found, "declined", f"{approver}: {body.reason}"))


def withdraw(
    state: DeskState, accepted: Accepted, body: WithdrawApproval, circumstances: Circumstances, now: Instant
) -> tuple[Event, ...]:
    """Withdraw an approval. A waiting order is evaluated without it; the signer refuses an order handed to execution.

    Raises:
        Refused: the sender has no approval that stands.
    """
    found = opened(state, accepted.command.desk_id, body.order_id)
    approver = accepted.sender.access.principal
    left = [given for given in found.approvals if given.principal != approver]
    if len(left) == len(found.approvals):
        raise refusals.ApprovalNotGiven(principal=approver, order_id=body.order_id)
    withdrawn = ApprovalWithdrawn(
        desk_id=found.order.desk_id,
        order_id=body.order_id,
        approver=approver,
        reason=body.reason,
        command=accepted.command,
    )
    return (withdrawn, *_still_asked(left, state, found, circumstances, now))


def judged_anew(state: DeskState, found: OpenOrder, circumstances: Circumstances, now: Instant) -> tuple[Event, ...]:
    """Return the evaluation under today's policy and effect: it replaces the reservation and drops the earlier approvals.

    Raises:
        Refused: the order has become impossible, or has no value.
    """
    order, held = found.order, state.reserved(found.order)
    freed = Adjustment(moved={key: -amount for key, amount in amounts(held).items()})
    judgement = judge(order, state.desk(order.desk_id).ledger, circumstances, now, adjustment=freed)
    released = LimitReleased(desk_id=order.desk_id, order_id=order.order_id, released=held, reason="superseded")
    return (released, *judged(judgement, circumstances, now))


def _with(found: OpenOrder, sender: Sender) -> list[Given]:
    """Return the order's approvals with this person's added."""
    return [*found.approvals, Given(sender.access.principal, sender.key_id, sender.access.roles)]


def _check_person(found: OpenOrder, sender: Sender) -> VerifiedAssertion:
    """Return the assertion of a person other than the initiator."""
    principal = sender.access.principal
    if sender.shown is None or sender.access.kind != "person":
        raise refusals.PersonNeeded(principal=principal)
    if principal == found.order.initiator:
        raise refusals.InitiatorApproves(principal=principal, order_id=found.order.order_id)
    return sender.shown


def _asked_of(requires: list[str], sender: Sender) -> bool:
    """Return True if a quorum that is not met yet names one of the sender's roles."""
    return any(quorum.parse(text).roles.intersection(sender.access.roles) for text in requires)


def _check_moves(found: OpenOrder, sender: Sender, judgement: Judgement, before: Judgement) -> None:
    """Refuse an approver without a role that is still needed, unless their approval changes policy's outcome."""
    moves = judgement.outcome != "refused" and judgement.requires != before.requires
    if not moves and not _asked_of(before.requires, sender):
        raise refusals.RoleNotAsked(
            principal=sender.access.principal, order_id=found.order.order_id, requires=", ".join(found.requires)
        )


def _after(state: DeskState, found: OpenOrder, judgement: Judgement, circumstances: Circumstances) -> tuple[Event, ...]:
    """Return the events after an approval that counts: handed to execution, still waiting, or refused."""
    said = evaluated(judgement, circumstances, found.expires_at)
    match judgement.outcome:
        case "allowed":
            return (said, approved(judgement))
        case "needs-approval":
            return (said,)
        case "refused":
            return (said, *ended(state, found, "rejected", reasons(judgement)), *breached(judgement))
        case _ as unknown:
            assert_never(unknown)


def _still_asked(
    left: list[Given], state: DeskState, found: OpenOrder, circumstances: Circumstances, now: Instant
) -> tuple[Event, ...]:
    """Return the evaluation of a waiting order with the approvals that are left, if only its missing approvals changed.

    Any other change (policy, a breaker, no price) is evaluated at the next approval: it never refuses a withdrawal.
    """
    if found.stage != "waiting":
        return ()
    try:
        judgement = judge_with(left, state, found, circumstances, now)
    except Refused:
        return ()
    if judgement.outcome != "needs-approval" or hash_now(judgement, state) != found.approval_hash:
        return ()
    return (evaluated(judgement, circumstances, found.expires_at),)
