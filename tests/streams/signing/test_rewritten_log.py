"""An attacker with the brokers restores an older log, and continues it with the desk's credentials."""

from __future__ import annotations

import pytest

from schemas.events.lifecycle import Signed
from streams.judging.memory import SealedMemory
from tests.streams.signing.test_memory import Life, check_of
from tests.world.firm import governance as firm
from tests.world.line.line import Line, simulated_of
from tests.world.line.scenery import NUMBER, genesis, limit, pay
from tests.world.line.signer_memory import JournalInMemory, memory_on


def line_with_a_day(journal: JournalInMemory) -> Line:
    """A trader may move 1500 dollars a day, from any wallet."""
    return Line(genesis(policy=firm.policy(limits=[limit("trader-day", "1500")])), journal=journal)


@pytest.mark.parametrize("again", [1, 3], ids=["as long", "longer"])
def test_an_older_log_that_goes_on_otherwise_is_refused(again: int) -> None:
    """It has forgotten what the day's limit was used for."""
    journal = JournalInMemory()
    first = line_with_a_day(journal)
    first.send("o1", pay("1000"))
    first.run("desk", "execution", "signer")
    assert first.outcome("o1") == "signed"
    other = line_with_a_day(JournalInMemory())
    for number in range(again):
        other.send(f"o{2 + number}", pay("400", wallet_id="treasury-2"))
    other.run("desk", "execution")
    asked = simulated_of(other, "o2")
    life = Life(other.records, journal)
    assert (check_of(life.says(asked, other.now)), life.key.digests) == ("log-rollback", [])
    assert check_of(Life(other.records, JournalInMemory()).says(asked, other.now)) == "signed"


def test_the_same_log_is_known_again_however_far_it_has_come() -> None:
    journal = JournalInMemory()
    line = line_with_a_day(journal)
    for name in ("o1", "o2", "o3"):
        line.send(name, pay("100"))
        line.run()
        line.restart_signer()
    assert [line.outcome(name) for name in ("o1", "o2", "o3")] == ["signed"] * 3
    assert len(line.events(Signed)) == len({each.nonce for each in line.events(Signed)})


def test_a_memory_from_before_there_were_digests_asks_for_positions_only() -> None:
    journal = JournalInMemory()
    line = line_with_a_day(journal)
    line.send("o1", pay("100"))
    line.run()
    memory: SealedMemory = memory_on(journal)
    assert memory.reached.desk_digests[NUMBER]
    older = memory.reached.model_copy(update={"desk_digests": {}})
    assert older.refusal(Life(line.records, journal).enclave._evidence, NUMBER) is None
