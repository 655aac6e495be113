"""Judges an order by breakers, limits and policy together (mission, lifecycle step 2).

Names every check that refuses. A breaker that stops the order, or a window's limit that it would exceed, refuses whatever
policy says. An order that needs approvals reserves its limits first, so that an approved order can still be carried out. Left
out: the events of the outcome (`verdict`).
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
from streams.rules.breakers import open_breakers as breakers
from streams.rules.limits.assessment import Breach, breaches, limit_facts, refusals, reservation
from streams.rules.limits.ledger import UNADJUSTED, Adjustment, Ledger
from streams.rules.limits.subjects import applied, subjects_of
from streams.rules.orders.judging.facts import Circumstances, facts_of, target_of, value
from streams.rules.policy.evaluation import evaluate
from streams.rules.refusals.orders import Refused


@dataclass(frozen=True, slots=True)
class Judgement:
    """The outcome for an order, its facts, and the amounts it reserves unless it is refused."""

    order: Order
    outcome: Literal["allowed", "needs-approval", "refused"]
    rules: list[RuleFinding]
    refusals: list[Refusal]
    requires: list[str]
    facts: Facts
    reserved: list[ReservedAmount]
    stopped: list[Refused]
    """The breakers that stop it; the order can be placed again when they are reset."""
    breached: list[Breach]
    """Limits that it would exceed, and the breakers that these trip."""


def judge(  # noqa: PLR0913 - all that a judgement depends on, by name
    order: Order,
    ledger: Ledger,
    circumstances: Circumstances,
    now: Instant,
    *,
    approvals: Sequence[ApprovalFact] = (),
    adjustment: Adjustment = UNADJUSTED,
) -> Judgement:
    """Judge `order` by breakers, limits and policy now.

    Raises:
        Refused: the order is impossible or has no value, so policy cannot judge it.
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
