"""Sending raw transactions to the nodes of their chain.

Decides that one node's yes is enough, that a node that is away is asked again at growing intervals, and that a refusal
(a nonce that another transaction took, no money for gas) is neither lost nor repeated in silence: the order stays
uncommitted, each attempt logs an error with the node's own words, and attempts grow rare (`REFUSED`). It goes on by itself
when the cause is mended, an account that was funded for one; an order whose nonce is gone waits for a person.
A node that has the transaction already counts as one that took it (`infra.chain.node.Node.send_raw`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import structlog

from infra.chain.node import Node
from infra.chain.rpc import NodeRefused, NodeUnavailable
from schemas.events.lifecycle import Signed
from schemas.values import Instant
from streams.broadcast.decider import Sent
from streams.engine.decider import Later, Received
from streams.engine.once import AnsweredOrders
from streams.engine.patience import Intervals, Patience

AWAY: Final = Intervals(first_ms=50, longest_ms=1_000)
REFUSED: Final = Intervals(first_ms=1_000, longest_ms=60_000)

log = structlog.get_logger(__name__)


class BroadcastObserver:
    """Sends what was signed. `nodes` by chain id; all of a chain's are sent to."""

    def __init__(self, nodes: Mapping[int, Sequence[Node]]) -> None:
        self._nodes = nodes
        self._patience = Patience()

    def refresh(self) -> None:
        """Nothing to take in: raw bytes and chain are in the event."""

    def observe(self, state: AnsweredOrders, received: Received, now: Instant) -> Sent | Later:
        """The nodes that have the transaction; `Later` while none has."""
        signed = received.record
        if not isinstance(signed, Signed):
            raise TypeError(f"{received.topic} is no input of broadcast")
        if signed.order_id in state:
            return Sent(signed, ())
        if not self._patience.due(signed.order_id, now):
            return Later("tried a moment ago")
        took, refusals = self._send(signed, now)
        if took:
            self._patience.settled(signed.order_id)
            return Sent(signed, took)
        self._patience.asked(signed.order_id, now, REFUSED if refusals else AWAY)
        if refusals:
            log.error(
                "every node that answered refuses a signed transaction; its order waits until this is mended",
                order_id=signed.order_id,
                transaction_hash=signed.transaction_hash,
                wallet_id=signed.wallet_id,
                nonce=signed.nonce,
                refusals=refusals,
            )
        return Later("; ".join(refusals) or f"no node of chain {signed.chain_id} is there")

    def _send(self, signed: Signed, now: Instant) -> tuple[tuple[str, ...], list[str]]:
        """Return the names of the nodes that have it, and what the others said."""
        raw = bytes.fromhex(signed.raw_transaction[2:])
        took: list[str] = []
        refusals: list[str] = []
        for node in self._nodes.get(signed.chain_id, ()):
            if not self._patience.due(node.name, now):
                continue
            try:
                node.send_raw(raw)
            except NodeUnavailable as fault:
                # One time-out an interval, however many orders wait: the loop must go on.
                self._patience.asked(node.name, now, AWAY)
                log.warning("a node is away", node=node.name, reason=str(fault))
            except NodeRefused as fault:
                refusals.append(f"{node.name}: {fault}")
            else:
                self._patience.settled(node.name)
                took.append(node.name)
        return tuple(took), refusals
