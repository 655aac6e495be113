"""Execution and a signer on the simulated log, with crashes, zombies and duplicates from a seed: nonces stay gapless."""

from __future__ import annotations

from collections import defaultdict
from random import Random

import pytest

from schemas.events.answers import NonceResolved
from schemas.events.base import Event
from schemas.events.governance import WalletAssigned
from schemas.events.lifecycle import Approved, Signed, SigningRefused, Simulated
from schemas.examples import example
from schemas.hash_chain import Link
from schemas.values import Instant, OrderId
from streams.engine.simulated import SimulatedLog
from streams.rules.answered_orders import AnsweredOrders
from streams.rules.decider import Later, Outcome, Processor, Received, Recorded
from streams.rules.transactions.execution import ExecutionDecider, Input, next_nonce, standing
from streams.rules.transactions.nonces import Wallets
from tests.streams.execution.specification import FIRST_NONCE, REVERTED, paid, simulation
from tests.world.chain.firm import CHAIN, PLACES, approved, firm, pay

pytestmark = pytest.mark.slow

DESKS = 3
FIRM = firm(
    PLACES,
    *(
        WalletAssigned(
            wallet_id=f"wallet-{number}",
            desk_id=f"desk-{number}",
            chain_id=CHAIN,
            address=PLACES.wallet,
            key_backend="hsm",
            key_id="1",
        )
        for number in range(DESKS)
    ),
)
ORDERS = 40
SEEDS = range(40)


class Chain:
    """Includes signed transactions after a while; knows nothing else of them."""

    def __init__(self, log: SimulatedLog, random: Random) -> None:
        self._log = log
        self._random = random

    def account_nonce(self, desk_id: str) -> int:
        signed = [each.event for each in self._log.events("signed")]
        count = sum(isinstance(event, Signed) and event.desk_id == desk_id for event in signed)
        return FIRST_NONCE + max(count - self._random.randrange(2), 0)


class StagedObserver:
    """Simulations without a node: every fifth order fails, and the node is away now and then."""

    def __init__(self, chain: Chain, random: Random) -> None:
        self._chain = chain
        self._random = random

    def refresh(self) -> None:
        """Nothing to take in."""

    def read(self, state: Wallets, received: Received, now: Instant) -> Input | Later:  # noqa: ARG002 - the contract's shape
        record = received.record
        if not isinstance(record, Approved):
            assert isinstance(record, Signed | SigningRefused)
            return record
        if standing(state, record) is not None:
            return record
        if self._random.random() < 0.2:
            return Later("the node is away")
        count = self._chain.account_nonce(record.desk_id)
        effects = REVERTED if int(record.order_id[-2:], 16) % 5 == 0 else paid(5_000_000)
        nonce = next_nonce(state, record, count)
        return simulation(record, effects, nonce=nonce, account_nonce=count, governance=FIRM, price_facts=())


class SigningDecider:
    """Signs most of what passed, refuses the rest."""

    state_type = AnsweredOrders

    def initial(self) -> AnsweredOrders:
        return AnsweredOrders()

    def decide(self, state: AnsweredOrders, message: Simulated, now: Instant) -> Outcome:  # noqa: ARG002 - the contract's shape
        if message.order_id in state or message.verdict == "flagged":
            return ()
        kind: type[Signed | SigningRefused] = SigningRefused if int(message.order_id[-2:], 16) % 7 == 0 else Signed
        fields = {"desk_id": message.desk_id, "order_id": message.order_id, "wallet_id": message.wallet_id}
        place = {"chain_id": message.transaction.chain_id, "nonce": message.transaction.nonce}
        left = {"claimed": None} if kind is SigningRefused else {}
        return (example(kind).model_copy(update=fields | place | left),)

    def evolve(self, state: AnsweredOrders, recorded: Recorded) -> AnsweredOrders:
        assert isinstance(recorded.event, Signed | SigningRefused)
        state.add(recorded.event.order_id)
        return state

    def due(self, state: AnsweredOrders, now: Instant) -> tuple[Event, ...]:  # noqa: ARG002 - the contract's shape
        return ()

    def tail(self, state: AnsweredOrders, order_id: OrderId) -> Link | None:  # noqa: ARG002 - the contract's shape
        return None


class PassingObserver:
    """Hands records through."""

    def refresh(self) -> None:
        """Nothing to take in."""

    def read(self, state: AnsweredOrders, received: Received, now: Instant) -> Simulated:  # noqa: ARG002 - the contract's shape
        assert isinstance(received.record, Simulated)
        return received.record


def run(seed: int) -> SimulatedLog:
    log, random = SimulatedLog(seed=seed, crash_rate=0.06, zombie_rate=0.05), Random(seed)
    chain = Chain(log, random)
    outputs = ("simulated", "nonce-resolved")
    inputs = ("approved", "signed", "signing-refused")
    log.run(lambda: Processor("execution", inputs, outputs, ExecutionDecider(), StagedObserver(chain, random)))
    log.run(lambda: Processor("signer", ("simulated",), ("signed", "signing-refused"), SigningDecider(), PassingObserver()))
    for number in range(1, ORDERS + 1):
        desk = random.randrange(DESKS)
        log.publish(_approved(number, desk), f"desk-{desk}")
        log.step()
    log.settle()
    return log


def _approved(number: int, desk: int) -> Approved:
    plain = approved(pay("5"), FIRM, number)
    order = plain.order.model_copy(update={"desk_id": f"desk-{desk}", "wallet_id": f"wallet-{desk}"})
    return plain.model_copy(update={"desk_id": order.desk_id, "order": order})


@pytest.mark.parametrize("seed", SEEDS)
def test_every_order_is_simulated_once_and_nonces_have_no_gap(seed: int) -> None:
    log = run(seed)
    told = f"seed {seed}, faults {dict(log.faults)}"
    simulated = [each.event for each in log.events("simulated")]
    assert len({event.order_id for event in simulated if isinstance(event, Simulated)}) == ORDERS == len(simulated), told
    signed: defaultdict[str, list[int]] = defaultdict(list)
    for recorded in log.events("signed"):
        assert isinstance(recorded.event, Signed)
        signed[recorded.event.desk_id].append(recorded.event.nonce)
    assert signed, told
    for nonces in signed.values():
        assert nonces == list(range(FIRST_NONCE, FIRST_NONCE + len(nonces))), told
    _no_two_offers_at_once(log, told)


def _no_two_offers_at_once(log: SimulatedLog, told: str) -> None:
    """Execution's own events, in the order in which it wrote them: an offer is resolved before the next is made."""
    on_offer: dict[str, OrderId | None] = {}
    for recorded in log.events("simulated", "nonce-resolved"):
        event = recorded.event
        if isinstance(event, NonceResolved):
            assert on_offer.pop(event.desk_id) == event.order_id, told
        elif isinstance(event, Simulated) and event.verdict == "passed":
            assert event.desk_id not in on_offer, told
            on_offer[event.desk_id] = event.order_id
    assert on_offer == {}, told
