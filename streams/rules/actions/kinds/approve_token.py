"""Token approval: lets a contract draw up to an exact amount (EIP-20 `approve`). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from infra.ethereum import calldata
from schemas.events.governance import AssetListed
from schemas.orders import ApproveToken, Effect
from schemas.values import AssetId
from streams.rules.actions.checks import check_destination, token_of
from streams.rules.actions.compiled import CompiledCall, encoded
from streams.rules.actions.kind import BalanceBounds, BalanceKey, OrderKind, Proposed, ToCompile


class ApproveTokenKind(OrderKind[ApproveToken]):
    """Moves nothing itself. Its spender gains power over the amount, so it never counts as lowering exposure."""

    sentence: ClassVar[str] = "Let {spender} draw {amount} {asset_id}"
    gives_away: ClassVar[bool] = True

    def effect(self, action: ApproveToken, proposed: Proposed) -> Effect:
        """Gives the spender power over the amount."""
        check_destination(action.spender, proposed.wallet, proposed.spent)
        return proposed.effect(token_of(proposed.spent, "token approval"), calldata.Approve.SIGNATURE, action.spender)

    def call(self, action: ApproveToken, given: ToCompile) -> CompiledCall:
        """The token's `approve` of the exact amount."""
        _ = action
        return encoded(given.approved, calldata.Approve(given.effect.counterparty, given.effect.spends))

    def balances(
        self, action: ApproveToken, effect: Effect, assets: Mapping[AssetId, AssetListed]
    ) -> dict[BalanceKey, BalanceBounds]:
        """No balance changes."""
        _ = action, effect, assets
        return {}
