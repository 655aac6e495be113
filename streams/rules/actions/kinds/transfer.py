"""Transfer: moves an asset to an account (EIP-20 `transfer`, or native money without calldata). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from infra.ethereum import calldata
from schemas.events.governance import AssetListed, WalletAssigned
from schemas.orders import Effect, Transfer
from schemas.values import AssetId
from streams.rules.actions.checks import check_destination
from streams.rules.actions.compiled import CompiledCall, encoded
from streams.rules.actions.kind import BalanceBounds, BalanceKey, OrderKind, Proposed, ToCompile, spent_balance

NATIVE_TRANSFER: Final = "native transfer"


class TransferKind(OrderKind[Transfer]):
    """Sends exactly the amount; a transfer to the wallet's holding address evacuates."""

    sentence: ClassVar[str] = "Transfer {amount} {asset_id} to {destination}"
    gives_away: ClassVar[bool] = True

    def effect(self, action: Transfer, proposed: Proposed) -> Effect:
        """Pays the destination."""
        destination, token = action.destination, proposed.spent.token
        check_destination(destination, proposed.wallet, proposed.spent)
        call = calldata.Transfer.SIGNATURE if token else NATIVE_TRANSFER
        return proposed.effect(token or destination, call, destination)

    def call(self, action: Transfer, given: ToCompile) -> CompiledCall:
        """Sends money alone for the native asset, else calls the token's `transfer`."""
        _ = action
        effect = given.effect
        if given.asset.token is None:
            return CompiledCall(effect.counterparty, effect.spends, b"")
        return encoded(given.approved, calldata.Transfer(effect.counterparty, effect.spends))

    def balances(
        self, action: Transfer, effect: Effect, assets: Mapping[AssetId, AssetListed]
    ) -> dict[BalanceKey, BalanceBounds]:
        """The wallet loses the amount that the receiver gains."""
        _ = action
        spent = spent_balance(effect, assets)
        received = BalanceKey(effect.counterparty, spent.token)
        return {spent: BalanceBounds.exactly(-effect.spends), received: BalanceBounds.exactly(effect.spends)}

    def evacuates(self, action: Transfer, wallet: WalletAssigned) -> bool:
        """Evacuates only to the holding address, where funds are safe while other orders are stopped."""
        return action.destination == wallet.holding
