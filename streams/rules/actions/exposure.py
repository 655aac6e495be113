"""Decides that an order only lowers the firm's exposure, or that it brings funds home (mission, breakers).

Each order kind answers from the order's own request, and nothing else, so that a person who trips a breaker knows beforehand
which orders still pass. An order that gives others power over funds (an allowance, a call) never counts as lowering exposure.
Leaves out breakers (`streams.rules.breakers`), and the firm's holdings, which only a node knows.
"""

from __future__ import annotations

from collections.abc import Mapping

from schemas.events.governance import AssetListed, WalletAssigned
from schemas.orders import Action
from schemas.values import AssetId
from streams.rules.actions.table import kind_of


def evacuates(action: Action, wallet: WalletAssigned) -> bool:
    """Return whether `action` moves funds of `wallet` to its holding address, where they are safe in an emergency."""
    return kind_of(action).evacuates(action, wallet)


def reduces(action: Action, wallet: WalletAssigned, assets: Mapping[AssetId, AssetListed]) -> bool:
    """Return whether `action` from `wallet` only lowers exposure. `assets` are those that it names."""
    return kind_of(action).reduces(action, wallet, assets)
