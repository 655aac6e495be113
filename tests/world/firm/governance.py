"""A small firm to start tests from: one desk, the roles the starter policy asks for, one venue and one account."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra.proofs import base64url, cose, ed25519
from schemas.firm import Limit, Settings, SigningKey, WebAuthnCredential
from streams.rules.governance.genesis import (
    Asset,
    Contract,
    GenesisDocument,
    Person,
    Policy,
    SignedGenesis,
    System,
    Wallet,
    sign,
)
from streams.rules.policy import starter

CHAIN = 31_337
USDC = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
VENUE = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"
CUSTODIAN = "0x9fE46736679d2D9a65F0992F2272dE9f3c7fa6e0"
TREASURY = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
ROOT_KEY = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"root").digest())
PINNED = ed25519.public_bytes(ROOT_KEY)


@cache
def credential(name: str) -> WebAuthnCredential:
    """A FIDO2 key, the same for the same name."""
    secret = int.from_bytes(hashlib.sha256(name.encode()).digest(), "big") >> 8
    key = ec.derive_private_key(secret, ec.SECP256R1()).public_key()
    return WebAuthnCredential(credential_id=base64url.encode(name.encode()), public_key=f"0x{cose.encode_es256(key).hex()}")


def signing_key(name: str) -> SigningKey:
    """A system's key, the same for the same name."""
    key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())
    return SigningKey(key_id=name, public_key=f"0x{ed25519.public_bytes(key).hex()}")


def person(principal: str, *roles: str, **changes: Any) -> Person:
    return Person(
        **{
            "principal": principal,
            "roles": list(roles),
            "site": "zurich",
            "desks": ["newswap"],
            "credentials": [credential(principal)],
            **changes,
        }
    )


def system(principal: str, *roles: str, **changes: Any) -> System:
    return System(
        **{
            "principal": principal,
            "roles": list(roles),
            "site": "zurich",
            "desks": ["newswap"],
            "signing_keys": [signing_key(principal)],
            **changes,
        }
    )


def limit(limit_id: str, **changes: Any) -> Limit:
    return Limit(
        **{
            "limit_id": limit_id,
            "scope": "trader",
            "subject": "*",
            "kind": "per-transaction",
            "window_seconds": 0,
            "cap_usd": Decimal(1_000_000),
            **changes,
        }
    )


def policy(cedar: str = starter.CEDAR, **changes: Any) -> Policy:
    settings = Settings(
        order_ttl_seconds=3_600,
        command_max_age_seconds=300,
        price_max_age_seconds=60,
        simulation_max_age_seconds=60,
        confirmation_depth=3,
        webauthn_rp_id="localhost",
        webauthn_origins=["http://localhost:8080"],
    )
    limits = [limit("single"), limit("day", kind="rolling", window_seconds=86_400, scope="desk", subject="newswap")]
    return Policy(**{"cedar": cedar, "cedar_schema": starter.CEDAR_SCHEMA, "limits": limits, "settings": settings, **changes})


def document(**changes: Any) -> GenesisDocument:
    """The firm, with some of its parts replaced."""
    return GenesisDocument(
        **{
            "firm": "Example Asset Management",
            "issued_at": 1_760_000_000_000_000,
            "desks": ["newswap"],
            "persons": [
                person("paula", "portfolio-manager"),
                person("rita", "risk-officer"),
                person("sven", "senior-risk-officer"),
                person("cora", "chief-risk-officer", "risk-officer"),
                person("carl", "compliance-officer", site="london"),
            ],
            "systems": [system("treasury-bot", "trader"), system("detectors", "detector", desks=[])],
            "assets": [
                Asset(asset_id="ETH", chain_id=CHAIN, decimals=18),
                Asset(asset_id="USDC", chain_id=CHAIN, token=USDC, decimals=6, peg_usd=Decimal(1)),
            ],
            "wallets": [
                Wallet(
                    wallet_id="treasury-1",
                    desk_id="newswap",
                    chain_id=CHAIN,
                    address=TREASURY,
                    key_backend="hsm",
                    key_id="01",
                )
            ],
            "contracts": [
                Contract(chain_id=CHAIN, address=VENUE, kind="contract", name="NewSwap router", companions=[USDC]),
                Contract(chain_id=CHAIN, address=CUSTODIAN, kind="account", name="Custodian"),
            ],
            "policy": policy(),
            **changes,
        }
    )


def genesis(**changes: Any) -> SignedGenesis:
    """The firm's document, signed by the root key."""
    return sign(document(**changes), ROOT_KEY)
