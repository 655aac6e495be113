"""The scene on a real chain: NewSwap's world, a wallet whose key the test holds, and the processors' observers on it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from infra.chain.node import Node
from infra.chain.prices import reference_price
from infra.chain.world.accounts import WorldAccounts
from infra.chain.world.deploy import deploy
from infra.chain.world.market import Market
from infra.ethereum import calldata
from infra.ethereum.transaction import from_record
from infra.local_cluster.deadline import Deadline
from schemas.events.base import Event
from schemas.events.governance import ContractListed
from schemas.events.lifecycle import Approved, Signed, Simulated
from schemas.events.observations import PriceObserved
from schemas.examples import example
from schemas.hash_chain import digest_of
from schemas.topics import TOPIC_OF
from schemas.values import Instant, Record
from streams.execution.observer import ExecutionObserver
from streams.rules.decider import Later, Outcome, Received, Recorded
from streams.rules.firm.view import Governance
from streams.rules.transactions.execution import ExecutionDecider
from streams.rules.transactions.nonces import Wallets
from tests.world.chain.firm import NOW, Places, address, firm, firm_events
from tests.world.chain.local_chain import ETHER, TRADER, USDC, Trader, anvil


def received(record: Record, offset: int = 0) -> Received:
    return Received(TOPIC_OF[type(record)].name, 0, offset, b"", b"", digest_of(b""), record)


def recorded(event: Event) -> Recorded:
    return Recorded(TOPIC_OF[type(event)].name, event, digest_of(b""))


INCLUDED_SECONDS_MAX = 10.0


@dataclass
class References:
    """Reference records as they arrive."""

    arrived: list[Received] = field(default_factory=list)

    def poll(self) -> list[Received]:
        taken, self.arrived = self.arrived, []
        return taken


@dataclass
class Execution:
    """Execution at work on one partition, one input after another, without a log."""

    observer: ExecutionObserver
    references: References
    state: Wallets = field(default_factory=Wallets)
    decider: ExecutionDecider = field(default_factory=ExecutionDecider)

    def offer(self, record: Approved | Signed | Record, now: Instant = NOW) -> Outcome:
        self.observer.refresh()
        message = self.observer.read(self.state, received(record), now)
        outcome = message if isinstance(message, Later) else self.decider.decide(self.state, message, now)
        for event in () if isinstance(outcome, Later) else outcome:
            self.state = self.decider.evolve(self.state, recorded(event))
        return outcome

    def simulate(self, approved: Approved, now: Instant = NOW) -> Simulated:
        outcome = self.offer(approved, now)
        assert isinstance(outcome, tuple), outcome
        (simulated,) = outcome
        assert isinstance(simulated, Simulated)
        return simulated


@dataclass(frozen=True)
class ChainScene:
    """A funded wallet of the desk in the local world."""

    trader: Trader
    places: Places

    @property
    def node(self) -> Node:
        return self.trader.market.node

    @property
    def governance(self) -> Governance:
        return firm(self.places)

    def included(self, transaction_hash: str) -> str:
        """Wait for a transaction's block, where blocks come by themselves: a node answers before it has mined."""
        deadline = Deadline(INCLUDED_SECONDS_MAX)
        while self.node.rpc.request("anvil_getAutomine") and self.node.receipt(transaction_hash) is None:
            assert not deadline.passed, "the node mined nothing"
            time.sleep(0.005)
        return transaction_hash

    def execution(self, *, node: Node | None = None, price_at: Instant = NOW, listed: bool = True) -> Execution:
        """Execution that has read governance and the reference venue's price."""
        references = References()
        observer = ExecutionObserver(references, {self.trader.market.world.chain_id: node or self.node})
        for event in firm_events(self.places):
            router = isinstance(event, ContractListed) and event.address == self.places.router
            unlisted: dict[str, list[str]] = {} if listed or not router else {"companions": []}
            observer.accept(received(event.model_copy(update=unlisted)))
        observer.accept(received(self.observed_price(price_at), 7))
        return Execution(observer, references)

    def observed_price(self, at: Instant) -> PriceObserved:
        price = reference_price(self.node, self.trader.market.world.reference_venue)
        return PriceObserved(
            asset_id="WETH",
            usd=price.usd,
            source="venue",
            observed_at=at,
            block_number=price.block_number,
            block_hash=price.block_hash,
        )

    def sign(self, simulated: Simulated) -> Signed:
        signed = self.trader.account.sign(from_record(simulated.transaction))
        return example(Signed).model_copy(
            update={
                "desk_id": simulated.desk_id,
                "order_id": simulated.order_id,
                "wallet_id": simulated.wallet_id,
                "wallet": simulated.wallet,
                "chain_id": simulated.transaction.chain_id,
                "nonce": simulated.transaction.nonce,
                "transaction_hash": signed.hash,
                "raw_transaction": "0x" + signed.raw.hex(),
            }
        )

    def token_balance(self, token: str) -> int:
        return self.trader.market.token_balance(token, self.places.wallet)


@contextmanager
def chain_scene(mnemonic: str, folder: Path) -> Iterator[ChainScene]:
    """A fresh chain with the world on it."""
    with anvil() as url, Node(url) as node:
        world = deploy(url, mnemonic, folder / "world.json")
        market = Market(node, world, WorldAccounts.from_mnemonic(mnemonic))
        trader = Trader(market, WorldAccounts.from_mnemonic(TRADER).issuer)
        market.fund(trader.address, usdc=60_000_000 * USDC, wei=100 * ETHER)
        allowance = calldata.Approve(spender=world.newswap.router, amount=60_000_000 * USDC)
        assert trader.execute(trader.transaction(world.usdc.address, calldata.encode(allowance))).succeeded
        places = Places(
            wallet=trader.address,
            usdc=world.usdc.address,
            usdc_implementation=world.usdc_implementation,
            weth=world.weth.address,
            router=world.newswap.router,
            pool=world.newswap.pool,
            friend=address("friend"),
            vault=address("vault"),
        )
        yield ChainScene(trader, places)
