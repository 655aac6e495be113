"""Looks up earlier commands on the read side: a repetition gets the first answer again.

The desk and governance answer a command once and are silent when it comes again. Here the answer is made once more, from the
events that the read side keeps, by the same function that reads them from Kafka.
"""

from __future__ import annotations

from typing import Any, Final, LiteralString

from pydantic import ValidationError

from commands.intake.principals import DatabaseAway, ReadSide
from commands.outcomes import ANSWER_TOPICS, Question, Rejected, SentFirmCommand
from schemas.canonical import child_order_id
from schemas.commands import SplitOrder
from schemas.events.answers import CommandRejected
from schemas.events.base import Event
from schemas.events.governance import FirmCommandRejected
from schemas.topics import TOPIC_OF, TOPICS

_ORDER_EVENTS: Final[LiteralString] = """
    SELECT topic, event FROM projection.order_events
    WHERE order_id = ANY(%(orders)s::uuid[]) AND event ->> 'causation_id' = %(command)s
    UNION ALL
    SELECT topic, event FROM projection.remarks
    WHERE order_id = ANY(%(orders)s::uuid[]) AND causation_id = %(command)s AND topic = ANY(%(answers)s)
"""
_FIRM_EVENTS: Final[LiteralString] = """
    SELECT topic, event FROM projection.firm_events
    WHERE causation_id = %(command)s AND topic = ANY(%(answers)s) AND topic <> %(rejected)s ORDER BY position
"""
_REJECTIONS: Final[LiteralString] = """
    SELECT desk_id, principal, order_id, proposal_id, refusal, command_hash FROM projection.rejected_commands
    WHERE command_id = %s AND command_hash = %s ORDER BY rejected_at DESC LIMIT 1
"""


async def events_of(question: Question, reading: ReadSide) -> list[Event]:
    """The events that name the command's id as their cause, without rejections.

    Raises:
        DatabaseAway: it cannot be asked now.
    """
    command_id, answers = question.command.command_id, list(ANSWER_TOPICS)
    if isinstance(question, SentFirmCommand):
        of_firm = {"command": command_id, "answers": answers, "rejected": TOPIC_OF[FirmCommandRejected].name}
        return _records(await reading.fetch(_FIRM_EVENTS, of_firm))
    orders = [question.order_id]
    if isinstance(question.command.body, SplitOrder):
        orders += [child_order_id(question.order_id, index) for index in range(len(question.command.body.amounts))]
    return _records(await reading.fetch(_ORDER_EVENTS, {"orders": orders, "command": command_id, "answers": answers}))


async def rejection_of(question: Question, reading: ReadSide) -> Rejected | None:
    """The rejection of exactly this command, if it was rejected.

    Raises:
        DatabaseAway: it cannot be asked now.
    """
    rows = await reading.fetch(_REJECTIONS, (question.command.command_id, question.record_hash))
    if not rows:
        return None
    record_type = FirmCommandRejected if isinstance(question, SentFirmCommand) else CommandRejected
    said = {name: value for name, value in rows[0].items() if name in record_type.model_fields}
    try:
        return record_type.model_validate({**said, "command_id": question.command.command_id})
    except ValidationError as error:
        raise _other_version() from error


def _records(rows: list[dict[str, Any]]) -> list[Event]:
    try:
        records = [_record(row["topic"], row["event"]) for row in rows]
    except (ValidationError, LookupError) as error:
        raise _other_version() from error
    return [record for record in records if record is not None]


def _record(topic: str, content: object) -> Event | None:
    record_type = TOPICS[topic].record
    record = None if record_type is None else record_type.model_validate(content)
    return record if isinstance(record, Event) else None


def _other_version() -> DatabaseAway:
    return DatabaseAway("the read side is of another version than the gateway")
