"""A firm of many desks for chaos: one system that trades on all of them, limits small enough to be reached."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Final

from eth_utils.address import to_checksum_address

from infra.cluster.description import ClusterDescription
from infra.identity import base64url, ed25519, keyfile
from infra.identity.authenticator import SoftwareAuthenticator
from infra.identity.private_file import create_private
from schemas.canonical import command_digest
from schemas.commands import Command, Ed25519Signature, InitiateOrder
from schemas.firm import Limit, Settings, SigningKey, WebAuthnCredential
from schemas.orders import Transfer
from streams.governance import genesis
from streams.policy import starter

DESKS: Final = tuple(f"desk-{number:02}" for number in range(60))
SYSTEM: Final = "load-bot"
CHAIN_ID: Final = 31_337
USDC: Final = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
PAYEE: Final = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
WALLET_ADDRESS: Final = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
CAP_USD: Final = Decimal(20_000)
AMOUNT_USD_MAX: Final = 200
DAY_SECONDS: Final = 86_400
_ROLES: Final = ("risk-officer", "senior-risk-officer", "chief-risk-officer", "compliance-officer")


@dataclass(frozen=True, slots=True)
class LoadSystem:
    """The upstream system that signs every command."""

    key_file: Path

    def command(self, random: Random) -> Command:
        """A signed transfer on any desk, of a size that reaches the desk's limit in time."""
        desk = random.choice(DESKS)
        action = Transfer(asset_id="USDC", amount=Decimal(random.randrange(1, AMOUNT_USD_MAX)), destination=PAYEE)
        unsigned = Command(
            command_id=str(uuid.UUID(int=random.getrandbits(128), version=4)),
            desk_id=desk,
            principal=SYSTEM,
            issued_at=time.time_ns() // 1_000,
            body=InitiateOrder(wallet_id=f"wallet-{desk}", action=action),
            authorization=Ed25519Signature(key_id=SYSTEM, signature=""),
        )
        signature = base64url.encode(ed25519.sign(keyfile.load(self.key_file), command_digest(unsigned)))
        return unsigned.model_copy(update={"authorization": Ed25519Signature(key_id=SYSTEM, signature=signature)})


def found(description: ClusterDescription) -> LoadSystem:
    """Make the firm's genesis in the cluster's folder."""
    folder = description.runtime / "firm"
    folder.mkdir(mode=0o700)
    system = LoadSystem(folder / "load-bot.pem")
    public_key = ed25519.public_bytes(keyfile.generate(system.key_file))
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
        assets=[genesis.Asset(asset_id="USDC", chain_id=CHAIN_ID, token=USDC, decimals=6, peg_usd=Decimal(1))],
        wallets=[_wallet(number, desk) for number, desk in enumerate(DESKS)],
        contracts=[genesis.Contract(chain_id=CHAIN_ID, address=PAYEE, kind="account", name="payee")],
        policy=genesis.Policy(cedar=starter.CEDAR, cedar_schema=starter.CEDAR_SCHEMA, limits=_limits(), settings=_settings()),
    )
    description.root_key_file.write_text(ed25519.public_bytes(root_key).hex(), "ascii")
    create_private(description.genesis_file, genesis.sign(document, root_key).model_dump_json().encode())
    return system


def _person(folder: Path, role: str) -> genesis.Person:
    key = SoftwareAuthenticator.create(folder / f"{role}.json", rp_id="localhost", origin="http://localhost", user=role)
    credential = WebAuthnCredential(credential_id=key.credential_id, public_key=f"0x{key.public_key.hex()}")
    return genesis.Person(principal=role, roles=[role], site="here", desks=list(DESKS), credentials=[credential])


def _wallet(number: int, desk: str) -> genesis.Wallet:
    address = _checksummed(number)
    return genesis.Wallet(
        wallet_id=f"wallet-{desk}", desk_id=desk, chain_id=CHAIN_ID, address=address, key_backend="hsm", key_id=desk
    )


def _checksummed(number: int) -> str:
    return to_checksum_address(f"0x{number + 1:040x}")


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
        price_max_age_seconds=60,
        simulation_max_age_seconds=60,
        confirmation_depth=1,
        webauthn_rp_id="localhost",
        webauthn_origins=["http://localhost"],
    )
