"""Verifies the genesis document, signed by the root key, and derives governance's first events from it.

It names the first people, systems, assets, wallets, contracts and the policy. The root key is pinned at installation, so write
access to Kafka or to a file gives nobody rights. The signature (Ed25519, RFC 8032) is over `GENESIS_DOMAIN` and the document's
RFC 8785 bytes. The log holds the whole document, so the signer and any auditor can verify it and derive the events again.
Pure. Leaves out the document's consistency: `streams.rules.governance.consistency` and `streams.rules.policy.review`.
"""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Iterator
from typing import Annotated, Final, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import Field, ValidationError

from infra.proofs import base64url, ed25519
from schemas import wire
from schemas.canonical import GENESIS_DOMAIN, canonical_bytes, policy_hash
from schemas.events.base import FirmEvent
from schemas.events.governance import (
    AccessChanged,
    AssetListed,
    ChainId,
    ContractListed,
    GenesisAccepted,
    PolicyActivated,
    WalletAssigned,
)
from schemas.events.keys import CosignerEnrolled
from schemas.firm import Limit, Settings, SigningKey, WebAuthnCredential
from schemas.keys import Cosigner, KeyBackend, KeyId, SafeAccount
from schemas.values import (
    Address,
    AssetId,
    Base64Url,
    DeskId,
    HexBytes,
    Instant,
    PrincipalId,
    Record,
    Role,
    Slug,
    Text,
    Usd,
    WalletId,
)

DOCUMENT_BYTES_MAX: Final = 900_000
"""Canonical: it must fit into one Kafka record, with room for the signature. About three thousand people."""

_UNHASHED: Final = "0" * 64


class GenesisRefused(Exception):
    """The genesis must not take effect; the message gives the reason."""


class Party(Record):
    """Somebody or something that may act."""

    principal: PrincipalId
    roles: list[Role]
    site: Slug
    desks: list[DeskId]


class Person(Party):
    """A person who signs with a FIDO2 key."""

    credentials: list[WebAuthnCredential]


class System(Party):
    """An upstream system that signs with Ed25519."""

    signing_keys: list[SigningKey]


class Asset(Record):
    """An asset that may be dealt in."""

    asset_id: AssetId
    chain_id: ChainId
    token: Address | None = None
    """The token's contract; none for the chain's native asset."""
    decimals: Annotated[int, Field(ge=0, le=36)]
    peg_usd: Usd | None = None


class Wallet(Record):
    """A wallet of one desk."""

    wallet_id: WalletId
    desk_id: DeskId
    chain_id: ChainId
    address: Address
    key_backend: KeyBackend
    key_id: KeyId
    holding: Address | None = None
    """The address to which its funds are evacuated; none: there is none."""
    safe: SafeAccount | None = None


class Contract(Record):
    """A listed contract or account."""

    chain_id: ChainId
    address: Address
    kind: Literal["contract", "account"]
    name: Text
    companions: list[Address] = Field(default_factory=list)
    open_findings: Annotated[int, Field(ge=0)] = 0
    audit_reference: Text = ""
    protocol: Slug | Literal[""] = ""
    """The protocol that the contract belongs to, such as `newswap`."""
    counterparty: Slug | Literal[""] = ""
    """The firm behind the contract or account, such as `circle`."""


class Policy(Record):
    """The first policy."""

    version: Annotated[int, Field(ge=1)] = 1
    cedar: str
    cedar_schema: str
    limits: list[Limit]
    settings: Settings


class GenesisDocument(Record):
    """Everything that the root key signs."""

    format: Literal["proofdesk-genesis/1"] = "proofdesk-genesis/1"
    firm: Text
    issued_at: Instant
    desks: list[DeskId]
    persons: list[Person]
    systems: list[System]
    assets: list[Asset]
    wallets: list[Wallet]
    contracts: list[Contract]
    cosigners: list[Cosigner] = Field(default_factory=list, exclude_if=operator.not_)
    """Holders of key shares. An empty list is left out of the signed bytes, as in documents older than this field."""
    policy: Policy


class SignedGenesis(Record):
    """The genesis file: a document with the root key's signature."""

    document: GenesisDocument
    root_public_key: HexBytes
    """32 bytes (RFC 8032)."""
    signature: Base64Url


