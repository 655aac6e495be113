"""Derives the outcome of a command to governance, which answers in one transaction over several topics. Pure.

Left out: reports on keys. Who keeps keys writes them onto the log, again and again until governance has said what follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

from commands.answers import FirmAnswer
from commands.outcomes.sent_command import SentFirmCommand
from schemas.events.base import Event
from schemas.events.governance import (
    AccessProposed,
    BreakerTripped,
    FirmCommandRejected,
    PolicyProposed,
    ProposalApproved,
    ProposalClosed,
    Proposed,
    ResetProposed,
)
from schemas.events.keys import KeyProposed
from schemas.firm_commands import ApproveProposal, DeclineProposal, ReportKey, TripBreaker, WithdrawProposal
from schemas.values import Record

ANSWER_RECORDS: Final[tuple[type[Record], ...]] = (
    BreakerTripped,
    PolicyProposed,
    ResetProposed,
    AccessProposed,
    KeyProposed,
    ProposalApproved,
    ProposalClosed,
    FirmCommandRejected,
)

TRIPPED: Final = "tripped"
AWAITING_APPROVAL: Final = "awaiting-approval"
ENACTED: Final = "enacted"

E = TypeVar("E", bound=Event)

FirmOutcome = FirmAnswer | FirmCommandRejected


def answer_of(asked: SentFirmCommand, events: Sequence[Event]) -> FirmAnswer | None:
    """Return the answer to `asked` other than a rejection; None while an event is missing."""
    match asked.command.body:
        case TripBreaker():
            return _tripped(asked, events)
        case ApproveProposal():
            return _approved(asked, events)
        case DeclineProposal() | WithdrawProposal():
            closed = _holding(asked, ProposalClosed, events)
            return None if closed is None else _left(asked, closed.reason, closed.message)
        case ReportKey():
            return None
    return _proposed(asked, events)


def _holding(asked: SentFirmCommand, record: type[E], events: Sequence[Event]) -> E | None:
    """The event of this kind that holds the very command."""
    return next((event for event in events if isinstance(event, record) and asked.is_held_by(event)), None)


def _tripped(asked: SentFirmCommand, events: Sequence[Event]) -> FirmAnswer | None:
    event = _holding(asked, BreakerTripped, events)
    if event is None:
        return None
    answer = _left(asked, TRIPPED, event.reason)
    return answer.model_copy(update={"scope": event.scope, "subject": event.subject, "breaker": event.state})


def _proposed(asked: SentFirmCommand, events: Sequence[Event]) -> FirmAnswer | None:
    event = _holding(asked, Proposed, events)
    if event is None:
        return None
    return FirmAnswer(
        command_id=asked.command.command_id,
        state=AWAITING_APPROVAL,
        proposal_id=event.proposal_id,
        proposal_hash=event.proposal_hash,
        requires=tuple(event.requires),
        expires_at=event.expires_at,
        policy_hash=event.policy_hash if isinstance(event, PolicyProposed) else None,
        key_id=event.key_id if isinstance(event, KeyProposed) else None,
        operation=event.operation if isinstance(event, KeyProposed) else None,
    )


def _approved(asked: SentFirmCommand, events: Sequence[Event]) -> FirmAnswer | None:
    """The proposal after an approval that counted: waiting for others, in force, or closed after all."""
    approved = _holding(asked, ProposalApproved, events)
    if approved is None:
        return None
    if approved.requires:
        return _left(asked, AWAITING_APPROVAL, "").model_copy(update={"requires": tuple(approved.requires)})
    for event in events:
        if isinstance(event, ProposalClosed) and event.proposal_id == asked.proposal_id:
            return _left(asked, event.reason, event.message)
    return None


def _left(asked: SentFirmCommand, state: str, message: str) -> FirmAnswer:
    return FirmAnswer(command_id=asked.command.command_id, state=state, message=message, proposal_id=asked.proposal_id)
