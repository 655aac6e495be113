"""Describes a request for a key and the answers to it, each in a line for people. Pure."""

from __future__ import annotations

from schemas.events import governance, keys
from schemas.firm_commands import ProposeKey
from schemas.keys import (
    ActivateKey,
    DestroyKey,
    GenerateKey,
    KeyChange,
    RecoverShare,
    ResumeKey,
    RotateKey,
    SuspendKey,
)
from schemas.values import Record


def asked(change: KeyChange) -> str:
    """Describe the effect of a change in one sentence."""
    match change:
        case GenerateKey():
            said = f"Make key {change.key_id}{_kept(change)}, to be rotated after {change.rotate_after_days} days"
        case ActivateKey():
            wallet = f"wallet {change.wallet_id} of desk {change.desk_id} on chain {change.chain_id}"
            said = f"Let key {change.key_id} ({change.key_backend}) sign for {wallet}, whose address is {change.address}"
        case RotateKey():
            said = (
                f"Put key {change.successor} in the place of key {change.key_id}"
                if change.successor
                else f"Make new shares of key {change.key_id}, and the old ones useless"
            )
        case SuspendKey():
            said = f"Sign nothing with key {change.key_id} until further notice"
        case ResumeKey():
            said = f"Sign with key {change.key_id} again"
        case DestroyKey():
            said = f"Destroy key {change.key_id} for good"
        case RecoverShare():
            new = change.cosigner
            said = f"Give share {new.party} of key {change.key_id}, from its back-up, to {new.cosigner} in {new.site}"
    return said


def line(event: Record) -> str:
    """Describe an event about a key in one line; empty for events of another kind."""
    match event:
        case keys.KeyProposed() if isinstance(event.command.body, ProposeKey):
            said = f"{event.proposer}: {asked(event.command.body.change)}. {event.command.body.reason}".strip()
        case governance.ProposalApproved():
            left = f", {', '.join(event.requires)} still to be met" if event.requires else ""
            said = f"by {event.approver} ({', '.join(event.roles)}){left}"
        case governance.ProposalClosed():
            said = f"{event.reason}: {event.message}" if event.message else event.reason
        case governance.WalletAssigned():
            said = f"wallet {event.wallet_id} of desk {event.desk_id} on chain {event.chain_id}, {event.address}"
        case keys.KeyOrdered():
            said = asked(event.change)
        case _:
            said = _reported(event)
    return said


def _reported(event: Record) -> str:
    """Describe a report about a key."""
    match event:
        case keys.KeyGenerated():
            vouched = f", vouched for by {', '.join(each.cosigner for each in event.vouched)}" if event.vouched else ""
            said = f"{event.address}{vouched}"
        case keys.KeyRotated():
            said = f"{event.successor} takes its place" if event.successor else f"epoch {event.epoch}, {event.reason}"
        case keys.KeySuspended() | keys.KeyResumed():
            said = event.reason
        case keys.KeyDestroyed():
            said = "; ".join(f"{proof.place}: {proof.what}" for proof in event.proofs)
        case keys.KeyFailed():
            said = f"{event.operation}: {event.refusal.message}; {event.refusal.remedy}"
        case keys.RotationDue():
            said = "it is older than was agreed to"
        case _:
            said = ""
    return said


def _kept(change: GenerateKey) -> str:
    if change.cosigners:
        sites = f" from {change.sites_min} sites" if change.sites_min > 1 else ""
        shares = f"{len(change.cosigners)} shares ({change.backend})"
        return f" in {shares}, of which any {change.threshold}{sites} sign: {', '.join(change.cosigners)}"
    return " in a token" if change.backend == "hsm" else " in a file"
