"""A wallet whose nonce others may have signed for goes on: from a claim and its refusal to the order that overtakes it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra.ethereum.outbidding import outbidding
from schemas.events.answers import NonceResolved
from schemas.events.lifecycle import Claim, Signed, SigningRefused, Simulated
from schemas.examples import example
from schemas.firm_commands import ProposeReset, TripBreaker
from streams.rules.evidence.memory.payloads import digest_of
from streams.rules.governance.root import RootedGovernance
from streams.signing.backends.contract import KeyUnusable, Made, Pending, Task
from streams.signing.enclave import JUDGED_AGAIN_MICROS
from tests.world.firm.governance import PINNED
from tests.world.line.forgery import fields, rewritten, transaction, where
from tests.world.line.line import Feed, KeyInMemory, Line, signer, simulated_of
from tests.world.line.scenery import DESK, NUMBER, genesis, pay, wallet
from tests.world.line.signer_memory import JournalInMemory, memory_on
from tests.world.line.simulated_chain import FIRST_NONCE

MINUTE = 60_000_000


class Others:
    """Holders of shares: while they are `silent` nobody knows what they do; `refuses` comes once they were asked."""

    def __init__(self) -> None:
        self.silent, self.refuses = True, False
        self.inner, self.asked = KeyInMemory(), 0

    def sign(self, task: Task) -> Made | Pending:
        self.asked += 1
        if self.refuses:
            raise KeyUnusable("too few cosigners are left", check="velocity")
        return Pending("cosigners") if self.silent else self.inner.sign(task)


def shared_line(**changes: Any) -> tuple[Line, Others]:
    """A line whose first wallet has its key in shares."""
    line, others = Line(genesis(wallets=[wallet(**({"key_backend": "mpc"} | changes)), wallet("treasury-2")])), Others()
    line.use(others)
    return line, others


def stopped(line: Line) -> None:
    line.ask_firm(TripBreaker(scope="firm", subject="*", state="open", reason="prices diverge"))
    line.now += JUDGED_AGAIN_MICROS
    line.run()


def resumed(line: Line) -> None:
    line.change_firm(ProposeReset(scope="firm", subject="*", reason="prices agree again"))


def left_by(line: Line, name: str) -> Claim:
    """The claim that a refused order left."""
    (refused,) = line.events(SigningRefused, name)
    assert refused.claimed is not None
    return refused.claimed


def refused_after_a_claim(name: str = "o1") -> tuple[Line, Others]:
    """The order was given to others, who may have signed it; then a breaker was tripped, and is reset by now."""
    line, others = shared_line()
    line.send(name, pay("1000"))
    line.run()
    assert line.outcome(name) == "nothing"
    stopped(line)
    assert line.outcome(name) == "breakers"
    resumed(line)
    return line, others


def simulation(line: Line, name: str) -> Simulated:
    record = simulated_of(line, name).record
    assert isinstance(record, Simulated)
    return record


def test_a_nonce_that_others_may_have_signed_for_is_overtaken_by_the_next_order() -> None:
    line, others = refused_after_a_claim()
    first, claim = simulation(line, "o1").transaction, left_by(line, "o1")
    assert claim.digest == digest_of(first)
    others.silent = False
    for name in ("o2", "o3"):
        line.send(name, pay("2000"))
        line.run()
    second, third = line.events(Signed)
    assert [(each.nonce, each.overtakes) for each in (second, third)] == [(FIRST_NONCE, claim.digest), (FIRST_NONCE + 1, None)]
    bid = simulation(line, "o2").transaction
    assert bid.max_fee_per_gas >= outbidding(first.max_fee_per_gas)
    assert bid.max_priority_fee_per_gas >= outbidding(first.max_priority_fee_per_gas)
    assert [each.claimed for each in line.events(NonceResolved) if each.claimed] == [claim]  # type: ignore[type-var]
    assert len(others.inner.digests) == 2


def test_it_goes_on_through_as_many_refusals_as_there_are() -> None:
    line, others = refused_after_a_claim()
    for name in ("o2", "o3"):
        line.send(name, pay("2000"))
        line.run()
        stopped(line)
        assert line.outcome(name) == "breakers"
        resumed(line)
    others.silent = False
    line.send("o4", pay("3000"))
    line.run()
    assert line.outcome("o4") == "signed"
    chain = [simulation(line, name) for name in ("o1", "o2", "o3", "o4")]
    assert [each.overtakes for each in chain[1:]] == [digest_of(each.transaction) for each in chain[:-1]]
    assert {each.transaction.nonce for each in chain} == {FIRST_NONCE}


def test_an_order_that_is_refused_before_others_were_asked_leaves_what_was_claimed_before() -> None:
    line, others = refused_after_a_claim()
    stopped(line)
    line.send("o2", pay("2000"))
    line.run()
    resumed(line)
    others.silent = False
    line.send("o3", pay("2000"))
    line.run()
    assert line.events(Signed, "o3")[0].overtakes == left_by(line, "o1").digest


@pytest.mark.parametrize("when", ["after the claim", "after the refusal", "after what overtakes was claimed"])
def test_a_new_enclave_goes_on_with_what_was_remembered(when: str) -> None:
    line, others = shared_line()
    line.send("o1", pay("1000"))
    line.run()
    if when == "after the claim":
        restarted(line, others)
    stopped(line)
    resumed(line)
    if when == "after the refusal":
        restarted(line, others)
    line.send("o2", pay("2000"))
    line.run()
    if when == "after what overtakes was claimed":
        restarted(line, others)
    others.silent = False
    line.run()
    assert line.events(Signed, "o2")[0].overtakes == left_by(line, "o1").digest


def restarted(line: Line, others: Others) -> None:
    """A new enclave with the same memory; its own events first."""
    line.employ(signer(Feed(line.records), others, RootedGovernance(PINNED), memory_on(line.journal)))
    line._restore("signer", Signed, SigningRefused)


def test_a_lost_memory_is_told_by_the_log_what_is_to_be_overtaken() -> None:
    line, others = refused_after_a_claim()
    others.silent = False
    line.journal = JournalInMemory()
    restarted(line, others)
    line.send("o2", pay("2000"))
    line.run("desk", "execution")
    nothing_named = rewritten(line.records, where(Simulated, "o2", fields(overtakes=None)))
    line.records[:] = nothing_named
    line.run("signer")
    assert line.outcome("o2") == "nonce"
    assert others.inner.digests == []


def test_a_memory_that_was_lost_between_claim_and_refusal_freezes_nothing() -> None:
    line, others = shared_line()
    line.send("o1", pay("1000"))
    line.run()
    line.journal = JournalInMemory()
    others.silent = False
    restarted(line, others)
    stopped(line)
    assert line.events(SigningRefused, "o1")[0].claimed is None
    resumed(line)
    line.send("o2", pay("2000"))
    line.run()
    assert line.outcome("o2") == "signed"


@pytest.mark.parametrize(
    ("why", "change", "check"),
    [
        ("names nothing", fields(overtakes=None), "nonce"),
        ("names something else", fields(overtakes="11" * 32), "simulation"),
        ("offers as much as before", transaction(max_fee_per_gas=15, max_priority_fee_per_gas=1), "nonce"),
        ("offers a higher fee and the same tip", transaction(max_priority_fee_per_gas=1), "nonce"),
        ("replaces something, too", fields(replaces="0x" + "ab" * 32), "transaction"),
    ],
)
def test_what_execution_makes_up_overtakes_nothing(why: str, change: Any, check: str) -> None:
    line, others = refused_after_a_claim()
    others.silent = False
    line.send("o2", pay("2000"))
    line.run("desk", "execution")
    line.records[:] = rewritten(line.records, where(Simulated, "o2", change))
    line.run("signer")
    line.now += MINUTE
    line.run("signer")
    assert line.outcome("o2") == check, why
    assert others.inner.digests == [], why


def test_while_others_sign_no_other_order_is_offered_the_nonce() -> None:
    line, others = shared_line()
    line.send("o1", pay("1000"))
    line.run()
    line.send("o2", pay("2000"))
    line.run()
    assert others.asked > 0
    assert not line.events(Simulated, "o2")
    claimed = digest_of(simulation(line, "o1").transaction)
    assert [json.loads(entry)["payload"]["digest"] for entry in line.journal.entries] == [claimed]


def test_a_refusal_on_a_partition_of_other_desks_is_none() -> None:
    """It is no answer of this enclave: the order goes on, and keeps its nonce."""
    line, others = shared_line()
    line.send("o1", pay("1000"))
    line.run()
    asked = simulation(line, "o1")
    shape = {"desk_id": DESK, "order_id": asked.order_id, "wallet_id": asked.wallet_id, "chain_id": asked.transaction.chain_id}
    stray = example(SigningRefused).model_copy(update=shape | {"nonce": FIRST_NONCE, "sequence": asked.sequence + 1})
    line.append(stray, DESK.encode(), NUMBER + 1)
    others.silent = False
    line.run()
    assert [each.order_id for each in line.events(Signed)] == [asked.order_id]


# A key that cannot sign -------------------------------------------------------------------------------------------------


def test_others_that_refuse_once_they_were_asked_leave_a_claim() -> None:
    """Some of them may have signed before the others refused."""
    line, others = shared_line()
    line.send("o1", pay("1000"))
    line.run()
    others.refuses = True
    line.run()
    assert line.outcome("o1") == "velocity"
    assert left_by(line, "o1").digest == digest_of(simulation(line, "o1").transaction)
    others.silent = others.refuses = False
    line.send("o2", pay("2000"))
    line.run()
    assert line.outcome("o2") == "signed"


@pytest.mark.parametrize("backend", ["mpc", "hsm"])
def test_a_key_that_fails_before_anybody_was_asked_leaves_nothing(backend: str) -> None:
    line, others = shared_line(key_backend=backend)
    others.refuses = True
    line.send("o1", pay("1000"))
    line.run()
    assert [each.claimed for each in line.events(SigningRefused)] == [None]
    others.silent = others.refuses = False
    line.send("o2", pay("2000"))
    line.run()
    assert [(each.nonce, each.overtakes) for each in line.events(Signed)] == [(FIRST_NONCE, None)]