def sign(document: GenesisDocument, root_key: Ed25519PrivateKey) -> SignedGenesis:
    """Return `document` signed by the root key. Its consistency is not checked."""
    return SignedGenesis(
        document=document,
        root_public_key=f"0x{ed25519.public_bytes(root_key).hex()}",
        signature=base64url.encode(ed25519.sign(root_key, _payload(document))),
    )


def verify(content: bytes, pinned_root_key: bytes) -> SignedGenesis:
    """Return the genesis in the bytes of a signed file, once the pinned key (32 bytes) is seen to have signed it.

    Raises:
        GenesisRefused: the file is not a genesis file, not signed by that key, or too large for the log.
    """
    try:
        genesis = SignedGenesis.model_validate_json(content)
    except ValidationError as error:
        raise GenesisRefused(f"the file is not a signed genesis document: {wire.explain(error)}") from error
    return _verified(genesis, pinned_root_key)


def verify_accepted(event: GenesisAccepted, pinned_root_key: bytes) -> SignedGenesis:
    """Return the genesis that stands in the log, verified like a file: for a reader that trusts only the pinned key.

    Raises:
        GenesisRefused: the event holds no genesis document, or none that the pinned key signed.
    """
    try:
        document = GenesisDocument.model_validate_json(event.document)
    except ValidationError as error:
        raise GenesisRefused(f"the log's genesis holds no genesis document: {wire.explain(error)}") from error
    if event.document.encode() != canonical_bytes(document):
        raise GenesisRefused("the log's genesis document is not in its canonical form (RFC 8785)")
    genesis = SignedGenesis(document=document, root_public_key=event.root_public_key, signature=event.signature)
    return _verified(genesis, pinned_root_key)


def digest(genesis: SignedGenesis) -> str:
    """Return the SHA-256 of the bytes that the root key signed, lowercase hex: the cause that all genesis events name."""
    return hashlib.sha256(_payload(genesis.document)).hexdigest()


def events(genesis: SignedGenesis) -> tuple[FirmEvent, ...]:
    """Return the governance events of a genesis, not chained yet: acceptance first, policy last, else the document's order."""
    return (
        GenesisAccepted(
            document=canonical_bytes(genesis.document).decode(),
            root_public_key=genesis.root_public_key,
            signature=genesis.signature,
        ),
        *access(genesis.document),
        *(AssetListed.model_validate(dict(asset)) for asset in genesis.document.assets),
        *(WalletAssigned.model_validate(dict(wallet)) for wallet in genesis.document.wallets),
        *(ContractListed.model_validate(dict(contract)) for contract in genesis.document.contracts),
        *(CosignerEnrolled(cosigner=cosigner) for cosigner in genesis.document.cosigners),
        activation(genesis.document.policy),
    )


def activation(policy: Policy) -> PolicyActivated:
    """Return the event, not chained yet, that puts `policy` in force, with its hash."""
    unhashed = PolicyActivated.model_validate({**dict(policy), "policy_hash": _UNHASHED})
    return unhashed.model_copy(update={"policy_hash": policy_hash(unhashed)})


def access(document: GenesisDocument) -> Iterator[AccessChanged]:
    """Yield the rights of every person, then of every system."""
    for person in document.persons:
        yield AccessChanged(**dict(person), kind="person", status="active", signing_keys=[])
    for system in document.systems:
        yield AccessChanged(**dict(system), kind="system", status="active", credentials=[])


def _payload(document: GenesisDocument) -> bytes:
    return GENESIS_DOMAIN + canonical_bytes(document)


def _verified(genesis: SignedGenesis, pinned_root_key: bytes) -> SignedGenesis:
    claimed = bytes.fromhex(genesis.root_public_key[2:])
    if claimed != pinned_root_key:
        raise GenesisRefused(f"it names the root key {claimed.hex()}, but this installation has pinned {pinned_root_key.hex()}")
    try:
        ed25519.verify(pinned_root_key, _payload(genesis.document), base64url.decode(genesis.signature))
    except (ed25519.Ed25519Refused, ValueError) as error:
        raise GenesisRefused(f"the root key's signature does not hold: {error}") from error
    size = len(canonical_bytes(genesis.document))
    if size > DOCUMENT_BYTES_MAX:
        raise GenesisRefused(f"the document has {size} bytes; at most {DOCUMENT_BYTES_MAX} fit into the log")
    return genesis
