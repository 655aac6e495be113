"""Accepts a record on `commands` as a new, authenticated command to its desk, or rejects it (mission, lifecycle step 1).

Checks in this order: the record can be read, it is on the desk's own partition, its id is not spent, it is neither too old nor
from the future, its signature is its principal's, who may act on the desk. A writer of the topic can put any record there, so a
record whose signature is wrong does not spend its id: else it could use up another sender's.
Left out: the command's request itself (`steps`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from schemas.canonical import command_digest, order_id
from schemas.commands import Command, GiveApproval, InitiateOrder, TryOrder
from schemas.events.answers import QUARANTINED_BYTES_MAX, CommandRejected, Quarantined
from schemas.events.base import Event
from schemas.partitioning import desk_partition
from schemas.values import TEXT_CHARACTERS_MAX, DeskId, Instant, OrderId, Sha256
from streams.rules.access.desk_rights import Sender, authenticate
from streams.rules.access.freshness import check_age
from streams.rules.decider import Received
from streams.rules.orders.command_ids import Memory, fingerprint, mark
from streams.rules.orders.judging.facts import Circumstances
from streams.rules.orders.state import DeskState
from streams.rules.refusals import orders as refusals
from streams.rules.refusals.orders import Refused

UNKNOWN_DESK: Final = "unknown"

_SLUG: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_PRINCIPAL: Final = re.compile(r".{1,100}")


@dataclass(frozen=True, slots=True)
class Accepted:
    """An authenticated command that was not answered before."""

    received: Received
    command: Command
    content: Sha256
    """Hash, in hex, of the content that the sender signed."""
    named: OrderId
    """The order id that this content gives."""
    sender: Sender
    governance_position: int

    def rejected(self, refused: Refused) -> CommandRejected:
        """Return the rejection of a refused request: its id is spent."""
        return rejected(self.received, self.command, refused, self.governance_position, self.content)


def accept(
    state: DeskState, received: Received, command: Command, circumstances: Circumstances, now: Instant
) -> Accepted | CommandRejected | None:
    """Return the accepted command, its rejection, or None when it was answered before."""
    try:
        _check_place(received, command)
        digest = command_digest(command)
        named = order_id(command.desk_id, digest)
        if _is_repetition(state.memory, command, named):
            return None
        check_age(command.issued_at, circumstances.settings, now)
        governance, settings = circumstances.governance, circumstances.settings
        sender = authenticate(command, digest, governance, settings, state.desk(command.desk_id).counters)
    except Refused as refused:
        return rejected(received, command, refused, circumstances.governance.position)
    return Accepted(received, command, digest.hex(), named, sender, circumstances.governance.position)


def rejected(
    received: Received, command: Command, refused: Refused, governance_position: int, content: Sha256 | None = None
) -> CommandRejected:
    """Return the answer to a command that leads to no order's event. `content`: hash of its authenticated sender's content."""
    body = command.body
    return CommandRejected(
        desk_id=command.desk_id,
        command_id=command.command_id,
        principal=command.principal,
        order_id=None if isinstance(body, InitiateOrder | TryOrder) else body.order_id,
        refusal=refused.record(),
        command_hash=received.digest,
        governance_position=governance_position,
        # An approval's assertion does not cover the command's id, so it does not prove whose id it is.
        content_hash=None if isinstance(body, GiveApproval) else content,
    )


def unreadable(received: Received, governance_position: int) -> Event:
    """Answer an unreadable record: reject it if it names its sender, else quarantine its bytes."""
    content = received.content or {}
    command_id = _text(content, "command_id", _UUID)
    desk_id = _text(content, "desk_id", _SLUG)
    principal = _text(content, "principal", _PRINCIPAL)
    if command_id is None or desk_id is None or principal is None:
        return _quarantined(received)
    return CommandRejected(
        desk_id=desk_id,
        command_id=command_id,
        principal=principal,
        order_id=_order_id(content.get("body")),
        refusal=refusals.CommandMalformed(reason=received.unreadable).record(),
        command_hash=received.digest,
        governance_position=governance_position,
    )


def _quarantined(received: Received) -> Quarantined:
    return Quarantined(
        desk_id=_desk_of_key(received.key),
        topic=received.topic,
        partition=received.partition,
        log_offset=received.offset,
        reason=received.unreadable[:TEXT_CHARACTERS_MAX],
        original="0x" + received.value[:QUARANTINED_BYTES_MAX].hex(),
        original_sha256=received.digest,
    )


def _desk_of_key(key: bytes) -> DeskId:
    text = key.decode("utf-8", "replace")
    return text if _SLUG.fullmatch(text) else UNKNOWN_DESK


def _text(content: Mapping[str, Any], field: str, pattern: re.Pattern[str]) -> str | None:
    value = content.get(field)
    return value if isinstance(value, str) and pattern.fullmatch(value) else None


def _order_id(body: Any) -> OrderId | None:
    return _text(body, "order_id", _UUID) if isinstance(body, Mapping) else None


def _check_place(received: Received, command: Command) -> None:
    """Check key and partition, which the record's writer chose: two writers of one desk would each have the full limits."""
    key = command.desk_id.encode()
    if received.key != key or received.partition != desk_partition(key):
        raise refusals.CommandMisplaced(
            desk_id=command.desk_id, key=received.key[:64].decode("utf-8", "replace"), partition=received.partition
        )


def _is_repetition(memory: Memory, command: Command, named: OrderId) -> bool:
    spent = memory.content(fingerprint(command.desk_id, command.command_id))
    if spent is not None and spent != mark(named):
        raise refusals.IdempotencyConflict(command_id=command.command_id)
    return spent is not None
