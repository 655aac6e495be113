"""A firm of many desks for chaos: one system that trades on all of them, limits small enough to be reached.

One of its two assets is pegged, the other has a price that moves while faults strike, so that decisions rest on facts whose
places on the log differ.
"""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path
from typing import Final

from infra.identity import keyfile
from infra.identity.authenticator import SoftwareAuthenticator
from infra.identity.private_file import create_private
from infra.proofs import ed25519
from infra.settings.description import ClusterDescription
from schemas.firm import Limit, Settings, SigningKey, WebAuthnCredential
from streams.rules.governance import genesis
from streams.rules.policy import starter
from tests.world.line.scenery import address_of

DESKS: Final = tuple(f"desk-{number:02}" for number in range(60))
SYSTEM: Final = "load-bot"
CHAIN_ID: Final = 31_337
PEGGED: Final = "USDC"
PRICED: Final = "WETH"
PAYEE: Final = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
CAP_USD: Final = Decimal(20_000)
DAY_SECONDS: Final = 86_400
_TOKENS: Final = {
    PEGGED: "0x5FbDB2315678afecb367f032d93F642f64180aa3",
    PRICED: "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512",
}
_ROLES: Final = ("risk-officer", "senior-risk-officer", "chief-risk-officer", "compliance-officer")


def key_file(runtime: Path) -> Path:
    """The file of the load system's signing key."""
    return runtime / "firm" / "load-bot.pem"


def found(description: ClusterDescription) -> None:
    """Make the firm's genesis in the cluster's folder, once."""
    if description.genesis_file.exists():
        return
    folder = description.runtime / "firm"
    folder.mkdir(mode=0o700)
    public_key = ed25519.public_bytes(keyfile.generate(key_file(description.runtime)))
    root_key = keyfile.generate(folder / "root.pem")
    document = genesis.GenesisDocument(
        firm="chaos",
        issued_at=time.time_ns() // 1_000,
        desks=list(DESKS),
        persons=[_person(folder, role) for role in _ROLES],
        systems=[
            genesis.System(
                principal=SYSTEM,
                roles=["trader"],
                site="here",
                desks=list(DESKS),
                signing_keys=[SigningKey(key_id=SYSTEM, public_key=f"0x{public_key.hex()}")],
            )
        ],
        assets=[
            genesis.Asset(asset_id=PEGGED, chain_id=CHAIN_ID, token=_TOKENS[PEGGED], decimals=6, peg_usd=Decimal(1)),
            genesis.Asset(asset_id=PRICED, chain_id=CHAIN_ID, token=_TOKENS[PRICED], decimals=18),
        ],
        wallets=[_wallet(desk) for desk in DESKS],
        contracts=[genesis.Contract(chain_id=CHAIN_ID, address=PAYEE, kind="account", name="payee")],
        policy=genesis.Policy(cedar=starter.CEDAR, cedar_schema=starter.CEDAR_SCHEMA, limits=_limits(), settings=_settings()),
    )
    description.root_key_file.write_text(ed25519.public_bytes(root_key).hex(), "ascii")
    create_private(description.genesis_file, genesis.sign(document, root_key).model_dump_json().encode())


def _person(folder: Path, role: str) -> genesis.Person:
    key = SoftwareAuthenticator.create(folder / f"{role}.json", rp_id="localhost", origin="http://localhost", user=role)
    credential = WebAuthnCredential(credential_id=key.credential_id, public_key=f"0x{key.public_key.hex()}")
    return genesis.Person(principal=role, roles=[role], site=f"{role}-site", desks=list(DESKS), credentials=[credential])


def _wallet(desk: str) -> genesis.Wallet:
    return genesis.Wallet(
        wallet_id=f"wallet-{desk}",
        desk_id=desk,
        chain_id=CHAIN_ID,
        address=address_of(desk),
        key_backend="hsm",
        key_id=desk,
    )


def _limits() -> list[Limit]:
    common = {"subject": "*", "kind": "rolling", "window_seconds": DAY_SECONDS, "cap_usd": CAP_USD}
    return [
        Limit.model_validate({"limit_id": "desk-day", "scope": "desk", **common}),
        Limit.model_validate({"limit_id": "wallet-day", "scope": "wallet", **common}),
    ]


def _settings() -> Settings:
    return Settings(
        order_ttl_seconds=3_600,
        command_max_age_seconds=3_600,
        price_max_age_seconds=600,
        simulation_max_age_seconds=60,
        confirmation_depth=1,
        webauthn_rp_id="localhost",
        webauthn_origins=["http://localhost"],
    )
