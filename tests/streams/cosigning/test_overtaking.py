"""A nonce that cosigners claimed for an order that was refused: the next order overtakes what they may have signed."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from schemas.events.lifecycle import Claim, Signed, SigningRefused, Simulated
from schemas.firm_commands import ProposeReset, TripBreaker
from schemas.sessions import CosignerMessage, SessionOpened
from schemas.topics import COSIGNERS
from streams.cosigning.sessions.live import LAST_SIGNING_ROUND
from streams.rules.governance.root import RootedGovernance
from streams.signing.enclave import JUDGED_AGAIN_MICROS
from tests.world.firm.governance import PINNED
from tests.world.line.cosigners import KEY, Table
from tests.world.line.line import Feed, signer, simulated_of
from tests.world.line.scenery import pay
from tests.world.line.signer_memory import JournalInMemory, memory_on

pytestmark = pytest.mark.shares

SECOND = 1_000_000


def open_session(table: Table, name: str = "o1") -> SessionOpened:
    """An order for whose signature the enclave has opened a session; nobody has answered yet."""
    table.line.use(table.signer())
    table.line.send(name, pay("1000", wallet_id=KEY))
    table.line.run("desk", "execution")
    table.line._step(table.line.workers["signer"])
    (opened,) = [each for each in table.post if isinstance(each, SessionOpened) and each.kind == "sign"]
    return opened


def refused(table: Table, name: str = "o1") -> Claim | None:
    """A breaker stops what the enclave has not signed, and is reset; what the order left claimed."""
    table.line.ask_firm(TripBreaker(scope="firm", subject="*", state="open", reason="prices diverge"))
    table.line.now += JUDGED_AGAIN_MICROS
    table.line.run()
    assert table.line.outcome(name) == "breakers"
    table.line.change_firm(ProposeReset(scope="firm", subject="*", reason="prices agree again"))
    table.line.run()
    return table.line.events(SigningRefused, name)[0].claimed


def next_order(table: Table, name: str) -> str:
    """The outcome of another order of the wallet, given time."""
    table.line.send(name, pay("1000", wallet_id=KEY))
    for _ in range(4):
        table.line.run()
        table.line.now += 3 * SECOND
    return table.line.outcome(name)


def test_a_signature_that_cosigners_made_and_the_enclave_did_not_take_is_overtaken(table: Table) -> None:
    opened = open_session(table)
    table.settle()
    assert len(table.messages(opened, "signed")) == 3
    claim = refused(table)
    assert claim is not None
    assert next_order(table, "o2") == "signed"
    (signed,) = table.line.events(Signed)
    first, second = (simulated_of(table.line, name).record for name in ("o1", "o2"))
    assert isinstance(first, Simulated)
    assert isinstance(second, Simulated)
    assert signed.nonce == first.transaction.nonce
    assert signed.overtakes == second.overtakes == claim.digest
    again = table.hold(table.opened("sign", attempt=9, participants=opened.participants, order_id=opened.order_id,
                                    simulated_hash=opened.simulated_hash))  # fmt: skip
    assert not table.messages(again, "signed")


def test_cosigners_that_were_restarted_or_never_asked_overtake_it_as_well(table: Table) -> None:
    opened = open_session(table)
    table.settle()
    refused(table)
    table.away = {opened.participants[0], opened.participants[1]}
    for name in COSIGNERS:
        table.seat(name)
    assert next_order(table, "o2") == "signed"


def test_a_session_in_which_nobody_has_given_anything_away_makes_way_for_the_next_order(table: Table) -> None:
    table.away = {COSIGNERS[0], COSIGNERS[1], COSIGNERS[2]}
    opened = open_session(table)
    table.settle()
    assert not table.messages(opened, "signed")
    assert refused(table) is not None
    table.away = set()
    table.line.send("o2", pay("1000", wallet_id=KEY))
    table.line.run()
    assert table.line.outcome("o2") == "signed"


def test_what_was_refused_meanwhile_is_not_given_away(table: Table) -> None:
    """The last round's messages come when the order is refused already: nobody's half of the signature leaves."""
    held: list[CosignerMessage] = []

    def late(message: CosignerMessage) -> Iterable[CosignerMessage]:
        if message.kind == "round" and message.round == LAST_SIGNING_ROUND - 1:
            held.append(message)
            return ()
        return (message,)

    table.tampering = late
    opened = open_session(table)
    table.settle()
    assert held
    refused(table)
    table.tampering = lambda message: (message,)
    table.say(*held)
    table.settle()
    assert set(table.refused(opened).values()) == {"aborted"}
    rounds = [each.round for each in table.post if isinstance(each, CosignerMessage) and each.session_id == opened.session_id]
    assert LAST_SIGNING_ROUND not in rounds
    assert next_order(table, "o2") == "signed"


def test_an_enclave_that_forgot_what_it_asked_for_loses_an_order_and_no_wallet(table: Table) -> None:
    """It cannot tell what is to be overtaken; the order that cosigners refuse for that makes it known."""
    open_session(table)
    table.settle()
    table.line.journal = JournalInMemory()
    governance = RootedGovernance(PINNED)
    table.line.employ(signer(Feed(table.line.records), table.signer(), governance, memory_on(table.line.journal)))
    table.line.workers["signer"].partition.replayed()
    assert refused(table) is None
    assert next_order(table, "o2") == "nonce"
    assert next_order(table, "o3") == "signed"
