"""Deposit: puts an asset into a vault and takes shares for it (ERC-4626 `deposit`). Pure.

A vault's shares are the token at the vault's own address.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from infra.ethereum import calldata
from schemas.events.governance import AssetListed
from schemas.orders import Deposit, Effect
from schemas.values import AssetId
from streams.rules.actions.checks import check_destination, token_at, token_of
from streams.rules.actions.compiled import CompiledCall, encoded
from streams.rules.actions.kind import SOME_GAIN, BalanceBounds, BalanceKey, OrderKind, Proposed, ToCompile, spent_balance


class DepositKind(OrderKind[Deposit]):
    """The wallet that gives also receives the shares."""

    sentence: ClassVar[str] = "Deposit {amount} {asset_id} into {vault}"
    gives_away: ClassVar[bool] = False

    def effect(self, action: Deposit, proposed: Proposed) -> Effect:
        """Pays the vault; the shares count as an asset of the firm's if governance listed them."""
        token_of(proposed.spent, "deposit")
        check_destination(action.vault, proposed.wallet, proposed.spent)
        effect = proposed.effect(action.vault, calldata.Deposit.SIGNATURE, action.vault)
        shares = token_at(action.vault, proposed.wallet.chain_id, proposed.governance)
        return effect if shares is None else effect.model_copy(update={"receives_asset_id": shares.asset_id})

    def call(self, action: Deposit, given: ToCompile) -> CompiledCall:
        """The vault's `deposit`, with shares to the wallet."""
        _ = action
        return encoded(given.approved, calldata.Deposit(given.effect.spends, given.effect.wallet))

    def balances(
        self, action: Deposit, effect: Effect, assets: Mapping[AssetId, AssetListed]
    ) -> dict[BalanceKey, BalanceBounds]:
        """Exactly the amount leaves, and some shares arrive."""
        _ = action
        spent = BalanceBounds.exactly(-effect.spends)
        return {spent_balance(effect, assets): spent, BalanceKey(effect.wallet, effect.contract): SOME_GAIN}
