"""The enclave's memory beside the log: crashes, lost memories, older logs, second payloads, caps of its own."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from schemas.events.lifecycle import Signed, SigningRefused, Simulated
from schemas.firm import BreakerScope
from schemas.firm_commands import TripBreaker
from streams.judging.memory import SealedMemory
from streams.rules.decider import Later, Processor, Received
from streams.rules.evidence.memory.velocity import VelocityCaps
from streams.rules.evidence.signing_decider import Judged, SignerState, SigningDecider
from streams.rules.governance.root import RootedGovernance
from streams.signing.backends.contract import KeyUnusable, Made, Pending, Task
from streams.signing.enclave import JUDGED_AGAIN_MICROS, Enclave
from tests.world.firm.governance import PINNED
from tests.world.line.forgery import fields, rewritten, transaction, where
from tests.world.line.line import Feed, KeyInMemory, Line, simulated_of
from tests.world.line.scenery import genesis, pay, swap, wallet
from tests.world.line.signer_memory import JournalInMemory, memory_on
from tests.world.line.simulated_chain import FIRST_NONCE

MINUTE = 60_000_000


@dataclass
class Life:
    """One life of an enclave, up to the point at which the engine would write its answer: nothing it says gets onto the log."""

    records: list[Received]
    journal: JournalInMemory
    key: Any = field(default_factory=KeyInMemory)
    caps: VelocityCaps = field(default_factory=VelocityCaps)

    def __post_init__(self) -> None:
        memory: SealedMemory = memory_on(self.journal, self.caps)
        self.enclave = Enclave(Feed(self.records), self.key, RootedGovernance(PINNED), memory)
        self.enclave.refresh()

    def offered(self, received: Received, now: int) -> Judged | Later | None:
        processor = Processor("signer", ("simulated",), ("signed",), SigningDecider(), self.enclave, self.enclave)
        return processor.input_of(SignerState(), received, now)

    def says(self, received: Received, now: int) -> Signed | SigningRefused:
        judged = self.offered(received, now)
        assert isinstance(judged, Judged), judged
        outcome = SigningDecider().decide(SignerState(), judged, now)
        assert isinstance(outcome, tuple)
        (event,) = outcome
        assert isinstance(event, Signed | SigningRefused)
        return event


def check_of(event: Signed | SigningRefused) -> str:
    return "signed" if isinstance(event, Signed) else event.refusal.check


def of(line: Line, journal: JournalInMemory, **how: Any) -> Life:
    return Life(line.records, journal, **how)


@pytest.fixture
def journal() -> JournalInMemory:
    return JournalInMemory()


# Crashes --------------------------------------------------------------------------------------------------------------


def test_what_was_signed_before_a_crash_is_said_again_with_the_same_bytes(swapped: Line, journal: JournalInMemory) -> None:
    asked = simulated_of(swapped, "o1")
    first = of(swapped, journal).says(asked, swapped.now)
    second_life = of(swapped, journal)
    assert second_life.says(asked, swapped.now + 1) == first
    assert second_life.key.digests == []


def stopped() -> Line:
    """`o1` before the enclave, and then the firm is stopped."""
    line = Line()
    line.send("o1", swap("20000"))
    line.run("desk", "execution")
    return line


def stop(line: Line, scope: BreakerScope = "firm", subject: str = "*") -> None:
    line.ask_firm(TripBreaker(scope=scope, subject=subject, state="open", reason="prices diverge"))
    line.run("governance")


def test_a_signature_that_may_have_been_seen_is_not_taken_back(journal: JournalInMemory) -> None:
    """Its nonce would be given to another order."""
    line = stopped()
    first = of(line, journal).says(simulated_of(line, "o1"), line.now)
    stop(line)
    assert of(line, journal).says(simulated_of(line, "o1"), line.now) == first
    assert check_of(of(line, JournalInMemory()).says(simulated_of(line, "o1"), line.now)) == "breakers"


class Crash(Exception):
    """The process ends in the middle of a signature."""


class Crashing:
    """A backend that ends its process, or asks to be asked again."""

    def __init__(self, *answers: type[Exception] | Pending) -> None:
        self.answers, self.inner, self.asked = list(answers), KeyInMemory(), 0

    def sign(self, task: Task) -> Made | Pending:
        self.asked += 1
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Pending):
            return answer
        if answer is not None:
            raise answer("no")
        return self.inner.sign(task)


def test_an_order_whose_enclave_died_while_signing_is_signed_by_the_next(swapped: Line, journal: JournalInMemory) -> None:
    with pytest.raises(Crash):
        of(swapped, journal, key=Crashing(Crash)).says(simulated_of(swapped, "o1"), swapped.now)
    assert check_of(of(swapped, journal).says(simulated_of(swapped, "o1"), swapped.now)) == "signed"


def test_a_claim_of_a_token_that_signed_nothing_is_given_up_when_the_order_is_refused(journal: JournalInMemory) -> None:
    line = stopped()
    with pytest.raises(Crash):
        of(line, journal, key=Crashing(Crash)).says(simulated_of(line, "o1"), line.now)
    stop(line)
    life = of(line, journal)
    assert check_of(life.says(simulated_of(line, "o1"), line.now)) == "breakers"
    assert [json.loads(entry)["kind"] for entry in journal.entries] == ["summary", "released"]


def test_a_claim_of_others_is_not_given_up_when_the_order_is_refused(journal: JournalInMemory) -> None:
    """They may have signed meanwhile, and nobody here would know."""
    line = Line(genesis(wallets=[wallet(key_backend="mpc"), wallet("treasury-2")]))
    line.send("o1", pay("1000"))
    line.run("desk", "execution")
    asked, now = simulated_of(line, "o1"), line.now
    assert isinstance(of(line, journal, key=Crashing(Pending("cosigners"))).offered(asked, now), Later)
    life = of(line, journal)
    assert check_of(life.says(asked, now + 2 * MINUTE)) == "simulation"
    assert [json.loads(entry)["kind"] for entry in journal.entries] == ["summary"]


def test_a_key_that_cannot_sign_frees_the_nonce_for_the_next_order(journal: JournalInMemory) -> None:
    line = Line(journal=journal)
    line.use(Crashing(KeyUnusable))
    line.send("o1", pay("1000"))
    line.run()
    line.send("o2", pay("2000"))
    line.run()
    assert (line.outcome("o1"), line.outcome("o2")) == ("key", "signed")
    assert [signed.nonce for signed in line.events(Signed)] == [FIRST_NONCE]


# Others take part -----------------------------------------------------------------------------------------------------


def test_while_others_sign_the_order_waits_and_is_judged_again_every_second(swapped: Line, journal: JournalInMemory) -> None:
    waiting = [Pending("cosigners") for _ in range(3)]
    life = of(swapped, journal, key=Crashing(*waiting))
    asked, now = simulated_of(swapped, "o1"), swapped.now
    assert life.offered(asked, now) == Later("cosigners")
    assert life.offered(asked, now + 1) == Later("cosigners")
    assert life.offered(asked, now + JUDGED_AGAIN_MICROS) == Later("cosigners")
    assert check_of(life.says(asked, now + JUDGED_AGAIN_MICROS + 1)) == "signed"
    assert life.key.asked == 4


def test_what_no_longer_holds_while_others_sign_is_refused(journal: JournalInMemory) -> None:
    line = stopped()
    life = of(line, journal, key=Crashing(Pending("cosigners")))
    asked = simulated_of(line, "o1")
    assert isinstance(life.offered(asked, line.now), Later)
    stop(line)
    life.enclave.refresh()
    assert check_of(life.says(asked, line.now + JUDGED_AGAIN_MICROS)) == "breakers"


# One payload for one nonce --------------------------------------------------------------------------------------------


def test_a_second_payload_for_a_nonce_is_refused_though_no_log_tells_of_the_first(paid: Line, journal: JournalInMemory) -> None:
    """The first signature never got onto the log; now the same order is offered with other bytes."""
    assert check_of(of(paid, journal).says(simulated_of(paid, "o1"), paid.now)) == "signed"
    other = rewritten(paid.records, where(Simulated, "o1", transaction(max_fee_per_gas=14)))
    again = next(r for r in other if isinstance(r.record, Simulated) and r.record.order_id == paid.order_id("o1"))
    for remembered, check in ((journal, "nonce"), (JournalInMemory(), "signed")):
        life = Life(other, remembered)
        assert check_of(life.says(again, paid.now)) == check
    assert Life(other, journal).key.digests == []


def test_a_memory_that_was_lost_is_had_again_from_the_log(journal: JournalInMemory) -> None:
    """An attacker offers a used nonce to an enclave without memory, and without the state that the engine restores."""
    line = Line()
    line.send("o1", pay("1000"))
    line.run()
    line.send("o2", pay("2000"))
    line.run("desk", "execution")
    used = rewritten(line.records, where(Simulated, "o2", transaction(nonce=FIRST_NONCE)))
    asked = next(r for r in used if isinstance(r.record, Simulated) and r.record.order_id == line.order_id("o2"))
    life = Life(used, journal)
    assert check_of(life.says(asked, line.now)) == "nonce"
    assert life.key.digests == []


def test_an_order_that_the_log_has_a_signature_for_is_not_signed_by_an_enclave_that_does_not_know(
    journal: JournalInMemory,
) -> None:
    """Two enclaves by mistake: the other one was faster, and this one's own state is of before."""
    line = Line()
    line.send("o1", pay("1000"))
    line.run("desk", "execution", "signer")
    life = of(line, journal)
    answered = life.says(simulated_of(line, "o1"), line.now)
    assert (check_of(answered), life.key.digests) == ("nonce", [])


