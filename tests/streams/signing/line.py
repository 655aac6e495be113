"""The whole line in memory: governance, desk, execution, enclave, broadcast and settlement, each by its own real decider.

    line = Line()
    line.send("o1", initiate(pay("1000")))
    line.run()                       # every processor, until nothing more happens
    assert line.outcome("o1") == "signed"

What is a stand-in: Kafka (records in a list), the chain (`PaperChain`), and the HSM (a key in memory). People sign with their
own keys. `line.run("desk", "execution")` stops before the signature, so that a test can look at,
or forge, what the enclave gets.
"""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final, TypeVar, cast

from coincurve import PrivateKey
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from infra.chain.answers import Receipt
from infra.chain.transaction import Signature
from schemas import wire
from schemas.canonical import child_order_id, command_digest, order_id
from schemas.commands import Body, Command, GiveApproval, InitiateOrder, SplitOrder
from schemas.events.base import FirmEvent, OrderEvent
from schemas.events.governance import Limit, WalletAssigned
from schemas.events.lifecycle import Broadcast, PolicyEvaluated, Signed, SigningRefused, Simulated
from schemas.events.observations import PriceObserved
from schemas.examples import example
from schemas.hash_chain import digest_of
from schemas.orders import Action, ApproveToken, Swap, Transfer
from schemas.partitioning import desk_partition
from schemas.topics import TOPIC_OF
from schemas.values import Record
from streams.broadcast.decider import BroadcastDecider, Sent
from streams.desk import observer as desk_observer
from streams.engine.decider import Processor, Received, Recorded
from streams.engine.partition import Partition
from streams.engine.sealing import Sealed
from streams.execution.decider import ExecutionDecider
from streams.execution.observer import ExecutionObserver
from streams.governance import decider as governance_decider
from streams.governance.genesis import Asset, SignedGenesis, Wallet
from streams.governance.view import GovernanceFold
from streams.settlement.decider import Included, SettlementDecider
from streams.signing.backends import Signer
from streams.signing.decider import SigningDecider
from streams.signing.enclave import Enclave, References
from streams.signing.root import RootedGovernance
from tests.streams.desk.firm import Fido2Key, MachineKey
from tests.streams.governance import firm
from tests.streams.governance.firm import CHAIN, CUSTODIAN, PINNED, USDC, VENUE
from tests.streams.signing.chain_of_paper import BLOCK, GAS_USED, PaperChain

SECOND: Final = 1_000_000
DAY: Final = 86_400 * SECOND
GENESIS_AT: Final = 1_760_000_000 * SECOND
START: Final = GENESIS_AT + 40 * DAY
"""No contract is newly listed any more."""
DESK: Final = "newswap"
NUMBER: Final = desk_partition(DESK.encode())
WETH: Final = "0xCf7Ed3AccA5a467e9e704C703E8D87F634fB0Fc9"
STRANGER: Final = "0xDc64a140Aa3E981100a9becA4E685f962f0cF6C9"
TICK_MICROS: Final = 20_000
STEPS_MAX: Final = 100

E = TypeVar("E", bound=OrderEvent)


def private_key(name: str) -> PrivateKey:
    """A wallet's key, the same for the same name."""
    return PrivateKey(hashlib.sha256(name.encode()).digest())


def address_of(name: str) -> str:
    point = private_key(name).public_key.format(compressed=False)
    return to_checksum_address(keccak(point[1:])[-20:])


def limit(limit_id: str, cap: str, **changes: Any) -> Limit:
    shape = {"kind": "rolling", "window_seconds": 86_400, "scope": "trader", "subject": "*"} | changes
    return firm.limit(limit_id, cap_usd=Decimal(cap), **shape)


LIMITS: Final = (
    limit("single", "1000000", kind="per-transaction", window_seconds=0),
    limit("trader-day", "6000000"),
    limit("desk-day", "8000000", scope="desk", subject=DESK),
)


def wallet(wallet_id: str = "treasury-1", desk_id: str = DESK, **changes: Any) -> Wallet:
    shape = {
        "wallet_id": wallet_id,
        "desk_id": desk_id,
        "chain_id": CHAIN,
        "address": address_of(wallet_id),
        "key_backend": "hsm",
        "key_id": wallet_id,
    }
    return Wallet.model_validate(shape | changes)


