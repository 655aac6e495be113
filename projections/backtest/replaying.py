"""A desk's history under another policy and other limits.

Each order is judged on the facts that it was judged on: who asked, the amount at the prices of then, the list entry, the
breakers, the approvals that it had. Its limits are reckoned anew, in a ledger that lives through the same reservations,
postings and releases, at the same times, as far as the other policy would have let them come about. An order that was refused
and would not have been counts as posted at once, since nobody knows what would have become of it.
Source: architecture, rules 5 and 8. Left out: orders before the first one that is looked at, whose postings the first windows
miss; that people might have asked for less; the simulation, which no past order is put through again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from projections.backtest.verdicts import Otherwise, Stage, Verdict
from schemas.events.base import OrderEvent
from schemas.events.facts import Facts
from schemas.events.governance import PolicyActivated
from schemas.events.lifecycle import OrderInitiated, PolicyEvaluated
from schemas.events.limits import LimitPosted, LimitReleased
from schemas.orders import Order
from schemas.values import DeskId, OrderId
from streams.rules.breakers import open_breakers as breakers
from streams.rules.limits.assessment import limit_facts, refusals, reservation
from streams.rules.limits.ledger import UNADJUSTED, Adjustment, Ledger, amounts
from streams.rules.limits.subjects import applied, subjects_of
from streams.rules.policy.evaluation import evaluate


@dataclass(frozen=True, slots=True)
class Replayed:
    """Holds the result of replaying a history under another policy."""

    orders: int
    """The number of judged orders."""
    otherwise: list[Otherwise]
    """The orders with another decision, in the order of their arrival."""


def replay(policy: PolicyActivated, history: Iterable[OrderEvent]) -> Replayed:
    """Judge a history anew. `history`: each desk's events in the desk's order; other events are ignored."""
    desks: dict[DeskId, _Desk] = {}
    for event in history:
        desks.setdefault(event.desk_id, _Desk(policy)).take(event)
    found = [each for desk in desks.values() for each in desk.otherwise.values()]
    orders = sum(len(desk.judged) for desk in desks.values())
    return Replayed(orders, sorted(found, key=lambda each: each.decided_at))


@dataclass(slots=True)
class _Desk:
    """One desk as it would be."""

    policy: PolicyActivated
    ledger: Ledger = field(default_factory=Ledger)
    orders: dict[OrderId, Order] = field(default_factory=dict)
    judged: dict[OrderId, Verdict] = field(default_factory=dict)
    """The last verdict on each order under this policy."""
    otherwise: dict[OrderId, Otherwise] = field(default_factory=dict)

    def take(self, event: OrderEvent) -> None:
        match event:
            case OrderInitiated():
                self.orders[event.order_id] = event.order
            case PolicyEvaluated() if event.order_id in self.orders:
                self._judge(event, self.orders[event.order_id])
            case LimitPosted() if event.order_id in self.ledger.held:
                self.ledger.post(event.order_id, event.decided_at)
            case LimitReleased() if event.order_id in self.ledger.held:
                self.ledger.release(event.order_id)
            case _:
                pass

    def _judge(self, event: PolicyEvaluated, order: Order) -> None:
        earlier = self.judged.get(order.order_id)
        if earlier is not None and earlier.outcome == "refused":
            return  # it would never have come so far
        facts = self._facts(event.facts, order)
        after = _verdict(self.policy, order, facts)
        self._hold(order.order_id, facts, event, after)
        self.ledger.evaluated(facts.limits, facts.evaluated_at)
        self.judged[order.order_id] = after
        before = _said(event)
        if order.order_id not in self.otherwise and not after.agrees_with(before):
            stage: Stage = "at-first" if earlier is None else "with-approvals"
            self.otherwise[order.order_id] = _otherwise(order, event, stage, before, after)

    def _facts(self, facts: Facts, order: Order) -> Facts:
        """The same facts with the other policy's limits, as they would stand."""
        own = amounts(self.ledger.held.get(order.order_id, []))
        kept = Adjustment(moved={key: -units for key, units in own.items()}, kept=own) if own else UNADJUSTED
        limits = applied(self.policy.limits, subjects_of(order, facts.effect, facts.target))
        standing = limit_facts(self.ledger, limits, facts.amount_usd, facts.evaluated_at, kept)
        return facts.model_copy(update={"limits": standing, "policy_hash": self.policy.policy_hash})

    def _hold(self, order_id: OrderId, facts: Facts, event: PolicyEvaluated, after: Verdict) -> None:
        if after.outcome == "refused":
            if order_id in self.ledger.held:
                self.ledger.release(order_id)
            return
        if order_id not in self.ledger.held:
            self.ledger.reserve(order_id, reservation(facts.limits))
        if event.outcome == "refused":
            self.ledger.post(order_id, facts.evaluated_at)


def _verdict(policy: PolicyActivated, order: Order, facts: Facts) -> Verdict:
    """Return the joint verdict of breakers, limits and the policy (`streams.rules.orders.judging.judgement`)."""
    barred = [*breakers.refusals(facts), *refusals(facts.limits)]
    answer = evaluate(policy, order, facts)
    return Verdict(
        outcome="refused" if barred else answer.outcome,
        requires=[] if barred else sorted(answer.requires),
        rules=[rule.rule_id for rule in answer.rules],
        refusals=[*barred, *answer.refusals],
    )


def _said(event: PolicyEvaluated) -> Verdict:
    return Verdict(
        outcome=event.outcome,
        requires=sorted(event.requires),
        rules=[rule.rule_id for rule in event.rules],
        refusals=event.refusals,
    )


def _otherwise(order: Order, event: PolicyEvaluated, stage: Stage, before: Verdict, after: Verdict) -> Otherwise:
    return Otherwise(
        order_id=order.order_id,
        desk_id=order.desk_id,
        initiator=order.initiator,
        amount_usd=event.facts.amount_usd,
        decided_at=event.decided_at,
        stage=stage,
        before=before,
        after=after,
    )
