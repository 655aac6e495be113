"""Decides that a transaction is final: its block is as deep as the policy in force asks, whatever its outcome. Pure.

Decides depth as the number of blocks from the transaction's own to the head, both counted, and that a revert needs it as
much as a success (architecture, rule 12). No receipt means ask again. Leaves out reorganisations below that depth.
"""

from __future__ import annotations

from dataclasses import dataclass

from infra.ethereum.answers import Receipt
from schemas.events.base import Event
from schemas.events.lifecycle import Broadcast, Confirmed, Reverted
from schemas.hash_chain import Link
from schemas.values import Instant, OrderId
from streams.rules.answered_orders import AnsweredOrders
from streams.rules.decider import Later, Outcome, Recorded


@dataclass(frozen=True, slots=True)
class Included:
    """A transaction that is on the chain. `head`: the number of the newest block on top of its own."""

    broadcast: Broadcast
    receipt: Receipt
    head: int
    depth_required: int


Input = Included | Broadcast
"""A bare `Broadcast` is of an order that was answered before."""


class SettlementDecider:
    """Records each order's outcome on chain, once."""

    state_type = AnsweredOrders

    def initial(self) -> AnsweredOrders:
        """Return a state without settled orders."""
        return AnsweredOrders()

    def decide(self, state: AnsweredOrders, message: Input, now: Instant) -> Outcome:  # noqa: ARG002 - the contract's shape
        """Return `Confirmed` or `Reverted`, nothing for a repetition, or `Later`."""
        broadcast = message if isinstance(message, Broadcast) else message.broadcast
        if broadcast.order_id in state:
            return ()
        if isinstance(message, Broadcast):
            return Later("its receipt is to be asked for")
        receipt = message.receipt
        depth = message.head - receipt.block_number + 1
        if depth < max(message.depth_required, 1):
            return Later(f"{depth} of {message.depth_required} blocks")
        outcome = Confirmed if receipt.succeeded else Reverted
        return (
            outcome(
                desk_id=broadcast.desk_id,
                order_id=broadcast.order_id,
                transaction_hash=broadcast.transaction_hash,
                block_number=receipt.block_number,
                block_hash=receipt.block_hash,
                depth=depth,
                gas_used=receipt.gas_used,
                effective_gas_price=receipt.effective_gas_price,
            ),
        )

    def evolve(self, state: AnsweredOrders, recorded: Recorded) -> AnsweredOrders:
        """Remember the order."""
        if isinstance(recorded.event, Confirmed | Reverted):
            state.add(recorded.event.order_id)
        return state

    def due(self, state: AnsweredOrders, now: Instant) -> tuple[Event, ...]:  # noqa: ARG002 - the contract's shape
        """Return nothing: no event follows from time alone, since absence is not failure."""
        return ()

    def tail(self, state: AnsweredOrders, order_id: OrderId) -> Link | None:  # noqa: ARG002 - the contract's shape
        """Return None: every event of ours follows the input that it answers."""
        return None
