"""Defines values about keys: holders of shares, operations, and cosigners' attestations.

A key is made, used, changed and destroyed where it is kept and nowhere else; people ask for it through governance, by a quorum.
Threshold keys (DKLs23, ePrint 2023/765) are shared among cosigners, each a process of its own, at a site of its own.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.values import Address, Base64Url, DeskId, HexBytes, Instant, Record, Sha256, Slug, Text, WalletId

KeyBackend = Literal["software", "hsm", "mpc", "hybrid", "safe"]
"""Software: a file, for development. Hsm: a PKCS#11 token. Mpc: shares of cosigners. Hybrid: such shares, each sealed by a key
in its cosigner's own token. Safe: a contract on the chain (Safe 1.4.1) whose owners are any of the others."""
KeyId = Annotated[str, Field(min_length=1, max_length=100)]
Epoch = Annotated[int, Field(ge=1)]
"""Of a threshold key's shares: each refresh begins a new one, and shares of two epochs do not go together."""
PartyIndex = Annotated[int, Field(ge=1, le=255)]


class Cosigner(Record):
    """A holder of shares, as governance knows it."""

    cosigner: Slug
    """Its principal: `cosigner-1` …"""
    party: PartyIndex
    """Its place in every threshold key."""
    site: Slug
    signing_key: HexBytes
    """Ed25519 (RFC 8032), 32 bytes: signs whatever it says."""
    agreement_key: HexBytes
    """X25519 (RFC 7748), 32 bytes: what only it may read is encrypted to it."""


class KeyHolder(Record):
    """An account and where its key is kept: an owner of a Safe, or who pays for its transactions."""

    address: Address
    key_backend: Literal["software", "hsm", "mpc", "hybrid"]
    key_id: KeyId


class SafeAccount(Record):
    """A Safe 1.4.1 contract: how many of its owners must sign, and who sends what they signed to the chain."""

    threshold: Annotated[int, Field(ge=1)]
    owners: list[KeyHolder]
    executor: KeyHolder
    """Signs and pays for the transaction that carries the owners' signatures; its account's nonce is the wallet's."""


class GenerateKey(Record):
    """Make a key that did not exist."""

    kind: Literal["generate"] = "generate"
    key_id: KeyId
    backend: Literal["software", "hsm", "mpc", "hybrid"]
    threshold: Annotated[int, Field(ge=0)] = 0
    """How many cosigners must sign; 0 for a key that one place holds."""
    cosigners: list[Slug] = Field(default_factory=list, json_schema_extra={"default": []})
    sites_min: Annotated[int, Field(ge=1)] = 1
    """From how many sites the signing cosigners must be."""
    rotate_after_days: Annotated[int, Field(ge=1)] = 365


class ActivateKey(Record):
    """Give a wallet to a desk, with a key that exists. Its address is what people agree to."""

    kind: Literal["activate"] = "activate"
    key_id: KeyId
    key_backend: KeyBackend
    wallet_id: WalletId
    desk_id: DeskId
    chain_id: Annotated[int, Field(ge=1)]
    address: Address
    holding: Address | None = None
    """Where the wallet's funds are evacuated to."""
    safe: SafeAccount | None = None


class RotateKey(Record):
    """Shared keys: new shares of the same key, the old ones dead. Others: a new key, and orders that sweep the funds to it."""

    kind: Literal["rotate"] = "rotate"
    key_id: KeyId
    successor: Annotated[str, Field(max_length=100)] = ""
    """The new key's id; empty for a key in shares."""


class SuspendKey(Record):
    """Sign nothing with it until further notice."""

    kind: Literal["suspend"] = "suspend"
    key_id: KeyId


class ResumeKey(Record):
    """Sign with it again."""

    kind: Literal["resume"] = "resume"
    key_id: KeyId


class DestroyKey(Record):
    """Destroy it for good, everywhere."""

    kind: Literal["destroy"] = "destroy"
    key_id: KeyId


class RecoverShare(Record):
    """Give a lost cosigner's share to another in its place, from its back-up, and refresh all shares at once."""

    kind: Literal["recover"] = "recover"
    key_id: KeyId
    cosigner: Cosigner
    """With the place (`party`) of the lost one, and keys of its own."""


KeyChange = Annotated[
    GenerateKey | ActivateKey | RotateKey | SuspendKey | ResumeKey | DestroyKey | RecoverShare,
    Field(discriminator="kind"),
]
KeyOperation = Literal["generate", "activate", "rotate", "suspend", "resume", "destroy", "recover"]


class KeyVouched(Record):
    """A cosigner's word that it holds a share of exactly this key."""

    cosigner: Slug
    key_id: KeyId
    epoch: Epoch
    address: Address
    public_key: HexBytes
    """Uncompressed: 0x04, x, y."""
    signature: Base64Url
    """Ed25519 over `schemas.canonical.key_vouched_digest`."""


class DestructionProof(Record):
    """What was destroyed, where, and that it could not be found afterwards."""

    place: Slug
    """A cosigner, or `token`."""
    what: Text
    digest: Sha256
    """SHA-256 of what was destroyed: of the sealed share, or of a token key's public half."""
    destroyed_at: Instant
    signature: Base64Url = ""
    """A cosigner's, over `schemas.canonical.destruction_digest`; empty for the token, whose keeper signs the report."""


class CosignerVerdict(Record):
    """A cosigner's word that it judged an order for itself, by which code and which policy, before it took part in signing."""

    cosigner: Slug
    site: Slug
    code_hash: Sha256
    policy_hash: Sha256
    governance_position: Annotated[int, Field(ge=0)]
    signature: Base64Url
    """Ed25519 over `schemas.canonical.cosigner_verdict_digest`."""


class Attestation(Record):
    """By what a signature was made: where the key is, which code judged, who took part."""

    backend: KeyBackend
    key_id: Annotated[str, Field(max_length=100)]
    epoch: Annotated[int, Field(ge=0)] = 0
    """Of the shares; 0 for a key that one place holds."""
    version: Annotated[str, Field(max_length=60)]
    """Of Proofdesk, as installed."""
    code_hash: Sha256
    """SHA-256 over the source of everything that judges: `streams.signing.attestation`."""
    session_id: Annotated[str, Field(max_length=64)] = ""
    cosigners: list[CosignerVerdict] = Field(default_factory=list, json_schema_extra={"default": []})
    owners: list[KeyId] = Field(default_factory=list, json_schema_extra={"default": []})
    """Of a Safe: the keys whose word it was given, the executor's last. None of any other wallet."""
