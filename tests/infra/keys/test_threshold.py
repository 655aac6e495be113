"""Threshold ECDSA: any three of five sign, fewer cannot, and shares of two epochs do not combine."""

import copy
import pickle
import secrets
from collections.abc import Callable, Mapping

import pytest
from coincurve import PublicKey
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from infra.keys.threshold import (
    Incoming,
    Keygen,
    Outgoing,
    Refresh,
    SessionAborted,
    Share,
    ShareUnfit,
    Signing,
    ThresholdSignature,
)
from tests.infra.keys.ring import generated, play, refreshed, signed, signing

pytestmark = pytest.mark.shares

DIGEST = bytes(range(32))
HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
Shares = Mapping[int, Share]


def recovered(signature: ThresholdSignature, digest: bytes) -> bytes:
    compact = signature.r.to_bytes(32, "big") + signature.s.to_bytes(32, "big") + bytes([signature.y_parity])
    return PublicKey.from_signature_and_message(compact, digest, hasher=None).format(compressed=False)


def test_all_five_hold_shares_of_one_key(shares: Shares) -> None:
    assert len({share.public_key for share in shares.values()}) == 1
    assert len({share.address for share in shares.values()}) == 1
    assert [(share.party, share.threshold, share.parties) for share in shares.values()] == [
        (party, 3, 5) for party in range(1, 6)
    ]


@pytest.mark.parametrize("parties", [[1, 2, 3], [1, 3, 5], [5, 4, 2]])
def test_any_three_sign_and_all_three_know_the_signature(shares: Shares, parties: list[int]) -> None:
    signature = signed(shares, parties, DIGEST)
    assert recovered(signature, DIGEST) == shares[1].public_key
    assert 0 < signature.s <= HALF_ORDER


def test_two_signatures_of_one_digest_differ(shares: Shares) -> None:
    assert signed(shares, [1, 2, 3], DIGEST) != signed(shares, [1, 2, 3], DIGEST)


def test_refreshed_shares_sign_for_the_same_key_and_the_old_go_with_none_of_them(shares: Shares) -> None:
    fresh = refreshed(shares)
    assert recovered(signed(fresh, [2, 3, 4], DIGEST), DIGEST) == shares[1].public_key
    with pytest.raises(ShareUnfit):
        signed({**fresh, 3: shares[3]}, [2, 3, 4], DIGEST)


def test_a_complete_refresh_does_the_same_with_everything_anew() -> None:
    shares = generated(2, 2)
    fresh = refreshed(shares, complete=True)
    assert recovered(signed(fresh, [1, 2], DIGEST), DIGEST) == shares[1].public_key
    assert recovered(signed(refreshed(fresh), [1, 2], DIGEST), DIGEST) == shares[1].public_key
    with pytest.raises(ShareUnfit):
        signed({1: fresh[1], 2: shares[2]}, [1, 2], DIGEST)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_refresh_fails_for_all_when_one_was_told_something_else(shares: Shares, number: int) -> None:
    def changed(sender: int, current: int, message: Outgoing) -> Outgoing:
        if (sender, current) != (2, number) or message.receiver not in (None, 1):
            return message
        return message._replace(payload=message.payload[:-1] + bytes([message.payload[-1] ^ 1]))

    with pytest.raises(SessionAborted) as aborted:
        refreshed(shares, tamper=changed)
    assert aborted.value.banned is None
    assert recovered(signed(shares, [1, 2, 3], DIGEST), DIGEST) == shares[1].public_key


def test_a_refresh_and_a_complete_one_do_not_go_together(shares: Shares) -> None:
    session_id = secrets.token_bytes(32)
    sessions = {party: Refresh(share, session_id, complete=party == 5) for party, share in shares.items()}
    with pytest.raises(SessionAborted, match="unreadable"):
        play(sessions)


def test_shares_of_another_key_do_not_go_with_these(shares: Shares) -> None:
    others = generated(3, 3)
    with pytest.raises(ShareUnfit, match=f"of another key, {others[2].address}, and ours of {shares[1].address}"):
        signed({**shares, 2: others[2]}, [1, 2, 3], DIGEST)
    with pytest.raises(ShareUnfit, match="party 2 is of another key"):
        refreshed({**generated(3, 3), 2: others[2]})


@pytest.mark.parametrize("counterparties", [[], [2], [2, 3, 4], [2, 2], [1, 2], [2, 6], [0, 2]])
def test_exactly_two_others_sign_with_a_share(shares: Shares, counterparties: list[int]) -> None:
    with pytest.raises(ValueError, match=r"others sign|no party"):
        Signing(shares[1], secrets.token_bytes(32), counterparties, DIGEST)


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_only_a_digest_of_32_bytes_is_signed(shares: Shares, length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Signing(shares[1], secrets.token_bytes(32), [2, 3], bytes(length))


@pytest.mark.parametrize(("threshold", "parties", "party"), [(1, 3, 1), (4, 3, 1), (2, 3, 0), (2, 3, 4)])
def test_a_key_has_a_threshold_and_parties_that_make_sense(threshold: int, parties: int, party: int) -> None:
    with pytest.raises(ValueError, match=r"threshold|no party"):
        Keygen(secrets.token_bytes(32), threshold, parties, party)


def started(shares: Shares) -> tuple[dict[int, Signing], dict[int, list[Incoming]]]:
    sessions = signing(shares, [1, 2, 3], DIGEST)
    heard: dict[int, list[Incoming]] = {1: [], 2: [], 3: []}
    for sender, session in sessions.items():
        for message in session.start():
            assert message.receiver is not None
            heard[message.receiver].append(Incoming(sender, message.payload, broadcast=False))
    return sessions, heard


@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param(lambda heard: heard[:1], id="one is missing"),
        pytest.param(lambda heard: [*heard, heard[0]], id="one twice"),
        pytest.param(lambda heard: [heard[0], heard[1]._replace(sender=4)], id="one of somebody who takes no part"),
        pytest.param(lambda heard: [heard[0], heard[1]._replace(broadcast=True)], id="one said to everybody"),
    ],
)
def test_a_round_wants_exactly_those_awaited_and_waits_on_otherwise(
    shares: Shares, spoilt: Callable[[list[Incoming]], list[Incoming]]
) -> None:
    sessions, heard = started(shares)
    assert sessions[1].awaits == {(2, False), (3, False)}
    with pytest.raises(ValueError, match=r"awaited|heard|two messages"):
        sessions[1].advance(spoilt(heard[1]))
    assert len(sessions[1].advance(heard[1])) == 2


