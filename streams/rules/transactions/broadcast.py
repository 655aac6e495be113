"""Decides broadcast's events: a node took an order's raw transaction, once an order. Pure.

Source: architecture, rule 11: the bytes are on the log (`Signed`) before they are sent, so sending again after a crash is
harmless. Leaves out breakers (`holding`), and the replacement of a transaction that is stuck.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.events.base import Event
from schemas.events.lifecycle import Broadcast, Signed
from schemas.hash_chain import Link
from schemas.values import Instant, OrderId
from streams.rules.answered_orders import AnsweredOrders
from streams.rules.decider import Outcome, Recorded


@dataclass(frozen=True, slots=True)
class SentTransaction:
    """A signed transaction, with the nodes that have it; none if its order had been answered before."""

    signed: Signed
    nodes: tuple[str, ...]


class BroadcastDecider:
    """Records each order's first sending."""

    state_type = AnsweredOrders

    def initial(self) -> AnsweredOrders:
        """Return a state without sendings."""
        return AnsweredOrders()

    def decide(self, state: AnsweredOrders, message: SentTransaction, now: Instant) -> Outcome:  # noqa: ARG002 - the contract's shape
        """Return one `Broadcast`, or nothing for an order that has its own."""
        signed = message.signed
        if signed.order_id in state:
            return ()
        return (
            Broadcast(
                desk_id=signed.desk_id,
                order_id=signed.order_id,
                wallet_id=signed.wallet_id,
                chain_id=signed.chain_id,
                nonce=signed.nonce,
                transaction_hash=signed.transaction_hash,
                nodes=list(message.nodes),
            ),
        )

    def evolve(self, state: AnsweredOrders, recorded: Recorded) -> AnsweredOrders:
        """Remember the order."""
        if isinstance(recorded.event, Broadcast):
            state.add(recorded.event.order_id)
        return state

    def due(self, state: AnsweredOrders, now: Instant) -> tuple[Event, ...]:  # noqa: ARG002 - the contract's shape
        """Return nothing: no event follows from time alone."""
        return ()

    def tail(self, state: AnsweredOrders, order_id: OrderId) -> Link | None:  # noqa: ARG002 - the contract's shape
        """Return None: every event of ours follows the input that it answers."""
        return None
