"""What an order asks for, and the effect it would have: the two things an approval signs.

Left out: whether it may happen (streams/desk) and how it becomes a transaction (streams/execution).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.values import (
    Address,
    Amount,
    AssetId,
    BaseUnits,
    BasisPoints,
    DeskId,
    OrderId,
    PrincipalId,
    Record,
    Sha256,
    Text,
    Usd,
    WalletId,
)


class Transfer(Record):
    """Move an asset to an account."""

    kind: Literal["transfer"] = "transfer"
    asset_id: AssetId
    amount: Amount
    destination: Address


class Swap(Record):
    """Put one asset into a pool of a venue and take the other out, back to the same wallet."""

    kind: Literal["swap"] = "swap"
    asset_id: AssetId
    """What is given."""
    amount: Amount
    buy_asset_id: AssetId
    venue: Address
    """The router contract that is called."""
    pool_fee: Annotated[int, Field(ge=0, le=1_000_000)]
    """The pool's fee tier in hundredths of a basis point (Uniswap v3)."""
    max_slippage: BasisPoints
    """The loss against independent prices above which the order is flagged instead of signed."""


class ApproveToken(Record):
    """Let a contract draw up to an exact amount of a token from the wallet (ERC-20 `approve`)."""

    kind: Literal["approve_token"] = "approve_token"
    asset_id: AssetId
    amount: Amount
    spender: Address


Action = Annotated[Transfer | Swap | ApproveToken, Field(discriminator="kind")]


class Order(Record):
    """An order as the desk took it in; its canonical bytes are what people approve."""

    order_id: OrderId
    desk_id: DeskId
    wallet_id: WalletId
    initiator: PrincipalId
    action: Action
    memo: Text = ""
    parent_order_id: OrderId | None = None


class Effect(Record):
    """What would happen on chain, decoded: shown to the approver and compared again by the signer."""

    chain_id: Annotated[int, Field(ge=1)]
    wallet: Address
    """The account that signs and pays."""
    contract: Address
    """The account or contract that is called."""
    call: Text
    """The function's signature, or `native transfer`."""
    spends_asset_id: AssetId
    spends: BaseUnits
    counterparty: Address
    """Who receives, or who may draw."""
    receives_asset_id: AssetId | None = None


class ReservedAmount(Record):
    """The part of one limit that an order holds."""

    limit_id: Annotated[str, Field(max_length=120)]
    scope_key: Annotated[str, Field(max_length=200)]
    """Whose limit: `trader:alice`, `wallet:treasury-1`, `contract:0x…`, `desk:newswap`."""
    amount_usd: Usd
    """At the prices in the order's facts."""


class ApprovalSubject(Record):
    """Exactly what an approval is given to. Its SHA-256 is the WebAuthn challenge (architecture, rule 9)."""

    order: Order
    effect: Effect
    policy_hash: Sha256
    reserved: list[ReservedAmount]
