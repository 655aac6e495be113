"""Runs the parties in one process: delivers each message in an order that the test chooses."""

import random
import secrets
from collections.abc import Callable, Mapping, Sequence

from infra.keys.threshold import Incoming, Keygen, Outgoing, Refresh, Session, Share, Signing, ThresholdSignature

Tampering = Callable[[int, int, Outgoing], Outgoing]
"""Of (sender, round, message): what arrives instead."""


def untouched(_sender: int, _round: int, message: Outgoing) -> Outgoing:
    return message


def play(sessions: Mapping[int, Session], *, tamper: Tampering = untouched, seed: int = 0) -> None:
    shuffled = random.Random(seed)
    said = {party: session.start() for party, session in sessions.items()}
    number = 1
    while not all(session.finished for session in sessions.values()):
        heard: dict[int, list[Incoming]] = {party: [] for party in sessions}
        for sender, messages in said.items():
            for spoken in messages:
                message = tamper(sender, number, spoken)
                for receiver in sessions if message.receiver is None else [message.receiver]:
                    if receiver != sender:
                        heard[receiver].append(Incoming(sender, message.payload, broadcast=message.receiver is None))
        for incoming in heard.values():
            shuffled.shuffle(incoming)
        said = {party: session.advance(heard[party]) for party, session in sessions.items()}
        number += 1


def generated(threshold: int, parties: int) -> dict[int, Share]:
    session_id = secrets.token_bytes(32)
    sessions = {party: Keygen(session_id, threshold, parties, party) for party in range(1, parties + 1)}
    play(sessions)
    return {party: session.result for party, session in sessions.items()}


def refreshed(shares: Mapping[int, Share], *, complete: bool = False, tamper: Tampering = untouched) -> dict[int, Share]:
    session_id = secrets.token_bytes(32)
    sessions = {party: Refresh(share, session_id, complete=complete) for party, share in shares.items()}
    play(sessions, tamper=tamper)
    return {party: session.result for party, session in sessions.items()}


def signing(shares: Mapping[int, Share], parties: Sequence[int], digest: bytes) -> dict[int, Signing]:
    session_id = secrets.token_bytes(32)
    return {
        party: Signing(shares[party], session_id, [other for other in parties if other != party], digest) for party in parties
    }


def signed(
    shares: Mapping[int, Share], parties: Sequence[int], digest: bytes, *, tamper: Tampering = untouched
) -> ThresholdSignature:
    sessions = signing(shares, parties, digest)
    play(sessions, tamper=tamper)
    signatures = {session.result for session in sessions.values()}
    assert len(signatures) == 1
    return signatures.pop()
