"""Defines the call that an order compiles to, and looks up the assets and prices that compilation needs. Pure.

Leaves out the calls themselves: each order kind builds its own (`actions.kinds`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from infra.ethereum import calldata
from schemas.events.facts import PriceFact
from schemas.events.governance import AssetListed
from schemas.events.lifecycle import Approved
from schemas.values import Address, AssetId
from streams.rules.firm.view import Governance
from streams.rules.prices.valuation import Quoted


class NotCompilable(Exception):
    """Order and facts do not make a call: a price or an asset is missing, or the effect is another order's."""


@dataclass(frozen=True, slots=True)
class CompiledCall:
    """The target and content of a transaction. `value` in wei, `data` empty for a native transfer."""

    to: Address
    value: int
    data: bytes


def encoded(approved: Approved, call: calldata.Call) -> CompiledCall:
    """Return `call` at the effect's contract. Raises NotCompilable when the effect names another function."""
    effect = approved.effect
    if effect.call != call.SIGNATURE:
        raise NotCompilable(f"order {approved.order.order_id} calls {call.SIGNATURE}, its effect says {effect.call}")
    return CompiledCall(effect.contract, 0, calldata.encode(call))


def quoted(asset_id: AssetId, governance: Governance, prices: Sequence[PriceFact]) -> Quoted:
    """Return an asset with its price. Raises NotCompilable when either is missing, or the price is zero."""
    price = next((each for each in prices if each.asset_id == asset_id and each.usd > 0), None)
    if price is None:
        raise NotCompilable(f"there is no price of {asset_id}")
    return Quoted(listed(asset_id, governance), price)


def unprotected(call: CompiledCall) -> CompiledCall:
    """Return the call without its minimum, to measure the loss that the minimum would stop."""
    try:
        decoded = calldata.decode(call.data)
    except calldata.UnknownSelector:  # money alone, or a function that an order spelled out
        return call
    if not isinstance(decoded, calldata.ExactInputSingle):
        return call
    return replace(call, data=calldata.encode(replace(decoded, amount_out_minimum=0)))


def listed(asset_id: AssetId, governance: Governance) -> AssetListed:
    """Return a listed asset. Raises NotCompilable when it is not listed."""
    asset = governance.assets.get(asset_id)
    if asset is None:
        raise NotCompilable(f"asset {asset_id} is not listed")
    return asset
