"""One rule decides when an order may reuse a nonce that others may have signed for: as a table."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.ethereum.outbidding import outbidding
from schemas.events.lifecycle import Claim, Signed, SigningRefused, Simulated
from schemas.examples import example
from streams.judging import memory as sealed
from streams.judging.memory import SealedMemory
from streams.rules.evidence.memory.payloads import NONCES_REMEMBERED_MAX, Payload, payload_signed
from streams.rules.evidence.memory.reached import Reached
from streams.rules.evidence.memory.velocity import VelocityCaps
from tests.streams.judging.paper import CHAIN, GWEI, payload, real_signature, signed, transaction_hash
from tests.world.line.scenery import START, named
from tests.world.line.signer_memory import JournalInMemory, memory_on

FIRST: Final = payload(backend="mpc")
FEES: Final = {"max_fee_per_gas": 110 * GWEI, "max_priority_fee_per_gas": 11 * GWEI}
MORE: Final = {"max_fee_per_gas": 121 * GWEI, "max_priority_fee_per_gas": 121 * GWEI // 10}


def next_one(order: str = "o2", **changes: Any) -> Payload:
    """The payload that is to have the first one's nonce."""
    return payload(order, **({"backend": "mpc", "overtakes": FIRST.digest} | FEES | changes))


def refused(made: Payload, claim: Claim | None = None) -> SigningRefused:
    """The log's record of a refused order."""
    shape = {
        "order_id": made.order_id,
        "wallet_id": made.wallet_id,
        "chain_id": made.chain_id,
        "nonce": made.nonce,
        "claimed": claim,
        "decided_at": START,
    }
    return example(SigningRefused).model_copy(update=shape)


def simulated(made: Payload) -> Simulated:
    """As much of a simulation as a memory is asked by; its bytes are its own."""
    unsigned = example(Simulated).transaction.model_copy(update={"chain_id": made.chain_id, "nonce": made.nonce})
    shape = {"order_id": made.order_id, "wallet_id": made.wallet_id, "transaction": unsigned, "overtakes": made.overtakes}
    return example(Simulated).model_copy(update=shape)


def left_behind(*, told: bool = True) -> SealedMemory:
    """The first payload was claimed; the log says that its order was refused, if it was `told`."""
    memory = memory_on(JournalInMemory())
    memory.claim(FIRST, Reached())
    if told:
        memory.learn_refusal(refused(FIRST, FIRST.claim))
    return memory


def reason(memory: SealedMemory, offered: Payload) -> str | None:
    refusal = memory.refusal(offered, START)
    return None if refusal is None else refusal.message


