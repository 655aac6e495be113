"""What the read side knows of a command that may have been sent before: a repetition is answered as it was the first time.

The desk answers a command once and is silent when it comes again. Here the answer is made once more, from the events that the
read side keeps, by the same function that reads them from Kafka.
"""

from __future__ import annotations

from typing import Final, LiteralString

from pydantic import ValidationError

from commands.intake.principals import DatabaseAway, ReadSide
from commands.outcomes import Asked
from schemas.canonical import child_order_id
from schemas.commands import SplitOrder
from schemas.events.answers import CommandRejected
from schemas.events.base import Event, Refusal
from schemas.topics import TOPICS

_EVENTS: Final[LiteralString] = """
    SELECT topic, event FROM projection.order_events
    WHERE order_id = ANY(%s::uuid[]) AND event ->> 'causation_id' = %s ORDER BY order_id, sequence
"""
_REJECTIONS: Final[LiteralString] = """
    SELECT desk_id, principal, refusal, command_hash FROM projection.rejected_commands
    WHERE command_id = %s AND command_hash = %s ORDER BY rejected_at DESC LIMIT 1
"""


async def events_of(asked: Asked, reading: ReadSide) -> list[Event]:
    """The order events that name the command's id as their cause.

    Raises:
        DatabaseAway: it cannot be asked now.
    """
    orders = [asked.order_id]
    if isinstance(asked.command.body, SplitOrder):
        orders += [child_order_id(asked.order_id, index) for index in range(len(asked.command.body.amounts))]
    rows = await reading.fetch(_EVENTS, (orders, asked.command.command_id))
    try:
        records = [_record(row["topic"], row["event"]) for row in rows]
    except (ValidationError, LookupError) as error:
        raise DatabaseAway("the read side is of another version than the gateway") from error
    return [record for record in records if record is not None]


async def rejection_of(asked: Asked, reading: ReadSide) -> CommandRejected | None:
    """The rejection of exactly this command, if it was rejected.

    Raises:
        DatabaseAway: it cannot be asked now.
    """
    rows = await reading.fetch(_REJECTIONS, (asked.command.command_id, asked.record_hash))
    return (
        CommandRejected(
            desk_id=rows[0]["desk_id"],
            command_id=asked.command.command_id,
            principal=rows[0]["principal"],
            refusal=Refusal.model_validate(rows[0]["refusal"]),
            command_hash=rows[0]["command_hash"],
        )
        if rows
        else None
    )


def _record(topic: str, content: object) -> Event | None:
    record_type = TOPICS[topic].record
    record = None if record_type is None else record_type.model_validate(content)
    return record if isinstance(record, Event) else None
