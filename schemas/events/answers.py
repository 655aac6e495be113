"""Defines answers to senders whose command led to no order event, and the record of unreadable commands."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.commands import Command
from schemas.events.base import DeskEvent, Event, Refusal
from schemas.events.facts import Facts, RuleFinding, Unmet
from schemas.events.lifecycle import Claim
from schemas.firm import BreakerScope, BreakerState, Subject
from schemas.orders import Order
from schemas.values import HexBytes, Instant, Sha256, Text, Uuid

QUARANTINED_BYTES_MAX = 65_536


class CommandRejected(DeskEvent):
    """A readable command that was refused. The sender finds it by `command_id`."""

    command_id: Uuid
    principal: Annotated[str, Field(max_length=100)]
    order_id: Uuid | None = None
    refusal: Refusal
    command_hash: Sha256
    """SHA-256 of the command's record value on its topic."""
    content_hash: Sha256 | None = None
    """What the sender signed, once the signature was found right: the id is then spent. None: anybody may have sent it."""
    governance_position: Annotated[int, Field(ge=0)] = 0
    """The last governance event that was folded when it was decided."""


class OrderTried(DeskEvent):
    """What would be decided of an order that was not placed. Nothing is reserved, nothing follows."""

    command: Command
    order: Order
    outcome: Literal["allowed", "needs-approval", "refused"]
    rules: list[RuleFinding]
    refusals: list[Refusal]
    requires: list[str]
    unmet: list[Unmet]
    facts: Facts | None = None
    """None when the order could not be valued at all."""


class LimitBreached(DeskEvent):
    """An order would have gone over a limit whose breach trips a breaker: a detector proposes that to governance."""

    order_id: Uuid
    limit_id: Annotated[str, Field(max_length=120)]
    scope_key: Annotated[str, Field(max_length=200)]
    breaker_scope: BreakerScope
    breaker_subject: Subject
    breaker_state: BreakerState
    message: Text


class Quarantined(DeskEvent):
    """A record on `commands` that could not be read, with its original bytes. `desk_id` is `unknown` when the key gave none."""

    topic: Text
    partition: int
    log_offset: int
    reason: Text
    original: HexBytes
    """At most 64 KiB; `original_sha256` covers all of it."""
    original_sha256: Sha256


class NonceResolved(DeskEvent):
    """A wallet's nonce that execution had offered to an order was used by the signer, or is free again."""

    wallet_id: Annotated[str, Field(max_length=63)]
    chain_id: int
    nonce: Annotated[int, Field(ge=0)]
    order_id: Uuid
    outcome: Literal["consumed", "released"]
    claimed: Claim | None = None
    """What may have been signed for a nonce that is free: whoever gets it overtakes that. None: nothing but what is known."""


class RequestRefused(Event):
    """An HTTP request to the gateway that led to no command: malformed, unauthenticated or unauthorised."""

    received_at: Instant
    method: Annotated[str, Field(max_length=10)]
    path: Text
    claimed_principal: Annotated[str, Field(max_length=100)] = ""
    refusal: Refusal
    body_sha256: Sha256
