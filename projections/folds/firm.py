"""Rows of what governance decided: every event as it stands on the log, and what the last of each kind has left.

A row is replaced only by one with a later position, so that arrival does not matter. Left out: what is several events each.
The views `proposals` and `cosigners` put those together, of keys `projections.api.keys` by governance's own fold.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from projections.folds.answers import RejectedRow, rejected_row
from projections.folds.arrivals import Arrived
from projections.folds.orders import Json
from schemas.events import governance, keys
from schemas.events.base import FirmEvent
from schemas.values import Instant
from streams.rules.firm.keys import KEY_EVENTS

CLOSED: Final = "closed"
"""A breaker that was reset."""


@dataclass(frozen=True, slots=True)
class FirmEventRow:
    """A row of `firm_events`."""

    position: int
    topic: str
    partition: int
    log_offset: int
    causation_id: str
    decided_at: Instant
    digest: str
    event: Json


@dataclass(frozen=True, slots=True)
class BreakerRow:
    """A row of `breakers`: what was last said of one."""

    scope: str
    subject: str
    position: int
    state: str
    reason: str
    tripped_by: str
    """Empty: it was reset."""
    proposal_id: str | None
    """By which it was reset."""
    changed_at: Instant


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
    holding: str | None
    safe: Json
    """Whose signatures a Safe takes, and who sends them; None: it is none."""
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
    protocol: str
    counterparty: str
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
    proposal_id: str | None
    activated_at: Instant


LastRow = GenesisRow | PrincipalRow | AssetRow | WalletRow | ContractRow | PolicyRow | BreakerRow | RejectedRow
FirmRow = FirmEventRow | LastRow


def firm_rows(arrived: Arrived, event: FirmEvent) -> tuple[FirmRow, ...]:
    """The rows that `event` leaves.

    Raises:
        TypeError: an event of governance that has no table here: the projector is older than the log.
    """
    kept = FirmEventRow(
        position=event.position,
        topic=arrived.topic,
        partition=arrived.partition,
        log_offset=arrived.offset,
        causation_id=event.causation_id,
        decided_at=event.decided_at,
        digest=arrived.digest,
        event=event.model_dump(mode="json"),
    )
    match event:
        case governance.Proposed() | governance.ProposalApproved() | governance.ProposalClosed() | keys.CosignerEnrolled():
            return (kept,)
        case _ if isinstance(event, KEY_EVENTS):
            return (kept,)
        case governance.FirmCommandRejected():
            return kept, rejected_row(arrived, event)
    return kept, _last(event)


def _last(event: FirmEvent) -> LastRow:
    """What the event leaves of whom or what it is about."""
    at, position = event.decided_at, event.position
    match event:
        case governance.BreakerTripped() | governance.BreakerReset():
            row: LastRow = _breaker(event)
        case governance.GenesisAccepted():
            row = GenesisRow(position, json.loads(event.document), event.root_public_key, event.signature, at)
        case governance.AccessChanged():
            row = _principal(event)
        case governance.AssetListed():
            row = AssetRow(event.asset_id, position, event.chain_id, event.token, event.decimals, event.peg_usd, at)
        case governance.WalletAssigned():
            row = _wallet(event)
        case governance.ContractListed():
            row = _contract(event)
        case governance.PolicyActivated():
            row = _policy(event)
        case _:
            raise TypeError(f"no table for {type(event).__name__}")
    return row


def _breaker(event: governance.BreakerTripped | governance.BreakerReset) -> BreakerRow:
    return BreakerRow(
        scope=event.scope,
        subject=event.subject,
        position=event.position,
        state=event.state if isinstance(event, governance.BreakerTripped) else CLOSED,
        reason=event.reason,
        tripped_by=event.tripped_by if isinstance(event, governance.BreakerTripped) else "",
        proposal_id=event.proposal_id if isinstance(event, governance.BreakerReset) else None,
        changed_at=event.decided_at,
    )


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
        proposal_id=event.proposal_id,
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
        holding=event.holding,
        safe=None if event.safe is None else event.safe.model_dump(mode="json"),
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
        protocol=event.protocol,
        counterparty=event.counterparty,
        listed_at=event.decided_at,
    )
