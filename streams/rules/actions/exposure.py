"""Whether an order only lowers what the firm has at risk, and whether it brings funds home (mission, breakers).

A table over what orders can ask for, and nothing else: whoever trips a breaker has to know beforehand what still passes.
A withdrawal puts nothing in and takes something out. A swap out of what the market prices into what governance has pegged
gives up risk for cash. What an order leaves to others to do (an allowance, a call) is never counted as lowering anything.
Left out: what is stopped (`breakers`), and what the firm holds, which only a node can tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from schemas.events.governance import AssetListed, WalletAssigned
from schemas.orders import Action, ApproveToken, Call, Deposit, Swap, Transfer, Withdraw
from schemas.values import AssetId


def evacuates(action: Action, wallet: WalletAssigned) -> bool:
    """Whether `action` moves funds of `wallet` to its holding address, where they are safe when nothing else may move."""
    return isinstance(action, Transfer) and action.destination == wallet.holding


def reduces(action: Action, wallet: WalletAssigned, assets: Mapping[AssetId, AssetListed]) -> bool:
    """Whether `action` from `wallet` only lowers exposure. `assets` are those that it names."""
    match action:
        case Transfer():
            return evacuates(action, wallet)
        case Withdraw():
            return True
        case Swap(asset_id=given, buy_asset_id=bought):
            return not _is_cash(assets[given]) and _is_cash(assets[bought])
        case ApproveToken() | Deposit() | Call():
            return False
        case _ as unknown:
            assert_never(unknown)


def _is_cash(asset: AssetListed) -> bool:
    """Whether governance has pegged its price to something: a peg at nothing is none."""
    return bool(asset.peg_usd)
