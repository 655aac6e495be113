"""Defines the commands of people and systems to a desk. A command carries its sender's own signature up to the signer.

A system signs with Ed25519 (RFC 8032), a person with a FIDO2 key (WebAuthn Level 3). Both sign
`schemas.canonical.command_digest`, except for `GiveApproval`, whose assertion signs the approval's subject itself.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.orders import Action
from schemas.values import (
    Amount,
    Base64Url,
    CommandId,
    DeskId,
    Instant,
    OrderId,
    PrincipalId,
    Record,
    Sha256,
    Text,
    WalletId,
)

SPLIT_PARTS_MAX = 50


class InitiateOrder(Record):
    """Ask for something to be done from a wallet of the desk."""

    kind: Literal["initiate_order"] = "initiate_order"
    wallet_id: WalletId
    action: Action
    memo: Text = ""


class GiveApproval(Record):
    """Approve exactly what `approval_hash` is the hash of."""

    kind: Literal["give_approval"] = "give_approval"
    order_id: OrderId
    approval_hash: Sha256


class DeclineApproval(Record):
    """Refuse to approve; the order is closed."""

    kind: Literal["decline_approval"] = "decline_approval"
    order_id: OrderId
    reason: Text


class WithdrawApproval(Record):
    """Take back one's own approval of an order that has not been signed."""

    kind: Literal["withdraw_approval"] = "withdraw_approval"
    order_id: OrderId
    reason: Text = ""


class TryOrder(Record):
    """Ask what would be decided of an order, without placing it: nothing is reserved."""

    kind: Literal["try_order"] = "try_order"
    wallet_id: WalletId
    action: Action
    memo: Text = ""


class CancelOrder(Record):
    """Take back an order that has not been signed."""

    kind: Literal["cancel_order"] = "cancel_order"
    order_id: OrderId
    reason: Text = ""


class SplitOrder(Record):
    """Replace an order by several whose amounts add up to its own."""

    kind: Literal["split_order"] = "split_order"
    order_id: OrderId
    amounts: Annotated[list[Amount], Field(min_length=2, max_length=SPLIT_PARTS_MAX)]


Body = Annotated[
    InitiateOrder | GiveApproval | DeclineApproval | WithdrawApproval | CancelOrder | SplitOrder | TryOrder,
    Field(discriminator="kind"),
]


class Ed25519Signature(Record):
    """A system's signature (RFC 8032), 64 bytes in base64url."""

    kind: Literal["ed25519"] = "ed25519"
    key_id: Annotated[str, Field(max_length=100)]
    signature: Base64Url


class WebAuthnAssertion(Record):
    """A person's assertion as the authenticator gave it (WebAuthn Level 3, section 7.2), base64url."""

    kind: Literal["webauthn"] = "webauthn"
    credential_id: Base64Url
    authenticator_data: Base64Url
    client_data_json: Base64Url
    signature: Base64Url


Authorization = Annotated[Ed25519Signature | WebAuthnAssertion, Field(discriminator="kind")]


class Command(Record):
    """One request, signed by who makes it. `command_id` is also the idempotency key: one id, one outcome."""

    command_id: CommandId
    desk_id: DeskId
    principal: PrincipalId
    issued_at: Instant
    body: Body
    authorization: Authorization
