"""Checks that the enclave would sign each approved order: runs the real execution and enclave on the log.

The enclave believes nobody: it derives from the pinned root key, the log and the prices on it whatever the desk decided, and
reckons every limit again. One order that it refuses is one that the desk decided wrongly, or that the faults bent. The chain
and the token are stand-ins; nothing leaves this process.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from schemas.events.lifecycle import Approved, Signed, SigningRefused
from schemas.events.observations import PriceObserved
from schemas.values import Instant
from streams.engine.partition import Partition
from streams.execution.observer import ExecutionObserver
from streams.rules.chaining import ChainedEvent
from streams.rules.decider import Processor, Received
from streams.rules.governance.root import RootedGovernance
from streams.rules.transactions.execution import ExecutionDecider
from tests.chaos.firm import CHAIN_ID
from tests.chaos.verdict.log import Stored
from tests.world.line.line import Feed, KeyInMemory, signer
from tests.world.line.simulated_chain import ChainInMemory

TOLD_MAX: Final = 3


@dataclass(slots=True)
class Outside:
    """Governance and prices, as everybody reads them."""

    governance: Sequence[Received]
    prices: Sequence[Received]
    pinned_root_key: bytes


@dataclass
class Signing:
    """Execution and the enclave at work on one partition of the desk's log, right after each approval."""

    outside: Outside
    number: int
    approved: int = 0
    signed: int = 0
    told: list[str] = field(default_factory=list)
    """What the first refusals said."""
    _written: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._prices = deque(self.outside.prices)
        self._followed, self._evidence = Feed(list(self.outside.governance)), Feed(list(self.outside.governance))
        self._chain = ChainInMemory()
        observer = ExecutionObserver(self._followed, {CHAIN_ID: self._chain})
        inputs, outputs = ("approved", "signed", "signing-refused"), ("simulated", "nonce-resolved")
        execution: Processor[Any, Any] = Processor("execution", inputs, outputs, ExecutionDecider(), observer)
        enclave = signer(self._evidence, KeyInMemory(), RootedGovernance(self.outside.pinned_root_key))
        self._execution: Partition[Any, Any] = Partition(execution, self.number)
        self._enclave: Partition[Any, Any] = Partition(enclave, self.number)
        self._observers = (execution.observer, enclave.observer)

    @property
    def refused(self) -> int:
        """Approved orders that were not signed."""
        return self.approved - self.signed

    def take(self, stored: Stored) -> None:
        """Take in the desk's next event; an approval is carried out at once."""
        received = Received(stored.topic, self.number, stored.offset, b"", stored.value, stored.digest, stored.event)
        self._evidence.records.append(received)
        if not isinstance(stored.event, Approved):
            return
        self.approved += 1
        now = stored.event.decided_at
        self._arrive(now)
        for simulated in self._work(self._execution, received, now):
            for answer in self._work(self._enclave, simulated, now):
                self._work(self._execution, answer, now)
                self._count(answer.record)

    def _arrive(self, now: Instant) -> None:
        """Prices that had been observed by then, and what the desk had written."""
        while self._prices and isinstance(seen := self._prices[0].record, PriceObserved) and seen.observed_at <= now:
            for feed in (self._followed, self._evidence):
                feed.records.append(self._prices[0])
            self._prices.popleft()
        for observer in self._observers:
            observer.refresh()

    def _work(self, partition: Partition[Any, Any], received: Received, now: Instant) -> list[Received]:
        """The answers of one of the two, as they would stand on the log."""
        return [self._write(chained) for chained in partition.offer(received, now)]

    def _write(self, chained: ChainedEvent) -> Received:
        recorded = chained.recorded
        offset = self._written[chained.topic]
        self._written[chained.topic] += 1
        written = Received(chained.topic, self.number, offset, chained.key, chained.value, recorded.digest, recorded.event)
        self._evidence.records.append(written)
        return written

    def _count(self, answer: object) -> None:
        if isinstance(answer, Signed):
            self.signed += 1
            self._chain.mine(answer.wallet)
        if isinstance(answer, SigningRefused) and len(self.told) < TOLD_MAX:
            self.told.append(f"order {answer.order_id}: {answer.refusal.check}: {answer.refusal.message}")
