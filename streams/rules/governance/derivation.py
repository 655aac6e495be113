"""Decides governance again from the genesis that the root key signed and the commands in the log, and compares each event.

A reader that trusts only the pinned root key (the enclave, an auditor) believes an event if the same pure decider gives
exactly that event at that position: genesis from the signed document, every later decision from the command that its first
event holds, with its sender's signature or FIDO2 assertion, and expiries and rotation warnings from time alone. Time never runs
backwards. A command's age is measured at the time of its answer, so an old command gives no new answer.
Left out: unanswered commands, and refusals, which change nothing in force and name their command by its hash only. An attacker
with write access to governance's topics can block changes but cannot forge one. Pure. Source: architecture, rules 8 to 10.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from schemas.events.base import FirmEvent
from schemas.events.governance import (
    AccessProposed,
    BreakerTripped,
    FirmCommandRejected,
    GenesisAccepted,
    PolicyProposed,
    ProposalApproved,
    ProposalClosed,
    ResetProposed,
)
from schemas.events.keys import KeyDestroyed, KeyFailed, KeyGenerated, KeyProposed, KeyRotated, RotationDue
from schemas.firm_commands import FirmCommand
from schemas.values import MICROS_PER_SECOND, Instant
from streams.rules.access.freshness import COMMAND_SKEW_SECONDS_MAX
from streams.rules.chaining import CLOCK
from streams.rules.governance import genesis
from streams.rules.governance.changes import intake
from streams.rules.governance.changes.decider import carried_out, due, evolved
from streams.rules.governance.changes.state import GovernanceState
from streams.rules.refusals.base import Refused

SKEW_MICROS_MAX: Final = COMMAND_SKEW_SECONDS_MAX * MICROS_PER_SECOND
"""The most that the clock of the genesis document's issuer may be ahead of governance's."""

ANSWERS: Final = (
    BreakerTripped,
    PolicyProposed,
    ResetProposed,
    AccessProposed,
    KeyProposed,
    ProposalApproved,
    ProposalClosed,
    KeyGenerated,
    KeyRotated,
    KeyDestroyed,
    KeyFailed,
)
"""First events of a decision on a command: each holds the command."""


class NotDerived(Exception):
    """A governance event that does not follow from the genesis that the root key signed: forged, or decided by other rules."""


class Derivation:
    """Takes governance events in the order of their positions, and believes those that follow from the earlier ones."""

    def __init__(self, pinned_root_key: bytes) -> None:
        """`pinned_root_key`: 32 bytes (Ed25519)."""
        self._pinned = pinned_root_key
        self._state = GovernanceState()
        self._expected: deque[FirmEvent] = deque()
        """The events that must come next: the rest of a decision whose beginning was believed."""
        self._position = 0
        self._now: Instant = 0

    @property
    def position(self) -> int:
        """Return the position of the last believed event."""
        return self._position

    def believe(self, event: FirmEvent) -> None:
        """Take in the next event. An event that is not believed changes nothing.

        Raises:
            NotDerived: the event does not follow.
            GenesisRefused: the event is a genesis that the pinned key did not sign.
        """
        if event.position != self._position + 1:
            raise NotDerived(f"governance event {event.position} does not follow event {self._position}")
        expected = self._expected or deque(self._decided_again(event))
        if not expected or event != expected[0]:
            raise NotDerived(f"governance event {event.position}, a {type(event).__name__}, is not what was decided")
        expected.popleft()
        self._expected = expected
        self._position, self._now = event.position, event.decided_at
        self._state = evolved(self._state, event)

    def _decided_again(self, event: FirmEvent) -> Iterable[FirmEvent]:
        """Return the whole decision that `event` begins, decided again and chained."""
        if event.decided_at < self._now:
            raise NotDerived(f"governance event {event.position} was decided before the one before it")
        match event:
            case GenesisAccepted() if self._position == 0:
                return self._founded(event)
            case _ if self._position == 0:
                raise NotDerived("the first governance event is no genesis")
            case FirmCommandRejected():
                return (event,)
            case ProposalClosed(reason="expired") | RotationDue():
                return _chained(due(self._state, event.decided_at), event, CLOCK)
            case _ if isinstance(event, ANSWERS) and event.command is not None:
                return self._answered(event, event.command)
            case _:
                raise NotDerived(f"governance event {event.position}, a {type(event).__name__}, answers no command")

    def _founded(self, accepted: GenesisAccepted) -> Iterable[FirmEvent]:
        signed = genesis.verify_accepted(accepted, self._pinned)
        if accepted.decided_at < signed.document.issued_at - SKEW_MICROS_MAX:
            raise NotDerived("genesis was accepted before it was issued")
        return _chained(genesis.events(signed), accepted, genesis.digest(signed))

    def _answered(self, event: FirmEvent, command: FirmCommand) -> Iterable[FirmEvent]:
        try:
            accepted = intake.accept(self._state, command, event.decided_at)
            decided = () if accepted is None else carried_out(self._state, accepted)
        except Refused as refused:
            raise NotDerived(f"governance event {event.position}: its command would be refused: {refused}") from refused
        if not decided:
            raise NotDerived(f"governance event {event.position}: its command was answered before")
        return _chained(decided, event, command.command_id)


def _chained(events: Iterable[FirmEvent], first: FirmEvent, causation: str) -> Iterable[FirmEvent]:
    """Return events as they stand in the log when the first of them stands where `first` does."""
    stamps = {"decided_at": first.decided_at, "causation_id": causation}
    return [event.model_copy(update={"position": first.position + place, **stamps}) for place, event in enumerate(events)]
