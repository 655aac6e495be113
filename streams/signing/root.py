"""Governance as the enclave believes it: derived from the genesis document that the pinned root key signed, event by event.

A desk, a broker's administrator or whoever can write governance topics cannot give anybody rights here: every governance
event must be exactly the one that the signed document gives at its position, sealed at one instant that is not before the
document was issued (the age of a list entry is reckoned from it). Source: architecture, rule 10.
Left out: changes after genesis. There are none yet, so one that appears is forged and stops the enclave.
"""

from __future__ import annotations

from typing import Final

from schemas.events.base import FirmEvent
from schemas.events.governance import GenesisAccepted
from schemas.values import Instant
from streams.governance import genesis
from streams.governance.view import Governance, GovernanceFold

SKEW_MICROS_MAX: Final = 30_000_000
"""How far the clock of whoever issued the document may be ahead of governance's."""


class NotRooted(Exception):
    """A governance event that does not derive from the pinned root key: the enclave stops."""


class RootedGovernance:
    """Folds governance events, in any order, and believes those that the signed genesis gives."""

    def __init__(self, pinned_root_key: bytes) -> None:
        """`pinned_root_key`: 32 bytes (Ed25519), from the enclave's own installation."""
        self._pinned = pinned_root_key
        self._fold = GovernanceFold()
        self._expected: tuple[FirmEvent, ...] = ()
        self._waiting: list[FirmEvent] = []

    @property
    def view(self) -> Governance:
        """The firm, as far as it is rooted."""
        return self._fold.view

    def accept(self, event: FirmEvent) -> None:
        """Take in one event.

        Raises:
            NotRooted: it is not what the signed genesis document gives at its position.
            GenesisRefused: the document itself is not signed by the pinned key.
        """
        self._waiting.append(event)
        if isinstance(event, GenesisAccepted) and not self._expected:
            self._expected = self._derive(event)
        if self._expected:
            for each in self._waiting:
                self._check(each)
                self._fold.accept(each)
            self._waiting.clear()

    def _derive(self, accepted: GenesisAccepted) -> tuple[FirmEvent, ...]:
        signed = genesis.verify_accepted(accepted, self._pinned)
        at: Instant = accepted.decided_at
        if at < signed.document.issued_at - SKEW_MICROS_MAX:
            raise NotRooted("genesis was accepted before it was issued")
        seal = {"decided_at": at, "causation_id": genesis.digest(signed)}
        return tuple(
            event.model_copy(update={"position": position, **seal})
            for position, event in enumerate(genesis.events(signed), start=1)
        )

    def _check(self, event: FirmEvent) -> None:
        if not 1 <= event.position <= len(self._expected) or event != self._expected[event.position - 1]:
            raise NotRooted(f"governance event {event.position} does not derive from the genesis that the root key signed")
