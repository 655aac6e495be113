"""Three cosigners sign a valid order together, and no three can be made to sign another."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest

from infra.ethereum import transaction
from infra.proofs import base64url
from schemas.canonical import cosigner_verdict_digest, session_id
from schemas.events.base import Refusal
from schemas.events.lifecycle import Signed, SigningRefused, Simulated
from schemas.firm_commands import ProposeKey
from schemas.keys import ResumeKey, SuspendKey
from schemas.sessions import CosignerMessage, SessionOpened
from schemas.topics import COSIGNERS
from streams.cosigning.sessions.participant import FRESH_MICROS
from streams.rules.evidence.memory.velocity import VelocityCaps
from streams.sessions.signed_messages import NotFromSender, require_signed
from tests.world.line.cosigners import KEY, Table, enrolled
from tests.world.line.line import simulated_of
from tests.world.line.scenery import DESK, NEVER_ORDERED, NUMBER, pay

pytestmark = pytest.mark.shares

SECOND = 1_000_000
OTHER_BYTES = "ab" * 32


def simulated(table: Table, name: str = "o1", amount: str = "1000") -> tuple[str, str]:
    """An order that waits for its signature: its id, and the hash of its simulation."""
    table.line.send(name, pay(amount, wallet_id=KEY))
    table.line.run("desk", "execution")
    received = simulated_of(table.line, name)
    assert isinstance(received.record, Simulated)
    return received.record.order_id, received.digest


def to_sign(table: Table, order: tuple[str, str], *names: str, **changes: Any) -> SessionOpened:
    """A session over an order, opened by somebody who may not be the enclave."""
    shape = {"participants": list(names or COSIGNERS[:3]), "order_id": order[0], "simulated_hash": order[1]}
    return table.hold(table.opened("sign", **(shape | changes)))


def pass_time(table: Table, times: int = 5) -> None:
    """Runs every process, then lets idle time pass."""
    for _ in range(times):
        table.line.run()
        table.line.now += 3 * SECOND


def signs(table: Table, name: str = "o1") -> Signed:
    """An order, signed through the enclave."""
    table.line.use(table.signer())
    table.line.send(name, pay("1000", wallet_id=KEY))
    pass_time(table, 1)
    assert table.line.outcome(name) == "signed", table.line.events(SigningRefused, name)
    (signed,) = table.line.events(Signed, name)
    return signed


def test_three_sign_an_order_each_with_a_verdict_of_its_own(table: Table) -> None:
    signed = signs(table)
    assert transaction.recover_sender(bytes.fromhex(signed.raw_transaction[2:])) == table.firm.wallets[KEY].address
    assert signed.attestation is not None
    assert signed.attestation.epoch == 1
    unsigned, _ = transaction.decode_raw(bytes.fromhex(signed.raw_transaction[2:]))
    for verdict in signed.attestation.cosigners:
        digest = cosigner_verdict_digest(verdict, signed.order_id, transaction.digest(unsigned))
        require_signed(enrolled(verdict.cosigner), digest, verdict.signature)
    assert len({verdict.cosigner for verdict in signed.attestation.cosigners}) == 3
    assert len({verdict.site for verdict in signed.attestation.cosigners}) >= 2


@pytest.mark.parametrize("away", [("cosigner-1",), ("cosigner-2", "cosigner-4"), ("cosigner-3", "cosigner-5")])
def test_whoever_is_away_is_replaced_by_another(table: Table, away: tuple[str, ...]) -> None:
    table.away = set(away)
    table.line.use(table.signer())
    table.line.send("o1", pay("1000", wallet_id=KEY))
    pass_time(table)
    assert table.line.outcome("o1") == "signed"
    attestation = table.line.events(Signed, "o1")[0].attestation
    assert attestation is not None
    assert not table.away & {verdict.cosigner for verdict in attestation.cosigners}


def test_two_alone_sign_nothing_and_lose_nothing(table: Table) -> None:
    """Two stolen shares, whoever opens sessions: a threshold of three is never met; once a third is back, the order goes on."""
    table.away = {"cosigner-3", "cosigner-4", "cosigner-5"}
    table.line.use(table.signer())
    table.line.send("o1", pay("1000", wallet_id=KEY))
    pass_time(table, 3)
    assert table.line.outcome("o1") == "nothing"
    table.away = set()
    pass_time(table)
    assert table.line.outcome("o1") == "signed"


def test_a_cosigner_that_comes_back_from_a_crash_signs_on(table: Table) -> None:
    first = signs(table, "o1")
    for name in COSIGNERS:
        table.seat(name)
    table.line.now += SECOND
    second = signs(table, "o2")
    assert (second.nonce, second.wallet) == (first.nonce + 1, first.wallet)


def test_an_enclave_that_lost_everything_finds_the_signature_that_was_made(table: Table) -> None:
    """Signatures are randomised: another session would be another transaction."""
    order = simulated(table)
    opened = to_sign(table, order)
    assert set(table.messages(opened, "signed")) == set(COSIGNERS[:3])
    table.line.use(table.signer())
    table.line.run()
    (signed,) = table.line.events(Signed, "o1")
    assert signed.attestation is not None
    assert signed.attestation.session_id == opened.session_id
    assert [each.session_id for each in table.post if isinstance(each, SessionOpened) and each.kind == "sign"] == [
        opened.session_id
    ]


def test_who_has_a_signature_of_these_bytes_says_that_one_again(table: Table) -> None:
    order = simulated(table)
    first = to_sign(table, order)
    second = to_sign(table, order, attempt=2)
    assert table.messages(second, "signed") == table.messages(first, "signed")


@pytest.mark.parametrize(
    ("why", "names", "changes", "check"),
    [
        ("too few", COSIGNERS[:2], {}, "participants"),
        ("more than needed", COSIGNERS[:4], {}, "participants"),
        ("all at one site, and one elsewhere named twice", ("cosigner-1", "cosigner-2", "cosigner-1"), {}, "participants"),
        (
            "an order that is not that simulation's",
            COSIGNERS[:3],
            {"order_id": NEVER_ORDERED},
            "session",
        ),
        ("shares of another epoch", COSIGNERS[:3], {"epoch": 2}, "epoch"),
        ("no such key", COSIGNERS[:3], {"key_id": "treasury-1"}, "key"),
        ("a digest that a wallet without a Safe does not have", COSIGNERS[:3], {"part": 1}, "payload"),
    ],
)
def test_a_session_that_asks_for_what_it_may_not_is_refused_by_each(
    table: Table, why: str, names: tuple[str, ...], changes: dict[str, object], check: str
) -> None:
    order = simulated(table)
    opened = table.opened("sign", key_id=KEY, order_id=order[0], simulated_hash=order[1], participants=list(names))
    opened = opened.model_copy(update=changes)
    opened = table.hold(opened.model_copy(update={"session_id": session_id(opened)}))
    assert table.refused(opened) == dict.fromkeys(names, check), why
    assert not table.messages(opened, "round"), why


@pytest.mark.parametrize(("micros", "told"), [(-5 * FRESH_MICROS, "300 s ago"), (5 * FRESH_MICROS, "300 s from now")])
def test_a_session_of_another_time_is_refused_by_naming_the_clock(table: Table, micros: int, told: str) -> None:
    """A clock that is off, or a session replayed."""
    opened = to_sign(table, simulated(table), opened_at=table.line.now + micros)
    for said in table.messages(opened, "refused").values():
        refusal = Refusal.model_validate_json(said)
        assert refusal.check == "clock"
        assert f"by this cosigner's clock the session was opened {told}" in refusal.message
        assert "set them" in refusal.remedy
    assert len(table.refused(opened)) == 3


def test_a_session_whose_id_is_not_its_own_is_not_heard_of(table: Table) -> None:
    order = simulated(table)
    opened = table.opened("sign", participants=list(COSIGNERS[:3]), order_id=order[0], simulated_hash=order[1])
    table.hold(opened.model_copy(update={"attempt": 2}))
    assert len([each for each in table.post if each.session_id == opened.session_id]) == 1


def test_a_simulation_that_nobody_finds_is_waited_for_and_then_refused(table: Table) -> None:
    order = simulated(table)
    opened = to_sign(table, (order[0], OTHER_BYTES))
    assert not table.refused(opened)
    table.line.now += 2 * SECOND
    table.settle()
    assert set(table.refused(opened).values()) == {"unready"}


def test_a_suspended_key_signs_nothing_and_a_resumed_one_does(table: Table) -> None:
    table.line.change_firm(ProposeKey(change=SuspendKey(key_id=KEY), reason="a review"), by="sven")
    order = simulated(table)
    assert set(table.refused(to_sign(table, order)).values()) == {"key"}
    table.line.change_firm(ProposeKey(change=ResumeKey(key_id=KEY), reason="a review"), by="sven")
    opened = to_sign(table, order, attempt=2)
    assert set(table.messages(opened, "signed")) == set(COSIGNERS[:3])


def test_a_cosigners_own_cap_refuses_what_governance_allows(table: Table) -> None:
    table.caps = {name: VelocityCaps(default_usd=Decimal(500)) for name in COSIGNERS[:3]}
    for name in COSIGNERS[:3]:
        table.seat(name)
    table.line.use(table.signer())
    table.line.send("o1", pay("1000", wallet_id=KEY))
    pass_time(table)
    assert table.line.outcome("o1") == "velocity"


def test_another_payload_for_a_nonce_is_signed_by_none_that_signed_the_first(table: Table) -> None:
    """An enclave that was taken over says that the first was refused, and offers its nonce again; all have been restarted."""
    first = simulated(table)
    assert len(table.messages(to_sign(table, first), "signed")) == 3
    simulation = simulated_of(table.line, "o1").record
    assert isinstance(simulation, Simulated)
    table.line.append(_refused(simulation), DESK.encode(), NUMBER)
    second = simulated(table, "o2")
    again = simulated_of(table.line, "o2").record
    assert isinstance(again, Simulated)
    assert again.transaction.nonce == simulation.transaction.nonce
    for name in COSIGNERS:
        table.seat(name)
    table.line.now += SECOND
    opened = to_sign(table, second, "cosigner-1", "cosigner-4", "cosigner-5")
    assert table.refused(opened) == {"cosigner-1": "nonce"}
    assert not table.messages(opened, "signed")


def _refused(simulation: Simulated) -> SigningRefused:
    """Execution's reading of the enclave's answer."""
    return SigningRefused(
        desk_id=simulation.desk_id,
        order_id=simulation.order_id,
        sequence=simulation.sequence + 1,
        wallet_id=simulation.wallet_id,
        chain_id=simulation.transaction.chain_id,
        nonce=simulation.transaction.nonce,
        refusal=Refusal(check="policy-today", message="It is not.", remedy="Place it again."),
        position=1,
        decided_at=simulation.decided_at,
    )


def changed(message: CosignerMessage, content: bytes) -> CosignerMessage:
    return message.model_copy(update={"payload": base64url.encode(content)})


def test_a_message_that_its_sender_did_not_sign_counts_for_nothing(table: Table) -> None:
    """An attacker with a cosigner's Kafka credentials, but not its key, forges messages and delays no session."""

    def forged(message: CosignerMessage) -> Iterable[CosignerMessage]:
        yield changed(message, b"forged")
        yield message

    table.tampering = forged
    signs(table)


def test_messages_that_come_twice_count_once(table: Table) -> None:
    table.tampering = lambda message: (message, message)
    signs(table)


def test_what_is_for_one_can_be_read_by_no_other(table: Table) -> None:
    signs(table)
    whispered = [each for each in table.post if isinstance(each, CosignerMessage) and each.receiver and each.kind == "round"]
    assert whispered
    for message in whispered:
        for name, seat in table.seats.items():
            if name == message.receiver:
                continue
            with pytest.raises(NotFromSender):
                seat.pen.read(message, enrolled(message.sender))
