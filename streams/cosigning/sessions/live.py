"""A session in progress: the protocol's rounds, with whom, and what its result means. A table of the three kinds.

Decides the message that reports a result. Data that must outlive a crash is on the disk before the message that depends on it:
a signature's payload before our half of it leaves (the last round's message, which the other participants need to finish), new
shares before they are vouched for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from infra.keys.threshold import Incoming, Keygen, Refresh, SessionAborted, Signing
from schemas.keys import KeyVouched
from schemas.sessions import Cosigned, CosignerMessage, SessionOpened
from schemas.values import Instant
from streams.cosigning.sessions.ceremonies import Ceremony
from streams.cosigning.sessions.participants import Participants
from streams.cosigning.sessions.rounds import RoundMessage, Rounds
from streams.cosigning.sessions.shares import Shares
from streams.cosigning.sessions.signing import SigningCase
from streams.judging.memory import SealedMemory
from streams.sessions.signed_messages import UNSIGNED, MessageSigner

LAST_SIGNING_ROUND: Final = 3
"""The round in which a cosigner sends its half of the signature (DKLs23, protocol 3.6)."""


class Purpose(Protocol):
    """The purpose of a session: a signature, new shares or a destruction."""

    @property
    def company(self) -> Participants:
        """Return the participants."""
        ...

    @property
    def signature(self) -> Cosigned | None:
        """Return the signature once there is one; else None."""
        ...

    def leaving(self, said: Sequence[RoundMessage]) -> None:
        """Called before these messages leave."""
        ...

    def outcome(self, pen: MessageSigner) -> CosignerMessage:
        """Return the last message of the session."""
        ...


@dataclass(slots=True)
class Live:
    """One session of this cosigner."""

    opened: SessionOpened
    purpose: Purpose
    rounds: Rounds
    until: Instant
    """The time at which the session is given up."""
    is_over: bool = field(default=False)

    def start(self, pen: MessageSigner) -> list[CosignerMessage]:
        """Return the first messages."""
        return self._say(pen, self.rounds.start())

    def hear(self, pen: MessageSigner, number: int, incoming: Incoming) -> list[CosignerMessage]:
        """Return the messages that follow from one more message."""
        return self._say(pen, self.rounds.hear(number, incoming))

    def _say(self, pen: MessageSigner, said: Sequence[RoundMessage]) -> list[CosignerMessage]:
        self.purpose.leaving(said)
        company, session_id = self.purpose.company, self.opened.session_id
        messages = [
            pen.told(session_id, "round", each.round, each.payload)
            if each.receiver is None
            else pen.whispered(session_id, company.at(each.receiver), each.round, each.payload)
            for each in said
        ]
        if self.rounds.finished and not self.is_over:
            self.is_over = True
            messages.append(self.purpose.outcome(pen))
        return messages


@dataclass(slots=True)
class ToSign:
    """One signature."""

    opened: SessionOpened
    case: SigningCase
    session: Signing
    memory: SealedMemory
    signature: Cosigned | None = None

    @property
    def company(self) -> Participants:
        """Return as many participants as the key's threshold."""
        return self.case.company

    def leaving(self, said: Sequence[RoundMessage]) -> None:
        """Claim the nonce for this payload, for good, before the half of the signature leaves.

        Raises:
            SessionAborted: by now the memory refuses it: the order was, or something else took nonce or cap meanwhile.
        """
        if any(each.round >= LAST_SIGNING_ROUND for each in said):
            refusal = self.memory.refusal(self.case.payload, self.case.payload.claimed_at)
            if refusal is not None:
                raise SessionAborted(refusal.message)
            self.memory.claim(self.case.payload, self.case.reached)

    def outcome(self, pen: MessageSigner) -> CosignerMessage:
        """Return the signature with our verdict."""
        made = self.session.result
        self.signature = self.case.cosigned(pen, made.r, made.s, made.y_parity)
        return pen.outcome(self.opened.session_id, "signed", self.signature)


@dataclass(frozen=True, slots=True)
class ToHold:
    """New shares, of a new key or of one that there is."""

    opened: SessionOpened
    ceremony: Ceremony
    session: Keygen | Refresh
    shares: Shares

    @property
    def company(self) -> Participants:
        """Return all participants that will hold the key."""
        return self.ceremony.company

    @property
    def signature(self) -> None:
        """Return None: a ceremony signs nothing."""

    def leaving(self, said: Sequence[RoundMessage]) -> None:
        """Do nothing: a ceremony stores nothing before its end."""

    def outcome(self, pen: MessageSigner) -> CosignerMessage:
        """Return our signed voucher for the share, once it is on the disk."""
        share, ceremony = self.session.result, self.ceremony
        self.shares.put(ceremony.backend, self.opened.key_id, ceremony.new_epoch, share)
        vouched = KeyVouched(
            cosigner=ceremony.company.me,
            key_id=self.opened.key_id,
            epoch=ceremony.new_epoch,
            address=share.address,
            public_key=f"0x{share.public_key.hex()}",
            signature=UNSIGNED,
        )
        return pen.outcome(self.opened.session_id, "vouched", pen.vouched(vouched, self.opened.ordered_position))