def test_a_replacement_of_nothing_is_refused(paid: Line, journal: JournalInMemory) -> None:
    """Nor does it slip past the cap of its wallet."""
    forged = rewritten(paid.records, where(Simulated, "o1", fields(replaces="0x" + "ab" * 32)))
    asked = next(r for r in forged if isinstance(r.record, Simulated) and r.record.order_id == paid.order_id("o1"))
    assert check_of(Life(forged, journal).says(asked, paid.now)) == "nonce"


# Caps of its own ------------------------------------------------------------------------------------------------------


def test_no_more_leaves_a_wallet_than_the_enclave_allows() -> None:
    line = Line(caps=VelocityCaps(wallets={"treasury-1": Decimal(1_500)}))
    for name, amount, wallet_id in (("o1", "1000", "treasury-1"), ("o2", "501", "treasury-1"), ("o3", "501", "treasury-2")):
        line.send(name, pay(amount, wallet_id=wallet_id))
        line.run()
    assert [line.outcome(name) for name in ("o1", "o2", "o3")] == ["signed", "velocity", "signed"]
    assert line.events(Signed, "o1")[0].amount_usd == Decimal(1_000)
    line.restart_signer()
    line.send("o4", pay("501"))
    line.send("o5", pay("500"))
    line.run()
    assert [line.outcome(name) for name in ("o4", "o5")] == ["velocity", "signed"]


