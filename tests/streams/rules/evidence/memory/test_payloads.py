"""A nonce has one payload, except for recorded replacements: as a table."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.rules.evidence.memory.payloads import NONCES_REMEMBERED_MAX, ClaimedPayload, Payload, PayloadBook
from tests.streams.judging.paper import CHAIN, GWEI, payload, transaction_hash

FIRST = payload()
SIGNED = transaction_hash(FIRST.digest)


def book_of(*payloads: Payload) -> PayloadBook:
    book = PayloadBook()
    for each in payloads:
        book.put(ClaimedPayload(payload=each, transaction_hash=transaction_hash(each.digest)))
    return book


def stuck(order: str = "o1", fee: int = 110 * GWEI, tip: int = 11 * GWEI, **changes: Any) -> Payload:
    """A payload that is to take the first one's nonce."""
    fees = {"max_fee_per_gas": fee, "max_priority_fee_per_gas": tip}
    return payload(order, content="again", **({"replaces": SIGNED} | fees | changes))


EMPTY: dict[str, Any] = {"call": "00" * 32, "is_empty": True}

SIGNABLE: dict[str, tuple[Payload, bool]] = {
    "a nonce that nobody asked for": (payload("o2", 6), False),
    "the same payload again": (FIRST, False),
    "the same payload again, when the order was cancelled": (FIRST, True),
    "the same nonce of another wallet": (payload("o2", wallet_id="treasury-2"), False),
    "the same nonce on another chain": (payload("o2", chain_id=1), False),
    "the same call with fees a tenth higher": (stuck(), False),
    "the same call with higher fees, when the order was cancelled": (stuck(), True),
    "nothing to itself for a cancelled order": (stuck(**EMPTY), True),
}

REFUSED: dict[str, tuple[Payload, bool, str]] = {
    "another order": (payload("o2"), False, "another payload"),
    "the same order with other bytes": (payload(content="again"), False, "another payload"),
    "the same order with another nonce": (payload("o1", 6), False, "has nonce 5"),
    "a replacement of another transaction": (stuck(replaces=transaction_hash("no")), False, "another payload"),
    "a replacement by another order": (stuck("o2", call=FIRST.call), False, "only that order's own"),
    "a replacement that does something else": (stuck(call="11" * 32), False, "something else"),
    "one that does something else for a cancelled order": (stuck(call="11" * 32), True, "something else"),
    "nothing to itself for an order that stands": (stuck(**EMPTY), False, "something else"),
    "a fee that is not a tenth higher": (stuck(fee=110 * GWEI - 1), False, "both fees"),
    "a tip that is not a tenth higher": (stuck(tip=11 * GWEI - 1), False, "both fees"),
    "an empty one that does not raise the fees": (stuck(fee=100 * GWEI, **EMPTY), True, "both fees"),
    "a replacement where nothing was signed": (stuck("o2", nonce=6), False, "is not known"),
}


@pytest.mark.parametrize("name", SIGNABLE)
def test_it_may_be_signed(name: str) -> None:
    offered, is_cancelled = SIGNABLE[name]
    assert book_of(FIRST).refusal(offered, is_cancelled=is_cancelled) is None


@pytest.mark.parametrize("name", REFUSED)
def test_it_must_not_be_signed(name: str) -> None:
    offered, is_cancelled, reason = REFUSED[name]
    refusal = book_of(FIRST).refusal(offered, is_cancelled=is_cancelled)
    assert refusal is not None
    assert reason in refusal


def test_what_was_claimed_and_not_signed_yet_is_not_replaced() -> None:
    book = PayloadBook()
    book.put(ClaimedPayload(payload=FIRST))
    assert "another payload" in str(book.refusal(stuck(), is_cancelled=False))


def test_a_replacement_is_replaced_in_its_turn_and_the_first_is_not_forgotten() -> None:
    second = stuck()
    third = stuck(fee=121 * GWEI, tip=13 * GWEI, replaces=transaction_hash(second.digest), digest="33" * 32)
    book = book_of(FIRST, second)
    assert book.refusal(third, is_cancelled=False) is None
    assert "another payload" in str(book.refusal(stuck(fee=121 * GWEI, tip=13 * GWEI, digest="33" * 32), is_cancelled=False))
    assert [book.refusal(each, is_cancelled=False) for each in (FIRST, second)] == [None, None]


def test_what_was_not_signed_is_forgotten_and_what_it_would_have_replaced_stays() -> None:
    book = book_of(FIRST, stuck())
    book.drop(stuck())
    assert book.refusal(stuck(), is_cancelled=False) is None
    book.drop(FIRST)
    assert book.refusal(payload("o2"), is_cancelled=False) is None
    assert not book.knows(FIRST.account, FIRST.nonce)


def test_nonces_of_long_ago_are_refused_unseen() -> None:
    book = book_of(*(payload(f"o{nonce}", nonce) for nonce in range(NONCES_REMEMBERED_MAX + 10)))
    assert len(book.accounts["treasury-1", CHAIN].by_nonce) == NONCES_REMEMBERED_MAX
    assert "long ago" in str(book.refusal(payload("o9", 9), is_cancelled=False))
    assert book.knows(FIRST.account, 0)
    book.put(ClaimedPayload(payload=payload("another", 3)))
    assert book.of(FIRST.account, 3) == []
    assert book.refusal(payload("new", NONCES_REMEMBERED_MAX + 10), is_cancelled=False) is None


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3), st.sampled_from("xy"))))
def test_however_it_is_asked_a_nonce_has_one_payload(offers: list[tuple[str, int, str]]) -> None:
    """Asks before each claim, as every signer does."""
    book = PayloadBook()
    for order, nonce, content in offers:
        offered = payload(order, nonce, content=content)
        if book.refusal(offered, is_cancelled=False) is None:
            book.put(ClaimedPayload(payload=offered))
    claimed = [spoken for account in book.accounts.values() for spoken in account.by_nonce.values()]
    assert all(len(spoken) == 1 for spoken in claimed)
    assert len({spoken[0].payload.order_id for spoken in claimed}) == len(claimed)
