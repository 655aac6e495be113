"""The attacker opens sessions with the enclave's or the custodian's credentials, and may own one cosigner too.

It opens what it likes, as often as it likes, dated as it likes, and says again what was said before.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from infra.keys.vault import ShareVault
from infra.proofs import base64url
from schemas.events.base import Refusal
from schemas.firm_commands import ProposeKey, ReportKey
from schemas.keys import DestroyKey, RotateKey, SuspendKey
from schemas.sessions import CosignerMessage, SessionOpened
from schemas.topics import COSIGNERS
from streams.cosigning.sessions import arrivals, participant
from streams.cosigning.sessions.arrivals import EARLY_MESSAGES_MAX, EARLY_SESSIONS_MAX, BegunSessions, EarlyMessages
from streams.cosigning.sessions.notes import Notes
from streams.cosigning.sessions.participant import FRESH_MICROS
from streams.sessions.refusals import NotTakingPart
from tests.streams.cosigning.test_ceremonies import all_hold, epochs
from tests.streams.cosigning.test_signing import SECOND, signs, simulated, to_sign
from tests.world.line.cosigners import KEY, Table, enrolled

pytestmark = pytest.mark.shares

HELD = "cosigner-2"


def hold_back(table: Table, *senders: str) -> list[CosignerMessage]:
    """From now on these are late with what the protocol asks of them: it is here, and not on the topic."""
    held: list[CosignerMessage] = []

    def late(message: CosignerMessage) -> Iterable[CosignerMessage]:
        if message.kind == "round" and message.sender in senders:
            held.append(message)
            return ()
        return (message,)

    table.tampering = late
    return held


def let_go(table: Table, held: list[CosignerMessage]) -> None:
    table.tampering = lambda message: (message,)
    table.say(*held)
    table.settle()


def rounds_of(table: Table, name: str, opened: SessionOpened) -> list[tuple[int, str]]:
    """A cosigner's protocol messages in a session."""
    mine = (each for each in table.post if isinstance(each, CosignerMessage) and each.session_id == opened.session_id)
    return [(each.round, each.receiver) for each in mine if (each.sender, each.kind) == (name, "round")]


