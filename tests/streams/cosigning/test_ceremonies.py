"""A key ceremony needs the order of a quorum and all holders of shares; it never completes in part."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from infra.identity.private_file import read_private
from infra.proofs.envelope import EnvelopeRefused
from schemas.canonical import destruction_digest, key_vouched_digest, session_id
from schemas.events.base import Refusal
from schemas.events.keys import KeyDestroyed, KeyFailed, KeyRotated
from schemas.events.lifecycle import Signed
from schemas.firm_commands import ProposeKey, ReportKey
from schemas.keys import DestroyKey, DestructionProof, RecoverShare, ResumeKey, RotateKey, SuspendKey
from schemas.sessions import CosignerMessage
from schemas.topics import COSIGNERS
from streams.sessions.signed_messages import require_signed
from tests.streams.cosigning.test_signing import pass_time, signs, simulated, to_sign
from tests.world.line.cosigners import KEY, RECOVERY_KEY, Table, enrolled, identity
from tests.world.line.scenery import pay

pytestmark = pytest.mark.shares

LOST = "cosigner-3"


def epochs(table: Table) -> dict[str, list[int]]:
    return {name: seat.shares.epochs(KEY) for name, seat in table.seats.items()}


def all_hold(*numbers: int) -> dict[str, list[int]]:
    return {name: list(numbers) for name in COSIGNERS}


def test_every_cosigner_vouches_for_the_same_key(table: Table) -> None:
    order = table.order(RotateKey(key_id=KEY))
    opened = table.hold(table.opened("refresh"))
    vouched = table.vouched(opened)
    assert {each.cosigner for each in vouched} == set(COSIGNERS)
    assert {(each.epoch, each.address) for each in vouched} == {(2, table.firm.wallets[KEY].address)}
    for each in vouched:
        require_signed(enrolled(each.cosigner), key_vouched_digest(each, order.position), each.signature)
    assert epochs(table) == all_hold(1, 2), "until governance confirms, both are kept"
    table.report_vouched(order, opened)
    table.settle()
    assert table.firm.keys[KEY].epoch == 2
    assert epochs(table) == all_hold(2)


def test_a_refreshed_key_signs_for_the_same_address_and_sessions_of_the_old_epoch_are_refused(table: Table) -> None:
    before = table.firm.wallets[KEY].address
    order = table.order(RotateKey(key_id=KEY))
    table.report_vouched(order, table.hold(table.opened("refresh")))
    assert signs(table).wallet == before
    opened = to_sign(table, simulated(table, "o2"), epoch=1)
    assert set(table.refused(opened).values()) == {"epoch"}


@pytest.mark.parametrize("kind", ["generate", "refresh", "recover", "destroy"])
def test_nothing_is_done_that_no_quorum_ordered(table: Table, kind: str) -> None:
    opened = table.hold(table.opened(kind, ordered_position=7))  # type: ignore[arg-type] # the kinds are named above
    assert table.refused(opened) == dict.fromkeys(COSIGNERS, "ordered")
    assert epochs(table) == all_hold(1)


def test_nothing_else_is_done_than_what_was_ordered(table: Table) -> None:
    table.order(RotateKey(key_id=KEY))
    opened = table.hold(table.opened("destroy"))
    assert set(table.refused(opened).values()) == {"ordered"}
    opened = table.hold(table.opened("refresh", participants=list(COSIGNERS[:4])))
    assert set(table.refused(opened).values()) == {"participants"}


def test_an_attempt_that_one_spoiled_leaves_nothing_that_could_be_mixed_with_the_next(table: Table) -> None:
    """A whispered message is changed on its way, again and again: everybody else may have finished. The next one counts."""
    order = table.order(RotateKey(key_id=KEY))
    table.tampering = lambda message: () if message.sender == "cosigner-5" and message.round == 3 else (message,)
    first = table.hold(table.opened("refresh"))
    assert {each.cosigner for each in table.vouched(first)} == {"cosigner-5"}, "only who said all to nobody has heard all"
    table.tampering = lambda message: (message,)
    same = table.hold(table.opened("refresh", opened_at=table.line.now + 1))
    assert table.refused(same) == {"cosigner-5": "epoch"}
    second = table.hold(table.opened("refresh", attempt=2))
    assert {(each.cosigner, each.epoch) for each in table.vouched(second)} == {(name, 3) for name in COSIGNERS}
    table.report_vouched(order, second)
    table.settle()
    assert epochs(table) == all_hold(3)
    signs(table)


def test_what_failed_is_thrown_away_and_the_key_stays_as_it_was(table: Table) -> None:
    order = table.order(RotateKey(key_id=KEY))
    table.hold(table.opened("refresh"))
    refusal = Refusal(check="ceremony", message="It took too long.", remedy="Order it again.")
    table.report(ReportKey(ordered_position=order.position, outcome="failed", refusal=refusal))
    table.settle()
    assert [r.record for r in table.line.records if isinstance(r.record, KeyFailed)]
    assert epochs(table) == all_hold(1)
    signs(table)


def test_shares_are_not_thrown_away_because_a_log_says_less_than_before(table: Table) -> None:
    order = table.order(RotateKey(key_id=KEY))
    short = len(table.line.records)
    table.report_vouched(order, table.hold(table.opened("refresh")))
    table.settle()
    assert any(isinstance(r.record, KeyRotated) for r in table.line.records)
    before = order_begins(table, short)
    del table.line.records[before:]
    for name in COSIGNERS:
        table.seat(name)
    table.settle()
    assert epochs(table) == all_hold(2)


def order_begins(table: Table, before: int) -> int:
    """The log's end before the rotation was ordered."""
    proposed = [at for at, r in enumerate(table.line.records[:before]) if r.topic == "key-proposed"]
    return proposed[-1] - 1


