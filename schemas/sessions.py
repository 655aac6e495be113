"""Defines cosigners' messages. Transport, not evidence: kept for a day; only their signatures are trusted.

A session makes one signature, or new shares of one key. Who opens it has no say in what is signed: each cosigner finds the
order in the log for itself, judges it, and derives the digest. Messages of the protocol are opaque; those for one cosigner are
encrypted to it, and all are signed by their sender.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.keys import Epoch, KeyId
from schemas.values import Base64Url, HexBytes, Instant, OrderId, Record, Sha256, Slug, Text

SessionKind = Literal["sign", "generate", "refresh", "recover", "destroy"]


class SessionOpened(Record):
    """Who should take part in what. Each attempt is a session of its own."""

    session_id: Sha256
    """`schemas.canonical.session_id` of all the rest."""
    kind: SessionKind
    key_id: KeyId
    epoch: Annotated[int, Field(ge=0)]
    """Of the shares to be used; 0 when there are none yet."""
    participants: list[Slug]
    attempt: Annotated[int, Field(ge=1)]
    opened_at: Instant
    order_id: OrderId | None = None
    """For `sign`: the order whose simulated transaction is to be signed."""
    simulated_hash: Annotated[str, Field(max_length=64)] = ""
    """For `sign`: SHA-256 of the `simulated` event's bytes."""
    part: Annotated[int, Field(ge=0)] = 0
    """For `sign` with a Safe: which of the digests, 0 the transaction's own, 1 the Safe's."""
    ordered_position: Annotated[int, Field(ge=0)] = 0
    """For all others: the position of the `KeyOrdered` that asked for it."""


class CosignerMessage(Record):
    """One message of one cosigner in one session."""

    session_id: Sha256
    sender: Slug
    receiver: Annotated[str, Field(max_length=63)]
    """A cosigner; empty: everybody."""
    kind: Literal["round", "refused", "signed", "vouched", "destroyed", "banned"]
    """Round: the protocol's own. The others are a session's outcome, as JSON of `schemas` records."""
    round: Annotated[int, Field(ge=0)]
    """From 1 within a session. Session, sender, receiver, kind and round name a message, and a second one is dropped."""
    payload: Base64Url
    signature: Base64Url
    """Ed25519 by the sender over `schemas.canonical.cosigner_message_digest`: everything but this field."""


class Cosigned(Record):
    """The payload of `signed`: the signature that a cosigner arrived at, with its verdict on the order."""

    digest: Sha256
    """What was signed: 32 bytes, hex."""
    r: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    s: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    y_parity: Annotated[int, Field(ge=0, le=1)]
    epoch: Epoch
    code_hash: Sha256
    policy_hash: Sha256
    governance_position: Annotated[int, Field(ge=0)]
    site: Slug
    verdict_signature: Base64Url
    """Goes into the `signed` event with the fields before it (`schemas.keys.CosignerVerdict`)."""


class Accusation(Record):
    """The payload of `banned`: whose fault ended a session, as its sender saw it. It has not to be believed by others."""

    cosigner: Slug
    signing_key: HexBytes
    """Its key at that time: who takes its place later, with keys of its own, is not banned."""
    reason: Text