@pytest.mark.parametrize("ahead_seconds", [0, 1, FRESH_MICROS // SECOND])
def test_a_session_is_never_begun_twice_also_after_a_start(table: Table, ahead_seconds: int) -> None:
    """Two runs under one id would give away what went into the first. Its opener's clock says that it is of later."""
    order = simulated(table)
    hold_back(table, HELD)
    opened = to_sign(table, order, opened_at=table.line.now + ahead_seconds * SECOND)
    assert rounds_of(table, "cosigner-1", opened) == [(1, "cosigner-2"), (1, "cosigner-3")]
    table.line.now += SECOND // 2
    table.seat("cosigner-1")
    table.line.now += SECOND // 4
    table.hold(opened)
    assert rounds_of(table, "cosigner-1", opened) == [(1, "cosigner-2"), (1, "cosigner-3")]
    assert table.refused(opened) == {"cosigner-1": "unready"}


def test_nor_after_so_many_others_that_it_is_forgotten(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(participant, "SESSIONS_KNOWN_MAX", 2)
    monkeypatch.setattr(arrivals, "BEGUN_MAX", 3)
    order = simulated(table)
    hold_back(table, HELD)
    first = to_sign(table, order)
    others = [to_sign(table, order, attempt=attempt) for attempt in range(2, 6)]
    assert [len(rounds_of(table, "cosigner-1", each)) for each in others] == [2, 2, 0, 0], "there is room for three"
    table.hold(first)
    assert len(rounds_of(table, "cosigner-1", first)) == 2


def test_what_is_forgotten_is_too_old_for_ever(table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when the clock is set back afterwards."""
    monkeypatch.setattr(arrivals, "BEGUN_MAX", 2)
    begun = BegunSessions(Notes(tmp_path), 0)
    sessions = [table.opened("sign", attempt=at, opened_at=at) for at in range(1, 5)]
    begun.begin(sessions[0], now=10, oldest=0)
    begun.begin(sessions[1], now=10, oldest=0)
    with pytest.raises(NotTakingPart, match="2 sessions were begun in a short time"):
        begun.begin(sessions[2], now=10, oldest=0)
    begun.begin(sessions[2], now=10, oldest=2)
    for again in sessions[:3]:
        with pytest.raises(NotTakingPart, match="was begun before"):
            begun.begin(again, now=1, oldest=0)
    assert begun.since == 2


def test_two_ceremonies_at_once_leave_no_two_kinds_of_shares_of_one_epoch(table: Table) -> None:
    """Governance knows shares by their epoch alone: half of them of one ceremony, half of the other, and the key is lost."""
    table.order(RotateKey(key_id=KEY))
    held = hold_back(table, HELD)
    one, other = table.opened("refresh"), table.opened("refresh", opened_at=table.line.now + 1)
    table.say(one, other)
    table.settle()
    let_go(table, held)
    for opened in (one, other):
        assert {each.cosigner for each in table.vouched(opened)} in ({*COSIGNERS}, set())
    assert epochs(table) == all_hold(1, 2)


@pytest.mark.parametrize("attempt", [1_001, 2**62])
def test_nobody_uses_up_the_epochs_to_come(table: Table, attempt: int) -> None:
    table.order(RotateKey(key_id=KEY))
    opened = table.hold(table.opened("refresh", attempt=attempt))
    assert set(table.refused(opened).values()) == {"epoch"}
    assert epochs(table) == all_hold(1)


def test_the_word_for_shares_that_were_thrown_away_counts_for_no_later_order(table: Table) -> None:
    """The custodian says that it failed, and answers the next order with what all vouched for: no share would be left."""
    failed = table.order(RotateKey(key_id=KEY))
    first = table.hold(table.opened("refresh"))
    refusal = Refusal(check="ceremony", message="It took too long.", remedy="Order it again.")
    table.report(ReportKey(ordered_position=failed.position, outcome="failed", refusal=refusal))
    table.settle()
    assert epochs(table) == all_hold(1)
    table.report_vouched(table.order(RotateKey(key_id=KEY)), first)
    table.settle()
    assert table.firm.keys[KEY].epoch == 1
    assert epochs(table) == all_hold(1)
    signs(table)


def test_a_session_that_began_before_a_suspension_ends_with_it(table: Table) -> None:
    held = hold_back(table, HELD)
    opened = to_sign(table, simulated(table))
    table.line.change_firm(ProposeKey(change=SuspendKey(key_id=KEY), reason="a review"), by="sven")
    table.settle()
    let_go(table, held)
    assert not table.messages(opened, "signed")
    assert not any((3, "") in rounds_of(table, name, opened) for name in COSIGNERS)


def test_what_was_destroyed_is_left_nowhere(table: Table) -> None:
    """Neither in a session that began before, nor in a back-up, of which the recovery key could make it again."""
    table.settle()
    assert len(list(table.folder.glob("*/backups/*"))) == len(COSIGNERS)
    held = hold_back(table, HELD)
    opened = to_sign(table, simulated(table))
    table.line.change_firm(ProposeKey(change=SuspendKey(key_id=KEY), reason="a review"), by="sven")
    table.order(DestroyKey(key_id=KEY))
    assert set(table.messages(table.hold(table.opened("destroy")), "destroyed")) == set(COSIGNERS)
    let_go(table, held)
    assert not table.messages(opened, "signed")
    assert not list(table.folder.glob("*/backups/*"))
    assert not any(live for seat in table.seats.values() for live in seat.participant._live)


def test_who_cheated_before_keeps_nobody_from_destroying_a_share(table: Table) -> None:
    table.seats["cosigner-1"].notes.ban(enrolled(HELD).signing_key)
    table.line.change_firm(ProposeKey(change=SuspendKey(key_id=KEY), reason="a review"), by="sven")
    table.order(DestroyKey(key_id=KEY))
    assert set(table.messages(table.hold(table.opened("destroy")), "destroyed")) == set(COSIGNERS)


def test_a_share_that_was_restored_into_both_vaults_stops_no_cosigner(table: Table) -> None:
    seat = table.seats["cosigner-1"]
    table.settle()
    share = seat.vaults["mpc"].get(KEY, 1)
    other: ShareVault = seat.vaults["hybrid"]
    other.put(KEY, 1, share)
    order = table.order(RotateKey(key_id=KEY))
    table.report_vouched(order, table.hold(table.opened("refresh")))
    table.settle()
    assert epochs(table) == all_hold(2)


def test_what_one_says_too_early_makes_no_room_of_anothers(table: Table) -> None:
    """A flood before the session is known, under its own name and under another's: what the others said is there."""
    order = simulated(table)
    opened = table.opened("sign", participants=list(COSIGNERS[:3]), order_id=order[0], simulated_hash=order[1])
    table.away = {"cosigner-1"}
    table.hold(opened)
    early = [each for each in table.post if isinstance(each, CosignerMessage) and each.receiver == "cosigner-1"]
    assert {each.sender for each in early} == {"cosigner-2", "cosigner-3"}
    for number in range(2 * EARLY_SESSIONS_MAX):
        flood = table.seats["cosigner-5"].pen.told(f"{number:064x}", "round", 1, bytes(100))
        early += [flood, flood.model_copy(update={"sender": "cosigner-2"})]
    hearing = table.seats["cosigner-1"].participant
    hearing.refresh()
    for message in early:
        assert hearing.hear(message) == []
    said = hearing.open(opened, table.line.now)
    assert [(each.round, each.receiver) for each in said] == [
        (1, "cosigner-2"),
        (1, "cosigner-3"),
        (2, "cosigner-2"),
        (2, "cosigner-3"),
    ]


def test_what_comes_too_early_is_kept_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "EARLY_CHARACTERS_MAX", 10_000)
    early = EarlyMessages()
    fields = {"sender": "cosigner-5", "receiver": "", "kind": "round", "signature": "AA"}
    for number in range(200):
        payload = base64url.encode(bytes(number * 10))
        shape = fields | {"session_id": f"{number // 20:064x}", "round": number, "payload": payload}
        early.keep(CosignerMessage.model_validate(shape))
    taken = [early.take(f"{session:064x}") for session in range(10)]
    assert all(len(each) <= EARLY_MESSAGES_MAX for each in taken)
    assert 0 < sum(len(message.payload) for each in taken for message in each) <= 10_000


def test_sessions_that_wait_for_evidence_are_kept_within_bounds(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(participant, "WAITING_MAX", 3)
    order, _ = simulated(table)
    waiting = [to_sign(table, (order, f"{number:064x}")) for number in range(10)]
    assert [bool(table.refused(each)) for each in waiting] == 3 * [False] + 7 * [True]
    signs(table, "o2")
