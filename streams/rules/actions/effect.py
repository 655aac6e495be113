"""Decodes what an order would do on chain: approvers see it and sign it, and the signer compares it again.

Makes the pre-trade checks that need only an order's own fields and governance's lists (mission, lifecycle step 1): wallet,
asset, precision, destination. Pure, and free of policy: it does not ask whether a destination is listed.
An order's counterparty gains power over the spent asset: the receiver, the router, vault or contract that is paid, the
spender that may draw.
"""

from __future__ import annotations

from decimal import Context, Decimal
from typing import Final

from schemas.events.governance import AssetListed, WalletAssigned
from schemas.orders import Effect, Order
from schemas.values import AMOUNT_DIGITS_MAX, BASE_UNITS_MAX, BaseUnits, plain
from streams.rules.actions.checks import asset_on_chain
from streams.rules.actions.kind import Proposed
from streams.rules.actions.table import kind_of
from streams.rules.firm.view import Governance
from streams.rules.refusals import orders as refusals

_EXACT: Final = Context(prec=3 * AMOUNT_DIGITS_MAX)
"""Precision for the longest possible amount, so that nothing is ever rounded."""


def effect_of(order: Order, governance: Governance) -> Effect:
    """Return the effect of `order`, with amounts in base units.

    Raises:
        Refused: the order is impossible: an unknown wallet or asset, another desk's wallet, an amount that the asset
            cannot express, a destination where it would be lost.
    """
    wallet = _wallet(order, governance)
    spent = asset_on_chain(order.action.asset_id, wallet, governance)
    amount = base_units(order.action.amount, spent)
    return kind_of(order.action).effect(order.action, Proposed(wallet, spent, amount, governance))


def base_units(amount: Decimal, asset: AssetListed) -> BaseUnits:
    """Return `amount` whole units in the asset's smallest unit, exactly.

    Raises:
        AmountTooPrecise, AmountTooLarge: the asset cannot express the amount.
    """
    scaled = _EXACT.scaleb(amount, asset.decimals)
    if scaled != scaled.to_integral_value():
        raise refusals.AmountTooPrecise(amount=plain(amount), asset_id=asset.asset_id, decimals=asset.decimals)
    if scaled > BASE_UNITS_MAX:
        raise refusals.AmountTooLarge(amount=plain(amount), asset_id=asset.asset_id)
    return int(scaled)


def exact_sum(amounts: list[Decimal]) -> Decimal:
    """Return the sum of amounts of one asset, without rounding."""
    total = Decimal(0)
    for amount in amounts:
        total = _EXACT.add(total, amount)
    return total


def _wallet(order: Order, governance: Governance) -> WalletAssigned:
    wallet = governance.wallets.get(order.wallet_id)
    if wallet is None:
        raise refusals.WalletUnknown(wallet_id=order.wallet_id)
    if wallet.desk_id != order.desk_id:
        raise refusals.WalletOfOtherDesk(wallet_id=order.wallet_id, desk_id=order.desk_id)
    return wallet
