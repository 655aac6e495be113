"""With the root key alone, a reader derives keys only from signed commands and quorums."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import pytest

from schemas.events import keys
from schemas.events.base import FirmEvent
from schemas.events.governance import WalletAssigned
from schemas.keys import ResumeKey, SuspendKey
from streams.rules.governance.derivation import Derivation, NotDerived
from tests.streams.rules.governance.changes.keys.ceremonies import (
    DESTROY,
    GENERATED,
    KEY,
    ROTATE,
    WRONG,
    activate,
    address,
    agreed,
    all_vouched,
    cosigner,
    destroyed,
    generate,
    in_token,
    made,
    of_firm,
    public_key,
    recover,
    report,
    vouched,
)
from tests.streams.rules.governance.changes.specification import FOUNDED as FOUNDED_AT
from tests.streams.rules.governance.changes.specification import event_of
from tests.world.firm import governance as firm

DAY: Final = 86_400
ABOUT_KEYS: Final = (
    keys.CosignerEnrolled,
    keys.KeyProposed,
    keys.KeyOrdered,
    keys.KeyGenerated,
    keys.KeyRotated,
    keys.KeySuspended,
    keys.KeyResumed,
    keys.KeyDestroyed,
    keys.KeyFailed,
    keys.RotationDue,
    WalletAssigned,
)
OTHER: Final[dict[str, Any]] = {
    "key_id": "mallorys",
    "cosigner": cosigner(3, keys="mallory"),
    "proposal_id": "00000000-0000-0000-0000-000000000000",
    "operation": "resume",
    "change": generate(key_id="mallorys"),
    "backend": "software",
    "address": address("mallory"),
    "public_key": public_key("mallory"),
    "epoch": 77,
    "threshold": 2,
    "cosigners": ["cosigner-1"],
    "sites_min": 1,
    "rotate_after_days": 9_999,
    "vouched": [],
    "proofs": [],
    "refusal": WRONG.model_copy(update={"check": "another"}),
    "ordered_position": 1,
    "successor": "mallorys",
    "reason": "because",
    "since": 1,
    "wallet_id": "mallorys",
    "desk_id": "mallorys",
    "holding": address("mallory"),
    "requires": [],
    "expires_at": 1,
    "causation_id": "mallory",
}


@cache
def story() -> tuple[FirmEvent, ...]:
    """All that can happen to keys."""
    after_recovery = [vouched(place, 3, **({"keys": "a new one"} if place == 3 else {})) for place in range(1, 6)]
    spec = of_firm(
        *GENERATED,
        *agreed(activate()),
        *agreed(ROTATE),
        report("rotated", **made(epoch=2, vouched=all_vouched(2))),
        *agreed(recover()),
        report("recovered", **made(epoch=3, vouched=after_recovery)),
        *agreed(SuspendKey(key_id=KEY)),
        *agreed(ResumeKey(key_id=KEY)),
        *agreed(in_token("other")),
        report("failed", refusal=WRONG),
    )
    spec.after(365 * DAY).then("rotation-due")
    proofs = [destroyed(place, spec.now, **({"keys": "a new one"} if place == 3 else {})) for place in range(1, 6)]
    spec.given(*agreed(SuspendKey(key_id=KEY)), *agreed(DESTROY), report("destroyed", proofs=proofs))
    return tuple(event_of(sealed) for sealed in spec.log)


def derived(events: tuple[FirmEvent, ...]) -> Derivation:
    derivation = Derivation(firm.PINNED)
    for event in events:
        derivation.believe(event)
    return derivation


def test_all_that_can_happen_to_keys_is_believed() -> None:
    assert derived(story()).position == len(story())
    assert {type(event) for event in story()} >= set(ABOUT_KEYS)


def test_no_field_of_what_is_said_of_keys_can_be_changed() -> None:
    derivation, tried = Derivation(firm.PINNED), 0
    for event in story():
        for name in sorted(OTHER.keys() & type(event).model_fields.keys()):
            if isinstance(event, ABOUT_KEYS) and event.decided_at > FOUNDED_AT and getattr(event, name) != OTHER[name]:
                tried += 1
                with pytest.raises(NotDerived):
                    derivation.believe(event.model_copy(update={name: OTHER[name]}))
        derivation.believe(event)
    assert tried > 100


@pytest.mark.parametrize("kind", [kind for kind in ABOUT_KEYS if kind is not keys.KeyProposed])
def test_nothing_is_said_of_keys_before_or_after_its_time(kind: type[FirmEvent]) -> None:
    """In every place but its own. A proposal may come whenever its proposer has signed it: it changes nothing."""
    said = [event for event in story() if isinstance(event, kind) and event.decided_at > FOUNDED_AT]
    derivation = Derivation(firm.PINNED)
    for place, following in enumerate(story(), start=1):
        for event in said:
            forged = event.model_copy(update={"position": place, "decided_at": following.decided_at})
            if forged != following:
                with pytest.raises(NotDerived):
                    derivation.believe(forged)
        derivation.believe(following)


def test_no_part_of_a_decision_about_keys_can_be_left_out() -> None:
    tried = 0
    for place, event in enumerate(story()):
        later = [each.model_copy(update={"position": each.position - 1}) for each in story()[place + 1 :]]
        neighbours = {story()[place - 1].causation_id, *(each.causation_id for each in later[:1])}
        of_one = event.causation_id in neighbours and event.decided_at > FOUNDED_AT
        if of_one and isinstance(event, ABOUT_KEYS):
            tried += 1
            with pytest.raises(NotDerived):
                derived((*story()[:place], *later[:3]))
    assert tried > 5
