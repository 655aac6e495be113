"""Derives the attributes of an order and its facts that rules read. The published Cedar schema declares the same.

Amounts are US cents, an order's rounded up and headroom rounded down, so that no rounding passes a threshold. Hours and
weekdays are those of the firm's zone. Nothing here is looked up: it all comes from the order, its facts and the settings,
so a decision can be made again from the log (architecture, rule 5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from types import MappingProxyType
from typing import Final, NamedTuple

from infra.ethereum.trace import UNLIMITED_AMOUNT_MIN
from schemas.events.facts import Facts, LimitFact
from schemas.firm import BreakerState, Zone
from schemas.orders import ApproveToken, Call, Order, Swap, Transfer
from schemas.values import DAY_MICROS, Usd
from streams.rules.policy.cedar.asking import Numbers, Scene, Thing, Uid, Value, Vocabulary
from streams.rules.policy.context.hours import local_hour, local_weekday
from streams.rules.policy.quorum import Tally


class Proposal(NamedTuple):
    """An order, in the attributes that rules read."""

    order: Order
    facts: Facts
    tally: Tally
    zone: Zone


def order_action(order: Order) -> str:
    """Return the Cedar action of the order's kind: `approve_token` on the wire is `approve-token` in policies."""
    return order.action.kind.replace("_", "-")


def order_scene(order: Order, facts: Facts) -> Scene:
    """Return the initiator, the action, and the account or contract that the order goes to."""
    return Scene(
        order.initiator, tuple(facts.initiator_roles), facts.initiator_site, order_action(order), _target(order, facts)
    )


def order_things(order: Order) -> tuple[Thing, ...]:
    """Return the entities that an order's context names and that have parents."""
    return (Thing(Uid("Wallet", order.wallet_id), (Uid("Desk", order.desk_id),)),)


def _target(order: Order, facts: Facts) -> Thing:
    fact = facts.target
    protocol = Uid("Protocol", fact.protocol) if fact.protocol else None
    counterparty = Uid("Counterparty", fact.counterparty) if fact.counterparty else None
    return Thing(
        Uid("Destination" if isinstance(order.action, Transfer) else "Contract", f"{facts.effect.chain_id}:{fact.address}"),
        tuple(parent for parent in (protocol, counterparty) if parent is not None),
        (
            ("listed", fact.listed),
            ("name", fact.name),
            ("open_findings", fact.open_findings),
            ("listed_days", (facts.evaluated_at - fact.listed_at) // DAY_MICROS if fact.listed else 0),
            ("protocol", protocol),
            ("counterparty", counterparty),
        ),
    )


def cents(amount: Usd) -> int:
    """Return an order's value in US cents, rounded up."""
    return int((amount * 100).to_integral_value(ROUND_CEILING))


def _buys(proposal: Proposal) -> Value:
    action = proposal.order.action
    return Uid("Asset", action.buy_asset_id) if isinstance(action, Swap) else None


def _slippage(proposal: Proposal) -> Value:
    action = proposal.order.action
    return action.max_slippage if isinstance(action, Swap) else 0


def _function(proposal: Proposal) -> Value:
    action = proposal.order.action
    return action.function if isinstance(action, Call) else ""


def _unlimited(proposal: Proposal) -> Value:
    return isinstance(proposal.order.action, ApproveToken) and proposal.facts.amount >= UNLIMITED_AMOUNT_MIN


def _exceeded(proposal: Proposal) -> Value:
    return tuple(limit.limit_id for limit in proposal.facts.limits if limit.kind == "per-transaction" and limit.exceeded)


def _breakers(state: BreakerState) -> Callable[[Proposal], Value]:
    def in_state(proposal: Proposal) -> Value:
        return tuple(f"{each.scope}:{each.subject}" for each in proposal.facts.breakers if each.state == state)

    return in_state


def _headroom(proposal: Proposal) -> Value:
    return _least(_cents_left, [limit for limit in proposal.facts.limits if limit.measure == "usd"])


def _orders_left(proposal: Proposal) -> Value:
    return _least(_count_left, [limit for limit in proposal.facts.limits if limit.measure == "count"])


def _cents_left(limit: LimitFact) -> int:
    left = max(limit.cap_usd - limit.used_usd, Decimal(0))
    return int((left * 100).to_integral_value(ROUND_FLOOR))


def _count_left(limit: LimitFact) -> int:
    return max(limit.cap_count - limit.used_count, 0)


def _least(left: Callable[[LimitFact], int], limits: Iterable[LimitFact]) -> Numbers:
    """Return the least headroom in each scope, over limits with a window."""
    least: dict[str, int] = {}
    for limit in limits:
        if limit.kind != "per-transaction":
            scope = limit.scope_key.partition(":")[0]
            least[scope] = min(left(limit), least.get(scope, left(limit)))
    return Numbers(tuple(sorted(least.items())))


def _simulation(proposal: Proposal) -> Value:
    simulation = proposal.facts.simulation
    if simulation is None:
        return None
    return Numbers(
        (
            ("slippage_ppm", simulation.slippage_ppm),
            ("gas_used", simulation.gas_used),
            ("touched", simulation.touched),
        )
    )


ORDER: Final[Vocabulary[Proposal]] = Vocabulary(
    MappingProxyType(
        {
            "desk": lambda proposal: Uid("Desk", proposal.order.desk_id),
            "wallet": lambda proposal: Uid("Wallet", proposal.order.wallet_id),
            "asset": lambda proposal: Uid("Asset", proposal.order.action.asset_id),
            "buys": _buys,
            "amount_usd_cents": lambda proposal: cents(proposal.facts.amount_usd),
            "transaction_limits_exceeded": _exceeded,
            "headroom_usd_cents": _headroom,
            "headroom_orders": _orders_left,
            "max_slippage_basis_points": _slippage,
            "unlimited_allowance": _unlimited,
            "function": _function,
            "reduces_exposure": lambda proposal: proposal.facts.reduces_exposure,
            "evacuates": lambda proposal: proposal.facts.evacuates,
            "breakers_open": _breakers("open"),
            "breakers_reducing": _breakers("reducing"),
            "simulation": _simulation,
            "quorums": lambda proposal: proposal.tally.quorums,
            "approvers": lambda proposal: proposal.tally.people,
            "approver_sites": lambda proposal: proposal.tally.sites,
            "hour": lambda proposal: local_hour(proposal.zone, proposal.facts.evaluated_at),
            "weekday": lambda proposal: local_weekday(proposal.zone, proposal.facts.evaluated_at),
        }
    )
)
