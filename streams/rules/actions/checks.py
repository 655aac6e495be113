"""Makes the checks that order kinds share before they state an effect: assets, tokens and destinations. Pure."""

from __future__ import annotations

from typing import Final

from schemas.events.governance import AssetListed, WalletAssigned
from schemas.values import Address, AssetId
from streams.rules.firm.view import Governance
from streams.rules.refusals import orders as refusals

ZERO_ADDRESS: Final[Address] = "0x0000000000000000000000000000000000000000"


def asset_on_chain(asset_id: AssetId, wallet: WalletAssigned, governance: Governance) -> AssetListed:
    """Return a listed asset on the wallet's chain. Raises AssetUnknown, AssetOnOtherChain."""
    asset = governance.assets.get(asset_id)
    if asset is None:
        raise refusals.AssetUnknown(asset_id=asset_id)
    if asset.chain_id != wallet.chain_id:
        raise refusals.AssetOnOtherChain(asset_id=asset_id, asset_chain=asset.chain_id, wallet_chain=wallet.chain_id)
    return asset


def token_of(asset: AssetListed, kind: str) -> Address:
    """Return the asset's token contract. Raises AssetNotToken for a native asset; `kind` names the order for people."""
    if asset.token is None:
        raise refusals.AssetNotToken(asset_id=asset.asset_id, kind=kind)
    return asset.token


def token_at(address: Address, chain_id: int, governance: Governance) -> AssetListed | None:
    """Return the listed asset whose contract stands at `address`; None when there is none."""
    listed = (asset for asset in governance.assets.values() if (asset.chain_id, asset.token) == (chain_id, address))
    return next(listed, None)


def check_destination(address: Address, wallet: WalletAssigned, spent: AssetListed) -> None:
    """Refuse a well-formed address to which nothing should be sent: tokens sent to their own contract are lost.

    Raises:
        DestinationPointless: the zero address, the wallet itself, or the token's contract.
    """
    if address == ZERO_ADDRESS:
        raise refusals.DestinationPointless(address=address, why="the zero address, from which nothing comes back")
    if address == wallet.address:
        raise refusals.DestinationPointless(address=address, why=f"the wallet {wallet.wallet_id} itself")
    if address == spent.token:
        raise refusals.DestinationPointless(address=address, why=f"the contract of {spent.asset_id} itself")
