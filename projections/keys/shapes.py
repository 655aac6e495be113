"""The form of what is shown of keys and of those who hold shares of them."""

from __future__ import annotations

from typing import Any, Literal

from schemas.keys import KeyBackend, KeyOperation, SafeAccount
from schemas.values import Instant, Record

KeyState = Literal["ordered", "failed", "active", "suspended", "rotated", "destroyed"]
"""Ordered: it does not exist yet. Failed: it was ordered, and could not be made. Rotated: another took its place."""


class AssignedWallet(Record):
    """A wallet, and by which key it signs."""

    wallet_id: str
    desk_id: str
    chain_id: int
    address: str
    key_backend: KeyBackend
    key_id: str
    safe: SafeAccount | None
    assigned_at: Instant


class EnrolledCosigner(Record):
    """A holder of shares."""

    cosigner: str
    party: int
    """Its place in every key in shares."""
    site: str
    signing_key: str
    """Ed25519."""
    agreement_key: str
    """X25519."""
    proposal_id: str | None
    """The proposal that a quorum agreed to; none at genesis."""
    enrolled_at: Instant


class ShareHolder(Record):
    """A cosigner that holds a share of a key."""

    cosigner: str
    site: str | None
    """None: another has taken its place since."""


class KeyUse(Record):
    """Names a wallet that uses a key, and the key's role in it."""

    wallet_id: str
    desk_id: str
    chain_id: int
    role: Literal["wallet", "owner", "executor"]
    """Wallet: it signs the wallet's transactions. Owner, executor: of the Safe that is the wallet."""


class Key(Record):
    """A key as governance's events and its own signatures have left it."""

    key_id: str
    backend: KeyBackend | None
    """None: its backend is not known."""
    state: KeyState
    may_sign: bool
    address: str | None
    public_key: str | None
    """Uncompressed; none of a key that was there before the first event about it."""
    epoch: int
    """Of its shares; 0 for a key that one place holds."""
    threshold: int
    """The number of cosigners or owners that must sign; 0 for a key that one place holds."""
    sites_min: int
    cosigners: list[ShareHolder]
    safe: SafeAccount | None
    """A Safe's owners and its executor."""
    uses: list[KeyUse]
    generated_at: Instant | None
    """The time of the report that it was made; none of a key that was there before."""
    known_since: Instant
    """The time of the first event about it, or of its first wallet."""
    renewed_at: Instant | None
    """The time at which it, or its present shares, were made."""
    rotate_after_days: int | None
    rotate_at: Instant | None
    """The time at which its rotation is due; none when nothing was agreed to, or it is out of use."""
    rotation_due: bool
    """Governance has warned of it."""
    last_used_at: Instant | None
    last_order_id: str | None
    """The last order that it signed."""
    successor: str
    """The key that took its place."""
    ordered: KeyOperation | None
    """The operation that a quorum has ordered and nobody has reported on yet."""


class KeySaid(Record):
    """One event about a key, or about a proposal that is about it."""

    position: int
    topic: str
    decided_at: Instant
    digest: str
    """SHA-256 of its bytes as they stand on the topic."""
    said: str
    """The event in one line."""
    event: dict[str, Any]


class KeyHistory(Key):
    """A key and all its events of governance, first to last."""

    history: list[KeySaid]


class Keys(Record):
    """All keys, and all cosigners that hold shares."""

    keys: list[Key]
    cosigners: list[EnrolledCosigner]