def genesis(**changes: Any) -> SignedGenesis:
    """A firm with USDC at a dollar, WETH by observation, two desks with a wallet each."""
    shape = {
        "issued_at": GENESIS_AT,
        "desks": [DESK, "other"],
        "assets": [
            Asset(asset_id="ETH", chain_id=CHAIN, decimals=18),
            Asset(asset_id="USDC", chain_id=CHAIN, token=USDC, decimals=6, peg_usd=Decimal(1)),
            Asset(asset_id="WETH", chain_id=CHAIN, token=WETH, decimals=18),
        ],
        "wallets": [wallet(), wallet("treasury-2"), wallet("vault", "other")],
        "policy": firm.policy(limits=list(LIMITS)),
    }
    return firm.genesis(**(shape | changes))


GENESIS: Final = genesis()


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

    def sign(self, wallet: WalletAssigned, digest: bytes) -> Signature:
        self.digests.append(digest)
        made = private_key(wallet.key_id).sign_recoverable(digest, hasher=None)
        return Signature(made[64], int.from_bytes(made[:32], "big"), int.from_bytes(made[32:64], "big"))


class _Sending:
    """Broadcast's stand-in for nodes: every transaction is mined at once."""

    def __init__(self, chain: PaperChain) -> None:
        self._chain = chain

    def refresh(self) -> None: ...

    def observe(self, state: Any, received: Received, now: int) -> Sent:  # noqa: ARG002 - the contract's shape
        assert isinstance(received.record, Signed)
        self._chain.mine(received.record.wallet)
        return Sent(received.record, ("paper",))


class _Receipts:
    """Settlement's stand-in for nodes."""

    succeeded = True

    def refresh(self) -> None: ...

    def observe(self, state: Any, received: Received, now: int) -> Included:  # noqa: ARG002 - the contract's shape
        assert isinstance(received.record, Broadcast)
        receipt = Receipt(received.record.transaction_hash, BLOCK.number, BLOCK.hash, self.succeeded, GAS_USED, 15, ())
        return Included(received.record, receipt, BLOCK.number + 10, 1)


@dataclass
class Worker:
    """A processor at work on the desk's partition."""

    processor: Processor[Any, Any]
    partition: Partition[Any, Any]
    cursor: int = 0


