"""Runs all processors in memory: governance, desk, execution, enclave, broadcast, settlement, each by its real decider.

    line = Line()
    line.send("o1", initiate(pay("1000")))
    line.run()                       # every processor, until nothing more happens
    assert line.outcome("o1") == "signed"

Stand-ins: Kafka (records in a list), the chain (`ChainInMemory`), and the HSM (a key in memory). People sign with their
own keys. `line.run("desk", "execution")` stops before the signature, so that a test can look at,
or forge, what the enclave gets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, TypeVar

from infra.ethereum.answers import Receipt
from infra.ethereum.transaction import Signature
from schemas.canonical import command_digest, firm_command_digest
from schemas.commands import Body, Command, GiveApproval, SplitOrder
from schemas.events.base import Event, FirmEvent, OrderEvent
from schemas.events.governance import ProposalClosed, Proposed
from schemas.events.lifecycle import Broadcast, PolicyEvaluated, Signed, SigningRefused, Simulated
from schemas.events.observations import PriceObserved
from schemas.examples import example
from schemas.firm_commands import ApproveProposal, FirmBody, FirmCommand
from schemas.topics import FIRM_KEY, TOPIC_OF
from schemas.values import Record
from streams.desk import observer as desk_observer
from streams.engine.partition import Partition
from streams.execution.observer import ExecutionObserver
from streams.governance import process as governing
from streams.judging.memory import SealedMemory
from streams.rules.chaining import ChainedEvent
from streams.rules.decider import Processor, Received, Recorded, References
from streams.rules.evidence.memory.velocity import VelocityCaps
from streams.rules.evidence.signing_decider import SigningDecider
from streams.rules.governance import founding
from streams.rules.governance.genesis import SignedGenesis
from streams.rules.governance.root import RootedGovernance
from streams.rules.transactions.broadcast import BroadcastDecider, SentTransaction
from streams.rules.transactions.execution import ExecutionDecider
from streams.rules.transactions.settlement import Included, SettlementDecider
from streams.signing.backends.contract import Made, Signer, Task
from streams.signing.enclave import Enclave
from tests.world.firm.desk import Fido2Key, MachineKey
from tests.world.firm.governance import CHAIN, PINNED
from tests.world.line.scenery import (
    DESK,
    GENESIS,
    GENESIS_AT,
    NUMBER,
    START,
    named,
    orders_named,
    private_key,
    received_of,
    remember,
)
from tests.world.line.signer_memory import JournalInMemory, memory_on
from tests.world.line.simulated_chain import BLOCK, GAS_USED, ChainInMemory

TICK_MICROS: Final = 20_000
STEPS_MAX: Final = 100

E = TypeVar("E", bound=OrderEvent)


@dataclass
class Feed:
    """Reference records as they arrive."""

    records: list[Received]
    cursor: int = 0

    def poll(self) -> list[Received]:
        taken = self.records[self.cursor :]
        self.cursor = len(self.records)
        return taken


class KeyInMemory:
    """Stands in for the token; counts what it signed."""

    def __init__(self) -> None:
        self.digests: list[bytes] = []

    def sign(self, task: Task) -> Made:
        self.digests.append(task.digest)
        made = private_key(task.key_id).sign_recoverable(task.digest, hasher=None)
        return Made(Signature(made[64], int.from_bytes(made[:32], "big"), int.from_bytes(made[32:64], "big")))


class _Sending:
    """Broadcast's stand-in for nodes: every transaction is mined at once."""

    def __init__(self, chain: ChainInMemory) -> None:
        self._chain = chain

    def refresh(self) -> None: ...

    def read(self, state: Any, received: Received, now: int) -> SentTransaction:  # noqa: ARG002 - the contract's shape
        assert isinstance(received.record, Signed)
        self._chain.mine(received.record.wallet)
        return SentTransaction(received.record, ("paper",))


class _Receipts:
    """Settlement's stand-in for nodes."""

    succeeded = True

    def refresh(self) -> None: ...

    def read(self, state: Any, received: Received, now: int) -> Included:  # noqa: ARG002 - the contract's shape
        assert isinstance(received.record, Broadcast)
        receipt = Receipt(received.record.transaction_hash, BLOCK.number, BLOCK.hash, self.succeeded, GAS_USED, 15, ())
        return Included(received.record, receipt, BLOCK.number + 10, 1)


@dataclass
class Worker:
    """A processor at work on the desk's partition."""

    processor: Processor[Any, Any]
    partition: Partition[Any, Any]
    number: int
    cursor: int = 0


