"""While other backends sign one order, a verdict stays valid for its own event and for no other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from infra.ethereum.transaction import Transaction, to_record
from schemas.events.lifecycle import Simulated
from streams.rules.decider import Later, Received
from streams.rules.evidence.signing_decider import Judged, SignerState
from streams.rules.governance.root import RootedGovernance
from streams.signing.backends.contract import Made, Pending, Task
from tests.world.firm.governance import CHAIN, PINNED
from tests.world.line.line import Feed, KeyInMemory, Line, signer, simulated_of
from tests.world.line.scenery import NUMBER, STRANGER, address_of, genesis, pay, wallet, with_record
from tests.world.line.signer_memory import JournalInMemory, memory_on
from tests.world.line.simulated_chain import FIRST_NONCE


class SlowCosigners:
    """Cosigners that never finish, beside a token that signs at once."""

    def __init__(self) -> None:
        self.token = KeyInMemory()

    def sign(self, task: Task) -> Made | Pending:
        return Pending("cosigners") if task.backend == "mpc" else self.token.sign(task)


@pytest.fixture(scope="module")
def line() -> Line:
    """`o1` pays a listed account from a wallet in shares; `treasury-2` has its key in a token and no order at all."""
    line = Line(genesis(wallets=[wallet(key_backend="mpc"), wallet("treasury-2"), wallet("vault", "other")]))
    line.send("o1", pay("1000"))
    line.run("desk", "execution")
    return line


def theft(simulated: Simulated, wallet_id: str) -> Simulated:
    """All that another wallet has, for a stranger, under the name of an order that is being signed."""
    payload = Transaction(CHAIN, FIRST_NONCE, 1, 15, 21_000, STRANGER, 10**21, b"")
    return simulated.model_copy(
        update={"wallet_id": wallet_id, "wallet": address_of(wallet_id), "transaction": to_record(payload)}
    )


@pytest.mark.parametrize("wallet_id", ["treasury-2", "vault"])
@pytest.mark.parametrize("number", [NUMBER, (NUMBER + 1) % 6], ids=["the desk's partition", "another partition"])
def test_a_verdict_is_not_used_for_other_bytes_of_the_same_order(line: Line, wallet_id: str, number: int) -> None:
    """Execution's credentials, while an honest order of a wallet in shares waits for its cosigners."""
    cosigners = SlowCosigners()
    enclave = signer(Feed(line.records), cosigners, RootedGovernance(PINNED))
    enclave.refresh(line.now)
    asked = simulated_of(line, "o1")
    assert isinstance(enclave.input_of(SignerState(), asked, line.now), Later)
    assert isinstance(asked.record, Simulated)
    forged: Received = replace(with_record(asked, theft(asked.record, wallet_id)), partition=number, offset=asked.offset + 1)
    judged = enclave.input_of(SignerState(), forged, line.now)
    assert cosigners.token.digests == []
    assert isinstance(judged, Judged)
    assert judged.signed is None
    assert judged.verdict.refusal is not None
    assert judged.verdict.refusal.check == ("chain" if number == NUMBER else "place")


def test_reading_a_good_simulation_signs_and_remembers_nothing(line: Line) -> None:
    key, journal = KeyInMemory(), JournalInMemory()
    enclave = signer(Feed(line.records), key, RootedGovernance(PINNED), memory_on(journal))
    enclave.refresh(line.now)
    simulated = simulated_of(line, "o1")
    judged = enclave.observer.read(SignerState(), simulated, line.now)
    assert isinstance(judged, Judged)
    assert (judged.verdict.refusal, judged.signed) == (None, None)
    assert (key.digests, list(journal.entries)) == ([], [])
