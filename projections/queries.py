"""Answers the gateway's questions from the tables: a sender's rights, and what became of an earlier command.

The gateway declares the questions (`commands.intake.earlier`) and never sees a table. Rows that this version cannot read
count as a database that is away: guessing would admit or refuse wrongly. The tables may be a moment behind governance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, LiteralString, TypeVar

from pydantic import ValidationError

from infra.postgres.reading import DatabaseAway, Reader, Row
from infra.settings.description import ClusterDescription
from projections.storage.roles import READER, conninfo
from schemas.events.answers import CommandRejected
from schemas.events.base import Event
from schemas.events.governance import FirmCommandRejected
from schemas.topics import TOPIC_OF, TOPICS
from schemas.values import CommandId, OrderId, PrincipalId, Sha256
from streams.rules.access.admission import Registered

R = TypeVar("R", CommandRejected, FirmCommandRejected)

_ACCESS: Final[LiteralString] = """
    SELECT principal, kind, status, desks, credentials, signing_keys,
        (SELECT settings FROM projection.policies ORDER BY position DESC LIMIT 1) AS settings
    FROM projection.principals WHERE principal = %s
"""
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


class GatewayQueries:
    """The tables, as role `reader`, for the gateway. Every method raises DatabaseAway."""

    def __init__(self, description: ClusterDescription) -> None:
        """Read the credentials; connect to nothing yet. Raises OSError: they are not there, or others can read them."""
        self._reader = Reader(conninfo(description, READER), "proofdesk-gateway")

    async def open(self) -> None:
        """Begin to connect."""
        await self._reader.open()

    async def close(self) -> None:
        """Close all connections."""
        await self._reader.close()

    async def ready(self) -> None:
        """Return when the tables can be read."""
        await self._reader.fetch("SELECT 1 FROM projection.principals LIMIT 1")

    async def registered(self, principal: PrincipalId) -> Registered | None:
        """Return the rights of `principal`; None: no such principal."""
        rows = await self._reader.fetch(_ACCESS, (principal,))
        try:
            return Registered.model_validate(rows[0]) if rows else None
        except ValidationError as error:
            raise _other_version() from error

    async def order_events(self, command_id: CommandId, orders: Sequence[OrderId], answers: Sequence[str]) -> list[Event]:
        """Return the events of `orders` that the command caused; remarks only on the topics `answers`."""
        parameters = {"orders": list(orders), "command": command_id, "answers": list(answers)}
        return _events(await self._reader.fetch(_ORDER_EVENTS, parameters))

    async def firm_events(self, command_id: CommandId, answers: Sequence[str]) -> list[Event]:
        """Return governance's events on the topics `answers` that the command caused, without rejections."""
        parameters = {"command": command_id, "answers": list(answers), "rejected": TOPIC_OF[FirmCommandRejected].name}
        return _events(await self._reader.fetch(_FIRM_EVENTS, parameters))

    async def rejection(self, command_id: CommandId, command_hash: Sha256, record_type: type[R]) -> R | None:
        """Return the rejection of the command whose bytes have this hash; None: it was not rejected."""
        rows = await self._reader.fetch(_REJECTIONS, (command_id, command_hash))
        if not rows:
            return None
        fields = {name: value for name, value in rows[0].items() if name in record_type.model_fields}
        try:
            return record_type.model_validate({**fields, "command_id": command_id})
        except ValidationError as error:
            raise _other_version() from error


def _events(rows: list[Row]) -> list[Event]:
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
