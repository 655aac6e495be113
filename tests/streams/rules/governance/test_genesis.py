"""The first events come only from a document that the pinned root key signed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra.proofs import ed25519
from schemas.canonical import policy_hash
from schemas.events.governance import (
    AccessChanged,
    AssetListed,
    ContractListed,
    GenesisAccepted,
    PolicyActivated,
    WalletAssigned,
)
from streams.rules.governance.genesis import (
    DOCUMENT_BYTES_MAX,
    GenesisRefused,
    SignedGenesis,
    digest,
    events,
    sign,
    verify,
    verify_accepted,
)
from tests.world.firm import governance as firm

STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def file_of(genesis: SignedGenesis) -> bytes:
    return genesis.model_dump_json().encode()


def altered(**changes: Any) -> bytes:
    """The signed file with fields replaced after signing."""
    return json.dumps({**json.loads(file_of(firm.genesis())), **changes}).encode()


def accepted() -> GenesisAccepted:
    event = events(firm.genesis())[0]
    assert isinstance(event, GenesisAccepted)
    return event


def test_a_file_signed_by_the_pinned_key_is_taken() -> None:
    assert verify(file_of(firm.genesis()), firm.PINNED) == firm.genesis()


def test_the_layout_of_the_file_does_not_matter_but_every_value_does() -> None:
    indented = json.dumps(json.loads(file_of(firm.genesis())), indent=4, sort_keys=True).encode()
    assert verify(indented, firm.PINNED) == firm.genesis()


def test_a_file_signed_by_another_key_is_refused_though_its_signature_holds() -> None:
    with pytest.raises(GenesisRefused, match="this installation has pinned"):
        verify(file_of(sign(firm.document(), STRANGER)), firm.PINNED)


def test_another_key_that_claims_to_be_the_pinned_one_is_refused() -> None:
    forged = sign(firm.document(), STRANGER).model_copy(update={"root_public_key": f"0x{firm.PINNED.hex()}"})
    with pytest.raises(GenesisRefused, match="signature does not hold"):
        verify(file_of(forged), firm.PINNED)


def test_a_role_added_after_signing_is_refused() -> None:
    document = firm.document(persons=[*firm.document().persons, firm.person("mallory", "chief-risk-officer")])
    with pytest.raises(GenesisRefused, match="signature does not hold"):
        verify(altered(document=json.loads(document.model_dump_json())), firm.PINNED)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not a signed genesis document"),
        (b"{}", "document: Field required"),
        (altered(signature="AQID"), "a signature has 64 bytes"),
        (altered(signature="A"), "not base64url"),
        (altered(signature="not base64url!"), "signature: String should match"),
        (altered(comment="trust me"), "comment: Extra inputs"),
        (altered(root_public_key="0x00"), "it names the root key 00"),
    ],
)
def test_what_is_no_signed_genesis_is_refused_with_the_reason(content: bytes, reason: str) -> None:
    with pytest.raises(GenesisRefused, match=reason):
        verify(content, firm.PINNED)


def test_a_document_too_large_for_the_log_is_refused_before_it_gets_there() -> None:
    contracts = [contract.model_copy(update={"audit_reference": "x" * 1_000}) for contract in firm.document().contracts * 500]
    with pytest.raises(GenesisRefused, match=f"at most {DOCUMENT_BYTES_MAX} fit"):
        verify(file_of(firm.genesis(contracts=contracts)), firm.PINNED)


def test_a_pinned_key_of_small_order_vouches_for_nothing() -> None:
    worthless = bytes([1]) + bytes(31)
    forged = firm.genesis().model_copy(update={"root_public_key": f"0x{worthless.hex()}"})
    with pytest.raises(GenesisRefused, match="small order"):
        verify(file_of(forged), worthless)


def test_the_document_in_the_log_can_be_verified_against_the_pinned_key_again() -> None:
    assert verify_accepted(accepted(), firm.PINNED) == firm.genesis()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"document": "{}"}, "holds no genesis document"),
        ({"document": accepted().document + " "}, "not in its canonical form"),
        ({"root_public_key": f"0x{ed25519.public_bytes(STRANGER).hex()}"}, "has pinned"),
        ({"signature": "AQID"}, "does not hold"),
    ],
)
def test_a_genesis_event_that_nobody_signed_is_refused(change: dict[str, str], reason: str) -> None:
    with pytest.raises(GenesisRefused, match=reason):
        verify_accepted(accepted().model_copy(update=change), firm.PINNED)


def test_events_begin_with_the_acceptance_and_end_with_the_policy() -> None:
    kinds = [type(event) for event in events(firm.genesis())]
    assert kinds == [
        GenesisAccepted,
        *[AccessChanged] * 7,
        *[AssetListed] * 2,
        WalletAssigned,
        *[ContractListed] * 2,
        PolicyActivated,
    ]


def test_people_come_with_credentials_and_systems_with_keys() -> None:
    access = {event.principal: event for event in events(firm.genesis()) if isinstance(event, AccessChanged)}
    assert access["paula"].kind == "person"
    assert access["paula"].credentials == [firm.credential("paula")]
    assert access["paula"].signing_keys == []
    assert access["treasury-bot"].kind == "system"
    assert access["treasury-bot"].signing_keys == [firm.signing_key("treasury-bot")]
    assert {each.status for each in access.values()} == {"active"}


def test_the_policy_names_its_own_hash() -> None:
    last = events(firm.genesis())[-1]
    assert isinstance(last, PolicyActivated)
    assert last.policy_hash == policy_hash(last)


def test_the_same_document_gives_the_same_digest_and_another_gives_another() -> None:
    assert digest(firm.genesis()) == digest(firm.genesis())
    assert digest(firm.genesis()) != digest(firm.genesis(firm="Another"))
