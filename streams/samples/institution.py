"""A local institution: people with software authenticators, a treasury system, an HSM wallet, and the genesis that names them.

`python -m streams.samples.institution` makes it in the runtime folder of a running cluster, once; a second run changes nothing.
All private files stay under `institution/`, mode 0600. Software authenticators and a root key on the same disk are for
development: a real firm enrols hardware keys and keeps its root key offline.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from infra.chain.node import Node
from infra.chain.world.accounts import WorldAccounts
from infra.chain.world.description import World
from infra.chain.world.description import load as load_world
from infra.chain.world.market import Market
from infra.ethereum.safe.deployment import PROXY_FACTORY, SINGLETON
from infra.hsm.token import Token
from infra.identity import keyfile
from infra.identity.authenticator import SoftwareAuthenticator
from infra.identity.private_file import create_private, read_private
from infra.proofs import ed25519
from infra.settings.description import ClusterDescription, current
from schemas.firm import Limit, Settings, SigningKey, WebAuthnCredential
from schemas.topics import COSIGNERS
from streams.cosigning.enrolment import enrol
from streams.cosigning.installation import CosignerFolder
from streams.custody.custodian import key_file as custodian_key_file
from streams.detectors.process import key_file as detectors_key_file
from streams.judging.installation import CAPS_FILE, own_folder
from streams.rules.detectors import PRINCIPAL as DETECTORS
from streams.rules.evidence.memory.velocity import VelocityCaps
from streams.rules.governance import genesis
from streams.rules.governance.changes.keys.reports import CUSTODIAN
from streams.rules.governance.consistency import require_sense
from streams.rules.policy import starter

DESK: Final = "treasury"
WALLET: Final = "treasury-main"
SYSTEM: Final = "treasury-bot"
SYSTEM_KEY: Final = "treasury-bot-1"
PAYEE: Final = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
"""A listed account: where the treasury pays its custodian's fees."""
HOLDING: Final = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
"""A listed account: the wallet's funds are evacuated to it even while orders are stopped."""
PROTOCOL: Final = "newswap"
DAY_SECONDS: Final = 86_400
FUNDS_USDC: Final = 12_000_000 * 10**6
FUNDS_WEI: Final = 100 * 10**18
VELOCITY_USD: Final = Decimal(300_000_000)
"""The value in USD that the signers let leave a wallet in 24 hours."""

PEOPLE: Final = {
    "paula": (["portfolio-manager"], "london"),
    "rosa": (["risk-officer"], "zurich"),
    "carl": (["chief-risk-officer"], "new-york"),
    "selma": (["senior-risk-officer"], "zurich"),
    "cora": (["compliance-officer"], "london"),
}


@dataclass(frozen=True, slots=True)
class Institution:
    """The key files of people and systems."""

    folder: Path

    def person(self, name: str) -> SoftwareAuthenticator:
        """Return a person's authenticator."""
        return SoftwareAuthenticator(self.authenticator_file(name))

    def authenticator_file(self, name: str) -> Path:
        """Return the file of a person's authenticator state."""
        return self.folder / f"{name}.authenticator.json"

    @property
    def system_key_file(self) -> Path:
        """Return the file of the treasury system's Ed25519 key."""
        return self.folder / "treasury-bot.pem"


def institution_of(description: ClusterDescription) -> Institution:
    """Return the institution of a cluster, made already or not."""
    return Institution(description.runtime / "institution")


def establish(description: ClusterDescription, command_max_age_seconds: int = 3_600) -> Institution:
    """Make the institution of a cluster whose node and token are there, unless it is made already."""
    institution = institution_of(description)
    if description.genesis_file.exists():
        return institution
    institution.folder.mkdir(mode=0o700, exist_ok=True)
    with Token.open(description.token.settings) as token:
        address = token.address(WALLET) if WALLET in token.key_ids() else token.generate_key(WALLET)
    _fund(description, address)
    root_key = keyfile.generate(institution.folder / "root.pem")
    document = _document(description, institution, address, command_max_age_seconds)
    require_sense(document)
    _pin_caps(description)
    signed = genesis.sign(document, root_key)
    description.root_key_file.write_text(ed25519.public_bytes(root_key).hex() + "\n", "ascii")
    create_private(description.genesis_file, signed.model_dump_json().encode())
    return institution


def _pin_caps(description: ClusterDescription) -> None:
    """Return every signer's own caps: the value that may leave a wallet in a day, which governance cannot raise."""
    places = [
        own_folder(description, "signer") / CAPS_FILE,
        *(CosignerFolder.of(description, name).velocity_file for name in COSIGNERS),
    ]
    for file in places:
        if not file.exists():
            create_private(file, VelocityCaps(default_usd=VELOCITY_USD).model_dump_json().encode())


def _fund(description: ClusterDescription, wallet: str) -> None:
    """Give the wallet what it manages, and ether for fees."""
    accounts = WorldAccounts.from_mnemonic(read_private(description.mnemonic_file).decode().strip())
    with Node(description.node) as node:
        Market(node, load_world(description.world_file), accounts).fund(wallet, usdc=FUNDS_USDC, wei=FUNDS_WEI)


