"""Tells governance's events of a key in shares from its proposal to its destruction, beside a key that failed."""

from __future__ import annotations

from typing import Any, Final

from schemas.events import governance, keys
from schemas.events.base import FirmEvent, Refusal
from schemas.examples import example
from schemas.firm_commands import FirmCommand, ProposeKey
from schemas.keys import (
    Attestation,
    Cosigner,
    CosignerVerdict,
    DestructionProof,
    GenerateKey,
    KeyChange,
    KeyHolder,
    KeyVouched,
    RotateKey,
    SafeAccount,
)

PROPOSAL: Final = "6d0b0c52-9d1c-5a8e-9a33-2f2f0a3a7c20"
SHARED: Final = "treasury-1"
ADDRESS: Final = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
SITES: Final = ("zurich", "zurich", "london", "london", "new-york")
HOLDERS: Final = [f"cosigner-{place}" for place in range(1, 6)]
GENERATE: Final = GenerateKey(key_id=SHARED, backend="mpc", threshold=3, cosigners=HOLDERS, sites_min=2, rotate_after_days=30)


def enrolled(place: int, site: str = "") -> keys.CosignerEnrolled:
    """A cosigner in its place."""
    cosigner = Cosigner(
        cosigner=f"cosigner-{place}",
        party=place,
        site=site or SITES[place - 1],
        signing_key=f"0x{place:02x}" + "ab" * 31,
        agreement_key=f"0x{place:02x}" + "cd" * 31,
    )
    return keys.CosignerEnrolled(cosigner=cosigner)


def proposed(change: KeyChange, proposal_id: str = PROPOSAL) -> keys.KeyProposed:
    command = example(FirmCommand).model_copy(update={"body": ProposeKey(change=change, reason="for the treasury")})
    key_event = {"proposal_id": proposal_id, "key_id": change.key_id, "operation": change.kind, "command": command}
    return example(keys.KeyProposed).model_copy(update={**key_event, "proposer": "rosa", "requires": ["risk-officer:2"]})


def key_event(record: Any, key_id: str = SHARED, **fields: Any) -> Any:
    """An event about a key; whatever is not said is as in the example."""
    return example(record).model_copy(update={"key_id": key_id, **fields})


def ordered(change: KeyChange) -> keys.KeyOrdered:
    return keys.KeyOrdered(key_id=change.key_id, change=change, proposal_id=PROPOSAL)


def agreed() -> list[FirmEvent]:
    """A quorum of two, and the end of the proposal."""
    approved = example(governance.ProposalApproved).model_copy(update={"proposal_id": PROPOSAL})
    return [
        approved.model_copy(update={"approver": "carol", "roles": ["risk-officer"], "requires": ["risk-officer:1"]}),
        approved.model_copy(update={"approver": "dave", "roles": ["risk-officer"], "requires": []}),
        example(governance.ProposalClosed).model_copy(
            update={"proposal_id": PROPOSAL, "reason": "enacted", "message": "", "command": None}
        ),
    ]


def generated(key_id: str = SHARED, **fields: Any) -> keys.KeyGenerated:
    """The report of five cosigners, as governance took it."""
    vouched = [example(KeyVouched).model_copy(update={"cosigner": each, "key_id": key_id, "epoch": 1}) for each in HOLDERS]
    shared = {"backend": "mpc", "epoch": 1, "threshold": 3, "cosigners": HOLDERS, "sites_min": 2, "vouched": vouched}
    made: keys.KeyGenerated = key_event(keys.KeyGenerated, key_id, address=ADDRESS, rotate_after_days=30, **(shared | fields))
    return made


def birth() -> list[FirmEvent]:
    """From five cosigners and a proposal to a key without a wallet."""
    return [*(enrolled(place) for place in range(1, 6)), proposed(GENERATE), *agreed(), ordered(GENERATE), generated()]


def wallet(key_id: str = SHARED, **fields: Any) -> governance.WalletAssigned:
    assigned = {"wallet_id": "shared-main", "key_id": key_id, "key_backend": "mpc", "address": ADDRESS, "safe": None}
    return example(governance.WalletAssigned).model_copy(update=assigned | fields)


def safe_wallet() -> governance.WalletAssigned:
    """A Safe of two owners, whose transactions a third key sends."""
    owners = [KeyHolder(address=ADDRESS, key_backend="hsm", key_id=f"owner-{each}") for each in (1, 2)]
    executor = KeyHolder(address=ADDRESS, key_backend="hsm", key_id="executor-1")
    safe = SafeAccount(threshold=2, owners=owners, executor=executor)
    return wallet("vault", wallet_id="vault", key_backend="safe", safe=safe)


def later() -> list[FirmEvent]:
    """New shares, a warning, a pause, and the end; and a key that could not be made."""
    refusal = Refusal(check="token-full", message="the token is full", remedy="make room")
    proof = example(DestructionProof).model_copy(update={"place": "cosigner-1", "what": f"shares of key {SHARED}"})
    unmade = GenerateKey(key_id="spare", backend="hsm")
    return [
        ordered(RotateKey(key_id=SHARED)),
        key_event(keys.KeyRotated, epoch=2, successor="", reason="rotated", cosigners=HOLDERS),
        key_event(keys.RotationDue),
        key_event(keys.KeySuspended, reason="a drill"),
        key_event(keys.KeyResumed, reason="it was one"),
        key_event(keys.KeySuspended, reason="for good"),
        key_event(keys.KeyDestroyed, proofs=[proof]),
        ordered(unmade),
        key_event(keys.KeyFailed, "spare", operation="generate", refusal=refusal),
    ]


def attestation() -> Attestation:
    """Three cosigners that judged an order for themselves; one of them by other code."""
    verdicts = [
        example(CosignerVerdict).model_copy(update={"cosigner": HOLDERS[at], "site": SITES[at], "code_hash": f"{at}a" * 32})
        for at in (0, 2, 4)
    ]
    made = {"backend": "mpc", "key_id": SHARED, "epoch": 2, "code_hash": "0a" * 32, "cosigners": verdicts}
    return example(Attestation).model_copy(update=made)
