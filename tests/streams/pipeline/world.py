"""The firm, its chain and every processor, on a simulated log. A processor's crash leaves only the log."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from random import Random
from typing import Any, Final

from schemas import wire
from schemas.events.base import FirmEvent
from schemas.events.observations import PriceObserved
from schemas.hash_chain import digest_of
from schemas.topics import DESK_PARTITIONS, GOVERNANCE_TOPICS
from schemas.values import Record
from streams.broadcast.observer import REFERENCE_TOPICS as FOLLOWED_BY_BROADCAST
from streams.broadcast.observer import BroadcastObserver
from streams.desk import observer as desk_observer
from streams.engine.simulated import Entry, SimulatedLog
from streams.execution.observer import REFERENCE_TOPICS as FOLLOWED_BY_EXECUTION
from streams.execution.observer import ExecutionObserver
from streams.governance.process import processor as governance_processor
from streams.judging.evidence_reader import REFERENCE_TOPICS as FOLLOWED_BY_THE_SIGNER
from streams.rules.decider import Processor, Received
from streams.rules.governance.root import RootedGovernance
from streams.rules.transactions.broadcast import BroadcastDecider
from streams.rules.transactions.execution import ExecutionDecider
from streams.rules.transactions.settlement import SettlementDecider
from streams.settlement.observer import SettlementObserver
from tests.streams.pipeline.slow_shares import LEARNED, SlowShares
from tests.streams.pipeline.uncertain_chain import UncertainChain
from tests.world.firm import governance as firm
from tests.world.firm.governance import CHAIN, PINNED
from tests.world.line.line import Line, signer
from tests.world.line.scenery import START, genesis, limit, wallet
from tests.world.line.signer_memory import JournalInMemory, memory_on

REMEMBERED_MAX: Final = 4_096
IDLE_STEPS: Final = 40
"""Steps without a word after which a run is at its end: longer than the longest interval of anybody who waits."""
SWING_RATE: Final = 0.05
MEMORY_LOST_RATE: Final = 0.1
"""Of the enclave's lives that begin without a memory."""
LOSSES_PPM: Final = (1_000, 1_000, 5_000, 30_000)
"""What a swap loses against independent prices: now and then more than anybody allows."""
CAPS_USD: Final = {"trader-day": 100_000, "desk-day": 150_000}
LIMITS: Final = (
    limit("single", "60000", kind="per-transaction", window_seconds=0),
    limit("trader-day", str(CAPS_USD["trader-day"])),
    limit("desk-day", str(CAPS_USD["desk-day"]), scope="desk"),
)
_LONG: Final = {
    "price_max_age_seconds": 3_600,
    "simulation_max_age_seconds": 3_600,
    "command_max_age_seconds": 3_600,
    "confirmation_depth": 3,
}
GENESIS: Final = genesis(
    policy=firm.policy(limits=list(LIMITS), settings=firm.policy().settings.model_copy(update=_LONG)),
    wallets=[wallet(key_backend="mpc"), wallet("treasury-2"), wallet("vault", "other")],
)
"""Simulated time goes fast, so nothing grows old within a run."""


@dataclass
class Followed:
    """References to the simulated log: whole topics, from their first record."""

    log: SimulatedLog
    topics: tuple[str, ...]
    read: Counter[tuple[str, int]] = field(default_factory=Counter)

    def poll(self) -> list[Received]:
        found: list[Received] = []
        for topic in self.topics:
            for number in range(DESK_PARTITIONS):
                first, entries = self.read[topic, number], self.log.entries.get((topic, number), [])
                for at in range(first, len(entries)):
                    value = entries[at].value
                    record, digest = read(topic, value)
                    found.append(Received(topic, number, at, entries[at].key, value, digest, record))
                self.read[topic, number] = len(entries)
        return found


@lru_cache(maxsize=REMEMBERED_MAX)
def read(topic: str, value: bytes) -> tuple[Record, str]:
    """The records that every worker reads again in each of its lives: the same bytes are the same record."""
    return wire.decode(topic, value), digest_of(value)


class World:
    """Everything, from one seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = Random(seed)
        self.log = SimulatedLog(seed, crash_rate=0.06, duplicate_rate=0.1, zombie_rate=0.04, now=START)
        self.chain = UncertainChain(random=Random(seed + 1))
        self.key = SlowShares(Followed(self.log, LEARNED), Random(seed + 3), lambda: self.log.now)
        self.journal = JournalInMemory()
        self._losses = Random(seed + 2)
        self.people = Line(GENESIS)
        for said in self.people.records:
            if isinstance(said.record, FirmEvent | PriceObserved):
                self.log.publish_bytes(said.topic, Entry(said.key, said.value))
        makers = (self._governance, self._desk, self._execution, self._signer, self._broadcast, self._settlement)
        for make in makers:
            self.log.run(make)

    def step(self) -> None:
        """Somebody works, or dies; time passes for all."""
        self.log.step()
        self.chain.step()
        self.people.now = self.log.now
        if self.random.random() < SWING_RATE:
            self.chain.loss_ppm = self.random.choice(LOSSES_PPM)

    def settle(self, steps_max: int = 4_000) -> None:
        """Go on without new trouble on the chain until nothing is left to do; workers go on dying."""
        self.chain.quiet = True
        idle = 0
        for _ in range(steps_max):
            written = sum(map(len, self.log.entries.values()))
            self.step()
            idle = 0 if sum(map(len, self.log.entries.values())) > written else idle + 1
            if idle > IDLE_STEPS and not self.log._waiting():
                return
        raise AssertionError(f"seed {self.seed}: not quiet after {steps_max} steps")

    def _governance(self) -> Processor[Any, Any]:
        return governance_processor()

    def _desk(self) -> Processor[Any, Any]:
        return desk_observer.processor(desk_observer.DeskObserver(Followed(self.log, desk_observer.REFERENCE_TOPICS)))

    def _execution(self) -> Processor[Any, Any]:
        inputs, outputs = ("approved", "signed", "signing-refused"), ("simulated", "nonce-resolved")
        observer = ExecutionObserver(Followed(self.log, FOLLOWED_BY_EXECUTION), {CHAIN: self.chain})
        return Processor("execution", inputs, outputs, ExecutionDecider(), observer)

    def _signer(self) -> Processor[Any, Any]:
        """Its memory outlives it, but now and then is lost. A zombie goes on with a copy, as another machine would."""
        is_lost = self._losses.random() < MEMORY_LOST_RATE
        self.journal = JournalInMemory([] if is_lost else list(self.journal.entries))
        followed = Followed(self.log, FOLLOWED_BY_THE_SIGNER)
        return signer(followed, self.key, RootedGovernance(PINNED), memory_on(self.journal))

    def _broadcast(self) -> Processor[Any, Any]:
        observer = BroadcastObserver(Followed(self.log, FOLLOWED_BY_BROADCAST), {CHAIN: (self.chain,)}, lambda: self.log.now)
        return Processor("broadcast", ("signed",), ("broadcast",), BroadcastDecider(), observer, observer)

    def _settlement(self) -> Processor[Any, Any]:
        observer = SettlementObserver(Followed(self.log, GOVERNANCE_TOPICS), {CHAIN: self.chain})
        return Processor("settlement", ("broadcast",), ("confirmed", "reverted"), SettlementDecider(), observer)
