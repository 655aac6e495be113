"""Withdrawal: takes an exact amount of an asset out of a vault for shares (ERC-4626 `withdraw`). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from infra.ethereum import calldata
from schemas.events.governance import AssetListed, WalletAssigned
from schemas.orders import Effect, Withdraw
from schemas.values import AssetId
from streams.rules.actions.checks import check_destination, token_of
from streams.rules.actions.compiled import CompiledCall, encoded
from streams.rules.actions.kind import SOME_LOSS, BalanceBounds, BalanceKey, OrderKind, Proposed, ToCompile, spent_balance


class WithdrawKind(OrderKind[Withdraw]):
    """Puts nothing in and takes an asset out, so it always lowers exposure."""

    sentence: ClassVar[str] = "Withdraw {amount} {asset_id} from {vault}"
    gives_away: ClassVar[bool] = False

    def effect(self, action: Withdraw, proposed: Proposed) -> Effect:
        """Spends nothing of the asset, and receives exactly the amount."""
        token_of(proposed.spent, "withdrawal")
        check_destination(action.vault, proposed.wallet, proposed.spent)
        effect = replace(proposed, amount=0).effect(action.vault, calldata.Withdraw.SIGNATURE, action.vault)
        return effect.model_copy(update={"receives_asset_id": proposed.spent.asset_id, "receives": proposed.amount})

    def call(self, action: Withdraw, given: ToCompile) -> CompiledCall:
        """The vault's `withdraw`, from the wallet to the wallet."""
        _ = action
        effect = given.effect
        return encoded(given.approved, calldata.Withdraw(effect.receives, effect.wallet, effect.wallet))

    def balances(
        self, action: Withdraw, effect: Effect, assets: Mapping[AssetId, AssetListed]
    ) -> dict[BalanceKey, BalanceBounds]:
        """Exactly the amount arrives, and some shares leave."""
        _ = action
        taken = BalanceBounds.exactly(effect.receives)
        return {spent_balance(effect, assets): taken, BalanceKey(effect.wallet, effect.contract): SOME_LOSS}

    def reduces(self, action: Withdraw, wallet: WalletAssigned, assets: Mapping[AssetId, AssetListed]) -> bool:
        """Always lowers exposure."""
        _ = action, wallet, assets
        return True
