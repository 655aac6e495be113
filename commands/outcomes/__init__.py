"""Derives a command's outcome from the events that name it as their cause, in any order of arrival. Pure.

An event answers a command if it holds the very command (compared by what its sender signed), or follows from such an event; a
rejection answers the one record whose hash it names. So two different commands under one id are never given each other's
answers. Left out: how events are come by (`commands.log.tail` from Kafka, `commands.intake.earlier` from the read side).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from commands.outcomes import firm, orders
from commands.outcomes.firm import FirmOutcome
from commands.outcomes.orders import OrderOutcome
from commands.outcomes.sent_command import Question, SentCommand, SentFirmCommand, asked_of_firm, sent_command
from schemas.commands import Command
from schemas.events.answers import CommandRejected
from schemas.events.base import Event
from schemas.events.governance import FirmCommandRejected
from schemas.firm_commands import FirmCommand
from schemas.topics import TOPIC_OF

__all__ = [
    "ANSWER_TOPICS",
    "FirmOutcome",
    "OrderOutcome",
    "Outcome",
    "Question",
    "Rejected",
    "SentCommand",
    "SentFirmCommand",
    "asked_of_firm",
    "cause_of",
    "outcome_of",
    "sent_command",
    "spent_otherwise",
]

ANSWER_TOPICS: Final = tuple(TOPIC_OF[record].name for record in (*orders.ANSWER_RECORDS, *firm.ANSWER_RECORDS))
"""The topics that answer commands."""

Outcome = OrderOutcome | FirmOutcome
Rejected = CommandRejected | FirmCommandRejected


def cause_of(event: Event) -> str:
    """The id of the command that an event may answer."""
    return event.command_id if isinstance(event, Rejected) else event.causation_id


def outcome_of(question: Question, events: Sequence[Event]) -> Outcome | None:
    """The answer to `question`, from events that name its id as their cause; None while something is missing."""
    for event in events:
        if isinstance(event, Rejected) and event.command_hash == question.record_hash:
            return event
    if isinstance(question, SentFirmCommand):
        return firm.answer_of(question, events)
    return orders.answer_of(question, events)


def spent_otherwise(question: Question, events: Iterable[Event]) -> bool:
    """Return True if an event shows that the question's id was used for a command with another content."""
    held = (getattr(event, "command", None) for event in events)
    return any(
        isinstance(command, Command | FirmCommand)
        and command.command_id == question.command.command_id
        and not question.is_about(command)
        for command in held
    )
