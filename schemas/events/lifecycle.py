"""An order's way from a command to a confirmed transaction, as links of its chain."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.commands import Command, WebAuthnAssertion
from schemas.events.base import DeskEvent, OrderEvent, Refusal
from schemas.events.facts import ApprovalFact, Facts, PriceFact, RuleFinding, Unmet
from schemas.events.limits import LimitPosted, LimitReleased, LimitReserved
from schemas.keys import Attestation, KeyBackend
from schemas.orders import ApprovalSubject, Effect, Order
from schemas.values import (
    Address,
    BaseUnits,
    Hash32,
    HexBytes,
    Instant,
    OrderId,
    PrincipalId,
    Record,
    Role,
    Sha256,
    SignedBaseUnits,
    Text,
    Usd,
    WalletId,
)


class OrderInitiated(OrderEvent):
    """The desk took the order in. Holds the signed command whole, so that the signer can verify it for itself."""

    order: Order
    command: Command


class PolicyEvaluated(OrderEvent):
    """What policy and limits said, which rules mattered, and the facts they were given."""

    outcome: Literal["allowed", "needs-approval", "refused"]
    rules: list[RuleFinding]
    refusals: list[Refusal]
    """Every check that refused, not only the first."""
    requires: list[str]
    """Quorums still to be met, such as `risk-officer:1`."""
    unmet: list[Unmet]
    """Of each of them, what is still missing and who could give it."""
    facts: Facts
    approval_subject: ApprovalSubject | None = None
    approval_hash: Sha256 | None = None
    """SHA-256 of the subject's canonical bytes: the WebAuthn challenge of an approval."""
    expires_at: Instant
    """When the order closes by itself unless it has been approved."""


class ApprovalGiven(OrderEvent):
    """A person approved with their own key; the assertion can be verified again in ten years."""

    approver: PrincipalId
    roles: list[Role]
    approval_hash: Sha256
    assertion: WebAuthnAssertion
    counter: Annotated[int, Field(ge=0)]
    """The authenticator's signature counter; a later one must be higher."""
    command: Command


class ApprovalDeclined(OrderEvent):
    """A person who could have approved said no."""

    approver: PrincipalId
    reason: Text
    command: Command


class ApprovalWithdrawn(DeskEvent):
    """An approver took their approval back. Stands beside the order's chain: others may hold it by then."""

    order_id: OrderId
    approver: PrincipalId
    reason: Text
    command: Command


class CancellationRequested(DeskEvent):
    """The order was cancelled when others held its chain already: the signer refuses it from here on."""

    order_id: OrderId
    command: Command


class Approved(OrderEvent):
    """The `PolicyEvaluated` before it allows the order: handed to execution."""

    order: Order
    effect: Effect
    policy_hash: Sha256
    governance_position: Annotated[int, Field(ge=0)]
    approvals: list[ApprovalFact]


class UnsignedTransaction(Record):
    """An EIP-1559 transaction before it is signed, field by field and as the exact bytes to be signed."""

    chain_id: Annotated[int, Field(ge=1)]
    nonce: Annotated[int, Field(ge=0)]
    max_priority_fee_per_gas: BaseUnits
    max_fee_per_gas: BaseUnits
    gas_limit: Annotated[int, Field(ge=21_000)]
    to: Address
    value: BaseUnits
    input: HexBytes
    signing_payload: HexBytes
    """0x02 || rlp([...]), EIP-2718 and EIP-1559."""


class BalanceChange(Record):
    """What one account gains or loses of one asset."""

    token: Address | None
    """The token's contract; none for the chain's native asset."""
    account: Address
    change: SignedBaseUnits


class AllowanceGranted(Record):
    """A token allowance that the transaction would leave behind."""

    token: Address
    owner: Address
    spender: Address
    amount: BaseUnits


class SimulationFinding(Record):
    """Something the simulation saw that a person must look at."""

    code: Annotated[str, Field(max_length=60)]
    message: Text


class Simulated(OrderEvent):
    """The transaction and what it would do at this block. Passed: handed to the signer. Else back to the desk."""

    verdict: Literal["passed", "flagged"]
    wallet_id: WalletId
    wallet: Address
    transaction: UnsignedTransaction
    block_number: Annotated[int, Field(ge=0)]
    block_hash: Hash32
    account_nonce: Annotated[int, Field(ge=0)]
    """The wallet's transaction count on the chain at this block: where the nonces of a wallet that is new to us begin."""
    gas_used: Annotated[int, Field(ge=0)]
    balance_changes: list[BalanceChange]
    allowances: list[AllowanceGranted]
    touched: list[Address]
    prices: list[PriceFact]
    slippage_ppm: int | None = None
    """Loss of value against independent prices, in parts per million; negative is a gain. None: nothing was exchanged."""
    findings: list[SimulationFinding]
    replaces: Hash32 | None = None
    """The transaction whose nonce this one takes, because it is stuck or its order was cancelled; None: a nonce of its own."""
    overtakes: Sha256 | None = None
    """The claim (`Claim.digest`) of this nonce that an order before left behind when it was refused; None: there is none."""
    safe_nonce: Annotated[int, Field(ge=0)] | None = None
    """Of a Safe that makes the call: its own next nonce at this block, which its owners sign. The transaction's `input` has no
    signatures of theirs yet. None: the wallet is no Safe."""


