"""Who may approve an order, of what, and what an approval leads to (mission, lifecycle step 3; architecture, rules 7 and 9).

An approval is of one hash: the order, its decoded effect, the policy and the reservation. It counts if a person who may act
on the desk, who is not the initiator and has not approved before, gave it with their own FIDO2 key, and if policy asks for a
role of theirs. Then policy is asked again, with all approvals that still stand; an approver whose access, role or key was
revoked since no longer counts. If policy or the effect has changed since the order was shown, nothing is approved: it is
evaluated anew. The reservation stays at the value that was approved; policy looks at the price of now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import assert_never

from schemas.canonical import approval_digest
from schemas.commands import DeclineApproval, GiveApproval
from schemas.events.base import Event, OrderEvent
from schemas.events.facts import ApprovalFact
from schemas.events.lifecycle import ApprovalDeclined, ApprovalGiven
from schemas.events.limits import LimitReleased
from schemas.orders import ApprovalSubject, Order
from schemas.values import DeskId, Instant, OrderId
from streams.desk import refusals
from streams.desk.authentication import Sender, Shown
from streams.desk.intake import Accepted
from streams.desk.judging.facts import Circumstances
from streams.desk.judging.judgement import Judgement, approval_subject, approved, evaluated, judge, judged
from streams.desk.limits.ledger import Adjustment, amounts
from streams.desk.orders.outcomes import ended
from streams.desk.state import DeskState, Given, OpenOrder
from streams.governance.view import Governance
from streams.policy import quorum


def give(
    state: DeskState, accepted: Accepted, body: GiveApproval, circumstances: Circumstances, now: Instant
) -> tuple[Event, ...]:
    """What an approval leads to.

    Raises:
        Refused: it does not count.
    """
    found = waiting(state, accepted.command.desk_id, body.order_id, now)
    if body.approval_hash != found.approval_hash:
        raise refusals.ApprovalOfOther(order_id=body.order_id, given=body.approval_hash, asked=found.approval_hash)
    sender = accepted.sender
    shown = _check_person(found, sender)
    if any(given.principal == sender.access.principal for given in found.approvals):
        raise refusals.ApprovedAlready(principal=sender.access.principal, order_id=body.order_id)
    judgement = _judge_with(state, found, sender, circumstances, now)
    if _hash_now(found, judgement, state) != found.approval_hash:
        outdated = accepted.rejected(refusals.ApprovalOutdated(order_id=body.order_id))
        return (outdated, *judged_anew(state, found, circumstances, now))
    _check_counts(found, sender, judgement)
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
    return (given, *_after(state, found, judgement))


def decline(
    state: DeskState, accepted: Accepted, body: DeclineApproval, circumstances: Circumstances, now: Instant
) -> tuple[Event, ...]:
    """The end of an order that somebody who could have approved it declined.

    Raises:
        Refused: it is not theirs to decline.
    """
    found = waiting(state, accepted.command.desk_id, body.order_id, now)
    _check_person(found, accepted.sender)
    if not _asked_of(found, accepted.sender):
        _check_counts(found, accepted.sender, _judge_with(state, found, accepted.sender, circumstances, now))
    approver = accepted.sender.access.principal
    declined = ApprovalDeclined(
        desk_id=found.order.desk_id,
        order_id=found.order.order_id,
        approver=approver,
        reason=body.reason,
        command=accepted.command,
    )
    return (declined, *ended(state, found, "declined", f"{approver}: {body.reason}"))


def judged_anew(state: DeskState, found: OpenOrder, circumstances: Circumstances, now: Instant) -> tuple[OrderEvent, ...]:
    """The order under today's policy and effect: its reservation is replaced, approvals of what it was fall away.

    Raises:
        Refused: it can no longer be done or valued.
    """
    order, held = found.order, state.reserved(found.order)
    freed = Adjustment(moved={key: -amount for key, amount in amounts(held).items()})
    judgement = judge(order, state.desk(order.desk_id).ledger, circumstances, now, adjustment=freed)
    released = LimitReleased(desk_id=order.desk_id, order_id=order.order_id, released=held, reason="superseded")
    return (released, *judged(judgement, circumstances, now))


def waiting(state: DeskState, desk_id: DeskId, order_id: OrderId, now: Instant) -> OpenOrder:
    """The order, if it waits for approval.

    Raises:
        OrderUnknown, OrderElsewhere, OrderNotWaiting, OrderExpired: it does not.
    """
    found = with_desk(state, desk_id, order_id, now)
    if found.stage != "waiting":
        raise refusals.OrderNotWaiting(order_id=order_id, stage=found.stage)
    return found


def with_desk(state: DeskState, desk_id: DeskId, order_id: OrderId, now: Instant) -> OpenOrder:
    """The order, if it is open on that desk and not handed over.

    Raises:
        OrderUnknown, OrderElsewhere, OrderExpired: it is not.
    """
    found = state.orders.get(order_id)
    if found is None or found.order.desk_id != desk_id:
        raise refusals.OrderUnknown(desk_id=desk_id, order_id=order_id)
    if not found.with_desk:
        raise refusals.OrderElsewhere(order_id=order_id)
    if found.expires_at <= now:
        raise refusals.OrderExpired(order_id=order_id)
    return found


def standing(given: Iterable[Given], order: Order, governance: Governance) -> Iterator[ApprovalFact]:
    """The approvals that still count: by people with access, with the key they used, in roles they still have."""
    for each in given:
        access = governance.active(each.principal)
        if access is None or order.desk_id not in access.desks:
            continue
        roles = [role for role in each.roles if role in access.roles]
        keys = {credential.credential_id for credential in access.credentials}
        if roles and each.credential_id in keys:
            yield ApprovalFact(principal=each.principal, site=access.site, roles=roles)


def _check_person(found: OpenOrder, sender: Sender) -> Shown:
    """The assertion of a person other than the initiator."""
    principal = sender.access.principal
    if sender.shown is None or sender.access.kind != "person":
        raise refusals.PersonNeeded(principal=principal)
    if principal == found.order.initiator:
        raise refusals.InitiatorApproves(principal=principal, order_id=found.order.order_id)
    return sender.shown


def _asked_of(found: OpenOrder, sender: Sender) -> bool:
    """Whether a quorum that is still to be met names a role of theirs."""
    return any(quorum.parse(text).role in sender.access.roles for text in found.requires)


def _check_counts(found: OpenOrder, sender: Sender, judgement: Judgement) -> None:
    """Refuse who neither has a role that is asked for nor moves policy by what they are."""
    moves = judgement.outcome != "refused" and judgement.requires != found.requires
    if not moves and not _asked_of(found, sender):
        raise refusals.RoleNotAsked(
            principal=sender.access.principal, order_id=found.order.order_id, requires=", ".join(found.requires)
        )


def _judge_with(state: DeskState, found: OpenOrder, sender: Sender, circumstances: Circumstances, now: Instant) -> Judgement:
    """What policy says of the order now, with this person's approval beside those that stand."""
    order, held = found.order, amounts(state.reserved(found.order))
    adjustment = Adjustment(moved={key: -amount for key, amount in held.items()}, kept=held)
    access = sender.access
    given = [*found.approvals, Given(access.principal, sender.key_id, access.roles)]
    facts = list(standing(given, order, circumstances.governance))
    ledger = state.desk(order.desk_id).ledger
    return judge(order, ledger, circumstances, now, approvals=facts, adjustment=adjustment)


def _hash_now(found: OpenOrder, judgement: Judgement, state: DeskState) -> str:
    """The hash of what would be approved now, with the reservation as it is held."""
    subject = ApprovalSubject(
        order=found.order,
        effect=judgement.facts.effect,
        policy_hash=judgement.facts.policy_hash,
        reserved=state.reserved(found.order),
    )
    return approval_digest(subject).hex()


def _after(state: DeskState, found: OpenOrder, judgement: Judgement) -> tuple[OrderEvent, ...]:
    """What an approval that counts leads to: handed over, still waiting, or refused after all."""
    match judgement.outcome:
        case "allowed":
            return (evaluated(judgement, None, found.expires_at), approved(judgement))
        case "needs-approval":
            return (evaluated(judgement, approval_subject(judgement), found.expires_at),)
        case "refused":
            message = "; ".join(f"{refusal.check}: {refusal.message}" for refusal in judgement.refusals)
            return (evaluated(judgement, None, found.expires_at), *ended(state, found, "rejected", message))
        case _ as unknown:
            assert_never(unknown)
