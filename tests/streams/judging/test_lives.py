"""For any offers and any deaths of a signer: one payload is signed per nonce, and an order has one nonce."""

from __future__ import annotations

from collections import defaultdict
from typing import Final, Literal, get_args

from hypothesis import given
from hypothesis import strategies as st

from schemas.events.lifecycle import Signed
from streams.judging.memory import SealedMemory
from streams.rules.evidence.memory.payloads import Payload
from streams.rules.evidence.memory.reached import Reached
from tests.streams.judging.paper import payload, signed
from tests.world.line.scenery import START
from tests.world.line.signer_memory import JournalInMemory, memory_on

Fate = Literal["refused", "unusable", "dies after claiming", "dies after keeping", "says it", "says it and it is on the log"]
OFFERS: Final = st.tuples(st.sampled_from("abc"), st.integers(0, 2), st.sampled_from("xy"), st.sampled_from(get_args(Fate)))


class Signer:
    """Does with its memory what the enclave does, with a key in a token; loses all of it but the journal when it dies."""

    def __init__(self) -> None:
        self.journal = JournalInMemory()
        self.memory: SealedMemory = memory_on(self.journal)
        self.left: defaultdict[int, set[tuple[str, str]]] = defaultdict(set)
        self.log: list[Signed] = []

    def offered(self, asked: Payload, fate: Fate) -> None:
        spoken = self.memory._book.found(asked)
        if spoken is not None and spoken.transaction_hash:
            return
        if fate == "refused":
            self.memory.release(asked)
            return
        if self.memory.refusal(asked, START) is not None:
            return
        self.memory.claim(asked, Reached())
        if fate == "unusable":
            self.memory.release(asked)
        elif fate == "dies after claiming":
            self.die()
        else:
            self._sign(asked, fate)

    def _sign(self, asked: Payload, fate: Fate) -> None:
        said = signed(asked)
        self.memory.keep(asked, said)
        self.left[asked.nonce].add((asked.order_id, asked.digest))
        if fate == "says it and it is on the log":
            self.log.append(said)
            self.memory.learn(said)
        if fate == "dies after keeping":
            self.die()

    def die(self) -> None:
        """Begin again with the journal and the log."""
        self.memory = memory_on(self.journal)
        for said in self.log:
            self.memory.learn(said)


@given(st.lists(OFFERS, max_size=30))
def test_one_payload_leaves_for_a_nonce_and_an_order_has_one(offers: list[tuple[str, int, str, Fate]]) -> None:
    signer = Signer()
    for order, nonce, content, fate in offers:
        signer.offered(payload(order, nonce, content=content), fate)
    assert all(len(left) == 1 for left in signer.left.values())
    orders = [order_id for left in signer.left.values() for order_id, _ in left]
    assert len(set(orders)) == len(orders)
