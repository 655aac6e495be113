"""Decides governance: decide, evolve, initial, and nothing else (architecture, rules 1, 2 and 14).

One writer for the firm, on the fold of its own events, beginning with genesis. A decision rests on that fold and on the signed
command alone, and the first event of each decision holds the command: anyone with the log can decide it again (`derivation`),
byte for byte.
"""

from __future__ import annotations

from typing import assert_never

from schemas.canonical import firm_command_digest
from schemas.commands import WebAuthnAssertion
from schemas.events.base import FirmEvent
from schemas.events.governance import (
    AccessProposed,
    BreakerTripped,
    FirmCommandRejected,
    PolicyProposed,
    ProposalApproved,
    ProposalClosed,
    ResetProposed,
)
from schemas.events.keys import KeyDestroyed, KeyFailed, KeyGenerated, KeyProposed, KeyRotated
from schemas.firm_commands import (
    ApproveProposal,
    DeclineProposal,
    FirmCommand,
    ProposeAccess,
    ProposeKey,
    ProposePolicy,
    ProposeReset,
    ReportKey,
    TripBreaker,
    WithdrawProposal,
)
from schemas.hash_chain import Link
from schemas.values import Instant, OrderId
from streams.rules.access.sender import Given, counter_shown
from streams.rules.decider import Received, Recorded
from streams.rules.governance.changes import breakers, intake, proposals
from streams.rules.governance.changes.intake import Accepted
from streams.rules.governance.changes.keys import reports
from streams.rules.governance.changes.keys.ageing import rotations_due
from streams.rules.governance.changes.state import GovernanceState, OpenProposal
from streams.rules.refusals.base import Refused


class NotAnInput(Exception):
    """A record from a topic that governance does not read: the wiring is wrong."""


class GovernanceDecider:
    """Decides governance, as the engine runs it."""

    state_type = GovernanceState

    def initial(self) -> GovernanceState:
        """Return a state without a firm."""
        return GovernanceState()

    def decide(self, state: GovernanceState, message: Received, now: Instant) -> tuple[FirmEvent, ...]:
        """Decide a record on `firm-commands`.

        Raises:
            NotAnInput: the record is on another topic.
        """
        command = message.record
        if command is None:
            return (intake.unreadable(message),)
        if not isinstance(command, FirmCommand):
            raise NotAnInput(f"a {type(command).__name__} on {message.topic}")
        try:
            accepted = intake.accept(state, command, now)
        except Refused as refused:
            return (intake.rejected(message, command, refused),)
        if accepted is None:
            return ()
        try:
            return carried_out(state, accepted)
        except Refused as refused:
            return (intake.rejected(message, command, refused, accepted.content),)

    def evolve(self, state: GovernanceState, recorded: Recorded) -> GovernanceState:
        """Return `state`, changed in place by one event."""
        assert isinstance(recorded.event, FirmEvent)  # noqa: S101 - narrows: governance writes no others
        return evolved(state, recorded.event)

    def due(self, state: GovernanceState, now: Instant) -> tuple[FirmEvent, ...]:
        """Return events that time alone causes."""
        return due(state, now)

    def tail(self, state: GovernanceState, order_id: OrderId) -> Link | None:  # noqa: ARG002 - part of the protocol
        """Return None: governance appends to no order."""
        return None


def carried_out(state: GovernanceState, accepted: Accepted) -> tuple[FirmEvent, ...]:
    """Return the events of an accepted command.

    Raises:
        Refused: the command's request is refused.
    """
    match accepted.command.body:
        case TripBreaker() as body:
            tripped = breakers.trip(accepted, body)
            return (tripped, *proposals.outdated(state, tripped))
        case ReportKey() as body:
            return reports.report(accepted, body)
        case ProposeReset() | ProposePolicy() | ProposeAccess() | ProposeKey() as body:
            return (proposals.propose(state, accepted, body),)
        case ApproveProposal() as body:
            return proposals.approve(state, accepted, body)
        case DeclineProposal() as body:
            return (proposals.decline(state, accepted, body),)
        case WithdrawProposal() as body:
            return (proposals.withdraw(state, accepted, body),)
        case _ as unknown:
            assert_never(unknown)


def due(state: GovernanceState, now: Instant) -> tuple[FirmEvent, ...]:
    """Return expired proposals, and warnings of keys that have become old."""
    return (*proposals.expired(state, now), *rotations_due(state.firm, now))


def evolved(state: GovernanceState, event: FirmEvent) -> GovernanceState:
    """Return `state`, changed in place by one event."""
    state.in_force.apply(event)
    match event:
        case BreakerTripped() | KeyGenerated() | KeyRotated() | KeyDestroyed() | KeyFailed():
            _spend(state, event.command, event.decided_at)
        case PolicyProposed() | ResetProposed() | AccessProposed() | KeyProposed():
            _spend(state, event.command, event.decided_at)
            state.proposals[event.proposal_id] = OpenProposal(event)
        case ProposalApproved():
            _spend(state, event.command, event.decided_at)
            state.proposals[event.proposal_id].approvals.append(_given(event))
        case ProposalClosed():
            if event.command is not None:
                _spend(state, event.command, event.decided_at)
            state.close(event.proposal_id, f"{event.reason} ({event.message})")
        case FirmCommandRejected() if event.content_hash is not None:
            state.remember(event.command_id, event.content_hash, event.decided_at)
        case _:
            pass
    return state


def _spend(state: GovernanceState, command: FirmCommand, now: Instant) -> None:
    """Spend the id of a command that was carried out, and record its key's counter."""
    state.remember(command.command_id, firm_command_digest(command).hex(), now)
    if isinstance(command.authorization, WebAuthnAssertion):
        state.counters[command.authorization.credential_id] = counter_shown(command.authorization)


def _given(event: ProposalApproved) -> Given:
    authorization = event.command.authorization
    assert isinstance(authorization, WebAuthnAssertion)  # noqa: S101 - narrows: only people approve
    return Given(event.approver, authorization.credential_id, event.roles)
