"""Collects the facts of a decision by value (architecture, rule 5).

Prices are those at the time of the decision. A missing or old price refuses the order, since a limit in dollars cannot be held
without it. Values in dollars are rounded up, so that rounding never passes a limit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from schemas.events.facts import ApprovalFact, BreakerFact, ContractFact, Facts, LimitFact, PriceFact
from schemas.events.governance import AssetListed, PolicyActivated
from schemas.firm import Settings
from schemas.orders import Effect, Order
from schemas.values import MICROS_PER_SECOND, USD_MAX, AssetId, BaseUnits, Instant, Usd
from streams.rules.actions import exposure
from streams.rules.breakers import open_breakers as breakers
from streams.rules.firm.view import Governance
from streams.rules.limits.ledger import MicroUsd, dollars, micros
from streams.rules.limits.subjects import subjects_of
from streams.rules.prices.latest import SKEW_SECONDS_MAX, is_stale, price_in
from streams.rules.refusals import orders as refusals

PRICE_SKEW_SECONDS_MAX: Final = SKEW_SECONDS_MAX
"""The most that a price source's clock may be ahead of ours."""

_USD_MICROS_MAX: Final[MicroUsd] = micros(USD_MAX)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """The governance, policy and prices at the time of a decision."""

    governance: Governance
    policy: PolicyActivated
    """The policy of `governance`: without one the desk cannot decide."""
    prices: Mapping[AssetId, PriceFact]
    """The newest observation of each asset; a price of zero does not count."""

    @property
    def settings(self) -> Settings:
        """Return the firm's numeric settings."""
        return self.policy.settings


@dataclass(frozen=True, slots=True)
class Valued:
    """An effect's value, and the price behind it."""

    amount_usd: Usd
    price: PriceFact


def value(effect: Effect, circumstances: Circumstances, now: Instant) -> Valued:
    """Value the amount that `effect` spends, in US dollars.

    Raises:
        PriceMissing, PriceStale, AmountTooLarge: the amount has no reliable value.
    """
    asset = circumstances.governance.assets[effect.spends_asset_id]
    price = price_of(asset, circumstances, now)
    return Valued(value_usd(effect.spends, asset, price.usd), price)


def price_of(asset: AssetListed, circumstances: Circumstances, now: Instant) -> PriceFact:
    """Return the price of `asset` now: fixed by governance, or observed recently.

    Raises:
        PriceMissing, PriceStale: the asset has no price, or no recent one. A price of zero does not count.
    """
    price = price_in(circumstances.prices, asset)
    if price is None:
        raise refusals.PriceMissing(asset_id=asset.asset_id)
    age_max = circumstances.settings.price_max_age_seconds
    if is_stale(price, now, age_max):
        age = (now - price.observed_at) // MICROS_PER_SECOND
        raise refusals.PriceStale(asset_id=asset.asset_id, age_seconds=age, age_seconds_max=age_max)
    return price


def value_usd(amount: BaseUnits, asset: AssetListed, usd: Usd) -> Usd:
    """Return the value of `amount` at `usd` a whole unit, rounded up to a millionth of a dollar.

    Raises:
        AmountTooLarge: the value is more than `USD_MAX`.
    """
    worth = -(-amount * micros(usd) // 10**asset.decimals)
    if worth > _USD_MICROS_MAX:
        raise refusals.AmountTooLarge(amount=f"{amount} base units of", asset_id=asset.asset_id)
    return dollars(worth)


def facts_of(  # noqa: PLR0913 - everything a decision is made on, by name
    order: Order,
    *,
    effect: Effect,
    target: ContractFact,
    valued: Valued,
    limits: list[LimitFact],
    approvals: Sequence[ApprovalFact],
    circumstances: Circumstances,
    now: Instant,
) -> Facts:
    """Return the facts about `order`. An initiator who lost access to the desk has no roles, so no rule permits them."""
    governance = circumstances.governance
    initiator = governance.principals[order.initiator]
    entitled = initiator.status == "active" and order.desk_id in initiator.desks
    wallet = governance.wallets[order.wallet_id]
    return Facts(
        evaluated_at=now,
        governance_position=governance.position,
        policy_hash=circumstances.policy.policy_hash,
        initiator_roles=initiator.roles if entitled else [],
        initiator_site=initiator.site,
        effect=effect,
        amount=effect.spends,
        amount_usd=valued.amount_usd,
        prices=[valued.price],
        limits=limits,
        target=target,
        breakers=_tripped(order, effect, target, governance),
        reduces_exposure=exposure.reduces(order.action, wallet, governance.assets),
        evacuates=exposure.evacuates(order.action, wallet),
        approvals=list(approvals),
    )


def _tripped(order: Order, effect: Effect, target: ContractFact, governance: Governance) -> list[BreakerFact]:
    """Return the tripped breakers that concern the order. Returns at once when none is tripped."""
    if not governance.breakers:
        return []
    return breakers.concerning(governance, subjects_of(order, effect, target), effect)


def target_of(effect: Effect, governance: Governance) -> ContractFact:
    """Return governance's entry for the contract or account that the order goes to."""
    listed = governance.contracts.get((effect.chain_id, effect.counterparty))
    if listed is None:
        return ContractFact(address=effect.counterparty, listed=False)
    return ContractFact(
        address=effect.counterparty,
        listed=True,
        name=listed.name,
        listed_at=listed.decided_at,
        open_findings=listed.open_findings,
        protocol=listed.protocol,
        counterparty=listed.counterparty,
    )
