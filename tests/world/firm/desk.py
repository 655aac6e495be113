"""A firm of two desks, with keys that really sign, and the governance events that founded it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final, Self

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra.proofs import base64url, cose, ed25519
from schemas.canonical import policy_hash
from schemas.commands import Ed25519Signature, WebAuthnAssertion
from schemas.events.facts import PriceFact
from schemas.events.governance import (
    AccessChanged,
    AssetListed,
    BreakerTripped,
    ContractListed,
    PolicyActivated,
    WalletAssigned,
)
from schemas.examples import example
from schemas.firm import BreakerScope, BreakerState, Limit, Settings, SigningKey, WebAuthnCredential
from streams.rules.firm.view import Governance
from streams.rules.orders.judging.facts import Circumstances
from streams.rules.policy import starter

SECOND: Final = 1_000_000
DAY: Final = 86_400 * SECOND
NOW: Final = 1_760_000_000 * SECOND
CHAIN: Final = 31_337
RP_ID: Final = "localhost"
ORIGIN: Final = "http://localhost:8080"

USDC: Final = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
WETH: Final = "0xCf7Ed3AccA5a467e9e704C703E8D87F634fB0Fc9"
VENUE: Final = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"
CUSTODIAN: Final = "0x9fE46736679d2D9a65F0992F2272dE9f3c7fa6e0"
STRANGER: Final = "0xDc64a140Aa3E981100a9becA4E685f962f0cF6C9"
TREASURY: Final = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
VAULT: Final = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
"""The wallet of the desk vault."""
EARN: Final = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"
"""A vault that pays interest (ERC-4626)."""
HOLDING: Final = "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65"
"""Where funds are evacuated to."""


@dataclass
class Fido2Key:
    """An authenticator in memory, ES256, whose counter rises with every use."""

    name: str
    counter: int = 0

    def _private(self) -> ec.EllipticCurvePrivateKey:
        secret = int.from_bytes(hashlib.sha256(self.name.encode()).digest(), "big") >> 8
        return ec.derive_private_key(secret, ec.SECP256R1())

    def registered(self) -> WebAuthnCredential:
        public = cose.encode_es256(self._private().public_key())
        return WebAuthnCredential(credential_id=base64url.encode(self.name.encode()), public_key=f"0x{public.hex()}")

    def confirm(self, challenge: bytes, origin: str = ORIGIN) -> WebAuthnAssertion:
        self.counter += 1
        client = json.dumps(
            {
                "type": "webauthn.get",
                "challenge": base64url.encode(challenge),
                "origin": origin,
                "crossOrigin": False,
            }
        ).encode()
        data = hashlib.sha256(RP_ID.encode()).digest() + b"\x05" + self.counter.to_bytes(4, "big")
        signature = self._private().sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return WebAuthnAssertion(
            credential_id=base64url.encode(self.name.encode()),
            authenticator_data=base64url.encode(data),
            client_data_json=base64url.encode(client),
            signature=base64url.encode(signature),
        )


@dataclass
class MachineKey:
    """A system's Ed25519 key."""

    name: str

    def _private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(self.name.encode()).digest())

    def registered(self) -> SigningKey:
        return SigningKey(key_id=self.name, public_key=f"0x{ed25519.public_bytes(self._private()).hex()}")

    def confirm(self, digest: bytes) -> Ed25519Signature:
        return Ed25519Signature(key_id=self.name, signature=base64url.encode(self._private().sign(digest)))


def limit(limit_id: str, cap: str, **changes: Any) -> Limit:
    """A rolling 24-hour limit of each trader, unless told otherwise."""
    shape = {"scope": "trader", "subject": "*", "kind": "rolling", "window_seconds": 86_400} | changes
    return Limit.model_validate({"limit_id": limit_id, "cap_usd": Decimal(cap)} | shape)


SETTINGS: Final = Settings(
    order_ttl_seconds=3_600,
    command_max_age_seconds=300,
    price_max_age_seconds=60,
    simulation_max_age_seconds=60,
    confirmation_depth=3,
    webauthn_rp_id=RP_ID,
    webauthn_origins=[ORIGIN],
)
LIMITS: Final = (
    limit("single", "1000000", kind="per-transaction", window_seconds=0),
    limit("trader-day", "6000000"),
    limit("desk-day", "8000000", scope="desk", subject="newswap"),
)


def policy(*limits: Limit, version: int = 1, cedar: str = starter.CEDAR, settings: Settings = SETTINGS) -> PolicyActivated:
    """The starter policy, in force for long, with its own hash."""
    unhashed = PolicyActivated(
        version=version,
        cedar=cedar,
        cedar_schema=starter.CEDAR_SCHEMA,
        limits=list(limits),
        settings=settings,
        policy_hash="0" * 64,
    )
    return unhashed.model_copy(update={"policy_hash": policy_hash(unhashed)})


