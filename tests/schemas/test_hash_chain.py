"""An order's events are chained by hashes; a change to any byte of any of them is detected."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import wire
from schemas.events.base import GENESIS_HASH, OrderEvent
from schemas.events.lifecycle import Approved, Confirmed, OrderInitiated, Signed
from schemas.examples import example
from schemas.hash_chain import ChainBroken, Link, digest_of, verify


def chain() -> list[tuple[OrderEvent, bytes]]:
    links: list[tuple[OrderEvent, bytes]] = []
    tail = GENESIS_HASH
    kinds: tuple[type[OrderEvent], ...] = (OrderInitiated, Approved, Signed, Confirmed)
    for sequence, kind in enumerate(kinds, start=1):
        event = example(kind).model_copy(update={"sequence": sequence, "previous_hash": tail})
        value = wire.encode(event)
        links.append((event, value))
        tail = digest_of(value)
    return links


def test_a_whole_chain_verifies_to_its_last_link() -> None:
    links = chain()
    assert verify(links) == Link(4, digest_of(links[-1][1]))


def test_no_events_verify_to_the_beginning() -> None:
    assert verify([]) == Link()


@pytest.mark.parametrize("missing", range(3))
def test_a_missing_link_breaks_it(missing: int) -> None:
    links = chain()
    del links[missing]
    with pytest.raises(ChainBroken):
        verify(links)


def test_a_link_twice_breaks_it() -> None:
    links = chain()
    with pytest.raises(ChainBroken):
        verify([*links[:2], links[1], *links[2:]])


def test_links_out_of_order_break_it() -> None:
    links = chain()
    with pytest.raises(ChainBroken):
        verify([links[0], links[2], links[1], links[3]])


@given(st.data())
def test_a_changed_byte_of_any_link_but_the_last_breaks_it(data: st.DataObject) -> None:
    links = chain()
    index = data.draw(st.integers(0, 2))
    event, value = links[index]
    changed = bytearray(value)
    changed[data.draw(st.integers(0, len(value) - 1))] ^= data.draw(st.integers(1, 255))
    links[index] = (event, bytes(changed))
    with pytest.raises(ChainBroken):
        verify(links)