def test_a_lost_memory_does_not_forget_what_left_a_wallet() -> None:
    line = Line(caps=VelocityCaps(default_usd=Decimal(1_500)))
    line.send("o1", pay("1000"))
    line.run()
    line.journal = JournalInMemory()
    line.restart_signer()
    line.send("o2", pay("501"))
    line.run()
    assert line.outcome("o2") == "velocity"


# Older logs -----------------------------------------------------------------------------------------------------------


def test_an_older_log_is_refused(journal: JournalInMemory) -> None:
    """It ends before somebody was stopped, and would be believed by whoever has not seen that."""
    line = Line(journal=journal)
    line.send("o1", swap("20000"))
    line.send("o2", swap("30000"))
    line.run("desk", "execution")
    older, asked = list(line.records), simulated_of(line, "o1")
    assert check_of(Life(older, JournalInMemory()).says(asked, line.now)) == "signed"
    line.send("o3", pay("1000", wallet_id="treasury-2"))
    stop(line, "desk", "other")
    line.run()
    assert line.outcome("o3") == "signed"
    life = Life(older, journal)
    refused = life.says(asked, line.now)
    assert (check_of(refused), life.key.digests) == ("log-rollback", [])
    assert isinstance(refused, SigningRefused)
    assert "governance ends at" in refused.refusal.message