def person(principal: str, *roles: str, **changes: Any) -> AccessChanged:
    """Somebody of the desk newswap, with a FIDO2 key of their own."""
    shape = {
        "kind": "person",
        "status": "active",
        "site": "zurich",
        "desks": ["newswap"],
        "credentials": [Fido2Key(principal).registered()],
        "signing_keys": [],
    }
    return AccessChanged.model_validate({"principal": principal, "roles": list(roles)} | shape | changes)


def system(principal: str, *roles: str, **changes: Any) -> AccessChanged:
    """A system of the desk newswap, with an Ed25519 key."""
    keys = {"kind": "system", "credentials": [], "signing_keys": [MachineKey(principal).registered()]}
    return person(principal, *roles, **(keys | changes))


def _listed(address: str, name: str, kind: str = "contract", **changes: Any) -> ContractListed:
    shape = {"companions": [], "open_findings": 0, "audit_reference": "", "decided_at": NOW - 90 * DAY}
    return ContractListed.model_validate({"chain_id": CHAIN, "address": address, "kind": kind, "name": name} | shape | changes)


def _wallet(wallet_id: str, desk_id: str, address: str) -> WalletAssigned:
    return WalletAssigned(
        wallet_id=wallet_id,
        desk_id=desk_id,
        chain_id=CHAIN,
        address=address,
        key_backend="hsm",
        key_id="01",
        holding=HOLDING,
    )


PRINCIPALS: Final = (
    person("paula", "portfolio-manager"),
    person("rita", "risk-officer"),
    person("rolf", "risk-officer", site="london"),
    person("cora", "chief-risk-officer"),
    person("sven", "senior-risk-officer"),
    person("carl", "compliance-officer"),
    person("omar", "risk-officer", desks=["vault"]),
    person("gone", "risk-officer", status="revoked"),
    system("bot", "trader"),
    system("officer-bot", "risk-officer"),
)
ASSETS: Final = (
    AssetListed(asset_id="USDC", chain_id=CHAIN, token=USDC, decimals=6, peg_usd=Decimal(1), decided_at=NOW - DAY),
    AssetListed(asset_id="WETH", chain_id=CHAIN, token=WETH, decimals=18, peg_usd=None),
    AssetListed(asset_id="ETH", chain_id=CHAIN, token=None, decimals=18, peg_usd=None),
    AssetListed(asset_id="FAR", chain_id=CHAIN + 1, token=USDC, decimals=6, peg_usd=Decimal(1)),
    AssetListed(asset_id="NIL", chain_id=CHAIN, token=STRANGER, decimals=6, peg_usd=Decimal(0)),
)
WALLETS: Final = (_wallet("treasury-1", "newswap", TREASURY), _wallet("vault-1", "vault", VAULT))
CONTRACTS: Final = (
    _listed(VENUE, "NewSwap router", companions=[USDC], protocol="newswap"),
    _listed(CUSTODIAN, "Custodian", "account", counterparty="custodian"),
    _listed(EARN, "Earn vault", protocol="earn"),
)


def price(asset_id: str, usd: str, observed_at: int = NOW, log_offset: int = 7) -> PriceFact:
    """A source's price of an asset."""
    return PriceFact(asset_id=asset_id, usd=Decimal(usd), source="chain", observed_at=observed_at, log_offset=log_offset)


@dataclass(frozen=True)
class Firm:
    """The desk's outside facts; each change gives another firm."""

    governance: Governance
    policy: PolicyActivated
    prices: Mapping[str, PriceFact] = field(default_factory=dict)

    def circumstances(self) -> Circumstances:
        return Circumstances(replace(self.governance, policy=self.policy), self.policy, self.prices)

    def with_policy(self, active: PolicyActivated) -> Self:
        return replace(self, policy=active)

    def with_limits(self, *limits: Limit) -> Self:
        return self.with_policy(policy(*limits))

    def with_person(self, access: AccessChanged) -> Self:
        principals = {**self.governance.principals, access.principal: access}
        return replace(self, governance=replace(self.governance, principals=principals))

    def with_price(self, seen: PriceFact) -> Self:
        return replace(self, prices={**self.prices, seen.asset_id: seen})

    def with_wallet(self, wallet_id: str, desk_id: str, address: str) -> Self:
        wallets = {**self.governance.wallets, wallet_id: _wallet(wallet_id, desk_id, address)}
        return replace(self, governance=replace(self.governance, wallets=wallets))

    def tripped(self, scope: BreakerScope, subject: str, state: BreakerState = "open") -> Self:
        shape = {"scope": scope, "subject": subject, "state": state, "decided_at": NOW - SECOND}
        breakers = {**self.governance.breakers, (scope, subject): example(BreakerTripped).model_copy(update=shape)}
        return replace(self, governance=replace(self.governance, breakers=breakers))


FIRM: Final = Firm(
    Governance(
        position=40,
        principals={each.principal: each for each in PRINCIPALS},
        assets={each.asset_id: each for each in ASSETS},
        wallets={each.wallet_id: each for each in WALLETS},
        contracts={(each.chain_id, each.address): each for each in CONTRACTS},
    ),
    policy(*LIMITS),
    {"ETH": price("ETH", "2500"), "WETH": price("WETH", "2500")},
)