REFUSED: Final[dict[str, tuple[Payload, str]]] = {
    "another order that names nothing": (next_one(overtakes=None), "another payload"),
    "one that names another claim": (next_one(overtakes="11" * 32), "another payload"),
    "a fee that is not a tenth higher": (next_one(max_fee_per_gas=110 * GWEI - 1), "both fees"),
    "a tip that is not a tenth higher": (next_one(max_priority_fee_per_gas=11 * GWEI - 1), "both fees"),
    "one that names a transaction, too": (next_one(replaces=transaction_hash("no")), "both replace"),
    "the refused order's own next payload": (next_one("o1", content="again"), "no other order"),
    "the claim itself, again": (FIRST, "was refused"),
    "what overtakes where nothing was claimed": (next_one(nonce=6), "not known"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_nonce_is_not_overtaken_otherwise(name: str) -> None:
    offered, why = REFUSED[name]
    assert why in str(reason(left_behind(), offered))


def test_what_was_claimed_by_an_order_that_was_refused_is_overtaken() -> None:
    assert reason(left_behind(), next_one()) is None


def test_the_new_payloads_word_for_it_is_not_enough() -> None:
    assert "no other order" in str(reason(left_behind(told=False), next_one()))


def test_a_refusal_of_another_order_nonce_or_wallet_is_none_of_this_one() -> None:
    memory = left_behind(told=False)
    for other in (payload("o9"), payload(nonce=6), payload(wallet_id="treasury-2"), payload(chain_id=1)):
        memory.learn_refusal(refused(other))
    assert "no other order" in str(reason(memory, next_one()))


def test_what_was_signed_is_not_overtaken_whatever_the_log_says_of_its_order() -> None:
    for memory in (left_behind(), left_behind(told=False)):
        memory.learn(signed(FIRST))
        memory.learn_refusal(refused(FIRST, FIRST.claim))
        assert "was signed" in str(reason(memory, next_one()))
        assert reason(memory, FIRST) is None


def test_what_overtakes_is_overtaken_in_its_turn_by_what_outbids_all_before() -> None:
    memory, second = left_behind(), next_one()
    memory.claim(second, Reached())
    third = next_one("o3", overtakes=second.digest, **MORE)
    assert "no other order" in str(reason(memory, third))
    memory.learn_refusal(refused(second, second.claim))
    assert reason(memory, third) is None
    assert "another payload" in str(reason(memory, next_one("o3", **MORE)))
    assert "both fees" in str(reason(memory, next_one("o3", overtakes=second.digest)))
    assert [str(reason(memory, each)).split()[-1] for each in (FIRST, second)] == ["its", "its"]


def test_an_order_that_overtook_has_no_second_nonce() -> None:
    memory = left_behind()
    memory.claim(next_one(), Reached())
    assert "has nonce 5" in str(reason(memory, payload("o2", 6)))


def test_what_is_overtaken_counts_towards_the_cap_as_if_it_had_left() -> None:
    """An attacker who has orders signed, marks them refused and sends them himself does not exceed the wallet's cap."""
    caps = VelocityCaps(default_usd=Decimal(2_500))
    claimed, told = memory_on(JournalInMemory(), caps), memory_on(JournalInMemory(), caps)
    claimed.claim(FIRST, Reached())
    for memory in (claimed, told):
        memory.learn_refusal(refused(FIRST, FIRST.claim))
        memory.learn_refusal(refused(FIRST, FIRST.claim))
        assert reason(memory, next_one(amount_usd=Decimal(1_500))) is None
        assert "cap" in str(reason(memory, next_one(amount_usd=Decimal(1_501))))


# What is told, and learned ---------------------------------------------------------------------------------------------


def test_a_refusal_tells_what_was_left_claimed() -> None:
    assert left_behind(told=False).left_claimed(simulated(FIRST)) == FIRST.claim
    assert left_behind(told=False).left_claimed(simulated(next_one())) is None
    assert memory_on(JournalInMemory()).left_claimed(simulated(FIRST)) is None
    told = left_behind()
    assert told.left_claimed(simulated(next_one())) == FIRST.claim
    told.learn(signed(FIRST))
    assert told.left_claimed(simulated(next_one())) is None


def test_a_refusal_from_before_claims_were_told_is_mended_by_the_next_orders() -> None:
    memory = left_behind(told=False)
    memory.learn_refusal(refused(FIRST))
    assert "another payload" in str(reason(memory, next_one(overtakes=None)))
    assert memory.left_claimed(simulated(next_one(overtakes=None))) == FIRST.claim


def test_who_did_not_claim_learns_from_the_log_what_is_to_be_overtaken() -> None:
    memory = memory_on(JournalInMemory())
    assert memory.lacks_refusal(simulated(next_one()))
    memory.learn_refusal(refused(FIRST, FIRST.claim))
    assert not memory.lacks_refusal(simulated(next_one()))
    assert "another payload" in str(reason(memory, next_one(overtakes=None)))
    assert reason(memory, next_one()) is None


def test_what_is_claimed_is_read_of_once_its_order_is_refused() -> None:
    assert left_behind(told=False).lacks_refusal(simulated(next_one()))
    assert not left_behind(told=False).lacks_refusal(simulated(next_one(overtakes=None)))
    memory = left_behind(told=False)
    memory.learn(signed(FIRST))
    assert not memory.lacks_refusal(simulated(next_one()))


def test_a_signature_that_overtook_is_learned_by_who_knows_only_the_claim() -> None:
    memory, said = memory_on(JournalInMemory(), VelocityCaps(default_usd=Decimal(3_000))), real_signature(5)
    memory.learn_refusal(refused(payload("o0"), payload("o0").claim))
    for _ in range(2):
        memory.learn(said)
    assert reason(memory, payload_signed(said)) is None
    assert "was signed" in str(reason(memory, next_one(overtakes=payload_signed(said).digest)))
    assert reason(memory, payload("o9", 6)) is None
    assert "cap" in str(reason(memory, payload("o9", 6, amount_usd=Decimal(1_001))))


def test_a_claim_for_a_nonce_that_was_signed_or_forgotten_is_nothing_new() -> None:
    memory, caps = memory_on(JournalInMemory(), VelocityCaps(default_usd=Decimal(1_000))), Decimal(1_000)
    for nonce in range(NONCES_REMEMBERED_MAX + 10):
        memory.learn(signed(payload(f"o{nonce}", nonce, amount_usd=Decimal(0)), raw_transaction="0x00"))
    for nonce in (3, NONCES_REMEMBERED_MAX):
        made = payload("late", nonce)
        memory.learn_refusal(refused(made, made.claim))
        assert reason(memory, payload("o9", nonce)) is not None
        assert memory.left_claimed(simulated(made)) is None
    assert reason(memory, payload("new", NONCES_REMEMBERED_MAX + 10, amount_usd=caps)) is None


def test_all_of_it_outlives_a_restart_and_a_rewriting(monkeypatch: pytest.MonkeyPatch) -> None:
    journal, second = JournalInMemory(), next_one()
    memory = memory_on(journal)
    memory.claim(FIRST, Reached())
    memory.learn_refusal(refused(FIRST, FIRST.claim))
    memory.claim(second, Reached())
    again = memory_on(journal)
    for each in (memory, again):
        assert reason(each, second) is None
        assert "its" in str(reason(each, FIRST))
        assert "another payload" in str(reason(each, next_one("o3", overtakes=None)))
    monkeypatch.setattr(sealed, "ENTRIES_BETWEEN_REWRITES_MAX", 1)
    memory.claim(payload("far", 5, wallet_id="treasury-2"), Reached())
    assert reason(memory_on(journal), second) is None


def test_what_was_learned_before_a_restart_comes_before_what_is_still_claimed() -> None:
    """The claims before were other signers', so the journal has none of them."""
    journal, others = JournalInMemory(), [next_one(f"before {n}", overtakes=None, backend="mpc") for n in range(2)]
    memory = memory_on(journal)
    for each in others:
        memory.learn_refusal(refused(each, each.claim))
    own = next_one("o3", overtakes=others[-1].digest, **MORE)
    memory.claim(own, Reached())
    again = memory_on(journal)
    for each in others:
        again.learn_refusal(refused(each, each.claim))
    for remembered in (memory, again):
        assert reason(remembered, own) is None
        remembered.learn_refusal(refused(own, own.claim))
        assert remembered.left_claimed(simulated(own)) == own.claim


def test_the_fees_of_what_was_left_are_the_highest_of_all() -> None:
    memory, cheap = left_behind(), payload("o9", content="cheap", max_fee_per_gas=GWEI, max_priority_fee_per_gas=GWEI)
    memory.learn_refusal(refused(cheap, cheap.claim))
    left = memory.left_claimed(simulated(cheap))
    assert left == cheap.claim.model_copy(update={"max_fee_per_gas": 100 * GWEI, "max_priority_fee_per_gas": 10 * GWEI})
    assert reason(memory, next_one(overtakes=cheap.digest)) is None
    assert "both fees" in str(reason(memory, next_one(overtakes=cheap.digest, max_fee_per_gas=100 * GWEI)))


# However it is asked ---------------------------------------------------------------------------------------------------

ORDERS: Final = "abcd"
STEPS: Final = st.one_of(
    st.tuples(st.just("offered"), st.sampled_from(ORDERS), st.integers(0, 1), st.integers(0, 3), st.integers(-1, 1)),
    st.tuples(st.sampled_from(["refused", "told refused", "signed"]), st.sampled_from(ORDERS)),
    st.tuples(st.just("restarted")),
)


class Model:
    """One memory and the log that it reads; beside it the rule, said again in the most obvious way."""

    def __init__(self) -> None:
        self.journal = JournalInMemory()
        self.memory = memory_on(self.journal)
        self.log: list[Signed | SigningRefused] = []
        self.claims: defaultdict[int, list[Payload]] = defaultdict(list)
        self.signed: set[str] = set()
        self.refused: set[tuple[str, int]] = set()

    def offered(self, order: str, nonce: int, level: int, back: int) -> None:
        """`back`: which claim it names, from the newest; -1 for none."""
        claims = self.claims[nonce]
        fees = {"max_fee_per_gas": 10**4 * 11**level // 10**level, "max_priority_fee_per_gas": 10**4 * 11**level // 10**level}
        named_claim = claims[-1 - back].digest if 0 <= back < len(claims) else None
        made = payload(order, nonce, content=f"{order}{level}", overtakes=named_claim, **fees)
        assert (reason(self.memory, made) is None) == self.may(made, claims), made
        if self.may(made, claims):
            self.memory.claim(made, Reached())
            if made not in claims and not any(each.digest == made.digest for each in claims):
                claims.append(made)

    def may(self, made: Payload, claims: list[Payload]) -> bool:
        known = [each for each in claims if each.digest == made.digest]
        if known:
            stands = claims[-1].digest == made.digest and (made.order_id, made.nonce) not in self.refused
            return made.digest in self.signed or stands
        if any(each.order_id == made.order_id for others in self.claims.values() for each in others):
            return False
        if not claims:
            return made.overtakes is None
        return made.overtakes == claims[-1].digest and all(
            (each.order_id, each.nonce) in self.refused
            and each.digest not in self.signed
            and made.max_fee_per_gas >= outbidding(each.max_fee_per_gas)
            for each in claims
        )

    def said(self, what: str, order: str) -> None:
        """The log goes on."""
        mine = [each for claims in self.claims.values() for each in claims if each.order_id == named(order)]
        for each in mine:
            if what == "signed":
                self.signed.add(each.digest)
                self.tell(signed(each))
            else:
                self.refused.add((each.order_id, each.nonce))
                self.tell(refused(each, each.claim if what == "told refused" else None))

    def tell(self, event: Signed | SigningRefused) -> None:
        self.log.append(event)
        self.learn(event)

    def learn(self, event: Signed | SigningRefused) -> None:
        if isinstance(event, Signed):
            self.memory.learn(event)
        else:
            self.memory.learn_refusal(event)

    def restarted(self) -> None:
        self.memory = memory_on(self.journal)
        for event in self.log:
            self.learn(event)


@given(st.lists(STEPS, max_size=30))
def test_a_nonce_has_one_payload_but_by_the_rule(steps: list[tuple[Any, ...]]) -> None:
    model = Model()
    for what, *arguments in steps:
        match what:
            case "offered":
                model.offered(*arguments)
            case "restarted":
                model.restarted()
            case _:
                model.said(what, *arguments)
    assert all(account[1] == CHAIN for account in model.memory._book.accounts)


@pytest.mark.parametrize(
    ("fee", "least"), [(0, 1), (1, 2), (9, 10), (10, 11), (11, 13), (100, 110), (101, 112), (10**9, 11 * 10**8)]
)
def test_what_nodes_ask_for_is_a_tenth_more_rounded_up(fee: int, least: int) -> None:
    assert outbidding(fee) == least
