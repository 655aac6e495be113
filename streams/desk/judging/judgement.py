"""What policy and limits together say of an order, and the events that say so (mission, lifecycle step 2).

Every check that refuses is named, not only the first. A rolling limit that would be passed refuses whatever policy says; what
policy asks approvals for is reserved first, so that an approval is of something that can still happen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

from schemas.canonical import approval_digest
from schemas.commands import Command, InitiateOrder
from schemas.events.base import OrderEvent, Refusal
from schemas.events.facts import ApprovalFact, Facts, RuleFinding
from schemas.events.lifecycle import Approved, OrderClosed, OrderInitiated, PolicyEvaluated
from schemas.events.limits import LimitReserved
from schemas.orders import ApprovalSubject, Order, ReservedAmount
from schemas.values import TEXT_CHARACTERS_MAX, Instant, OrderId
from streams.desk.judging.effect import effect_of
from streams.desk.judging.facts import Circumstances, facts_of, target_of, value
from streams.desk.limits.assessment import limit_facts, refusals, reservation
from streams.desk.limits.ledger import UNADJUSTED, Adjustment, Ledger
from streams.desk.limits.subjects import applied, subjects_of
from streams.desk.limits.windows import MICROS_PER_SECOND
from streams.policy.evaluation import evaluate


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was said of an order, on which facts, and what it reserves unless it is refused."""

    order: Order
    outcome: Literal["allowed", "needs-approval", "refused"]
    rules: list[RuleFinding]
    refusals: list[Refusal]
    requires: list[str]
    facts: Facts
    reserved: list[ReservedAmount]


def judge(  # noqa: PLR0913 - all that a judgement depends on, by name
    order: Order,
    ledger: Ledger,
    circumstances: Circumstances,
    now: Instant,
    *,
    approvals: Sequence[ApprovalFact] = (),
    adjustment: Adjustment = UNADJUSTED,
) -> Judgement:
    """What policy and limits say of `order` now.

    Raises:
        Refused: it cannot be done or valued at all, so there is nothing for policy to look at.
    """
    effect = effect_of(order, circumstances.governance)
    valued = value(effect, circumstances, now)
    falls_under = applied(circumstances.policy.limits, subjects_of(order, effect, target_of(effect, circumstances.governance)))
    standing = limit_facts(ledger, falls_under, valued.amount_usd, now, adjustment)
    facts = facts_of(
        order,
        effect=effect,
        valued=valued,
        limits=standing,
        approvals=approvals,
        circumstances=circumstances,
        now=now,
    )
    evaluation = evaluate(circumstances.policy, order, facts)
    over = refusals(standing)
    return Judgement(
        order=order,
        outcome="refused" if over else evaluation.outcome,
        rules=list(evaluation.rules),
        refusals=[*over, *evaluation.refusals],
        requires=[] if over else list(evaluation.requires),
        facts=facts,
        reserved=reservation(standing),
    )


def initiation(  # noqa: PLR0913, PLR0917 - a command and all that its judgement depends on
    command: Command, body: InitiateOrder, named: OrderId, ledger: Ledger, circumstances: Circumstances, now: Instant
) -> tuple[OrderEvent, ...]:
    """A new order, taken in and judged.

    Raises:
        Refused: it cannot be done or valued at all.
    """
    order = Order(
        order_id=named,
        desk_id=command.desk_id,
        wallet_id=body.wallet_id,
        initiator=command.principal,
        action=body.action,
        memo=body.memo,
    )
    return initiated(command, judge(order, ledger, circumstances, now), circumstances, now)


def initiated(command: Command, judgement: Judgement, circumstances: Circumstances, now: Instant) -> tuple[OrderEvent, ...]:
    """The first events of an order that `command` brought about."""
    order = judgement.order
    first = OrderInitiated(desk_id=order.desk_id, order_id=order.order_id, order=order, command=command)
    return (first, *judged(judgement, circumstances, now))


def judged(judgement: Judgement, circumstances: Circumstances, now: Instant) -> tuple[OrderEvent, ...]:
    """Reserved unless refused, evaluated, and at once handed over or closed where nothing is left to wait for."""
    expires_at = now + circumstances.settings.order_ttl_seconds * MICROS_PER_SECOND
    match judgement.outcome:
        case "refused":
            return (evaluated(judgement, None, expires_at), rejection(judgement))
        case "needs-approval":
            subject = approval_subject(judgement)
            return (_reserved(judgement), evaluated(judgement, subject, expires_at))
        case "allowed":
            return (_reserved(judgement), evaluated(judgement, None, expires_at), approved(judgement))
        case _ as unknown:
            assert_never(unknown)


def approval_subject(judgement: Judgement) -> ApprovalSubject:
    """Exactly what is approved: the order, its effect, the policy and the reservation."""
    facts = judgement.facts
    return ApprovalSubject(
        order=judgement.order, effect=facts.effect, policy_hash=facts.policy_hash, reserved=judgement.reserved
    )


def evaluated(judgement: Judgement, subject: ApprovalSubject | None, expires_at: Instant) -> PolicyEvaluated:
    """What was said. `subject`: what is to be approved, when approvals are needed."""
    return PolicyEvaluated(
        desk_id=judgement.order.desk_id,
        order_id=judgement.order.order_id,
        outcome=judgement.outcome,
        rules=judgement.rules,
        refusals=judgement.refusals,
        requires=judgement.requires,
        unmet=[],
        facts=judgement.facts,
        approval_subject=subject,
        approval_hash=None if subject is None else approval_digest(subject).hex(),
        expires_at=expires_at,
    )


def approved(judgement: Judgement) -> Approved:
    """Policy allows it, as it stands: handed to execution."""
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


def rejection(judgement: Judgement) -> OrderClosed:
    """The end of an order that policy or a limit refused."""
    message = "; ".join(f"{refusal.check}: {refusal.message}" for refusal in judgement.refusals)
    return OrderClosed(
        desk_id=judgement.order.desk_id,
        order_id=judgement.order.order_id,
        reason="rejected",
        message=message[:TEXT_CHARACTERS_MAX],
    )


def _reserved(judgement: Judgement) -> LimitReserved:
    order = judgement.order
    return LimitReserved(desk_id=order.desk_id, order_id=order.order_id, reserved=judgement.reserved)
