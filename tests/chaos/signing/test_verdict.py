"""The signing verdict names each fault planted in a sound log, and finds none in the sound log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cache
from typing import Any

import pytest

from infra.ethereum.transaction import Signature, assemble, decode_raw
from schemas import wire
from schemas.events.base import Event, OrderEvent
from schemas.events.lifecycle import Confirmed, OrderInitiated, Signed, SigningRefused
from schemas.examples import example
from tests.chaos.signing.verdict import BROKEN, verdict
from tests.chaos.signing.watch import FOLLOWED, Stored
from tests.world.line.line import Line
from tests.world.line.scenery import address_of, pay, private_key
from tests.world.line.simulated_chain import FIRST_NONCE

ORDERS = ("o1", "o2", "o3")
Change = Callable[[Sequence[Stored]], Sequence[Stored]]


@cache
def sound() -> tuple[Stored, ...]:
    """Three orders of one wallet, one after the other, from their commands to their confirmation."""
    line = Line()
    for name in ORDERS:
        line.send(name, pay("1000"))
        line.run()
    return tuple(Stored(r.record, r.value) for r in line.records if r.topic in FOLLOWED and isinstance(r.record, Event))


def broken(change: Change, transactions: int = len(ORDERS)) -> dict[str, Any]:
    """Names of the findings when the log is changed, or the chain has another number of transactions."""
    on_chain = {address_of("treasury-1"): FIRST_NONCE + transactions}
    sent = {each.event.order_id for each in sound() if isinstance(each.event, OrderInitiated)}
    found = asdict(verdict(change(sound()), sent, on_chain))
    return {name: found[name] for name in BROKEN if found[name]}


def unchanged(stored: Sequence[Stored]) -> Sequence[Stored]:
    return stored


def of(kind: type[Event], stored: Sequence[Stored]) -> list[Stored]:
    return [each for each in stored if isinstance(each.event, kind)]


def without(kind: type[Event]) -> Change:
    """The last event of a kind was never written."""
    return lambda stored: [each for each in stored if each is not of(kind, stored)[-1]]


def again(kind: type[Event], change: Callable[[Any], Event] = lambda event: event) -> Change:
    """The last event of a kind was written once more."""

    def planted(stored: Sequence[Stored]) -> Sequence[Stored]:
        event = change(of(kind, stored)[-1].event)
        return [*stored, Stored(event, wire.encode(event))]

    return planted


def resigned(event: Signed) -> Signed:
    """The same nonce with other bytes: a higher fee, signed by the same key."""
    transaction, _ = decode_raw(bytes.fromhex(event.raw_transaction[2:]))
    made = private_key("treasury-1").sign_recoverable(bytes(31) + b"\x01", hasher=None)
    signature = Signature(made[64], int.from_bytes(made[:32], "big"), int.from_bytes(made[32:64], "big"))
    return event.model_copy(update={"raw_transaction": f"0x{assemble(transaction, signature).raw.hex()}"})


def refused(stored: Sequence[Stored]) -> Sequence[Stored]:
    event = example(SigningRefused)
    return [*stored, Stored(event, wire.encode(event))]


def test_nothing_is_found_in_a_sound_log() -> None:
    assert broken(unchanged) == {}
    found = verdict(sound(), (), {})
    assert (found.signed, found.confirmed, found.signed_by) == (3, 3, {"hsm": 3})


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (without(Confirmed), {"lost"}),
        (again(OrderInitiated), {"duplicated", "chain_breaks"}),
        (again(Signed, resigned), {"signed_twice", "chain_breaks"}),
        (refused, {"refused_by_signer", "chain_breaks"}),
    ],
)
def test_what_is_planted_is_found(change: Change, expected: set[str]) -> None:
    assert broken(change).keys() >= expected


def test_a_nonce_that_no_transaction_has_is_a_gap() -> None:
    def holed(stored: Sequence[Stored]) -> Sequence[Stored]:
        return [each for each in stored if each is not of(Signed, stored)[1]]

    assert broken(holed)["nonce_gaps"] == 1


@pytest.mark.parametrize("transactions", [len(ORDERS) - 1, len(ORDERS) + 1])
def test_the_chain_has_exactly_what_was_signed(transactions: int) -> None:
    assert broken(unchanged, transactions) == {"nonce_gaps": 1}


def test_one_changed_link_breaks_one_chain() -> None:
    def changed(stored: Sequence[Stored]) -> Sequence[Stored]:
        first = of(OrderInitiated, stored)[0]
        assert isinstance(first.event, OrderEvent)
        return [Stored(each.event, each.value + b"\x00") if each is first else each for each in stored]

    assert broken(changed) == {"chain_breaks": 1}
