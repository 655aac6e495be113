"""A small firm for the gateway's tests: a trading system, people who propose and approve, two desks, a custodian; no chain."""

from __future__ import annotations

import time
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from commands.client import AuthenticatorFile, Ed25519KeyFile
from infra.identity import keyfile
from infra.identity.authenticator import SoftwareAuthenticator
from infra.identity.private_file import create_private
from infra.proofs import ed25519
from infra.settings.description import ClusterDescription
from schemas.firm import Limit, Settings, SigningKey, WebAuthnCredential
from schemas.keys import Cosigner
from schemas.orders import Transfer
from schemas.topics import COSIGNERS
from streams.rules.governance import genesis
from streams.rules.governance.consistency import require_sense
from streams.rules.policy import starter

DESK: Final = "alpha"
OTHER_DESK: Final = "beta"
WALLET: Final = "alpha-main"
SYSTEM: Final = "bot"
SYSTEM_KEY: Final = "bot-1"
CUSTODIAN: Final = "custodian"
SITES: Final = ("zurich", "zurich", "london", "london", "new-york")
CHAIN_ID: Final = 31_337
USDC: Final = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
PAYEE: Final = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
PEOPLE: Final = {
    "paula": "portfolio-manager",
    "rosa": "risk-officer",
    "selma": "senior-risk-officer",
    "carl": "chief-risk-officer",
    "cora": "compliance-officer",
}
ORIGIN: Final = "http://localhost"


@dataclass(frozen=True, slots=True)
class Firm:
    """The firm's key files."""

    folder: Path

    @property
    def system_key_file(self) -> Path:
        return self.folder / "bot.pem"

    def custodian(self) -> Ed25519KeyFile:
        return Ed25519KeyFile(self.folder / "custodian.pem", f"{CUSTODIAN}-1")

    def authenticator_file(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def system(self) -> Ed25519KeyFile:
        return Ed25519KeyFile(self.system_key_file, SYSTEM_KEY)

    def person(self, name: str) -> AuthenticatorFile:
        return AuthenticatorFile(self.authenticator_file(name))


def firm_of(description: ClusterDescription) -> Firm:
    return Firm(description.runtime / "firm")


def establish(description: ClusterDescription) -> None:
    """Make keys and the signed genesis in the cluster's folder."""
    firm = firm_of(description)
    firm.folder.mkdir(mode=0o700)
    root_key = keyfile.generate(firm.folder / "root.pem")
    document = genesis.GenesisDocument(
        firm="the door's tests",
        issued_at=time.time_ns() // 1_000,
        desks=[DESK, OTHER_DESK],
        persons=[_person(firm, name, role) for name, role in PEOPLE.items()],
        systems=[
            _system(SYSTEM, "trader", [DESK], firm.system_key_file),
            _system(CUSTODIAN, "custodian", [], firm.folder / "custodian.pem"),
        ],
        cosigners=[_cosigner(firm, place) for place in range(1, 6)],
        assets=[genesis.Asset(asset_id="USDC", chain_id=CHAIN_ID, token=USDC, decimals=6, peg_usd=Decimal(1))],
        wallets=[
            genesis.Wallet(
                wallet_id=WALLET,
                desk_id=DESK,
                chain_id=CHAIN_ID,
                address="0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
                key_backend="hsm",
                key_id=WALLET,
            )
        ],
        contracts=[genesis.Contract(chain_id=CHAIN_ID, address=PAYEE, kind="account", name="payee")],
        policy=genesis.Policy(
            cedar=starter.CEDAR,
            cedar_schema=starter.CEDAR_SCHEMA,
            limits=[
                Limit(
                    limit_id="trader-day",
                    scope="trader",
                    subject="*",
                    kind="rolling",
                    window_seconds=86_400,
                    cap_usd=Decimal(10_000_000),
                )
            ],
            settings=Settings(
                order_ttl_seconds=3_600,
                command_max_age_seconds=3_600,
                price_max_age_seconds=60,
                simulation_max_age_seconds=60,
                confirmation_depth=1,
                webauthn_rp_id="localhost",
                webauthn_origins=[ORIGIN],
            ),
        ),
    )
    require_sense(document)
    description.root_key_file.write_text(ed25519.public_bytes(root_key).hex(), "ascii")
    create_private(description.genesis_file, genesis.sign(document, root_key).model_dump_json().encode())


def transfer(amount: str = "10") -> Transfer:
    return Transfer(asset_id="USDC", amount=Decimal(amount), destination=PAYEE)


def _system(principal: str, role: str, desks: list[str], key_file: Path) -> genesis.System:
    public_key = ed25519.public_bytes(keyfile.generate(key_file)).hex()
    key = SigningKey(key_id=f"{principal}-1", public_key=f"0x{public_key}")
    return genesis.System(principal=principal, roles=[role], site="here", desks=desks, signing_keys=[key])


def _cosigner(firm: Firm, place: int) -> Cosigner:
    name = COSIGNERS[place - 1]
    return Cosigner(
        cosigner=name,
        party=place,
        site=SITES[place - 1],
        signing_key=f"0x{ed25519.public_bytes(keyfile.generate(firm.folder / f'{name}.pem')).hex()}",
        agreement_key=f"0x{X25519PrivateKey.generate().public_key().public_bytes_raw().hex()}",
    )


def _person(firm: Firm, name: str, role: str) -> genesis.Person:
    key = SoftwareAuthenticator.create(firm.authenticator_file(name), rp_id="localhost", origin=ORIGIN, user=name)
    credential = WebAuthnCredential(credential_id=key.credential_id, public_key=f"0x{key.public_key.hex()}")
    return genesis.Person(principal=name, roles=[role], site=f"{name}-site", desks=[DESK], credentials=[credential])