class Signed(OrderEvent):
    """The enclave judged everything again and signed. Raw bytes are on the log before they are sent."""

    wallet_id: WalletId
    wallet: Address
    chain_id: Annotated[int, Field(ge=1)]
    nonce: Annotated[int, Field(ge=0)]
    transaction_hash: Hash32
    raw_transaction: HexBytes
    key_backend: KeyBackend
    key_id: Annotated[str, Field(max_length=100)]
    policy_hash: Sha256
    checks: list[str]
    """The checks that passed, by name."""
    governance_position: Annotated[int, Field(ge=0)] = 0
    """The last governance event that was folded when it was signed."""
    order: Order | None = None
    """What was signed for, and its effect: whoever sends it looks once more whether it is stopped."""
    effect: Effect | None = None
    attestation: Attestation | None = None
    """By what it was signed and judged; none in events written before there were attestations."""
    amount_usd: Usd | None = None
    """What the order was worth when it was approved: counts towards the wallet's velocity. None in events from before."""
    replaces: Hash32 | None = None
    """The transaction of the same nonce that this one replaces."""
    overtakes: Sha256 | None = None
    """The claim of the same nonce that this transaction overtakes."""


class Claim(Record):
    """What may have been signed for a nonce by others, though its order was refused and nobody here has seen a signature."""

    digest: Sha256
    """SHA-256 of the unsigned transaction's bytes as they were simulated."""
    max_fee_per_gas: BaseUnits
    max_priority_fee_per_gas: BaseUnits
    key_backend: KeyBackend
    amount_usd: Usd
    """What the order was worth when it was approved: it counts towards the wallet's velocity, as if it had been signed."""


class SigningRefused(OrderEvent):
    """The enclave would not sign, and which check said so."""

    wallet_id: WalletId
    chain_id: Annotated[int, Field(ge=1)]
    nonce: Annotated[int, Field(ge=0)]
    refusal: Refusal
    governance_position: Annotated[int, Field(ge=0)] = 0
    """The last governance event that was folded when it was refused."""
    claimed: Claim | None = None
    """What may use its nonce up all the same; None: nothing of this order can have been signed."""


class Broadcast(OrderEvent):
    """A node took the raw transaction."""

    wallet_id: WalletId
    chain_id: Annotated[int, Field(ge=1)]
    nonce: Annotated[int, Field(ge=0)]
    transaction_hash: Hash32
    nodes: list[str]


class Confirmed(OrderEvent):
    """The transaction succeeded and lies deep enough."""

    transaction_hash: Hash32
    block_number: Annotated[int, Field(ge=0)]
    block_hash: Hash32
    depth: Annotated[int, Field(ge=1)]
    """Blocks from the transaction's own block to the head, both counted."""
    gas_used: Annotated[int, Field(ge=0)]
    effective_gas_price: BaseUnits


class Reverted(OrderEvent):
    """The transaction was included, deep enough, and failed."""

    transaction_hash: Hash32
    block_number: Annotated[int, Field(ge=0)]
    block_hash: Hash32
    depth: Annotated[int, Field(ge=1)]
    gas_used: Annotated[int, Field(ge=0)]
    effective_gas_price: BaseUnits


class OrderHeld(OrderEvent):
    """The order waits for its initiator: split it, or cancel it; else it expires. Its reservation stays."""

    reason: Literal["flagged"]
    findings: list[SimulationFinding]
    expires_at: Instant


class OrderClosed(OrderEvent):
    """The order's end, other than by confirmation."""

    reason: Literal[
        "rejected",
        "declined",
        "expired",
        "cancelled",
        "flagged",
        "superseded",
        "reverted",
        "signing-refused",
    ]
    message: Text
    child_order_ids: list[OrderId] = Field(default_factory=list, json_schema_extra={"default": []})
    command: Command | None = None
    """The signed command that asked for it: a cancellation, a split. None: policy, time or the chain ended the order."""


DeskLink = (
    OrderInitiated
    | LimitReserved
    | PolicyEvaluated
    | ApprovalGiven
    | ApprovalDeclined
    | Approved
    | OrderHeld
    | LimitPosted
    | LimitReleased
    | OrderClosed
)
"""The links of an order's chain that its desk writes."""
NetworkLink = Simulated | Signed | SigningRefused | Broadcast | Confirmed | Reverted
"""The links that the processes between the desk and the chain write."""
OrderLink = DeskLink | NetworkLink
"""Every link of an order's chain. `streams.rules.orders.lifecycle` has a row for each."""
