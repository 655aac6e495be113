"""The attacker owns one or two cosigners: shares, message keys, Kafka credentials. The others sign on.

Each attack is made of what such a cosigner may really write: any message, signed as itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from infra.proofs import base64url
from schemas.events.base import Refusal
from schemas.events.lifecycle import Signed, SigningRefused
from schemas.keys import Attestation, CosignerVerdict
from schemas.sessions import Accusation, Cosigned, CosignerMessage, SessionOpened
from schemas.topics import COSIGNERS
from streams.sessions.refusals import ABORTED, BANNED, UNREADY
from streams.sessions.signed_messages import UNSIGNED
from streams.signing.backends import mpc
from tests.streams.cosigning.test_signing import SECOND, pass_time, simulated, to_sign
from tests.world.line.cosigners import KEY, Table, enrolled
from tests.world.line.scenery import pay

pytestmark = pytest.mark.shares

INSTANT = SECOND // 20
NOWHERE = "0" * 64
BINDING_BYTE = 10
"""Of what binds a message to its session: it stands after protocol, round, sender and receiver, a byte each."""


def attestation(table: Table) -> Attestation:
    """Of the order, which was signed."""
    assert table.line.outcome("o1") == "signed", table.line.events(SigningRefused, "o1")
    (signed,) = table.line.events(Signed, "o1")
    assert signed.attestation is not None
    return signed.attestation


def send(table: Table) -> None:
    """An order, through an enclave that knows nothing of anybody."""
    table.line.use(table.signer())
    table.line.send("o1", pay("1000", wallet_id=KEY))


def says(table: Table, name: str, message: CosignerMessage, content: bytes) -> CosignerMessage:
    """Something else in place of a message, in the same place, under the same voice."""
    pen = table.seats[name].pen
    if message.receiver:
        return pen.whispered(message.session_id, enrolled(message.receiver), message.round, content)
    return pen.told(message.session_id, message.kind, message.round, content)


Treachery = Callable[[Table, CosignerMessage], Iterable[CosignerMessage]]


def wrong_half(table: Table, message: CosignerMessage) -> Iterable[CosignerMessage]:
    """A half that makes no signature: nobody can tell whose it was. It says nothing itself, and looks well behaved."""
    if message.kind != "round":
        return ()
    if message.round == 3:
        half = base64url.decode(message.payload)
        return (says(table, message.sender, message, half[:-1] + bytes([half[-1] ^ 1])),)
    return (message,)


def unreadable(table: Table, message: CosignerMessage) -> Iterable[CosignerMessage]:
    """An envelope that its receiver cannot open, well signed."""
    if message.kind != "round" or message.round != 2:
        return (message,)
    return (table.seats[message.sender].pen._signed(message.session_id, message.receiver, "round", 2, b"\x01" * 90),)


def other_binding(table: Table, message: CosignerMessage) -> Iterable[CosignerMessage]:
    """Bytes that say to be of another session, as a share from before a rotation would make them."""
    if message.kind != "round" or message.round != 1:
        return (message,)
    content = bytearray(table.seats[message.receiver].pen.read(message, enrolled(message.sender)))
    content[BINDING_BYTE] ^= 1
    return (says(table, message.sender, message, bytes(content)),)


def half_silent(_: Table, message: CosignerMessage) -> Iterable[CosignerMessage]:
    """It begins, and then keeps everybody waiting."""
    return (message,) if message.kind == "round" and message.round == 1 else ()


TREACHERIES: dict[str, Treachery] = {
    "a wrong half": wrong_half,
    "half silent": half_silent,
    "an envelope that cannot be opened": unreadable,
    "bytes of another session": other_binding,
}


def own(table: Table, number: int, treachery: Treachery) -> set[str]:
    """So many of those who are asked first are the attacker's."""
    owned: set[str] = set()

    def tampered(message: CosignerMessage) -> Iterable[CosignerMessage]:
        if not owned:
            (opened,) = (each for each in table.post if isinstance(each, SessionOpened) and each.kind == "sign")
            owned.update(opened.participants[:number])
        return treachery(table, message) if message.sender in owned else (message,)

    table.tampering = tampered
    return owned


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("treachery", TREACHERIES.values(), ids=TREACHERIES)
def test_whoever_spoils_sessions_is_replaced_by_others(table: Table, treachery: Treachery, number: int) -> None:
    owned = own(table, number, treachery)
    send(table)
    pass_time(table, 12)
    assert not owned & {verdict.cosigner for verdict in attestation(table).cosigners}


