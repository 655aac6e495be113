"""What breakers, limits and policy together say of an order (mission, lifecycle step 2).

Every check that refuses is named, not only the first. A breaker that stops the order and a window's limit that it would go over
refuse whatever policy says; what policy asks approvals for is reserved first, so that an approval is of something that can
still happen. Left out: the events that say so (`verdict`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from schemas.events.base import Refusal
from schemas.events.facts import ApprovalFact, Facts, RuleFinding
from schemas.orders import Order, ReservedAmount
from schemas.values import Instant
from streams.rules.actions.effect import effect_of
from streams.rules.breakers import passage as breakers
from streams.rules.limits.assessment import Breach, breaches, limit_facts, refusals, reservation
from streams.rules.limits.ledger import UNADJUSTED, Adjustment, Ledger
from streams.rules.limits.subjects import applied, subjects_of
from streams.rules.orders.judging.facts import Circumstances, facts_of, target_of, value
from streams.rules.policy.evaluation import evaluate
from streams.rules.refusals.orders import Refused


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
    stopped: list[Refused]
    """By which breakers: what they stop can be asked for again when they are reset."""
    breached: list[Breach]
    """Limits that it would go over, and the breakers that are tripped for it."""


def judge(  # noqa: PLR0913 - all that a judgement depends on, by name
    order: Order,
    ledger: Ledger,
    circumstances: Circumstances,
    now: Instant,
    *,
    approvals: Sequence[ApprovalFact] = (),
    adjustment: Adjustment = UNADJUSTED,
) -> Judgement:
    """What breakers, limits and policy say of `order` now.

    Raises:
        Refused: it cannot be done or valued at all, so there is nothing for policy to look at.
    """
    effect = effect_of(order, circumstances.governance)
    valued = value(effect, circumstances, now)
    target = target_of(effect, circumstances.governance)
    falls_under = applied(circumstances.policy.limits, subjects_of(order, effect, target))
    standing = limit_facts(ledger, falls_under, valued.amount_usd, now, adjustment)
    facts = facts_of(
        order,
        effect=effect,
        target=target,
        valued=valued,
        limits=standing,
        approvals=approvals,
        circumstances=circumstances,
        now=now,
    )
    evaluation = evaluate(circumstances.policy, order, facts)
    stopped, over = breakers.stops(facts), refusals(standing)
    is_barred = bool(stopped or over)
    return Judgement(
        order=order,
        outcome="refused" if is_barred else evaluation.outcome,
        rules=list(evaluation.rules),
        refusals=[*(stop.record() for stop in stopped), *over, *evaluation.refusals],
        requires=[] if is_barred else list(evaluation.requires),
        facts=facts,
        reserved=reservation(standing),
        stopped=stopped,
        breached=breaches(falls_under, standing) if over else [],
    )