def test_destruction_leaves_a_proof_of_each_and_no_share(table: Table) -> None:
    table.line.change_firm(ProposeKey(change=SuspendKey(key_id=KEY), reason="a review"), by="sven")
    order = table.order(DestroyKey(key_id=KEY))
    opened = table.hold(table.opened("destroy"))
    proofs = [DestructionProof.model_validate_json(said) for said in table.messages(opened, "destroyed").values()]
    assert {proof.place for proof in proofs} == set(COSIGNERS)
    for proof in proofs:
        require_signed(enrolled(proof.place), destruction_digest(proof), proof.signature)
    assert epochs(table) == all_hold()
    again = table.hold(table.opened("destroy", attempt=2))
    assert table.messages(again, "destroyed") == table.messages(opened, "destroyed")
    table.report(ReportKey(ordered_position=order.position, outcome="destroyed", proofs=proofs))
    assert any(isinstance(r.record, KeyDestroyed) for r in table.line.records)


def test_a_lost_cosigners_share_is_recovered_by_another_in_its_place(table: Table) -> None:
    before = table.firm.wallets[KEY].address
    table.settle()
    backup = read_private(table.folder / LOST / "backups" / f"{KEY}-1.backup")
    table.line.change_firm(ProposeKey(change=SuspendKey(key_id=KEY), reason="a thief may have it"), by="sven")
    order = table.order(RecoverShare(key_id=KEY, cosigner=enrolled(LOST, "new")))
    table.seat(LOST, "new")
    table.line.now += 1
    empty = table.hold(table.opened("recover"))
    assert table.refused(empty) == {LOST: "share"}
    vault = table.seats[LOST].vaults["mpc"]
    with pytest.raises(EnvelopeRefused):
        vault.restore(KEY, 1, backup, identity(LOST, "new").agreement_key)
    assert vault.restore(KEY, 1, backup, RECOVERY_KEY).address == before
    opened = table.hold(table.opened("recover", attempt=2))
    table.report_vouched(order, opened)
    table.settle()
    assert table.firm.keys[KEY].epoch == 3
    assert epochs(table) == all_hold(3)
    table.line.change_firm(ProposeKey(change=ResumeKey(key_id=KEY), reason="it is replaced"), by="sven")
    opened = to_sign(table, simulated(table), "cosigner-1", LOST, "cosigner-5")
    assert len(table.messages(opened, "signed")) == 3


def test_one_that_was_replaced_and_comes_back_takes_part_in_nothing(table: Table) -> None:
    table.order(RecoverShare(key_id=KEY, cosigner=enrolled(LOST, "new")))
    opened = to_sign(table, simulated(table), "cosigner-1", LOST, "cosigner-5")
    assert table.refused(opened) == {LOST: "enrolled"}
    assert not table.messages(opened, "signed")
    assert {each.sender for each in table.post if isinstance(each, CosignerMessage) and each.kind == "round"} != {LOST}


