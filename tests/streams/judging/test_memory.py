"""The signer's memory: asked, written to disk, lost, and rebuilt from the log."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from schemas.events.lifecycle import Signed
from streams.judging import memory as sealed
from streams.judging.memory import SealedMemory
from streams.rules.evidence.memory.payloads import NONCES_REMEMBERED_MAX, Payload, payload_signed
from streams.rules.evidence.memory.reached import Reached
from streams.rules.evidence.memory.velocity import VelocityCaps
from tests.streams.judging.paper import payload, real_signature, signed
from tests.world.line.scenery import START
from tests.world.line.signer_memory import JournalInMemory, memory_on

CAPS = VelocityCaps(default_usd=Decimal(2_500))
THERE = Reached(governance_position=3, governance_digest="ab", desk_positions={7: 11}, desk_digests={7: "ef"})


@dataclass
class Log:
    """The end positions of a log."""

    governance_position: int = 3
    desk: int = 11
    forked: bool = False
    asked: list[int] = field(default_factory=list)

    def governance_digest(self, position: int) -> str:
        self.asked.append(position)
        return "cd" if self.forked else "ab"

    def desk_position(self, partition: int) -> int:
        return self.desk if partition == 7 else 0

    def desk_digest(self, partition: int, position: int) -> str | None:
        return "ef" if (partition, position) == (7, 11) else None


def check_of(memory: SealedMemory, offered: Payload) -> str | None:
    refusal = memory.refusal(offered, START)
    return None if refusal is None else refusal.check


def test_what_was_claimed_is_remembered_by_the_next_life() -> None:
    journal = JournalInMemory()
    memory_on(journal, CAPS).claim(payload(), THERE)
    again = memory_on(journal, CAPS)
    assert check_of(again, payload()) is None
    assert check_of(again, payload("o2")) == "nonce"
    assert check_of(again, payload("o2", 6, amount_usd=Decimal(1_500))) is None
    assert check_of(again, payload("o2", 6, amount_usd=Decimal(1_501))) == "velocity"
    assert again.reached == THERE


def test_a_claim_is_on_the_disk_before_it_is_anything_else() -> None:
    class Full(JournalInMemory):
        def append(self, entry: bytes, *, durable: bool = True) -> None:  # noqa: ARG002 - it has no room for it
            assert durable
            raise OSError(28, "No space left on device")

    memory = memory_on(Full(), CAPS)
    with pytest.raises(OSError, match="No space left"):
        memory.claim(payload(), THERE)
    assert check_of(memory, payload("o2")) is None


def test_what_is_claimed_twice_counts_once() -> None:
    journal = JournalInMemory()
    memory = memory_on(journal, CAPS)
    for _ in range(3):
        memory.claim(payload(), THERE)
    assert len(journal.entries) == 1
    assert check_of(memory, payload("o2", 6, amount_usd=Decimal(1_500))) is None


def test_what_was_certainly_not_signed_frees_its_nonce_and_its_amount() -> None:
    journal = JournalInMemory()
    memory = memory_on(journal, CAPS)
    memory.release(payload())
    memory.claim(payload(), THERE)
    memory.release(payload())
    for each in (memory, memory_on(journal, CAPS)):
        assert check_of(each, payload("o2", amount_usd=Decimal(2_500))) is None


def test_what_was_signed_is_never_freed() -> None:
    memory = memory_on(JournalInMemory(), CAPS)
    memory.claim(payload(), THERE)
    memory.keep(payload(), signed(payload()))
    memory.release(payload())
    assert check_of(memory, payload("o2")) == "nonce"


def answers(memory: SealedMemory) -> list[str]:
    return [spoken.answer for spoken in memory._book.of(payload().account, payload().nonce)]


def test_an_answer_is_kept_until_it_stands_on_the_log() -> None:
    journal, said = JournalInMemory(), signed(payload())
    memory = memory_on(journal, CAPS)
    memory.claim(payload(), THERE)
    memory.keep(payload(claimed_at=START + 1), said)
    for each in (memory, memory_on(journal, CAPS)):
        (answer,) = answers(each)
        assert Signed.model_validate_json(answer) == said
        each.learn(said)
        assert answers(each) == [""]
        assert check_of(each, payload("o2", 6, amount_usd=Decimal(1_501))) == "velocity"


def test_a_signature_of_another_order_does_not_take_the_place_of_a_claim() -> None:
    """Two enclaves by mistake: neither signs anything else for the nonce any more."""
    memory = memory_on(JournalInMemory(), CAPS)
    memory.claim(payload(), THERE)
    memory.learn(signed(payload("o2")))
    assert check_of(memory, payload()) is None
    assert check_of(memory, payload("o2")) == "nonce"
    assert check_of(memory, payload("o3", 6, amount_usd=Decimal(1_500))) is None


# Lost -----------------------------------------------------------------------------------------------------------------


def test_a_lost_memory_is_learned_again_from_the_log() -> None:
    memory, said = memory_on(JournalInMemory(), CAPS), real_signature(5)
    for _ in range(2):
        memory.learn(said)
    assert check_of(memory, payload_signed(said)) is None
    assert check_of(memory, payload("o2", 5)) == "nonce"
    assert check_of(memory, payload("o1", 6)) == "nonce"
    assert check_of(memory, payload("o2", 6, amount_usd=Decimal(1_501))) == "velocity"


def test_what_was_learned_outlives_the_next_rewriting_and_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed, "ENTRIES_BETWEEN_REWRITES_MAX", 1)
    journal, said = JournalInMemory(), real_signature(5)
    memory = memory_on(journal, CAPS)
    memory.learn(said)
    memory.claim(payload("far", 5, wallet_id="treasury-2"), THERE)
    assert len(journal.entries) == 1
    again = memory_on(journal, CAPS)
    again.learn(said)
    assert check_of(again, payload("o2", 5)) == "nonce"
    assert check_of(again, payload("o2", 6, amount_usd=Decimal(1_500))) is None
    assert check_of(again, payload("o2", 6, amount_usd=Decimal(1_501))) == "velocity"


def test_a_past_of_thousands_is_not_taken_apart_and_its_old_nonces_are_refused() -> None:
    memory = memory_on(JournalInMemory(), VelocityCaps())
    for nonce in range(NONCES_REMEMBERED_MAX + 50):
        memory.learn(signed(payload(f"o{nonce}", nonce), raw_transaction="0x00"))
    assert check_of(memory, payload("new", 3)) == "nonce"
    assert check_of(memory, payload("new", NONCES_REMEMBERED_MAX)) == "nonce"
    assert check_of(memory, payload("new", NONCES_REMEMBERED_MAX + 50)) is None


@pytest.mark.parametrize("raw", ["0x00", real_signature(6).raw_transaction])
def test_bytes_that_say_something_else_use_their_nonce_up_all_the_same(raw: str) -> None:
    memory = memory_on(JournalInMemory(), CAPS)
    memory.learn(signed(payload(), raw_transaction=raw))
    assert check_of(memory, payload()) == "nonce"
    assert check_of(memory, payload("o2", 6)) is None


def test_a_replacement_on_the_log_is_learned_after_what_it_replaced() -> None:
    memory, first = memory_on(JournalInMemory(), CAPS), signed(payload())
    memory.learn(first)
    memory.learn(signed(payload(content="again", replaces=first.transaction_hash), raw_transaction="0x01"))
    assert len(answers(memory)) == 2
    assert check_of(memory, payload("o2", 6, amount_usd=Decimal(1_500))) is None


def test_a_replacement_takes_no_more_of_the_cap() -> None:
    memory, first = memory_on(JournalInMemory(), CAPS), payload(amount_usd=Decimal(2_500))
    memory.claim(first, THERE)
    memory.keep(first, signed(first))
    later = payload(
        content="again",
        replaces=signed(first).transaction_hash,
        amount_usd=Decimal(2_500),
        max_fee_per_gas=first.max_fee_per_gas * 2,
        max_priority_fee_per_gas=first.max_priority_fee_per_gas * 2,
    )
    assert check_of(memory, later) is None
    memory.claim(later, THERE)
    memory.release(later)
    assert check_of(memory, payload("o2", 6, amount_usd=Decimal(1))) == "velocity"


# Older logs -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (Log(), None),
        (Log(governance_position=4, desk=12), None),
        (Log(governance_position=2), "governance ends at 2"),
        (Log(desk=10), "desk's log ends at 10"),
        (Log(forked=True), "is not what this signer has seen"),
    ],
)
def test_a_log_that_ends_before_what_was_read_is_an_older_one(log: Log, reason: str | None) -> None:
    refusal = THERE.refusal(log, 7)
    assert (refusal is None) == (reason is None)
    assert reason is None or reason in str(refusal)


def test_whoever_has_read_nothing_believes_any_log() -> None:
    log = Log()
    assert Reached().refusal(log, 7) is None
    assert Reached().moved_to(log, 7) == THERE
    assert log.asked == [3]
