"""Who may do what, on which assets, wallets and contracts, under which policy. One writer for the firm.

The first of these events come from a genesis file signed by the root key that is pinned at installation.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.events.base import FirmEvent
from schemas.values import (
    Address,
    AssetId,
    Base64Url,
    DeskId,
    HexBytes,
    PrincipalId,
    Record,
    Role,
    Sha256,
    Slug,
    Text,
    Usd,
    WalletId,
)

ChainId = Annotated[int, Field(ge=1)]


class WebAuthnCredential(Record):
    """A FIDO2 key of a person."""

    credential_id: Base64Url
    public_key: HexBytes
    """COSE_Key (RFC 9052)."""


class SigningKey(Record):
    """An Ed25519 key of a system."""

    key_id: Annotated[str, Field(max_length=100)]
    public_key: HexBytes
    """32 bytes (RFC 8032)."""


class Limit(Record):
    """A cap on value in US dollars. A limit per transaction is a fact for policy; a rolling one is never exceeded."""

    limit_id: Annotated[str, Field(max_length=120)]
    scope: Literal["trader", "wallet", "contract", "desk"]
    subject: Annotated[str, Field(max_length=120)]
    """Whose: a principal, a wallet, an address, a desk; `*` for each of them on its own."""
    kind: Literal["per-transaction", "rolling"]
    window_seconds: Annotated[int, Field(ge=0)]
    cap_usd: Usd


class Settings(Record):
    """The firm's numbers that are not limits."""

    order_ttl_seconds: Annotated[int, Field(ge=1)]
    """An order that is not approved by then expires; so does one that was flagged."""
    command_max_age_seconds: Annotated[int, Field(ge=1)]
    price_max_age_seconds: Annotated[int, Field(ge=1)]
    simulation_max_age_seconds: Annotated[int, Field(ge=1)]
    confirmation_depth: Annotated[int, Field(ge=1)]
    webauthn_rp_id: Annotated[str, Field(max_length=253)]
    webauthn_origins: list[str]


class GenesisAccepted(FirmEvent):
    """The signed genesis document, whole: everything after it can be derived from it again."""

    document: str
    """Canonical JSON (RFC 8785)."""
    root_public_key: HexBytes
    signature: Base64Url
    """Ed25519 by the root key over the document's bytes."""


class AccessChanged(FirmEvent):
    """A person or system, with all their rights from now on."""

    principal: PrincipalId
    kind: Literal["person", "system"]
    status: Literal["active", "revoked"]
    roles: list[Role]
    site: Slug
    desks: list[DeskId]
    credentials: list[WebAuthnCredential]
    signing_keys: list[SigningKey]


class AssetListed(FirmEvent):
    """An asset that may be dealt in."""

    asset_id: AssetId
    chain_id: ChainId
    token: Address | None
    """The token's contract; none for the chain's native asset."""
    decimals: Annotated[int, Field(ge=0, le=36)]
    peg_usd: Usd | None
    """A price fixed by governance; none: from `price-observed`."""


class WalletAssigned(FirmEvent):
    """A wallet and the one desk that may use it."""

    wallet_id: WalletId
    desk_id: DeskId
    chain_id: ChainId
    address: Address
    key_backend: Literal["software", "hsm", "mpc", "hybrid", "safe"]
    key_id: Annotated[str, Field(max_length=100)]


class ContractListed(FirmEvent):
    """A contract or account that the firm may deal with, after whatever audit its policy asks for."""

    chain_id: ChainId
    address: Address
    kind: Literal["contract", "account"]
    name: Text
    companions: list[Address]
    """Other contracts that a call to it may touch: pools, proxies, implementations."""
    open_findings: Annotated[int, Field(ge=0)]
    audit_reference: Text


class PolicyActivated(FirmEvent):
    """The policy, limits and settings in force from now on."""

    version: Annotated[int, Field(ge=1)]
    cedar: str
    """Policies in the Cedar language."""
    cedar_schema: str
    limits: list[Limit]
    settings: Settings
    policy_hash: Sha256
    """SHA-256 over the canonical JSON of the five fields above."""
