"""Outcomes on a real chain: at the depth that policy asks, success and failure alike, through reorganisations and outages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from infra.chain.node import Node
from infra.ethereum import calldata
from infra.ethereum.answers import Receipt
from schemas.events.lifecycle import Approved, Broadcast, Confirmed, Reverted
from schemas.examples import example
from schemas.values import Instant, Record
from streams.rules.answered_orders import AnsweredOrders
from streams.rules.decider import Later, Outcome, Recorded
from streams.rules.transactions.settlement import Included, SettlementDecider
from streams.settlement import observer as observing
from streams.settlement.observer import ASKING, AWAY, MISSING_AFTER_MS, SettlementObserver
from tests.world.chain.firm import CHAIN, NOW, firm_events
from tests.world.chain.scene import ChainScene, References, received

MS = 1_000


@dataclass
class Settlement:
    """Settlement at work on one partition: each step offers everything that is not answered."""

    nodes: dict[int, Node]
    depth: int = 1
    state: AnsweredOrders = field(default_factory=AnsweredOrders)
    decider: SettlementDecider = field(default_factory=SettlementDecider)

    def __post_init__(self) -> None:
        self.references = References([received(event) for event in firm_events(depth=self.depth)])
        self.observer = SettlementObserver(self.references, self.nodes)

    def step(self, *records: Record, now: Instant = NOW) -> list[Outcome]:
        self.observer.refresh()
        return [self._offer(record, now) for record in records]

    def _offer(self, record: Record, now: Instant) -> Outcome:
        message = self.observer.read(self.state, received(record), now)
        outcome = message if isinstance(message, Later) else self.decider.decide(self.state, message, now)
        for event in () if isinstance(outcome, Later) else outcome:
            self.state = self.decider.evolve(self.state, Recorded("", event, ""))
        return outcome


class CountingNode(Node):
    """A node that remembers how many receipts it was asked for, exchange by exchange."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.asked: list[int] = []

    def receipts(self, transaction_hashes: Sequence[str]) -> list[Receipt | None]:
        self.asked.append(len(transaction_hashes))
        return super().receipts(transaction_hashes)


class SilentNode(CountingNode):
    """A node that knows of no transaction."""

    def receipts(self, transaction_hashes: Sequence[str]) -> list[Receipt | None]:
        self.asked.append(len(transaction_hashes))
        return [None] * len(transaction_hashes)


def counting(scene: ChainScene) -> CountingNode:
    return CountingNode(f"http://{scene.node.name}")


@pytest.fixture
def manual(scene: ChainScene) -> Iterator[None]:
    """Blocks come only when they are asked for."""
    scene.node.rpc.request("evm_setAutomine", False)  # noqa: FBT003 - RPC
    yield
    scene.node.rpc.request("evm_setAutomine", True)  # noqa: FBT003 - RPC


def send(scene: ChainScene, number: int = 1, *, fails: bool = False) -> Broadcast:
    """A transfer that the chain takes; one of more than there is fails on chain."""
    amount = 10**18 if fails else number
    call = calldata.encode(calldata.Transfer(scene.places.friend, amount))
    raw = scene.trader.account.sign(scene.trader.transaction(scene.places.usdc, call, gas_limit=200_000)).raw
    return example(Broadcast).model_copy(
        update={
            "order_id": f"0b9f4f0e-5b0c-5d3f-9c7e-{number:012d}",
            "chain_id": CHAIN,
            "transaction_hash": scene.included(scene.node.send_raw(raw)),
        }
    )


def mine(scene: ChainScene, blocks: int = 1) -> None:
    scene.node.rpc.request("anvil_mine", hex(blocks))


@pytest.mark.chain
def test_a_transaction_that_succeeded_is_confirmed_at_once_where_one_block_is_enough(scene: ChainScene) -> None:
    sent = send(scene)
    at_work = Settlement({CHAIN: scene.node})
    ((confirmed,),) = at_work.step(sent)  # type: ignore[misc]
    receipt = scene.node.receipt(sent.transaction_hash)
    assert isinstance(confirmed, Confirmed)
    assert receipt is not None
    assert (confirmed.depth, confirmed.block_hash, confirmed.gas_used) == (1, receipt.block_hash, receipt.gas_used)
    assert at_work.step(sent) == [()], "delivered again"


@pytest.mark.chain
@pytest.mark.parametrize(("fails", "kind"), [(False, Confirmed), (True, Reverted)])
def test_success_and_failure_both_wait_for_their_depth(scene: ChainScene, fails: bool, kind: type) -> None:  # noqa: FBT001 - parametrized
    sent = send(scene, fails=fails)
    at_work = Settlement({CHAIN: scene.node}, depth=3)
    assert at_work.step(sent) == [Later("1 of 3 blocks")]
    mine(scene)
    assert at_work.step(sent, now=NOW + 1_000 * MS) == [Later("2 of 3 blocks")]
    mine(scene)
    ((said,),) = at_work.step(sent, now=NOW + 2_000 * MS)  # type: ignore[misc]
    assert isinstance(said, kind)
    assert said.depth == 3  # type: ignore[attr-defined]