@dataclass
class Line:
    """All of it. `records` is everything that was ever written, in the order in which it was."""

    genesis: SignedGenesis = field(default_factory=lambda: GENESIS)
    believing: bool = False
    """Whether the enclave believes governance without a root, as it will have to believe changes that a quorum signed."""
    now: int = START
    records: list[Received] = field(default_factory=list)
    chain: PaperChain = field(default_factory=PaperChain)
    key: KeyInMemory = field(default_factory=KeyInMemory)
    receipts: _Receipts = field(default_factory=_Receipts)
    workers: dict[str, Worker] = field(default_factory=dict)
    keys: dict[str, Fido2Key] = field(default_factory=dict)
    ends: Counter[tuple[str, int]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        for sealed in governance_decider.decide(self.genesis, (), GENESIS_AT):
            self.write(sealed, 0)
        for asset_id in ("ETH", "WETH"):
            self.observe_price(asset_id, "2500")
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

    def govern(self, event: FirmEvent) -> None:
        """Governance says one thing more."""
        position = 1 + max(r.record.position for r in self.records if isinstance(r.record, FirmEvent))
        self.append(event.model_copy(update={"position": position, "decided_at": self.now}), b"firm", 0)

    def send(self, name: str, body: Body, by: str = "paula", **changes: Any) -> Command:
        """A command of somebody's, signed with their own key; `name` stands for its id."""
        shape = {"command_id": named(name), "desk_id": DESK, "principal": by, "issued_at": self.now, "body": body}
        unsigned = Command(**(shape | {"authorization": example(Command).authorization} | changes))
        digest = bytes.fromhex(body.approval_hash) if isinstance(body, GiveApproval) else command_digest(unsigned)
        key = MachineKey(by) if by == "treasury-bot" else self.keys.setdefault(by, Fido2Key(by))
        command = unsigned.model_copy(update={"authorization": key.confirm(digest)})
        self.append(command, DESK.encode(), NUMBER)
        return command

    def approve(self, name: str, by: str) -> Command:
        """Approve an order as it stands."""
        asked = self.events(PolicyEvaluated, name)[-1].approval_hash
        assert asked is not None, f"{name} does not wait for approval"
        return self.send(f"{by} approves {asked}", GiveApproval(order_id=order_named(name), approval_hash=asked), by)

    def split(self, name: str, *amounts: str, by: str = "paula") -> Command:
        body = SplitOrder(order_id=order_named(name), amounts=[Decimal(amount) for amount in amounts])
        return self.send(f"split {name}", body, by)

    # What happens -----------------------------------------------------------------------------------------------------

    def employ(self, processor: Processor[Any, Any]) -> None:
        """Put a processor to work, from nothing but the log."""
        partition: Partition[Any, Any] = Partition(processor, NUMBER)
        self.workers[processor.principal] = Worker(processor, partition)

    def _signer(self) -> Processor[Any, Any]:
        governance = GovernanceFold() if self.believing else RootedGovernance(PINNED)
        return signer(Feed(self.records), self.key, cast("RootedGovernance", governance))

    def use(self, backend: Signer) -> None:
        """Put an enclave with another backend to work, from nothing but the log."""
        governance = RootedGovernance(PINNED)
        self.employ(signer(Feed(self.records), backend, governance))

    def restart_signer(self) -> None:
        """A new enclave, which has nothing but the log; its own events first, as the engine restores it."""
        self.employ(self._signer())
        worker = self.workers["signer"]
        for received in self.records:
            if isinstance(received.record, Signed | SigningRefused):
                recorded = Recorded(received.topic, received.record, received.digest)
                worker.partition.replay(recorded, "", 0)
        worker.partition.replayed()

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
        new = [r for r in self.records[worker.cursor :] if r.topic in worker.processor.inputs and r.partition == NUMBER]
        worker.cursor = len(self.records)
        for received in worker.partition.parked() + new:
            for sealed in worker.partition.offer(received, self.now):
                self.write(sealed, NUMBER)
        for sealed in worker.partition.tick(self.now):
            self.write(sealed, NUMBER)

    def write(self, sealed: Sealed, number: int) -> None:
        self.append(sealed.recorded.event, sealed.key, number)

    def append(self, record: Record, key: bytes, number: int) -> None:
        topic = TOPIC_OF[type(record)].name
        self.records.append(received_of(record, key, number, self.ends[topic, number]))
        self.ends[topic, number] += 1

    # What is there ----------------------------------------------------------------------------------------------------

    def events(self, kind: type[E], name: str | None = None) -> list[E]:
        """Every event of a kind, of one order if it is named, in the order in which they were written."""
        found = [r.record for r in self.records if isinstance(r.record, kind)]
        return [event for event in found if name is None or event.order_id == order_named(name)]

    def outcome(self, name: str) -> str:
        """What the enclave said of an order: `signed`, the check that refused, or `nothing`."""
        answers = [*self.events(Signed, name), *self.events(SigningRefused, name)]
        assert len(answers) <= 1, answers
        return "nothing" if not answers else answer_of(answers[0])


def answer_of(event: OrderEvent) -> str:
    """`signed`, or the check that refused."""
    return event.refusal.check if isinstance(event, SigningRefused) else "signed"


def signer(references: References, key: Signer, governance: RootedGovernance) -> Processor[Any, Any]:
    """The enclave in its place."""
    enclave = Enclave(references, key, governance)
    return Processor("signer", ("simulated",), ("signed", "signing-refused"), SigningDecider(), enclave)


def received_of(record: Record, key: bytes, number: int, offset: int) -> Received:
    """A record as it comes from its topic, through its bytes."""
    value, topic = wire.encode(record), TOPIC_OF[type(record)].name
    return Received(topic, number, offset, key, value, digest_of(value), wire.decode(topic, value))


def with_record(received: Received, record: Record) -> Received:
    """Another record in the same place."""
    value = wire.encode(record)
    return replace(received, value=value, digest=digest_of(value), record=wire.decode(received.topic, value))


def named(name: str) -> str:
    """The command id behind a short name."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, name))


def order_named(name: str, desk: str = DESK) -> str:
    """The id of an order: `o1`, `o1/0` for its first part, `o1/0/2` for that one's third."""
    whole, *indices = name.split("/")
    found = order_id(desk, named(whole))
    for index in indices:
        found = child_order_id(found, int(index))
    return found


def pay(amount: str, to: str = CUSTODIAN, asset: str = "USDC", wallet_id: str = "treasury-1") -> InitiateOrder:
    return _asked(Transfer(asset_id=asset, amount=Decimal(amount), destination=to), wallet_id)


def swap(amount: str, max_slippage: int = 100) -> InitiateOrder:
    return _asked(
        Swap(
            asset_id="USDC",
            amount=Decimal(amount),
            buy_asset_id="WETH",
            venue=VENUE,
            pool_fee=100,
            max_slippage=max_slippage,
        )
    )


def allow(amount: str) -> InitiateOrder:
    return _asked(ApproveToken(asset_id="USDC", amount=Decimal(amount), spender=VENUE))


def _asked(action: Action, wallet_id: str = "treasury-1") -> InitiateOrder:
    return InitiateOrder(wallet_id=wallet_id, action=action)


def simulated_of(line: Line, name: str) -> Received:
    """The simulation that the enclave is to answer."""
    return next(r for r in line.records if isinstance(r.record, Simulated) and r.record.order_id == order_named(name))
