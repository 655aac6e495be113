"""Defines an order's intent and its effect: the two things that an approval signs.

Left out: whether it may happen (streams/desk) and how it becomes a transaction (streams/execution).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.values import (
    Address,
    Amount,
    AmountOrNothing,
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

CALL_ARGUMENTS_MAX = 20


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


class Deposit(Record):
    """Put an asset into a vault, which gives shares for it to the same wallet (ERC-4626 `deposit`)."""

    kind: Literal["deposit"] = "deposit"
    asset_id: AssetId
    amount: Amount
    vault: Address


class Withdraw(Record):
    """Take an asset out of a vault, back to the same wallet (ERC-4626 `withdraw`): nothing is spent but shares."""

    kind: Literal["withdraw"] = "withdraw"
    asset_id: AssetId
    amount: Amount
    vault: Address


class Call(Record):
    """Call a function of a contract; it may spend no more than the amount, and nothing else."""

    kind: Literal["call"] = "call"
    asset_id: AssetId
    """What may be spent: the native asset is sent along, a token is drawn through an allowance."""
    amount: AmountOrNothing
    contract: Address
    function: Annotated[str, Field(max_length=500)]
    """Its signature, such as `claim(address,uint256)`."""
    arguments: Annotated[list[Annotated[str, Field(max_length=2_000)]], Field(max_length=CALL_ARGUMENTS_MAX)]
    """In order: addresses and bytes as 0x…, integers in plain digits, `true` or `false`, strings as they are."""


Action = Annotated[Transfer | Swap | ApproveToken | Deposit | Withdraw | Call, Field(discriminator="kind")]


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
    receives: BaseUnits = 0
    """Exactly what comes in, where the order says so; 0 where the market does."""


class ReservedAmount(Record):
    """The part of one limit that an order holds."""

    limit_id: Annotated[str, Field(max_length=120)]
    scope_key: Annotated[str, Field(max_length=200)]
    """Whose limit: `trader:alice`, `wallet:treasury-1`, `contract:0x…`, `desk:newswap`."""
    amount_usd: Usd
    """At the prices in the order's facts; 0 of a limit that counts orders."""
    count: Annotated[int, Field(ge=0)] = 0
    """Orders, of a limit that counts them."""


class ApprovalSubject(Record):
    """Exactly what an approval is given to. Its SHA-256 is the WebAuthn challenge (architecture, rule 9)."""

    order: Order
    effect: Effect
    policy_hash: Sha256
    reserved: list[ReservedAmount]
