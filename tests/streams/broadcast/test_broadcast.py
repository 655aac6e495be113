"""Sends to a real node: once, again, to a node that is away, and to one that refuses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import pytest
from structlog.testing import capture_logs

from infra.chain.node import Node
from infra.ethereum.transaction import Transaction
from schemas.events.base import OrderEvent
from schemas.events.lifecycle import Approved, Broadcast, Confirmed, Reverted, Signed
from schemas.events.observations import PriceObserved
from schemas.examples import example
from schemas.values import Instant, Record
from streams.broadcast.observer import AWAY, REFUSED, WATCH_ROUND_MS, WATCHING, BroadcastObserver
from streams.rules.answered_orders import AnsweredOrders
from streams.rules.decider import Later, Outcome, Processor, Recorded
from streams.rules.transactions.broadcast import BroadcastDecider, SentTransaction
from streams.rules.transactions.pending import WATCHED_AFTER_SECONDS
from tests.world.chain.firm import CHAIN, NOW, SECOND, firm_events
from tests.world.chain.scene import ChainScene, References, received

pytestmark = pytest.mark.chain

MS = 1_000
E = TypeVar("E", bound=OrderEvent)


@dataclass
class Sender:
    """Broadcast at work on one partition."""

    nodes: Mapping[int, tuple[Node, ...]]
    state: AnsweredOrders = field(default_factory=AnsweredOrders)
    decider: BroadcastDecider = field(default_factory=BroadcastDecider)

    def __post_init__(self) -> None:
        self.now = NOW
        self.references = References()
        self.observer = BroadcastObserver(self.references, self.nodes, lambda: self.now)
        self.processor = Processor("broadcast", ("signed",), ("broadcast",), self.decider, self.observer, self.observer)

    def hear(self, *events: Record, after_ms: int = 0) -> None:
        """Let time pass, and events arrive."""
        self.now += after_ms * MS
        self.references.arrived += [received(event) for event in events]
        self.processor.refresh(self.now)

    def offer(self, record: Record, now: Instant = NOW) -> Outcome:
        self.processor.refresh(self.now)
        message = self.processor.input_of(self.state, received(record), now)
        outcome = message if isinstance(message, Later) else self.decider.decide(self.state, message, now)
        for event in () if isinstance(outcome, Later) else outcome:
            self.state = self.decider.evolve(self.state, Recorded("broadcast", event, ""))
        return outcome


def signed(scene: ChainScene, *, value: int = 1, nonce: int | None = None, gas_price: int = 10**10) -> Signed:
    count = scene.node.transaction_count(scene.places.wallet)
    transaction = Transaction(
        chain_id=CHAIN,
        nonce=count if nonce is None else nonce,
        max_priority_fee_per_gas=1,
        max_fee_per_gas=gas_price,
        gas_limit=21_000,
        to=scene.places.friend,
        value=value,
        data=b"",
    )
    done = scene.trader.account.sign(transaction)
    return example(Signed).model_copy(
        update={
            "chain_id": CHAIN,
            "nonce": transaction.nonce,
            "transaction_hash": done.hash,
            "raw_transaction": "0x" + done.raw.hex(),
            "governance_position": 0,
        }
    )


def sender(*nodes: Node) -> Sender:
    return Sender({CHAIN: nodes})


def test_what_was_signed_is_sent_and_said_once(scene: ChainScene) -> None:
    at_work, transaction = sender(scene.node), signed(scene)
    (said,) = at_work.offer(transaction)  # type: ignore[misc]
    assert isinstance(said, Broadcast)
    assert (said.transaction_hash, said.nodes) == (transaction.transaction_hash, [scene.node.name])
    scene.included(transaction.transaction_hash)
    assert scene.node.balance(scene.places.friend) == 1
    assert at_work.offer(transaction) == ()


def test_sending_again_after_a_crash_is_harmless(scene: ChainScene) -> None:
    transaction = signed(scene)
    assert len(sender(scene.node).offer(transaction)) == 1  # type: ignore[arg-type]
    assert len(sender(scene.node).offer(transaction)) == 1, "the first answer never reached the log"  # type: ignore[arg-type]
    scene.included(transaction.transaction_hash)
    assert scene.node.balance(scene.places.friend) == 1


def test_a_node_that_is_away_is_tried_again_at_intervals(scene: ChainScene) -> None:
    transaction = signed(scene)
    with Node("http://127.0.0.1:9") as away:
        at_work = sender(away)
        with capture_logs() as lines:
            assert isinstance(at_work.offer(transaction), Later)
            assert at_work.offer(transaction, NOW + 1) == Later("tried a moment ago")
            other = transaction.model_copy(update={"order_id": "7b9f4f0e-5b0c-5d3f-9c7e-2f1f3f0a9d11"})
            assert isinstance(at_work.offer(other, NOW + 1), Later)
        assert [line["event"] for line in lines] == ["a node is away"], "one time-out for all who wait"
    at_work.observer._nodes = {CHAIN: (scene.node,)}
    assert isinstance(at_work.offer(transaction, NOW + AWAY.first_ms * MS), tuple)


def test_one_node_that_takes_it_is_enough(scene: ChainScene) -> None:
    with Node("http://127.0.0.1:9") as away:
        (said,) = sender(away, scene.node).offer(signed(scene))  # type: ignore[misc]
    assert isinstance(said, Broadcast)
    assert said.nodes == [scene.node.name]


def test_no_money_is_told_loudly_and_goes_on_once_there_is_some(scene: ChainScene) -> None:
    transaction = signed(scene, value=10**24)
    at_work = sender(scene.node)
    with capture_logs() as lines:
        refused = at_work.offer(transaction)
        assert at_work.offer(transaction, NOW + AWAY.longest_ms * MS - 1) == Later("tried a moment ago")
    assert isinstance(refused, Later)
    assert "nsufficient funds" in refused.reason
    assert [(line["log_level"], line["order_id"]) for line in lines] == [("error", transaction.order_id)]
    scene.node.rpc.request("anvil_setBalance", scene.places.wallet, hex(10**25))
    assert isinstance(at_work.offer(transaction, NOW + REFUSED.first_ms * MS), tuple)


def test_a_nonce_that_another_transaction_took_is_told_and_never_given_up_in_silence(scene: ChainScene) -> None:
    assert isinstance(sender(scene.node).offer(signed(scene)), tuple)
    late = signed(scene, value=2, nonce=scene.node.transaction_count(scene.places.wallet) - 1)
    at_work, now = sender(scene.node), NOW
    with capture_logs() as lines:
        for _ in range(3):
            assert isinstance(at_work.offer(late, now), Later)
            now += REFUSED.longest_ms * MS
    assert ["nonce too low" in line["refusals"][0] for line in lines] == [True] * 3


def test_a_chain_without_nodes_waits(scene: ChainScene) -> None:
    assert Sender({}).offer(signed(scene)) == Later(f"no node of chain {CHAIN} is there")


def test_what_is_no_input_stops_the_processor() -> None:
    with pytest.raises(TypeError, match="no input of broadcast"):
        sender().offer(example(Approved))


def of_order(kind: type[E], signed: Signed) -> E:
    return example(kind).model_copy(update={"order_id": signed.order_id, "decided_at": NOW})


def sent_and_lost(scene: ChainScene) -> Signed:
    """A transaction that the chain had, and has no more."""
    transaction = signed(scene)
    before = scene.node.rpc.request("evm_snapshot")
    assert isinstance(sender(scene.node).offer(transaction), tuple)
    scene.included(transaction.transaction_hash)
    assert scene.node.rpc.request("evm_revert", before) is True
    assert scene.node.receipt(transaction.transaction_hash) is None
    return transaction


@pytest.mark.parametrize("outcome", [None, Confirmed, Reverted])
def test_what_the_chain_has_lost_is_sent_again(scene: ChainScene, outcome: type[Confirmed | Reverted] | None) -> None:
    transaction = sent_and_lost(scene)
    at_work = sender(scene.node)
    settled = [] if outcome is None else [of_order(outcome, transaction)]
    at_work.hear(*settled, of_order(Broadcast, transaction), transaction)
    at_work.hear(after_ms=WATCHING.first_ms - 1)
    assert scene.node.receipt(transaction.transaction_hash) is None, "given time first"
    with capture_logs() as lines:
        at_work.hear(after_ms=WATCH_ROUND_MS)
        scene.included(transaction.transaction_hash)
        at_work.hear(after_ms=WATCHING.longest_ms)
    assert [line["transaction_hash"] for line in lines] == [transaction.transaction_hash], "once, since it is there then"
    assert scene.node.receipt(scene.included(transaction.transaction_hash)) is not None


def test_what_was_not_sent_yet_or_was_settled_long_ago_is_not_sent_again(scene: ChainScene) -> None:
    transaction = sent_and_lost(scene)
    unsent, landed = sender(scene.node), sender(scene.node)
    unsent.hear(transaction)
    landed.hear(transaction, of_order(Broadcast, transaction))
    landed.hear(of_order(Confirmed, transaction), after_ms=WATCHED_AFTER_SECONDS * 1_000 + 1)
    late = sender(scene.node)
    late.hear(transaction, of_order(Broadcast, transaction), of_order(Confirmed, transaction))
    late.now += WATCHED_AFTER_SECONDS * SECOND + 1
    for each in (unsent, landed, late):
        for _ in range(3):
            each.hear(after_ms=WATCHING.first_ms)
    assert scene.node.receipt(transaction.transaction_hash) is None
    assert landed.observer._pending._flights == late.observer._pending._flights == {}


def test_a_node_that_is_away_is_looked_at_again_when_it_is_back(scene: ChainScene) -> None:
    transaction = sent_and_lost(scene)
    with Node("http://127.0.0.1:9") as away:
        at_work = sender(away)
        at_work.hear(transaction, of_order(Broadcast, transaction))
        with capture_logs() as lines:
            at_work.hear(after_ms=WATCHING.first_ms)
            at_work.observer._backoff.asked(away.name, at_work.now + WATCH_ROUND_MS * MS, AWAY)
            at_work.hear(after_ms=WATCH_ROUND_MS)
        assert [line["event"] for line in lines] == ["a node is away"]
    at_work.observer._nodes = {}
    at_work.hear(after_ms=WATCH_ROUND_MS)
    at_work.observer._nodes = {CHAIN: (scene.node,)}
    at_work.hear(after_ms=WATCH_ROUND_MS)
    assert scene.node.receipt(scene.included(transaction.transaction_hash)) is not None


def test_records_that_are_no_links_are_passed_over() -> None:
    at_work = sender()
    at_work.hear(*firm_events()[:1], example(PriceObserved), of_order(Approved, example(Signed)))
    assert list(at_work.observer._pending.under_way(NOW)) == []


def test_the_decider_answers_an_order_once() -> None:
    decider, input_ = BroadcastDecider(), SentTransaction(example(Signed), ("node",))
    state = decider.initial()
    (said,) = decider.decide(state, input_, NOW)  # type: ignore[misc]
    state = decider.evolve(state, Recorded("broadcast", said, ""))
    assert decider.decide(state, input_, NOW) == ()
    assert decider.evolve(state, Recorded("signed", example(Signed), "")) == state
    assert (decider.due(state, NOW), decider.tail(state, input_.signed.order_id)) == ((), None)
