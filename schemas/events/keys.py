"""Keys, from birth to destruction. One writer for the firm, in one order with all else that governance says.

What people ask for is proposed, agreed to by a quorum and ordered; whoever holds the keys carries the order out where they
are and reports it by a signed command (`ReportKey`), which the event that follows holds whole. The report of a key in shares
carries the word of every cosigner, so that nobody alone can pass off a key of their own.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.events.base import FirmEvent, Refusal
from schemas.events.governance import ProposalId, Proposed
from schemas.firm_commands import FirmCommand
from schemas.keys import Cosigner, DestructionProof, Epoch, KeyChange, KeyId, KeyOperation, KeyVouched
from schemas.values import Address, HexBytes, Instant, Slug, Text

OrderedPosition = Annotated[int, Field(ge=1)]
"""The position of the `KeyOrdered` that is answered."""


class CosignerEnrolled(FirmEvent):
    """A holder of shares, from now on; one that had its place before has lost it."""

    cosigner: Cosigner
    proposal_id: ProposalId | None = None
    """The proposal that a quorum agreed to; none at genesis."""


class KeyProposed(Proposed):
    """Something was proposed to be done with a key."""

    key_id: KeyId
    operation: KeyOperation


class KeyOrdered(FirmEvent):
    """A quorum agreed: whoever holds the key, or is to hold it, carries it out."""

    key_id: KeyId
    change: KeyChange
    proposal_id: ProposalId


class KeyGenerated(FirmEvent):
    """There is a key. No wallet has it yet: that takes another quorum, which sees the address."""

    key_id: KeyId
    backend: Literal["software", "hsm", "mpc", "hybrid"]
    address: Address
    public_key: HexBytes
    """Uncompressed: 0x04, x, y."""
    epoch: Annotated[int, Field(ge=0)]
    """Of its shares: the number of the attempt that made them, from 1; 0 for a key that one place holds."""
    threshold: Annotated[int, Field(ge=0)]
    cosigners: list[Slug]
    sites_min: Annotated[int, Field(ge=1)]
    rotate_after_days: Annotated[int, Field(ge=1)]
    vouched: list[KeyVouched]
    ordered_position: OrderedPosition
    command: FirmCommand


class KeyRotated(FirmEvent):
    """Shares: there are new ones of the same key, and the old ones are dead. Else: `successor` takes this key's place."""

    key_id: KeyId
    epoch: Annotated[int, Field(ge=0)]
    successor: Annotated[str, Field(max_length=100)]
    reason: Literal["rotated", "recovered"]
    cosigners: list[Slug]
    vouched: list[KeyVouched]
    ordered_position: OrderedPosition
    command: FirmCommand


class KeySuspended(FirmEvent):
    """Nothing is signed with it until further notice."""

    key_id: KeyId
    reason: Text
    proposal_id: ProposalId


class KeyResumed(FirmEvent):
    """It may sign again."""

    key_id: KeyId
    reason: Text
    proposal_id: ProposalId


class KeyDestroyed(FirmEvent):
    """It is gone, everywhere, and nothing will ever be signed with it again."""

    key_id: KeyId
    proofs: list[DestructionProof]
    ordered_position: OrderedPosition
    command: FirmCommand


class KeyFailed(FirmEvent):
    """What was ordered could not be done. Nothing is half done: a key that was begun is thrown away."""

    key_id: KeyId
    operation: KeyOperation
    refusal: Refusal
    ordered_position: OrderedPosition
    command: FirmCommand


class RotationDue(FirmEvent):
    """A warning: the key is older than was agreed to. Said once for each epoch or key."""

    key_id: KeyId
    epoch: Epoch | None = None
    since: Instant