def test_a_share_of_another_key_or_place_is_named_before_anything_is_done_with_it(table: Table) -> None:
    vaults = {name: seat.vaults["mpc"] for name, seat in table.seats.items()}
    vaults[LOST].destroy(KEY, 1)
    vaults[LOST].put(KEY, 1, vaults["cosigner-4"].get(KEY, 1))
    opened = to_sign(table, simulated(table), "cosigner-1", LOST, "cosigner-5")
    assert table.refused(opened) == {LOST: "share"}
    said = Refusal.model_validate_json(table.messages(opened, "refused")[LOST])
    assert "is the one in place 4 of the key of 0x" in said.message
    assert "proofdesk key recover" in said.remedy


def test_a_share_that_cannot_be_opened_is_named_and_stops_its_cosigner_from_nothing_else(table: Table) -> None:
    (share,) = (table.folder / LOST / "mpc").rglob("*.share")
    share.write_bytes(bytes(2))
    (table.folder / LOST / "backups" / f"{KEY}-1.backup").unlink()
    table.seat(LOST)
    table.line.now += 1
    opened = to_sign(table, simulated(table), "cosigner-1", LOST, "cosigner-5")
    assert table.refused(opened) == {LOST: "share"}


def test_shares_that_do_not_go_together_keep_a_pair_apart_and_refuse_no_order(table: Table) -> None:
    """One cosigner says that its share is of another key: the others sign without it."""

    def lying(message: CosignerMessage) -> Iterable[CosignerMessage]:
        if message.sender != "cosigner-2" or message.kind != "round" or message.round != 1:
            return (message,)
        return (table.seats["cosigner-2"].pen.whispered(message.session_id, enrolled(message.receiver), 1, bytes(40)),)

    table.tampering = lying
    opened = to_sign(table, simulated(table))
    assert set(table.refused(opened).values()) == {"aborted"}
    assert table.accused(opened) == {"cosigner-1": "cosigner-2", "cosigner-3": "cosigner-2"}
    table.line.use(table.signer())
    table.line.send("o2", pay("1000", wallet_id=KEY))
    pass_time(table)
    assert table.line.outcome("o2") == "signed"


def test_who_cheats_is_banned_for_good_and_the_others_go_on_without(table: Table) -> None:
    """cosigner-2 sends nonsense in its last round, under its own signature."""

    def cheating(message: CosignerMessage) -> Iterable[CosignerMessage]:
        if message.sender != "cosigner-2" or message.kind != "round" or message.round != 2:
            return (message,)
        seat = table.seats["cosigner-2"]
        receiver = enrolled(message.receiver)
        return (seat.pen.whispered(message.session_id, receiver, 2, b"\x02\x02nonsense"),)

    table.tampering = cheating
    opened = to_sign(table, simulated(table))
    assert set(table.accused(opened).values()) == {"cosigner-2"}
    assert not table.messages(opened, "signed")
    signs(table, "o2")


def test_a_ban_outlives_the_process(table: Table) -> None:
    table.seats["cosigner-1"].notes.ban(enrolled("cosigner-2").signing_key)
    table.seat("cosigner-1")
    table.line.now += 1
    opened = to_sign(table, simulated(table))
    assert table.refused(opened) == {"cosigner-1": "banned"}
    assert table.accused(opened) == {"cosigner-1": "cosigner-2"}


def test_one_whom_all_others_have_banned_stops_no_order(table: Table) -> None:
    """Also with an enclave that was started since, and knows of no ban."""
    for name in COSIGNERS:
        if name != "cosigner-2":
            table.seats[name].notes.ban(enrolled("cosigner-2").signing_key)
    table.line.use(table.signer())
    table.line.send("o1", pay("1000", wallet_id=KEY))
    pass_time(table)
    assert table.line.outcome("o1") == "signed"
    attestation = table.line.events(Signed, "o1")[0].attestation
    assert attestation is not None
    assert "cosigner-2" not in {verdict.cosigner for verdict in attestation.cosigners}


def test_a_session_id_binds_all_that_is_asked(table: Table) -> None:
    opened = table.opened("refresh")
    others = [opened.model_copy(update=change) for change in ({"attempt": 2}, {"epoch": 9}, {"participants": ["cosigner-1"]})]
    assert len({session_id(each) for each in (opened, *others)}) == 4
