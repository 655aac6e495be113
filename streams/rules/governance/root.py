"""Folds governance for the enclave, event by event, from the genesis document that the pinned root key signed.

Write access to governance's topics gives nobody rights here: each event must be the one that the signed document gives at its
position or, after genesis, the one that the pure decider gives for the signed commands in the log
(`streams.rules.governance.derivation`). Source: architecture, rule 10.
"""

from __future__ import annotations

import hashlib

from schemas.events.base import FirmEvent
from streams.rules.firm.view import HELD_EVENTS_MAX, Governance, GovernanceFold
from streams.rules.governance.derivation import Derivation, NotDerived


class NotRooted(Exception):
    """A governance event that does not derive from the pinned root key: the enclave stops."""


class RootedGovernance:
    """Folds governance events, in any order, and believes those that follow from the signed genesis."""

    def __init__(self, pinned_root_key: bytes) -> None:
        """`pinned_root_key`: 32 bytes (Ed25519), from the enclave's own installation."""
        self._derivation = Derivation(pinned_root_key)
        self._fold = GovernanceFold()
        self._held: dict[int, FirmEvent] = {}
        self._digests: list[bytes] = []
        """Hashes of the believed events, by position from 1: a repeated event must be the same."""

    @property
    def view(self) -> Governance:
        """Return the firm, as far as it is rooted."""
        return self._fold.view

    def digest_at(self, position: int) -> str:
        """Return the SHA-256 of the believed event at `position`, hex; nothing before the first."""
        return self._digests[position - 1].hex() if position else ""

    def at(self, position: int) -> Governance:
        """Return the firm as it was after the event at `position`.

        Raises:
            NotFoldedYet: that event has not been believed.
        """
        return self._fold.at(position)

    def accept(self, event: FirmEvent) -> None:
        """Take in one event.

        Raises:
            NotRooted: the event does not follow from the signed genesis and the commands in the log.
            GenesisRefused: the document itself is not signed by the pinned key.
        """
        if event.position <= self._derivation.position:
            if event.position < 1 or _digest(event) != self._digests[event.position - 1]:
                raise NotRooted(f"another governance event was believed at position {event.position}")
            return
        if self._held.setdefault(event.position, event) != event or len(self._held) > HELD_EVENTS_MAX:
            raise NotRooted(f"two different governance events have position {event.position}, or too many lie behind a gap")
        while (following := self._held.pop(self._derivation.position + 1, None)) is not None:
            try:
                self._derivation.believe(following)
            except NotDerived as reason:
                raise NotRooted(str(reason)) from reason
            self._fold.accept(following)
            self._digests.append(_digest(following))


def _digest(event: FirmEvent) -> bytes:
    return hashlib.sha256(event.model_dump_json().encode()).digest()