def test_an_unreadable_message_ends_the_session_and_names_its_sender(shares: Shares) -> None:
    sessions, heard = started(shares)
    with pytest.raises(SessionAborted, match="unreadable") as aborted:
        sessions[1].advance([heard[1][0], heard[1][1]._replace(payload=b"\x02\x01rubbish")])
    assert (aborted.value.blamed, aborted.value.banned) == (3, None)
    assert not sessions[1].finished
    with pytest.raises(ValueError, match="not running"):
        sessions[1].advance(heard[1])


def test_a_message_meant_for_another_is_refused(shares: Shares) -> None:
    sessions, heard = started(shares)
    meant_for_2 = next(message for message in heard[2] if message.sender == 3)
    with pytest.raises(SessionAborted, match="somebody else") as aborted:
        sessions[1].advance([heard[1][0], meant_for_2])
    assert aborted.value.blamed == 3


def test_a_cosigner_that_cheats_in_the_oblivious_transfers_is_to_be_banned(shares: Shares) -> None:
    def cheating(sender: int, number: int, message: Outgoing) -> Outgoing:
        if (sender, number, message.receiver) != (3, 1, 1):
            return message
        spoilt = bytearray(message.payload)
        spoilt[len(spoilt) // 2] ^= 1
        return message._replace(payload=bytes(spoilt))

    with pytest.raises(SessionAborted) as aborted:
        signed(shares, [1, 2, 3], DIGEST, tamper=cheating)
    assert aborted.value.banned == 3


@given(number=st.integers(1, 3), place=st.floats(0, 1, exclude_max=True), change=st.binary(min_size=1, max_size=64))
@settings(max_examples=50, deadline=None)
def test_whatever_a_cosigner_writes_into_a_message_gives_no_signature_and_no_other_end(
    shares: Shares, number: int, place: float, change: bytes
) -> None:
    def written_over(sender: int, current: int, message: Outgoing) -> Outgoing:
        if (sender, current) != (2, number):
            return message
        start = int(place * len(message.payload))
        spoilt = message.payload[:start] + change + message.payload[start + len(change) :]
        assume(spoilt != message.payload)
        return message._replace(payload=spoilt)

    with pytest.raises(SessionAborted) as aborted:
        signed(shares, [1, 2, 3], DIGEST, tamper=written_over)
    assert aborted.value.banned in (None, 2)
    assert aborted.value.blamed in (None, 2)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_key_is_not_made_when_a_message_was_changed(number: int) -> None:
    def changed(sender: int, current: int, message: Outgoing) -> Outgoing:
        if (sender, current) != (2, number) or message.receiver == 3:
            return message
        return message._replace(payload=message.payload[:-1] + bytes([message.payload[-1] ^ 1]))

    session_id = secrets.token_bytes(32)
    with pytest.raises(SessionAborted) as aborted:
        play({party: Keygen(session_id, 2, 3, party) for party in (1, 2, 3)}, tamper=changed)
    assert aborted.value.banned is None


def test_a_sealed_share_opens_under_its_key_alone(shares: Shares) -> None:
    key = secrets.token_bytes(32)
    sealed = shares[2].sealed(key)
    opened = Share.opened(key, sealed)
    assert (opened.party, opened.address) == (2, shares[2].address)
    assert recovered(signed({**shares, 2: opened}, [1, 2, 3], DIGEST), DIGEST) == shares[1].public_key
    for wrong_key, wrong in [
        (secrets.token_bytes(32), sealed),
        (key, sealed[:-1]),
        (key, b""),
        (key, b"\x02" + sealed[1:]),
        (key, sealed[:100] + bytes([sealed[100] ^ 1]) + sealed[101:]),
    ]:
        with pytest.raises(ShareUnfit):
            Share.opened(wrong_key, wrong)


def test_a_sealing_key_has_32_bytes(shares: Shares) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        shares[1].sealed(bytes(16))


def test_a_share_says_nothing_and_leaves_by_no_back_door(shares: Shares) -> None:
    assert repr(shares[1]) == f"<share 1 of {shares[1].address}>"
    for leave in (pickle.dumps, copy.copy, copy.deepcopy):
        for handle in (shares[1], shares[1].held, signing(shares, [1, 2, 3], DIGEST)[1]):
            with pytest.raises(TypeError):
                leave(handle)


def test_a_session_is_started_once_and_has_no_result_before_its_end(shares: Shares) -> None:
    session = signing(shares, [1, 2, 3], DIGEST)[1]
    assert session.awaits == frozenset()
    session.start()
    with pytest.raises(ValueError, match="before"):
        session.start()
    with pytest.raises(ValueError, match="no result"):
        _ = session.result
