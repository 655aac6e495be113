"""Asking the nodes for receipts: all that are due in one exchange, each at growing intervals.

A receipt counts only if its block is on the node's chain after the receipt was read (a reorganisation may come between two
requests); the head is read after the receipts. Leaves out comparing several nodes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

import structlog

from infra.chain.node import Node
from infra.chain.rpc import BATCH_CALLS_MAX, NodeError
from infra.ethereum import answers
from infra.ethereum.answers import AnswerUnreadable, Receipt
from schemas.events.base import FirmEvent
from schemas.events.lifecycle import Broadcast
from schemas.values import MICROS_PER_MS, Hash32, Instant
from streams.engine.backoff import Backoff, Intervals
from streams.rules.answered_orders import AnsweredOrders
from streams.rules.decider import Later, Received, References
from streams.rules.firm.view import GovernanceFold
from streams.rules.transactions.settlement import Included, Input

ASKING: Final = Intervals(first_ms=5, longest_ms=1_000)
"""Between two questions about one transaction."""
AWAY: Final = Intervals(first_ms=50, longest_ms=1_000)
"""Between two questions to a node that gave no answer."""
RECEIPTS_MAX: Final = BATCH_CALLS_MAX
"""Receipts of one exchange; the others' turn comes with the next input that is offered."""
MISSING_AFTER_MS: Final = 120_000
"""The longest that a transaction may be unknown to the chain before the log records it: ten slots."""

Waiting = dict[int, dict[Hash32, Instant]]
"""Per chain, the transactions that are waited for, and since when."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """A receipt whose block is on the chain, and the head's number."""

    receipt: Receipt
    head: int


class SettlementObserver:
    """Watches what was broadcast. `nodes` by chain id."""

    def __init__(self, references: References, nodes: Mapping[int, Node]) -> None:
        self._references = references
        self._nodes = nodes
        self._governance = GovernanceFold()
        self._patience = Backoff()
        self._offered: Waiting = {}
        self._offered_before: Waiting = {}
        self._found: dict[Hash32, Found] = {}

    def accept(self, received: Received) -> None:
        """Take in one reference record."""
        if isinstance(received.record, FirmEvent):
            self._governance.accept(received.record)

    def refresh(self) -> None:
        """Take in new governance events. What was found for the last batch has been offered, or belongs to it no more."""
        self._offered_before, self._offered = self._offered, {}
        self._found = {}
        for received in self._references.poll():
            self.accept(received)

    def read(self, state: AnsweredOrders, received: Received, now: Instant) -> Input | Later:
        """Return the receipt and the head; `Later` while there is none, or the node is away."""
        broadcast = received.record
        if not isinstance(broadcast, Broadcast):
            raise TypeError(f"{received.topic} is no input of settlement")
        if broadcast.order_id in state:
            return broadcast
        policy = self._governance.view.policy
        if policy is None:
            return Later("no policy says how deep a transaction has to be")
        transaction_hash, chain_id = broadcast.transaction_hash, broadcast.chain_id
        since = self._offered_before.get(chain_id, {}).get(transaction_hash, now)
        self._offered.setdefault(chain_id, {})[transaction_hash] = since
        if transaction_hash not in self._found and self._patience.due(transaction_hash, now):
            self._ask(chain_id, transaction_hash, now)
        found = self._found.get(transaction_hash)
        if found is None:
            return Later("no receipt yet")
        return Included(broadcast, found.receipt, found.head, policy.settings.confirmation_depth)

    def _ask(self, chain_id: int, first: Hash32, now: Instant) -> None:
        """Ask for everything that waits on this chain and is due, the named one first."""
        node, chain = self._nodes.get(chain_id), f"chain {chain_id}"
        if node is None:
            self._patience.asked(first, now, AWAY)
            log.error("no node of this chain is configured", chain_id=chain_id)
            return
        if not self._patience.due(chain, now):
            return
        due = self._due(chain_id, first, now)
        try:
            found = _included(node, due)
        except (NodeError, AnswerUnreadable) as fault:
            # One time-out an interval, however many orders wait: the loop must go on.
            self._patience.asked(chain, now, AWAY)
            log.warning("the node gave no receipts", node=node.name, reason=str(fault))
            return
        self._patience.settled(chain)
        self._found |= found
        for each in due:
            self._patience.asked(each, now, ASKING)
            if each not in found:
                _report_missing(each, self._since(chain_id, each), now)

    def _due(self, chain_id: int, first: Hash32, now: Instant) -> list[Hash32]:
        waiting = self._offered_before.get(chain_id, {})
        others = (each for each in waiting if each != first and self._patience.due(each, now))
        return [first, *islice(others, RECEIPTS_MAX - 1)]

    def _since(self, chain_id: int, transaction_hash: Hash32) -> Instant:
        places = self._offered_before.get(chain_id, {}) | self._offered[chain_id]
        return places[transaction_hash]


def _report_missing(transaction_hash: Hash32, since: Instant, now: Instant) -> None:
    waited_ms = (now - since) // MICROS_PER_MS
    if waited_ms > MISSING_AFTER_MS:
        log.warning(
            "a transaction that was broadcast is not on the chain", transaction_hash=transaction_hash, waited_ms=waited_ms
        )


def _included(node: Node, transaction_hashes: list[Hash32]) -> dict[Hash32, Found]:
    """Return what is on the node's chain, by transaction hash. Raises NodeError, AnswerUnreadable."""
    receipts = [receipt for receipt in node.receipts(transaction_hashes) if receipt is not None]
    if not receipts:
        return {}
    numbers = sorted({receipt.block_number for receipt in receipts})
    blocks = [("eth_getBlockByNumber", (hex(number), False)) for number in numbers]
    *at, head = node.rpc.batch([*blocks, ("eth_getBlockByNumber", ("latest", False))])
    on_chain = {header.hash for header in (answers.block_header(each) for each in at if each is not None)}
    number = answers.block_header(head).number
    return {each.transaction_hash: Found(each, number) for each in receipts if each.block_hash in on_chain}
