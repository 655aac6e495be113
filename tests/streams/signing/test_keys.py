"""A table of the keys that may sign, by governance's events about them."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, cast

import pytest

from schemas.events.base import FirmEvent
from schemas.events.keys import KeyDestroyed, KeyGenerated, KeyOrdered, KeyResumed, KeyRotated, KeySuspended
from schemas.events.lifecycle import SigningRefused
from schemas.examples import example
from schemas.firm_commands import ProposeKey
from schemas.keys import DestroyKey, GenerateKey, KeyHolder, ResumeKey, SafeAccount, SuspendKey
from streams.rules.evidence.authority import Overtaken, Unproven
from streams.rules.evidence.case import Case, Moment
from streams.rules.evidence.keys import check_keys
from streams.rules.firm.keys import KeyEvent, KeyStanding, standing_after
from streams.rules.firm.view import Governance
from tests.world.line.line import Line
from tests.world.line.scenery import address_of, pay, wallet

HERE = wallet()


def key_event(kind: type[KeyEvent], **changes: Any) -> KeyEvent:
    return example(kind).model_copy(update={"key_id": HERE.key_id, "successor": ""} | changes)


ORDERED = key_event(KeyOrdered, change=GenerateKey(key_id=HERE.key_id, backend="hsm"))
MADE = key_event(KeyGenerated, backend="hsm", address=HERE.address)
DESTROYED = key_event(KeyOrdered, change=DestroyKey(key_id=HERE.key_id))

STANDINGS: dict[str, tuple[Sequence[KeyEvent], str | None]] = {
    "it stood in genesis, and nothing was said": ((), None),
    "it was made": ((ORDERED, MADE), None),
    "its destruction is ordered, and not carried out": ((MADE, DESTROYED), None),
    "another took its place": ((MADE, key_event(KeyRotated, successor="next")), None),
    "it has new shares": ((MADE, key_event(KeyRotated)), None),
    "it was suspended and resumed": ((key_event(KeySuspended), key_event(KeyResumed)), None),
    "it is not made yet": ((ORDERED,), "not made yet"),
    "it stood in genesis and is suspended": ((key_event(KeySuspended),), "suspended"),
    "it was made and is suspended": ((MADE, key_event(KeySuspended)), "suspended"),
    "it was suspended and destroyed": ((MADE, key_event(KeySuspended), key_event(KeyDestroyed)), "destroyed"),
    "it was made for another address": (
        (key_event(KeyGenerated, backend="hsm", address=address_of("other")),),
        "not the wallet's",
    ),
    "it was made by another backend": ((key_event(KeyGenerated, backend="mpc", address=HERE.address),), "not the wallet's"),
}


def standing(*events: KeyEvent) -> KeyStanding | None:
    known: KeyStanding | None = None
    for event in events:
        known = standing_after(known, event)
    return known


def case(keys: dict[str, KeyStanding | None], **changes: Any) -> Case:
    """As much of a case as the check looks at."""
    known = MappingProxyType({key_id: each for key_id, each in keys.items() if each is not None})
    today = Moment(Governance(keys=known), cast("Any", None))
    parts = (None, None, None, None, today, HERE.model_copy(update=changes), None, None, None)
    return Case(*cast("Any", parts))


@pytest.mark.parametrize("name", STANDINGS)
def test_a_key_signs_while_it_may(name: str) -> None:
    events, reason = STANDINGS[name]
    asked = case({HERE.key_id: standing(*events)})
    if reason is None:
        check_keys(asked)
    else:
        with pytest.raises(Unproven, match=reason):
            check_keys(asked)


def holder(name: str) -> KeyHolder:
    return KeyHolder(address=address_of(name), key_backend="hsm", key_id=name)


SAFE = SafeAccount(threshold=2, owners=[holder("a"), holder("b"), holder("c")], executor=holder("pays"))
SUSPENDED = standing(key_event(KeySuspended))


@pytest.mark.parametrize(
    ("suspended", "reason"),
    [
        ((), None),
        (("a",), None),
        (("a", "c"), "fewer than 2 owners"),
        (("pays",), "key pays is suspended"),
        (("treasury-1",), None),
    ],
)
def test_of_a_safe_the_executor_and_enough_owners_must_be_able_to_sign(suspended: tuple[str, ...], reason: str | None) -> None:
    asked = case(dict.fromkeys(suspended, SUSPENDED), key_backend="safe", safe=SAFE)
    if reason is None:
        check_keys(asked)
    else:
        with pytest.raises(Overtaken, match=reason):
            check_keys(asked)


def test_a_safe_of_nobody_signs_nothing() -> None:
    with pytest.raises(Unproven, match="nobody says whose"):
        check_keys(case({}, key_backend="safe"))


def test_a_quorum_suspends_a_key_and_resumes_it() -> None:
    """Between an order's approval and its signature, and before another."""
    line = Line()
    line.send("o1", pay("1000"))
    line.run("desk", "execution")
    line.change_firm(ProposeKey(change=SuspendKey(key_id=HERE.key_id), reason="a laptop was lost"))
    line.run()
    (refused,) = line.events(SigningRefused, "o1")
    assert (refused.refusal.check, line.key.digests) == ("key", [])
    assert "suspended" in refused.refusal.message
    line.change_firm(ProposeKey(change=ResumeKey(key_id=HERE.key_id), reason="it was found"))
    line.send("o2", pay("1000"))
    line.run()
    assert line.outcome("o2") == "signed"
    assert sum(isinstance(r.record, FirmEvent) and r.topic == "key-suspended" for r in line.records) == 1
