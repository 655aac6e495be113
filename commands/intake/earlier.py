"""Looks up earlier commands on the read side, so that a repetition gets the first answer, and declares what is asked of it.

The desk and governance answer a command once and are silent when it comes again. Here the answer is made once more, from the
events that the read side keeps, by the same function that reads them from Kafka. The projections implement the questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from commands.outcomes import ANSWER_TOPICS, Question, Rejected, SentFirmCommand
from schemas.canonical import child_order_id
from schemas.commands import SplitOrder
from schemas.events.answers import CommandRejected
from schemas.events.base import Event
from schemas.events.governance import FirmCommandRejected
from schemas.values import CommandId, OrderId, PrincipalId, Sha256
from streams.rules.access.admission import Registered

R = TypeVar("R", CommandRejected, FirmCommandRejected)


class ReadSide(Protocol):
    """The read side as the gateway asks it. Every method but `open` and `close` raises DatabaseAway."""

    async def open(self) -> None:
        """Begin to connect."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...

    async def ready(self) -> None:
        """Return when the tables can be read."""
        ...

    async def registered(self, principal: PrincipalId) -> Registered | None:
        """Return the rights of `principal`; None: no such principal."""
        ...

    async def order_events(self, command_id: CommandId, orders: Sequence[OrderId], answers: Sequence[str]) -> list[Event]:
        """Return the events of `orders` that the command caused."""
        ...

    async def firm_events(self, command_id: CommandId, answers: Sequence[str]) -> list[Event]:
        """Return governance's events that the command caused, without rejections."""
        ...

    async def rejection(self, command_id: CommandId, command_hash: Sha256, record_type: type[R]) -> R | None:
        """Return the rejection of exactly this command; None: it was not rejected."""
        ...


async def events_of(question: Question, reading: ReadSide) -> list[Event]:
    """Return the events that name the command's id as their cause, without rejections. Raises DatabaseAway."""
    command_id = question.command.command_id
    if isinstance(question, SentFirmCommand):
        return await reading.firm_events(command_id, ANSWER_TOPICS)
    orders = [question.order_id]
    if isinstance(question.command.body, SplitOrder):
        orders += [child_order_id(question.order_id, index) for index in range(len(question.command.body.amounts))]
    return await reading.order_events(command_id, orders, ANSWER_TOPICS)


async def rejection_of(question: Question, reading: ReadSide) -> Rejected | None:
    """Return the rejection of exactly this command, if it was rejected. Raises DatabaseAway."""
    command_id = question.command.command_id
    if isinstance(question, SentFirmCommand):
        return await reading.rejection(command_id, question.record_hash, FirmCommandRejected)
    return await reading.rejection(command_id, question.record_hash, CommandRejected)
