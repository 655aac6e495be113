"""From an order to the one call that carries it out. Pure; the signer compiles it again and compares every byte.

Decides each action's call (EIP-20 `transfer` and `approve`, Uniswap v3 `exactInputSingle`, ERC-4626 `deposit` and `withdraw`,
and what an order spells out), that what a swap, a vault or its shares give comes back to the wallet that gave, that an
allowance is exact, and what a swap is protected by: a deadline reckoned from the moment of approval, and a minimum reckoned
from independent prices and the order's own bound. All of it from values on the log.
Leaves out nonce, gas and fees (`assembly`), and whether the call is wise (`judgement`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, assert_never

from infra.ethereum import calldata, spelled_call
from schemas.events.facts import PriceFact
from schemas.events.governance import AssetListed
from schemas.events.lifecycle import Approved
from schemas.orders import ApproveToken, Call, Deposit, Effect, Order, Swap, Transfer, Withdraw
from schemas.values import Address, AssetId
from streams.rules.firm.view import Governance
from streams.rules.prices.valuation import Quoted, least_out

SWAP_DEADLINE_SECONDS: Final = 1_200
"""After its approval, within which a swap may still be included; Uniswap's own interface gives between 10 and 30 minutes."""
MICROS_PER_SECOND: Final = 1_000_000


class NotCompilable(Exception):
    """The order and the facts do not make a call: a price or an asset is not there, or the effect is another order's."""


@dataclass(frozen=True, slots=True)
class CompiledCall:
    """Where the transaction goes. `value` in wei, `data` empty for a native transfer."""

    to: Address
    value: int
    data: bytes


def compile_call(order: Order, governance: Governance, approved: Approved, prices: Sequence[PriceFact]) -> CompiledCall:
    """Return the call of `order`, whose effect is the one that was approved; equal inputs give equal bytes.

    `prices`: independent prices of what a swap gives and takes (`Simulated.prices`), looked at for nothing else.

    Raises:
        NotCompilable: an asset or a price is missing, or effect and order disagree about the call.
    """
    effect = approved.effect
    asset = _asset(effect.spends_asset_id, governance)
    match order.action:
        case Transfer() if asset.token is None:
            return CompiledCall(effect.counterparty, effect.spends, b"")
        case Transfer():
            call: calldata.Call = calldata.Transfer(effect.counterparty, effect.spends)
        case ApproveToken():
            call = calldata.Approve(effect.counterparty, effect.spends)
        case Swap() as swap:
            call = _swap(swap, governance, approved, prices)
        case Deposit():
            call = calldata.Deposit(effect.spends, effect.wallet)
        case Withdraw():
            call = calldata.Withdraw(effect.receives, effect.wallet, effect.wallet)
        case Call() as spelled:
            return _spelled(spelled, effect, asset)
        case _ as unknown:
            assert_never(unknown)
    if effect.call != call.SIGNATURE:
        raise NotCompilable(f"order {order.order_id} calls {call.SIGNATURE}, its effect says {effect.call}")
    return CompiledCall(effect.contract, 0, calldata.encode(call))


def quoted(asset_id: AssetId, governance: Governance, prices: Sequence[PriceFact]) -> Quoted:
    """Return an asset with its price. Raises NotCompilable when either is missing, or the price is zero."""
    price = next((each for each in prices if each.asset_id == asset_id and each.usd > 0), None)
    if price is None:
        raise NotCompilable(f"there is no price of {asset_id}")
    return Quoted(_asset(asset_id, governance), price)


def unprotected(call: CompiledCall) -> CompiledCall:
    """Return the call without a minimum, by which a loss can be measured that the minimum would stop."""
    try:
        decoded = calldata.decode(call.data)
    except calldata.UnknownSelector:  # money alone, or what an order spelled out
        return call
    if not isinstance(decoded, calldata.ExactInputSingle):
        return call
    return replace(call, data=calldata.encode(replace(decoded, amount_out_minimum=0)))


def _spelled(call: Call, effect: Effect, asset: AssetListed) -> CompiledCall:
    """Native money is sent along; a token is for the contract to draw, through an allowance that another order gave it."""
    if effect.call != call.function:
        raise NotCompilable(f"the order calls {call.function}, its effect says {effect.call}")
    try:
        data = spelled_call.encode(call.function, call.arguments)
    except calldata.MalformedCalldata as malformed:
        raise NotCompilable(str(malformed)) from malformed
    return CompiledCall(effect.contract, effect.spends if asset.token is None else 0, data)


def _swap(swap: Swap, governance: Governance, approved: Approved, prices: Sequence[PriceFact]) -> calldata.ExactInputSingle:
    effect = approved.effect
    given, taken = quoted(swap.asset_id, governance, prices), quoted(swap.buy_asset_id, governance, prices)
    return calldata.ExactInputSingle(
        token_in=_token(given.asset),
        token_out=_token(taken.asset),
        fee=swap.pool_fee,
        recipient=effect.wallet,
        deadline=approved.decided_at // MICROS_PER_SECOND + SWAP_DEADLINE_SECONDS,
        amount_in=effect.spends,
        amount_out_minimum=least_out(given, effect.spends, taken, swap.max_slippage),
        sqrt_price_limit_x96=0,
    )


def _asset(asset_id: AssetId, governance: Governance) -> AssetListed:
    asset = governance.assets.get(asset_id)
    if asset is None:
        raise NotCompilable(f"asset {asset_id} is not listed")
    return asset


def _token(asset: AssetListed) -> Address:
    if asset.token is None:
        raise NotCompilable(f"{asset.asset_id} is native; a swap gives and takes tokens")
    return asset.token
