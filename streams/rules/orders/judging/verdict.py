"""Writes the events of a judgement: reserved unless refused, evaluated, handed to execution or closed.

An evaluation holds each rule and check that determined the outcome, the missing approvals with the people who could give them,
and the facts. `Approved` follows only an evaluation that allows, and repeats only the fields that it binds. A breached limit
that trips a breaker gets an event beside the chain, for a detector to act on. Left out: the judgement itself (`judgement`).
"""

from __future__ import annotations

from typing import assert_never

from schemas.canonical import approval_digest
from schemas.commands import Command, InitiateOrder, TryOrder
from schemas.events.answers import LimitBreached
from schemas.events.base import Event
from schemas.events.facts import Unmet
from schemas.events.lifecycle import Approved, OrderClosed, OrderInitiated, PolicyEvaluated
from schemas.events.limits import LimitReserved
from schemas.orders import ApprovalSubject, Order
from schemas.values import MICROS_PER_SECOND, TEXT_CHARACTERS_MAX, Instant, OrderId
from streams.rules.orders.judging.facts import Circumstances
from streams.rules.orders.judging.judgement import Judgement
from streams.rules.policy.unmet import unmet


def order_of(command: Command, body: InitiateOrder | TryOrder, named: OrderId) -> Order:
    """Return the order that `command` requests; `named` is the order id that its content gives."""
    return Order(
        order_id=named,
        desk_id=command.desk_id,
        wallet_id=body.wallet_id,
        initiator=command.principal,
        action=body.action,
        memo=body.memo,
    )


def initiated(command: Command, judgement: Judgement, circumstances: Circumstances, now: Instant) -> tuple[Event, ...]:
    """Return the first events of an order that `command` initiated."""
    order = judgement.order
    first = OrderInitiated(desk_id=order.desk_id, order_id=order.order_id, order=order, command=command)
    return (first, *judged(judgement, circumstances, now))


def judged(judgement: Judgement, circumstances: Circumstances, now: Instant) -> tuple[Event, ...]:
    """Return the events: reserve unless refused, evaluate, and hand to execution or close unless approvals are needed."""
    expires_at = now + circumstances.settings.order_ttl_seconds * MICROS_PER_SECOND
    said = evaluated(judgement, circumstances, expires_at)
    match judgement.outcome:
        case "refused":
            return (said, _rejection(judgement), *breached(judgement))
        case "needs-approval":
            return (_reserved(judgement), said)
        case "allowed":
            return (_reserved(judgement), said, approved(judgement))
        case _ as unknown:
            assert_never(unknown)


def evaluated(judgement: Judgement, circumstances: Circumstances, expires_at: Instant) -> PolicyEvaluated:
    """Return the evaluation, with the subject of approval if approvals are needed."""
    subject = approval_subject(judgement) if judgement.outcome == "needs-approval" else None
    return PolicyEvaluated(
        desk_id=judgement.order.desk_id,
        order_id=judgement.order.order_id,
        outcome=judgement.outcome,
        rules=judgement.rules,
        refusals=judgement.refusals,
        requires=judgement.requires,
        unmet=missing(judgement, circumstances),
        facts=judgement.facts,
        approval_subject=subject,
        approval_hash=None if subject is None else approval_digest(subject).hex(),
        expires_at=expires_at,
    )


def approval_subject(judgement: Judgement) -> ApprovalSubject:
    """Return the subject of an approval: the order, its effect, the policy and the reservation."""
    facts = judgement.facts
    return ApprovalSubject(
        order=judgement.order, effect=facts.effect, policy_hash=facts.policy_hash, reserved=judgement.reserved
    )


def missing(judgement: Judgement, circumstances: Circumstances) -> list[Unmet]:
    """Return the missing approvals, and the people who could give them."""
    if not judgement.requires:
        return []
    order, principals = judgement.order, circumstances.governance.principals
    return unmet(judgement.requires, judgement.facts.approvals, order.initiator, principals, order.desk_id)


def approved(judgement: Judgement) -> Approved:
    """Return the event that hands an order to execution, as policy allowed it."""
    order, facts = judgement.order, judgement.facts
    return Approved(
        desk_id=order.desk_id,
        order_id=order.order_id,
        order=order,
        effect=facts.effect,
        policy_hash=facts.policy_hash,
        governance_position=facts.governance_position,
        approvals=facts.approvals,
    )


def reasons(judgement: Judgement) -> str:
    """Return every refusal in one line, cut at the length of a text."""
    return "; ".join(f"{refusal.check}: {refusal.message}" for refusal in judgement.refusals)[:TEXT_CHARACTERS_MAX]


def breached(judgement: Judgement) -> tuple[LimitBreached, ...]:
    """Return an event for each limit whose breach trips a breaker, with that breaker and its state."""
    order = judgement.order
    return tuple(
        LimitBreached(
            desk_id=order.desk_id,
            order_id=order.order_id,
            limit_id=breach.fact.limit_id,
            scope_key=breach.fact.scope_key,
            breaker_scope=breach.scope,
            breaker_subject=breach.subject,
            breaker_state=breach.state,
            message=f"order {order.order_id} of {order.initiator} would have gone over the limit {breach.fact.limit_id}",
        )
        for breach in judgement.breached
    )


def _rejection(judgement: Judgement) -> OrderClosed:
    """Return the end of an order that was refused before anything was reserved for it."""
    order = judgement.order
    return OrderClosed(desk_id=order.desk_id, order_id=order.order_id, reason="rejected", message=reasons(judgement))


def _reserved(judgement: Judgement) -> LimitReserved:
    order = judgement.order
    return LimitReserved(desk_id=order.desk_id, order_id=order.order_id, reserved=judgement.reserved)