@dataclass
class Line:
    """All of it. `records` is everything that was ever written, in the order in which it was."""

    genesis: SignedGenesis = field(default_factory=lambda: GENESIS)
    now: int = START
    records: list[Received] = field(default_factory=list)
    chain: ChainInMemory = field(default_factory=ChainInMemory)
    key: KeyInMemory = field(default_factory=KeyInMemory)
    journal: JournalInMemory = field(default_factory=JournalInMemory)
    """The enclave's memory, which outlives it."""
    caps: VelocityCaps = field(default_factory=VelocityCaps)
    receipts: _Receipts = field(default_factory=_Receipts)
    workers: dict[str, Worker] = field(default_factory=dict)
    keys: dict[str, Fido2Key] = field(default_factory=dict)
    ends: Counter[tuple[str, int]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        for chained in founding.decide(self.genesis, (), GENESIS_AT):
            self.write(chained, 0)
        for asset_id in ("ETH", "WETH"):
            self.observe_price(asset_id, "2500")
        self.employ(governing.processor(), 0)
        self._restore("governance", FirmEvent)
        self.employ(desk_observer.processor(desk_observer.DeskObserver(Feed(self.records))))
        self.employ(
            Processor(
                "execution",
                ("approved", "signed", "signing-refused"),
                ("simulated", "nonce-resolved"),
                ExecutionDecider(),
                ExecutionObserver(Feed(self.records), {CHAIN: self.chain}),
            )
        )
        self.employ(self._signer())
        self.employ(Processor("broadcast", ("signed",), ("broadcast",), BroadcastDecider(), _Sending(self.chain)))
        self.employ(Processor("settlement", ("broadcast",), ("confirmed", "reverted"), SettlementDecider(), self.receipts))

    # What comes from outside ------------------------------------------------------------------------------------------

    def observe_price(self, asset_id: str, usd: str, at: int | None = None) -> None:
        seen = PriceObserved(
            asset_id=asset_id,
            usd=Decimal(usd),
            source="venue",
            observed_at=self.now if at is None else at,
            block_number=BLOCK.number,
            block_hash=BLOCK.hash,
        )
        self.append(seen, asset_id.encode(), 0)

    def ask_firm(self, body: FirmBody, by: str = "rita") -> FirmCommand:
        """A command to governance, signed with its sender's key."""
        shape = {"command_id": named(f"{by} {body!r} {self.now}"), "principal": by, "issued_at": self.now, "body": body}
        unsigned = FirmCommand(**(shape | {"authorization": example(FirmCommand).authorization}))
        digest = bytes.fromhex(body.proposal_hash) if isinstance(body, ApproveProposal) else firm_command_digest(unsigned)
        key = self.keys.setdefault(by, Fido2Key(by))
        command = unsigned.model_copy(update={"authorization": key.confirm(digest)})
        self.append(command, FIRM_KEY.encode(), 0)
        return command

    def change_firm(self, body: FirmBody, agreed_by: Sequence[str] = ("cora", "carl"), by: str = "rita") -> None:
        """A change to the firm, proposed and agreed to."""
        self.ask_firm(body, by)
        self.run("governance")
        proposed = [r.record for r in self.records if isinstance(r.record, Proposed)][-1]
        for approver in agreed_by:
            self.ask_firm(ApproveProposal(proposal_id=proposed.proposal_id, proposal_hash=proposed.proposal_hash), approver)
        self.run("governance")
        (closed,) = (
            r.record
            for r in self.records
            if isinstance(r.record, ProposalClosed) and r.record.proposal_id == proposed.proposal_id
        )
        assert closed.reason == "enacted", closed

    def send(self, name: str, body: Body, by: str = "paula", **changes: Any) -> Command:
        """A command, signed with its sender's key; `name` stands for its id."""
        shape = {"command_id": named(name), "desk_id": DESK, "principal": by, "issued_at": self.now, "body": body}
        unsigned = Command(**(shape | {"authorization": example(Command).authorization} | changes))
        digest = bytes.fromhex(body.approval_hash) if isinstance(body, GiveApproval) else command_digest(unsigned)
        key = MachineKey(by) if by == "treasury-bot" else self.keys.setdefault(by, Fido2Key(by))
        command = unsigned.model_copy(update={"authorization": key.confirm(digest)})
        remember(name, command)
        self.append(command, DESK.encode(), NUMBER)
        return command

    def approve(self, name: str, by: str) -> Command:
        """Approve an order as it stands."""
        asked = self.events(PolicyEvaluated, name)[-1].approval_hash
        assert asked is not None, f"{name} does not wait for approval"
        return self.send(f"{by} approves {asked}", GiveApproval(order_id=self.order_id(name), approval_hash=asked), by)

    def split(self, name: str, *amounts: str, by: str = "paula") -> Command:
        body = SplitOrder(order_id=self.order_id(name), amounts=[Decimal(amount) for amount in amounts])
        return self.send(f"split {name}", body, by)

    # What happens -----------------------------------------------------------------------------------------------------

    def employ(self, processor: Processor[Any, Any], number: int = NUMBER) -> None:
        """Put a processor to work on one partition, from nothing but the log."""
        partition: Partition[Any, Any] = Partition(processor, number)
        self.workers[processor.principal] = Worker(processor, partition, number)

    def _signer(self) -> Processor[Any, Any]:
        return signer(Feed(self.records), self.key, RootedGovernance(PINNED), memory_on(self.journal, self.caps))

    def use(self, backend: Signer) -> None:
        """Put an enclave with another backend to work, from nothing but the log."""
        governance = RootedGovernance(PINNED)
        self.employ(signer(Feed(self.records), backend, governance, memory_on(self.journal, self.caps)))

    def restart_signer(self) -> None:
        """A new enclave, which has the log and its memory; its own events first, as the engine restores it."""
        self.employ(self._signer())
        self._restore("signer", Signed, SigningRefused)

    def _restore(self, name: str, *own: type[Event]) -> None:
        """Fold what a processor has written."""
        partition = self.workers[name].partition
        for received in self.records:
            if isinstance(received.record, own):
                partition.replay(Recorded(received.topic, received.record, received.digest), "", 0)
        partition.replayed()

    def run(self, *who: str) -> None:
        """Let processors work (all of them unless named) until nothing more happens."""
        for _ in range(STEPS_MAX):
            before = len(self.records)
            for name, worker in self.workers.items():
                if not who or name in who:
                    self._step(worker)
            self.now += TICK_MICROS
            if len(self.records) == before and not any(self.workers[name].cursor < before for name in who or self.workers):
                return
        raise AssertionError(f"not quiet after {STEPS_MAX} steps")

    def _step(self, worker: Worker) -> None:
        worker.processor.observer.refresh()
        new = [r for r in self.records[worker.cursor :] if r.topic in worker.processor.inputs and r.partition == worker.number]
        worker.cursor = len(self.records)
        for received in worker.partition.parked() + new:
            for chained in worker.partition.offer(received, self.now):
                self.write(chained, worker.number)
        for chained in worker.partition.tick(self.now):
            self.write(chained, worker.number)

    def write(self, chained: ChainedEvent, number: int) -> None:
        self.append(chained.recorded.event, chained.key, number)

    def append(self, record: Record, key: bytes, number: int) -> None:
        topic = TOPIC_OF[type(record)].name
        self.records.append(received_of(record, key, number, self.ends[topic, number]))
        self.ends[topic, number] += 1

    # What is there ----------------------------------------------------------------------------------------------------

    def order_id(self, name: str) -> str:
        """The id of one of this line's orders."""
        known = {r.record.order_id for r in self.records if isinstance(r.record, OrderEvent)}
        (found,) = known & orders_named(name)
        return found

    def events(self, kind: type[E], name: str | None = None) -> list[E]:
        """Every event of a kind, of one order if it is named, in the order in which they were written."""
        found = [r.record for r in self.records if isinstance(r.record, kind)]
        return [event for event in found if name is None or event.order_id in orders_named(name)]

    def outcome(self, name: str) -> str:
        """The enclave's answer to an order: `signed`, the check that refused, or `nothing`."""
        answers = [*self.events(Signed, name), *self.events(SigningRefused, name)]
        assert len(answers) <= 1, answers
        return "nothing" if not answers else answer_of(answers[0])


def answer_of(event: OrderEvent) -> str:
    """`signed`, or the check that refused."""
    return event.refusal.check if isinstance(event, SigningRefused) else "signed"


def signer(
    references: References, key: Signer, governance: RootedGovernance, memory: SealedMemory | None = None
) -> Processor[Any, Any]:
    """The enclave in its place; one that has lost its memory, unless it is given."""
    enclave = Enclave(references, key, governance, memory or memory_on(JournalInMemory()))
    return Processor("signer", ("simulated",), ("signed", "signing-refused"), SigningDecider(), enclave, enclave)


def simulated_of(line: Line, name: str) -> Received:
    """The simulation that the enclave is to answer."""
    return next(r for r in line.records if isinstance(r.record, Simulated) and r.record.order_id == line.order_id(name))
