"""Sending raw transactions to the nodes of their chain, and again when the chain has lost them.

One node's acceptance is enough. A node that is away is asked again at growing intervals. A refusal (another transaction took
the nonce, the account has no money for gas) leaves the order uncommitted: each attempt logs an error with the node's message,
and attempts grow rare (`REFUSED`). Sending succeeds by itself once the cause is removed, such as an account that was funded; an
order whose nonce is taken waits for a person. A transaction that a breaker stops is held back (`holding`) and sent as soon as
the breaker is reset. A node that has the transaction already counts as one that accepted it (`infra.chain.node.Node.send_raw`),
so several workers can send it again without harm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

import structlog

from infra.chain.node import Node
from infra.chain.rpc import NodeError, NodeRefused, NodeUnavailable
from infra.ethereum.answers import AnswerUnreadable
from schemas.events.base import FirmEvent, OrderEvent
from schemas.events.lifecycle import Signed
from schemas.topics import GOVERNANCE_TOPICS
from schemas.values import MICROS_PER_MS, Instant
from streams.engine.backoff import Backoff, Intervals
from streams.rules.answered_orders import AnsweredOrders
from streams.rules.breakers.holding import Holding
from streams.rules.decider import Later, Received, References
from streams.rules.transactions.broadcast import SentTransaction
from streams.rules.transactions.pending import PendingTransactions

REFERENCE_TOPICS: Final = ("signed", "broadcast", "confirmed", "reverted", *GOVERNANCE_TOPICS)
AWAY: Final = Intervals(first_ms=50, longest_ms=1_000)
"""Between two questions to a node that gave no answer."""
REFUSED: Final = Intervals(first_ms=1_000, longest_ms=60_000)
"""Between two attempts to send what every node refused."""
HELD: Final = Intervals(first_ms=1_000, longest_ms=60_000)
"""Between two lines in the log about one transaction that is held back."""
WATCHING: Final = Intervals(first_ms=2_000, longest_ms=10_000)
"""Between two looks whether a transaction that was sent is on the chain."""
WATCH_ROUND_MS: Final = 500
WATCHED_MAX: Final = 100
"""Receipts asked for, and so transactions sent again, in one round."""

log = structlog.get_logger(__name__)


class BroadcastObserver:
    """Observer and performer. `nodes` by chain id: all of a chain's are sent to, the first is asked for receipts."""

    def __init__(self, references: References, nodes: Mapping[int, Sequence[Node]], clock: Callable[[], Instant]) -> None:
        self._references = references
        self._nodes = nodes
        self._clock = clock
        self._pending = PendingTransactions()
        self._holding = Holding()
        self._held_logged = Backoff()
        self._backoff = Backoff()
        self._watching = Backoff()
        self._round_due: Instant = 0

    def accept(self, received: Received) -> None:
        """Take in one reference record."""
        match received.record:
            case FirmEvent() as event:
                self._holding.accept(event)
            case OrderEvent() as event:
                self._pending.accept(event, self._clock())

    def refresh(self) -> None:
        """Take in how transactions fared."""
        for received in self._references.poll():
            self.accept(received)

    def repeat(self, now: Instant) -> None:
        """Send again, in rounds, what was sent and is not on the chain."""
        if now >= self._round_due:
            self._round_due = now + WATCH_ROUND_MS * MICROS_PER_MS
            self._watch(now)

    def read(self, state: AnsweredOrders, received: Received, now: Instant) -> SentTransaction | Later:
        """Return the transaction to be sent; `Later` while a breaker holds it back or its turn has not come."""
        signed = received.record
        if not isinstance(signed, Signed):
            raise TypeError(f"{received.topic} is no input of broadcast")
        if signed.order_id in state:
            return SentTransaction(signed, ())
        if (held := self._held_back(signed, now)) is not None:
            return Later(held)
        if not self._backoff.due(signed.order_id, now):
            return Later("tried a moment ago")
        return SentTransaction(signed, ())

    def perform(
        self,
        state: AnsweredOrders,
        received: Received,  # noqa: ARG002 - the contract's shape
        message: SentTransaction,
        now: Instant,
    ) -> SentTransaction | Later:
        """Send the transaction; return the nodes that have it, or `Later` while none has."""
        signed = message.signed
        if signed.order_id in state:
            return message
        took, refusals = self._send(signed, now)
        if took:
            self._backoff.settled(signed.order_id)
            return SentTransaction(signed, took)
        self._backoff.asked(signed.order_id, now, REFUSED if refusals else AWAY)
        return Later("; ".join(refusals) or f"no node of chain {signed.chain_id} is there")

    def _held_back(self, signed: Signed, now: Instant) -> str | None:
        """Return the reason why it is not sent now, logged at intervals; None once nothing holds it back."""
        reason = self._holding.reason(signed)
        if reason is None:
            self._held_logged.settled(signed.order_id)
        elif self._held_logged.due(signed.order_id, now):
            self._held_logged.asked(signed.order_id, now, HELD)
            log.warning(
                "a signed transaction is held back",
                order_id=signed.order_id,
                transaction_hash=signed.transaction_hash,
                wallet_id=signed.wallet_id,
                nonce=signed.nonce,
                reason=reason,
            )
        return reason

    def _send(self, signed: Signed, now: Instant) -> tuple[tuple[str, ...], list[str]]:
        """Return the names of the nodes that accepted it, and the refusals of the others."""
        raw = bytes.fromhex(signed.raw_transaction[2:])
        took: list[str] = []
        refusals: list[str] = []
        for node in self._nodes.get(signed.chain_id, ()):
            if not self._backoff.due(node.name, now):
                continue
            try:
                node.send_raw(raw)
            except NodeUnavailable as fault:
                self._away(node, now, fault)
            except NodeRefused as fault:
                refusals.append(f"{node.name}: {fault}")
            else:
                self._backoff.settled(node.name)
                took.append(node.name)
        if refusals and not took:
            log.error(
                "every node that answered refuses a signed transaction; its order waits until this is mended",
                order_id=signed.order_id,
                transaction_hash=signed.transaction_hash,
                wallet_id=signed.wallet_id,
                nonce=signed.nonce,
                refusals=refusals,
            )
        return tuple(took), refusals

    def _watch(self, now: Instant) -> None:
        """Send again what was sent and is not on the chain."""
        by_chain: dict[int, list[Signed]] = {}
        for signed in islice(self._due(now), WATCHED_MAX):
            by_chain.setdefault(signed.chain_id, []).append(signed)
        for chain_id, flights in by_chain.items():
            node = next(iter(self._nodes.get(chain_id, ())), None)
            if node is not None and self._backoff.due(node.name, now):
                for signed in self._lost(node, flights, now):
                    if self._held_back(signed, now) is None:
                        log.warning("sending again what is not on the chain", transaction_hash=signed.transaction_hash)
                        self._send(signed, now)

    def _due(self, now: Instant) -> Iterator[Signed]:
        """Yield the transactions to look for now; a transaction that was only just sent is given time first."""
        for signed in self._pending.under_way(now):
            if not self._watching.knows(signed.order_id):
                self._watching.asked(signed.order_id, now, WATCHING)
            elif self._watching.due(signed.order_id, now):
                yield signed

    def _lost(self, node: Node, flights: list[Signed], now: Instant) -> list[Signed]:
        try:
            receipts = node.receipts([each.transaction_hash for each in flights])
        except (NodeError, AnswerUnreadable) as fault:
            self._away(node, now, fault)
            return []
        for each in flights:
            self._watching.asked(each.order_id, now, WATCHING)
        return [each for each, receipt in zip(flights, receipts, strict=True) if receipt is None]

    def _away(self, node: Node, now: Instant, fault: Exception) -> None:
        """Spend one time-out an interval, however many orders wait: the loop must go on."""
        self._backoff.asked(node.name, now, AWAY)
        log.warning("a node is away", node=node.name, reason=str(fault))
