"""Swap: gives one token to a Uniswap v3 pool and takes another back (`exactInputSingle`). Pure.

Two bounds protect it: a deadline reckoned from the moment of approval, and a minimum reckoned from independent prices and the
order's own bound. Leaves out the value of an exchange (`prices.valuation`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from infra.ethereum import calldata
from schemas.events.governance import AssetListed, WalletAssigned
from schemas.orders import Effect, Swap
from schemas.values import MICROS_PER_SECOND, Address, AssetId
from streams.rules.actions.checks import asset_on_chain, check_destination, token_of
from streams.rules.actions.compiled import CompiledCall, NotCompilable, encoded, quoted
from streams.rules.actions.kind import SOME_GAIN, BalanceBounds, BalanceKey, OrderKind, Proposed, ToCompile, spent_balance
from streams.rules.prices.valuation import least_out
from streams.rules.refusals import orders as refusals

SWAP_DEADLINE_SECONDS: Final = 1_200
"""Seconds from approval until a swap expires; Uniswap's own interface gives between 10 and 30 minutes."""


class SwapKind(OrderKind[Swap]):
    """The wallet that gives also receives. A swap out of a market-priced asset into a pegged one lowers exposure."""

    sentence: ClassVar[str] = "Swap {amount} {asset_id} for {buy_asset_id} at {venue}"
    gives_away: ClassVar[bool] = False

    def effect(self, action: Swap, proposed: Proposed) -> Effect:
        """Pays the router; the market decides the amount that comes back."""
        if action.buy_asset_id == action.asset_id:
            raise refusals.AssetsEqual(asset_id=action.asset_id)
        bought = asset_on_chain(action.buy_asset_id, proposed.wallet, proposed.governance)
        token_of(bought, "swap")
        token_of(proposed.spent, "swap")
        check_destination(action.venue, proposed.wallet, proposed.spent)
        effect = proposed.effect(action.venue, calldata.ExactInputSingle.SIGNATURE, action.venue)
        return effect.model_copy(update={"receives_asset_id": action.buy_asset_id})

    def call(self, action: Swap, given: ToCompile) -> CompiledCall:
        """The router's `exactInputSingle`, with deadline and minimum."""
        effect, prices = given.effect, given.prices
        sold, taken = quoted(action.asset_id, given.governance, prices), quoted(action.buy_asset_id, given.governance, prices)
        call = calldata.ExactInputSingle(
            token_in=_token(sold.asset),
            token_out=_token(taken.asset),
            fee=action.pool_fee,
            recipient=effect.wallet,
            deadline=given.approved.decided_at // MICROS_PER_SECOND + SWAP_DEADLINE_SECONDS,
            amount_in=effect.spends,
            amount_out_minimum=least_out(sold, effect.spends, taken, action.max_slippage),
            sqrt_price_limit_x96=0,
        )
        return encoded(given.approved, call)

    def balances(self, action: Swap, effect: Effect, assets: Mapping[AssetId, AssetListed]) -> dict[BalanceKey, BalanceBounds]:
        """Exactly the amount leaves, and some of the other asset arrives."""
        spent = BalanceBounds.exactly(-effect.spends)
        return {spent_balance(effect, assets): spent, BalanceKey(effect.wallet, assets[action.buy_asset_id].token): SOME_GAIN}

    def reduces(self, action: Swap, wallet: WalletAssigned, assets: Mapping[AssetId, AssetListed]) -> bool:
        """Lowers exposure only from a market-priced asset into cash."""
        _ = wallet
        return not _is_cash(assets[action.asset_id]) and _is_cash(assets[action.buy_asset_id])


def _is_cash(asset: AssetListed) -> bool:
    """Return True if governance has pegged the asset's price; a peg at zero does not count."""
    return bool(asset.peg_usd)


def _token(asset: AssetListed) -> Address:
    if asset.token is None:
        raise NotCompilable(f"{asset.asset_id} is native; a swap gives and takes tokens")
    return asset.token