@pytest.mark.chain
@pytest.mark.usefixtures("manual")
def test_absence_is_asked_about_again_at_growing_intervals_and_told_in_the_end(scene: ChainScene) -> None:
    sent = send(scene)
    with counting(scene) as node, capture_logs() as lines:
        at_work = Settlement({CHAIN: node})
        for ms in range(0, 100, 5):
            assert at_work.step(sent, now=NOW + ms * MS) == [Later("no receipt yet")]
        assert len(node.asked) == 5, "at 0, 5, 15, 35 and 75 ms"
        at_work.step(sent, now=NOW + MISSING_AFTER_MS * MS)
        assert lines == []
        at_work.step(sent, now=NOW + 2 * MISSING_AFTER_MS * MS)
        assert [line["transaction_hash"] for line in lines] == [sent.transaction_hash]
        mine(scene)
        assert isinstance(at_work.step(sent, now=NOW + 3 * MISSING_AFTER_MS * MS)[0], tuple)


@pytest.mark.chain
@pytest.mark.usefixtures("manual")
def test_all_that_wait_are_asked_about_in_one_exchange(scene: ChainScene) -> None:
    sent = [send(scene, number) for number in range(1, 30)]
    with counting(scene) as node:
        at_work = Settlement({CHAIN: node})
        at_work.step(*sent)
        mine(scene)
        node.asked.clear()
        outcomes = at_work.step(*sent, now=NOW + ASKING.longest_ms * MS)
        assert all(isinstance(outcome, tuple) and isinstance(outcome[0], Confirmed) for outcome in outcomes)
        assert node.asked == [29]


@pytest.mark.chain
def test_a_block_that_was_reorganised_away_counts_for_nothing(scene: ChainScene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the receipt and the look at its block, another block takes its place."""
    sent = send(scene)
    receipt = scene.node.receipt(sent.transaction_hash)
    monkeypatch.setattr(scene.node, "receipts", lambda _hashes: [receipt])
    scene.node.rpc.request("anvil_reorg", 1, [])
    assert Settlement({CHAIN: scene.node}).step(sent) == [Later("no receipt yet")]


@pytest.mark.chain
def test_a_block_that_the_node_no_longer_has_counts_for_nothing(scene: ChainScene, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = send(scene)
    receipt = scene.node.receipt(sent.transaction_hash)
    monkeypatch.setattr(scene.node, "receipts", lambda _hashes: [receipt])
    scene.node.rpc.request("anvil_rollback", 1)
    assert Settlement({CHAIN: scene.node}).step(sent) == [Later("no receipt yet")]


@pytest.mark.chain
def test_a_node_that_is_away_is_asked_again_at_intervals_for_all_who_wait(scene: ChainScene) -> None:
    sent, other = send(scene, 1), send(scene, 2)
    with Node("http://127.0.0.1:9") as away:
        at_work = Settlement({CHAIN: away})
        with capture_logs() as lines:
            assert at_work.step(sent, other) == [Later("no receipt yet")] * 2
        assert [line["event"] for line in lines] == ["the node gave no receipts"], "one time-out for both"
        at_work.observer._nodes = {CHAIN: scene.node}
        outcomes = at_work.step(sent, other, now=NOW + AWAY.first_ms * MS)
    assert all(isinstance(outcome, tuple) for outcome in outcomes)


def test_without_a_policy_or_a_node_it_waits() -> None:
    sent = example(Broadcast)
    with capture_logs() as lines:
        at_work = Settlement({})
        assert at_work.step(sent, now=NOW) == [Later("no receipt yet")]
        assert at_work.step(sent, now=NOW + 1) == [Later("no receipt yet")]
    assert [line["log_level"] for line in lines] == ["error"]
    lawless = SettlementObserver(References([received(sent)]), {})
    lawless.refresh()
    assert isinstance(lawless.read(AnsweredOrders(), received(sent), NOW), Later)


def test_what_is_no_input_stops_the_processor() -> None:
    with pytest.raises(TypeError, match="no input of settlement"):
        Settlement({}).step(example(Approved))


def test_an_exchange_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observing, "RECEIPTS_MAX", 3)
    node = SilentNode("http://127.0.0.1:9")
    at_work = Settlement({CHAIN: node})
    sent = [
        example(Broadcast).model_copy(update={"chain_id": CHAIN, "transaction_hash": f"0x{number:064x}"}) for number in range(5)
    ]
    at_work.step(*sent)
    node.asked.clear()
    at_work.step(*sent, now=NOW + ASKING.longest_ms * MS)
    assert node.asked == [3, 2]


RECEIPT = Receipt("0x" + "ab" * 32, 10, "0x" + "cd" * 32, succeeded=True, gas_used=1, effective_gas_price=2, logs=())


@pytest.mark.parametrize(
    ("head", "required", "settled"),
    [(9, 1, False), (10, 1, True), (10, 0, True), (11, 3, False), (12, 3, True), (500, 3, True)],
)
def test_depth_counts_both_ends(head: int, required: int, settled: bool) -> None:  # noqa: FBT001 - parametrized
    decider = SettlementDecider()
    outcome = decider.decide(decider.initial(), Included(example(Broadcast), RECEIPT, head, required), NOW)
    assert isinstance(outcome, tuple) == settled


def test_the_decider_answers_an_order_once() -> None:
    decider, sent = SettlementDecider(), example(Broadcast)
    state = decider.initial()
    assert isinstance(decider.decide(state, sent, NOW), Later)
    included = Included(sent, RECEIPT, 10, 1)
    (said,) = decider.decide(state, included, NOW)  # type: ignore[misc]
    state = decider.evolve(state, Recorded("confirmed", said, ""))
    assert (decider.decide(state, included, NOW), decider.decide(state, sent, NOW)) == ((), ())
    assert decider.evolve(state, Recorded("broadcast", sent, "")) == state
    assert (decider.due(state, NOW), decider.tail(state, sent.order_id)) == ((), None)
