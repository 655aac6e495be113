"""All rights derive from the pinned root key, even if an attacker can write governance topics."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from schemas.events.base import FirmEvent
from schemas.events.governance import AccessChanged, ContractListed, GenesisAccepted, PolicyActivated, WalletAssigned
from streams.rules.firm.view import GovernanceFold
from streams.rules.governance import founding
from streams.rules.governance.derivation import SKEW_MICROS_MAX
from streams.rules.governance.genesis import GenesisRefused, SignedGenesis, sign
from streams.rules.governance.root import NotRooted, RootedGovernance
from tests.world.firm.governance import CHAIN, PINNED
from tests.world.line.scenery import GENESIS, GENESIS_AT, STRANGER, genesis, limit

OTHER_ROOT = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"another root").digest())


def events(signed: SignedGenesis = GENESIS, at: int = GENESIS_AT) -> list[FirmEvent]:
    """Governance's events."""
    sealed = [each.recorded.event for each in founding.decide(signed, (), at)]
    return [event for event in sealed if isinstance(event, FirmEvent)]


def accepted(*given: FirmEvent) -> RootedGovernance:
    rooted = RootedGovernance(PINNED)
    for event in given:
        rooted.accept(event)
    return rooted


def test_governance_is_what_the_signed_document_gives_in_whatever_order_it_comes() -> None:
    fold = GovernanceFold()
    for event in events():
        fold.accept(event)
    shuffled = events()
    Random(7).shuffle(shuffled)
    assert accepted(*shuffled).view == accepted(*events()).view == fold.view
    assert accepted(*events(), *events()).view.position == len(events())


def test_nothing_is_believed_before_the_document_is_there() -> None:
    rooted = accepted(*events()[1:])
    assert rooted.view.position == 0
    rooted.accept(events()[0])
    assert rooted.view.position == len(events())


def test_a_document_that_another_root_signed_is_refused() -> None:
    with pytest.raises(GenesisRefused):
        accepted(*events(sign(GENESIS.document, OTHER_ROOT)))


def test_a_document_under_somebody_elses_signature_is_refused() -> None:
    forged = GENESIS.model_copy(update={"signature": sign(GENESIS.document, OTHER_ROOT).signature})
    with pytest.raises(GenesisRefused):
        accepted(*events(forged))


def forged(kind: type[FirmEvent], **changes: Any) -> list[FirmEvent]:
    """Governance with one event changed where it stands."""
    place = next(number for number, event in enumerate(events()) if isinstance(event, kind))
    return [event.model_copy(update=changes) if number == place else event for number, event in enumerate(events())]


FORGERIES = {
    "more rights": forged(AccessChanged, roles=["chief-risk-officer"]),
    "another desk": forged(AccessChanged, desks=["newswap", "other"]),
    "another key": forged(AccessChanged, credentials=[]),
    "another address": forged(WalletAssigned, address=STRANGER),
    "another backend": forged(WalletAssigned, key_backend="software"),
    "a listed stranger": forged(ContractListed, address=STRANGER),
    "more room": forged(PolicyActivated, limits=[limit("trader-day", "100000000")]),
    "no policy": forged(PolicyActivated, cedar="permit(principal, action, resource);"),
    "listed long ago": forged(ContractListed, decided_at=1),
    "caused by something else": forged(AccessChanged, causation_id="clock"),
    "one event more": [
        *events(),
        ContractListed(
            chain_id=CHAIN,
            address=STRANGER,
            kind="account",
            name="a friend",
            companions=[],
            open_findings=0,
            audit_reference="",
            position=len(events()) + 1,
            decided_at=GENESIS_AT,
        ),
    ],
    "an event without a place": [*events(), events()[1].model_copy(update={"position": 0})],
    "two events exchanged": [
        *events()[:1],
        events()[1].model_copy(update={"position": 3}),
        events()[2].model_copy(update={"position": 2}),
        *events()[3:],
    ],
    "a second document": [
        *events(),
        events(genesis(firm="Another firm"))[0].model_copy(update={"position": len(events()) + 1}),
    ],
    "accepted before it was issued": events(at=GENESIS_AT - SKEW_MICROS_MAX - 1),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_forged_governance_stops_the_enclave(name: str) -> None:
    with pytest.raises(NotRooted):
        accepted(*FORGERIES[name])


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("name", FORGERIES)
def test_forged_governance_stops_the_enclave_in_any_order(name: str, seed: int) -> None:
    shuffled = list(FORGERIES[name])
    Random(seed).shuffle(shuffled)
    with pytest.raises(NotRooted):
        accepted(*shuffled)


def test_a_forgery_behind_a_gap_is_not_believed() -> None:
    genesis_event, *_, forgery = [e for e in FORGERIES["another address"] if isinstance(e, (GenesisAccepted, WalletAssigned))]
    assert accepted(genesis_event, forgery).view.position == 1


def test_clocks_may_differ_by_a_little() -> None:
    assert accepted(*events(at=GENESIS_AT - SKEW_MICROS_MAX)).view.assets["USDC"].peg_usd == Decimal(1)