def _document(
    description: ClusterDescription, institution: Institution, wallet: str, command_max_age_seconds: int
) -> genesis.GenesisDocument:
    world = load_world(description.world_file)
    host = urlsplit(description.http).hostname or "localhost"
    return genesis.GenesisDocument(
        firm="NewSwap scenario",
        issued_at=time.time_ns() // 1_000,
        desks=[DESK],
        persons=[_person(institution, name, host, description.http) for name in PEOPLE],
        systems=[_system(institution), _detectors(description), _custodian(description)],
        assets=_assets(world),
        wallets=[
            genesis.Wallet(
                wallet_id=WALLET,
                desk_id=DESK,
                chain_id=world.chain_id,
                address=wallet,
                key_backend="hsm",
                key_id=WALLET,
                holding=HOLDING,
            )
        ],
        contracts=_contracts(world),
        cosigners=enrol(description),
        policy=genesis.Policy(
            cedar=starter.CEDAR,
            cedar_schema=starter.CEDAR_SCHEMA,
            limits=_limits(),
            settings=Settings(
                order_ttl_seconds=900,
                command_max_age_seconds=command_max_age_seconds,
                price_max_age_seconds=60,
                simulation_max_age_seconds=60,
                confirmation_depth=1,
                webauthn_rp_id=host,
                webauthn_origins=[description.http],
            ),
        ),
    )


def _person(institution: Institution, name: str, host: str, origin: str) -> genesis.Person:
    roles, site = PEOPLE[name]
    key = SoftwareAuthenticator.create(institution.authenticator_file(name), rp_id=host, origin=origin, user=name)
    credential = WebAuthnCredential(credential_id=key.credential_id, public_key=f"0x{key.public_key.hex()}")
    return genesis.Person(principal=name, roles=roles, site=site, desks=[DESK], credentials=[credential])


def _system(institution: Institution) -> genesis.System:
    public_key = ed25519.public_bytes(keyfile.generate(institution.system_key_file))
    return genesis.System(
        principal=SYSTEM,
        roles=["trader"],
        site="london",
        desks=[DESK],
        signing_keys=[SigningKey(key_id=SYSTEM_KEY, public_key=f"0x{public_key.hex()}")],
    )


def _detectors(description: ClusterDescription) -> genesis.System:
    """Return the principal that trips a breaker at a breached limit. Its key is where its process looks for it."""
    public_key = ed25519.public_bytes(keyfile.generate(detectors_key_file(description)))
    return genesis.System(
        principal=DETECTORS,
        roles=["detector"],
        site="london",
        desks=[],
        signing_keys=[SigningKey(key_id=f"{DETECTORS}-1", public_key=f"0x{public_key.hex()}")],
    )


def _custodian(description: ClusterDescription) -> genesis.System:
    """Return the principal that reports on keys. Its key is where its process looks for it."""
    public_key = ed25519.public_bytes(keyfile.generate(custodian_key_file(description)))
    return genesis.System(
        principal=CUSTODIAN,
        roles=["custodian"],
        site="zurich",
        desks=[],
        signing_keys=[SigningKey(key_id=f"{CUSTODIAN}-1", public_key=f"0x{public_key.hex()}")],
    )


def _assets(world: World) -> list[genesis.Asset]:
    return [
        genesis.Asset(
            asset_id="USDC",
            chain_id=world.chain_id,
            token=world.usdc.address,
            decimals=world.usdc.decimals,
            peg_usd=Decimal(1),
        ),
        genesis.Asset(asset_id="WETH", chain_id=world.chain_id, token=world.weth.address, decimals=world.weth.decimals),
    ]


def _contracts(world: World) -> list[genesis.Contract]:
    return [
        genesis.Contract(
            chain_id=world.chain_id,
            address=world.newswap.router,
            kind="contract",
            name="NewSwap router",
            companions=list(world.swap_companions),
            audit_reference="NS-2026-02, no open findings",
            protocol=PROTOCOL,
        ),
        genesis.Contract(
            chain_id=world.chain_id,
            address=world.usdc.address,
            kind="contract",
            name="USDC",
            companions=[world.usdc_implementation],
            audit_reference="Circle's own, reviewed",
        ),
        genesis.Contract(
            chain_id=world.chain_id,
            address=PROXY_FACTORY,
            kind="contract",
            name="Safe 1.4.1 proxy factory",
            companions=[SINGLETON],
            audit_reference="its authors' own, reviewed",
        ),
        genesis.Contract(chain_id=world.chain_id, address=PAYEE, kind="account", name="Custodian's fee account"),
        genesis.Contract(chain_id=world.chain_id, address=HOLDING, kind="account", name="Custodian's holding account"),
    ]


def _limits() -> list[Limit]:
    def limit(scope: str, kind: str, window: int, cap: str) -> Limit:
        return Limit.model_validate(
            {
                "limit_id": f"{scope}-{kind}",
                "scope": scope,
                "subject": "*",
                "kind": kind,
                "window_seconds": window,
                "cap_usd": Decimal(cap),
            }
        )

    return [
        limit("trader", "per-transaction", 0, "1000000"),
        limit("trader", "rolling", DAY_SECONDS, "250000000"),
        limit("wallet", "rolling", DAY_SECONDS, "250000000"),
        limit("contract", "rolling", DAY_SECONDS, "200000000"),
        limit("desk", "rolling", DAY_SECONDS, "300000000"),
    ]


if __name__ == "__main__":
    establish(current())
    sys.stdout.write("institution: ready\n")