@pytest.mark.parametrize("check", [UNREADY, BANNED, ABORTED])
def test_refusals_without_end_put_nothing_off(table: Table, check: str) -> None:
    """By one of those who were asked first, about every session, again and again, as if it might soon take part."""
    owned = own(table, 1, lambda *_: ())
    send(table)
    refusal = Refusal(check=check, message="Not yet.", remedy="Ask again.")
    for _ in range(60):
        table.line.run()
        asked = [each for each in table.post if isinstance(each, SessionOpened) and each.kind == "sign"]
        table.post += [table.seats[name].pen.outcome(each.session_id, "refused", refusal) for each in asked for name in owned]
        table.line.now += INSTANT
    assert not owned & {verdict.cosigner for verdict in attestation(table).cosigners}


def test_accusations_of_strangers_are_not_kept(table: Table) -> None:
    """Nor do they fill the enclave's memory."""
    signer = table.signer()
    table.line.use(signer)
    table.away = set(COSIGNERS)
    table.line.send("o1", pay("1000", wallet_id=KEY))
    table.line.run()
    (opened,) = (each for each in table.post if isinstance(each, SessionOpened) and each.kind == "sign")
    liar = opened.participants[0]
    accused = [*(f"nobody-{number}" for number in range(50)), *COSIGNERS]
    accusations = [Accusation(cosigner=name, signing_key="0x00", reason="It cheated.") for name in accused]
    table.post += [table.seats[liar].pen.outcome(opened.session_id, "banned", each) for each in accusations]
    table.line.run()
    assert signer._company.apart == {frozenset((liar, name)) for name in opened.participants[1:]}


def test_nobody_talks_anothers_signature_away(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was made; the enclave starts anew; one cosigner has said of so many other bytes that it signed them. No second one."""
    monkeypatch.setattr(mpc, "TASKS_MAX", 3)
    opened = to_sign(table, simulated(table), "cosigner-1", "cosigner-3", "cosigner-5")
    table.line.run("desk")
    made = Cosigned.model_validate_json(table.messages(opened, "signed")["cosigner-1"])
    others = [made.model_copy(update={"digest": f"{number:064x}"}) for number in range(10)]
    table.post += [table.seats["cosigner-2"].pen.outcome(NOWHERE, "signed", each) for each in others]
    table.line.use(table.signer())
    table.line.run()
    assert attestation(table).session_id == opened.session_id
    assert len([each for each in table.post if isinstance(each, SessionOpened) and each.kind == "sign"]) == 1


def signed_as(table: Table, name: str, made: Cosigned, **changes: Any) -> Cosigned:
    """Another cosigner's signature, claimed with a forged verdict and signed."""
    changed = made.model_copy(update={"site": enrolled(name).site} | changes)
    fields = ("site", "code_hash", "policy_hash", "governance_position")
    verdict = CosignerVerdict(cosigner=name, signature=UNSIGNED, **{field: getattr(changed, field) for field in fields})
    (order_id,) = {each.order_id for each in table.post if isinstance(each, SessionOpened) and each.order_id}
    signed = table.seats[name].pen.verdict(verdict, order_id, bytes.fromhex(made.digest))
    return changed.model_copy(update={"verdict_signature": signed.signature})


def test_who_repeats_anothers_signature_did_not_take_part(table: Table) -> None:
    """It reads the signature off the topic and says it first, of an epoch and a session that never were."""

    def repeated(message: CosignerMessage) -> Iterable[CosignerMessage]:
        if message.kind == "signed":
            (opened,) = (each for each in table.post if isinstance(each, SessionOpened) and each.kind == "sign")
            made = Cosigned.model_validate_json(base64url.decode(message.payload))
            for name in set(COSIGNERS) - set(opened.participants):
                yield table.seats[name].pen.outcome(NOWHERE, "signed", signed_as(table, name, made, epoch=7_777))
        yield message

    table.tampering = repeated
    send(table)
    pass_time(table, 2)
    (opened,) = (each for each in table.post if isinstance(each, SessionOpened) and each.kind == "sign")
    said = attestation(table)
    assert (said.session_id, said.epoch) == (opened.session_id, 1)
    assert {verdict.cosigner for verdict in said.cosigners} == set(opened.participants)


def test_who_says_it_is_where_it_is_not_gives_no_verdict(table: Table) -> None:
    def elsewhere(table: Table, message: CosignerMessage) -> Iterable[CosignerMessage]:
        if message.kind != "signed":
            return (message,)
        made = Cosigned.model_validate_json(base64url.decode(message.payload))
        pen = table.seats[message.sender].pen
        return (pen.outcome(message.session_id, "signed", signed_as(table, message.sender, made, site="the-moon")),)

    owned = own(table, 1, elsewhere)
    send(table)
    pass_time(table, 3)
    assert not owned & {verdict.cosigner for verdict in attestation(table).cosigners}
