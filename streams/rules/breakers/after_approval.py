"""Stops an order after its approval: breakers that were tripped since (architecture, rule 15).

Execution and broadcast ask this of the order and of the newest governance, without the desk's other facts; the signer asks
`breakers` itself, with all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.events.facts import BreakerFact
from schemas.orders import Effect, Order
from streams.rules.actions import exposure
from streams.rules.breakers import open_breakers as breakers
from streams.rules.firm.view import Governance
from streams.rules.limits.subjects import subjects_of
from streams.rules.orders.judging.facts import target_of
from streams.rules.refusals.orders import Refused


@dataclass(frozen=True, slots=True)
class Passage:
    """An approved order, with the attributes that breakers are matched against."""

    effect: Effect
    breakers: Sequence[BreakerFact]
    reduces_exposure: bool
    evacuates: bool


def stops_now(order: Order, effect: Effect, governance: Governance) -> list[Refused]:
    """Return every breaker that stops `order`, whose effect was approved as `effect`.

    `governance` is no older than at the approval, so it knows the order's wallet and assets.
    """
    tripped = breakers.concerning(governance, subjects_of(order, effect, target_of(effect, governance)), effect)
    if not tripped:
        return []
    wallet = governance.wallets[order.wallet_id]
    reduces, evacuates = exposure.reduces(order.action, wallet, governance.assets), exposure.evacuates(order.action, wallet)
    return breakers.stops(Passage(effect, tripped, reduces, evacuates))
