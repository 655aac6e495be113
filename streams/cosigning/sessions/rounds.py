"""The protocol's rounds as messages come: early, twice, or not at all. Pure, but for the protocol's own randomness.

A message is identified by sender, round and whether it is for all; the first with an identity counts. A round ends when every
awaited participant was heard. Leaves out the right to send, and the messages' content (`infra.keys.threshold`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from infra.keys.threshold import Incoming, Outgoing, Session

ROUNDS_MAX: Final = 8
"""No protocol of ours has more."""


@dataclass(frozen=True, slots=True)
class RoundMessage:
    """A message to send: its round, its receiver (None: all parties) and its payload."""

    round: int
    receiver: int | None
    payload: bytes


class Rounds:
    """One session of the protocol, fed in any order."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._heard: dict[tuple[int, int, bool], Incoming] = {}
        self._round = 0

    @property
    def finished(self) -> bool:
        """Return True if there is a result."""
        return self._session.finished

    @property
    def session(self) -> Session:
        """Return the protocol's session; it has the result once it is finished."""
        return self._session

    def start(self) -> list[RoundMessage]:
        """Begin, and go on as far as what was heard before allows."""
        said = self._said(self._session.start())
        return [*said, *self._go_on()]

    def hear(self, number: int, incoming: Incoming) -> list[RoundMessage]:
        """Take in a message of a round; one that came before, or of a round that is over, changes nothing.

        Raises:
            SessionAborted, ShareUnfit: the protocol cannot go on; see `infra.keys.threshold`.
        """
        if not max(self._round, 1) <= number <= ROUNDS_MAX:
            return []
        self._heard.setdefault((number, incoming.sender, incoming.broadcast), incoming)
        return self._go_on() if self._round else []

    def _go_on(self) -> list[RoundMessage]:
        said: list[RoundMessage] = []
        while not self.finished:
            awaited = [(self._round, party, broadcast) for party, broadcast in sorted(self._session.awaits)]
            if not awaited or any(name not in self._heard for name in awaited):
                break
            heard = [self._heard.pop(name) for name in awaited]
            said += self._said(self._session.advance(heard))
        return said

    def _said(self, outgoing: Sequence[Outgoing]) -> list[RoundMessage]:
        self._round += 1
        return [RoundMessage(self._round, each.receiver, each.payload) for each in outgoing]
