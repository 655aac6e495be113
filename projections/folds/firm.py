"""Rows of what governance decided. Each is replaced only by one with a later position, so that arrival does not matter."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal

from projections.folds.orders import Json
from schemas.events import governance
from schemas.events.base import FirmEvent
from schemas.values import Instant


@dataclass(frozen=True, slots=True)
class GenesisRow:
    """A row of `genesis`."""

    position: int
    document: Json
    root_public_key: str
    signature: str
    accepted_at: Instant


@dataclass(frozen=True, slots=True)
class PrincipalRow:
    """A row of `principals`."""

    principal: str
    position: int
    kind: str
    status: str
    roles: list[str]
    site: str
    desks: list[str]
    credentials: Json
    signing_keys: Json
    changed_at: Instant


@dataclass(frozen=True, slots=True)
class AssetRow:
    """A row of `assets`."""

    asset_id: str
    position: int
    chain_id: int
    token: str | None
    decimals: int
    peg_usd: Decimal | None
    listed_at: Instant


@dataclass(frozen=True, slots=True)
class WalletRow:
    """A row of `wallets`."""

    wallet_id: str
    position: int
    desk_id: str
    chain_id: int
    address: str
    key_backend: str
    key_id: str
    assigned_at: Instant


@dataclass(frozen=True, slots=True)
class ContractRow:
    """A row of `contracts`."""

    chain_id: int
    address: str
    position: int
    kind: str
    name: str
    companions: list[str]
    open_findings: int
    audit_reference: str
    listed_at: Instant


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """A row of `policies`."""

    version: int
    position: int
    policy_hash: str
    cedar: str
    cedar_schema: str
    limits: Json
    settings: Json
    activated_at: Instant


FirmRow = GenesisRow | PrincipalRow | AssetRow | WalletRow | ContractRow | PolicyRow


def firm_row(event: FirmEvent) -> FirmRow:
    """The row that `event` leaves.

    Raises:
        TypeError: an event of governance that has no table here: the projector is older than the log.
    """
    at, position = event.decided_at, event.position
    match event:
        case governance.GenesisAccepted():
            return GenesisRow(position, json.loads(event.document), event.root_public_key, event.signature, at)
        case governance.AccessChanged():
            return _principal(event)
        case governance.AssetListed():
            return AssetRow(event.asset_id, position, event.chain_id, event.token, event.decimals, event.peg_usd, at)
        case governance.WalletAssigned():
            return _wallet(event)
        case governance.ContractListed():
            return _contract(event)
        case governance.PolicyActivated():
            return _policy(event)
    raise TypeError(f"no table for {type(event).__name__}")


def _principal(event: governance.AccessChanged) -> PrincipalRow:
    return PrincipalRow(
        principal=event.principal,
        position=event.position,
        kind=event.kind,
        status=event.status,
        roles=list(event.roles),
        site=event.site,
        desks=list(event.desks),
        credentials=[each.model_dump(mode="json") for each in event.credentials],
        signing_keys=[each.model_dump(mode="json") for each in event.signing_keys],
        changed_at=event.decided_at,
    )


def _policy(event: governance.PolicyActivated) -> PolicyRow:
    return PolicyRow(
        version=event.version,
        position=event.position,
        policy_hash=event.policy_hash,
        cedar=event.cedar,
        cedar_schema=event.cedar_schema,
        limits=[each.model_dump(mode="json") for each in event.limits],
        settings=event.settings.model_dump(mode="json"),
        activated_at=event.decided_at,
    )


def _wallet(event: governance.WalletAssigned) -> WalletRow:
    return WalletRow(
        wallet_id=event.wallet_id,
        position=event.position,
        desk_id=event.desk_id,
        chain_id=event.chain_id,
        address=event.address,
        key_backend=event.key_backend,
        key_id=event.key_id,
        assigned_at=event.decided_at,
    )


def _contract(event: governance.ContractListed) -> ContractRow:
    return ContractRow(
        chain_id=event.chain_id,
        address=event.address,
        position=event.position,
        kind=event.kind,
        name=event.name,
        companions=list(event.companions),
        open_findings=event.open_findings,
        audit_reference=event.audit_reference,
        listed_at=event.decided_at,
    )
