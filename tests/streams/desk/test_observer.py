"""The desk reads its outside facts, and survives crashes: duplicates, zombies and restarts on the simulated log."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from decimal import Decimal

import pytest

from schemas import wire
from schemas.events.base import FirmEvent, OrderEvent
from schemas.events.lifecycle import OrderInitiated
from schemas.events.limits import LimitReserved
from schemas.events.observations import PriceObserved
from schemas.examples import example
from schemas.hash_chain import digest_of, verify
from schemas.topics import FIRM_KEY, TOPIC_OF
from schemas.values import Record
from streams.desk.observer import INPUTS, OUTPUTS, DeskObserver, processor
from streams.engine.simulated import Entry, SimulatedLog
from streams.rules.decider import Later, Received
from streams.rules.orders.decider import Message
from streams.rules.orders.state import DeskState
from tests.streams.rules.orders.specification import Specification, given, initiate, transfer
from tests.world.firm.desk import ASSETS, CONTRACTS, FIRM, NOW, PRINCIPALS, WALLETS, limit, policy


class Fed:
    """References that hold what a test puts in."""

    def __init__(self, *records: Record) -> None:
        self.waiting = [reference(record, offset) for offset, record in enumerate(records)]

    def poll(self) -> list[Received]:
        arrived, self.waiting = self.waiting, []
        return arrived


def reference(record: Record, offset: int) -> Received:
    value = wire.encode(record)
    topic = TOPIC_OF[type(record)].name
    return Received(topic, 0, offset, FIRM_KEY.encode(), value, digest_of(value), wire.decode(topic, value))


def governance(*events: FirmEvent) -> list[Record]:
    return [event.model_copy(update={"position": n}) for n, event in enumerate(events, 1)]


def price_seen(usd: str, observed_at: int = NOW) -> PriceObserved:
    changes = {"asset_id": "ETH", "usd": Decimal(usd), "observed_at": observed_at, "source": "pool"}
    return example(PriceObserved).model_copy(update=changes)


def observed(observer: DeskObserver) -> Message | Later:
    return observer.read(DeskState(), example_input(), NOW)


def example_input() -> Received:
    spec = given()
    return initiate("o1", transfer("1"))(spec)


def test_nothing_is_decided_before_there_is_a_policy() -> None:
    observer = DeskObserver(Fed(*governance(*PRINCIPALS)))
    observer.refresh()
    assert isinstance(observed(observer), Later)


def test_governance_and_the_newest_price_come_with_the_input_by_value() -> None:
    feed = Fed(*governance(*PRINCIPALS, *ASSETS, *WALLETS, *CONTRACTS, FIRM.policy), price_seen("2400"), price_seen("2500"))
    observer = DeskObserver(feed)
    observer.refresh()
    message = observed(observer)
    assert isinstance(message, Message)
    known = message.circumstances
    assert known.policy == FIRM.policy.model_copy(update={"position": known.governance.position})
    assert known.governance.wallets.keys() == {"treasury-1", "vault-1"}
    assert (known.prices["ETH"].usd, known.prices["ETH"].source) == (Decimal(2_500), "pool")
    feed.waiting = [reference(price_seen("2600"), 99)]
    observer.refresh()
    assert known.prices["ETH"].usd == 2_500, "what was given to a decision does not change"
    later = observed(observer)
    assert isinstance(later, Message)
    assert later.circumstances.prices["ETH"].log_offset == 99


def test_what_is_no_reference_is_left_alone() -> None:
    observer = DeskObserver(Fed())
    observer.accept(example_input())
    assert isinstance(observed(observer), Later)


def test_the_desk_takes_what_others_write_and_writes_only_its_own() -> None:
    assert set(INPUTS).isdisjoint(OUTPUTS)
    assert "order-initiated" in OUTPUTS
    assert "approved" in OUTPUTS


CAPS = policy(limit("trader-day", "100000"), limit("desk-day", "150000", scope="desk"))
SEEDS = range(25)


def simulate(seed: int) -> SimulatedLog:
    """Two traders on two desks of one firm send more than their limits allow, while workers die."""
    desks = ("newswap", "vault")
    principals = [each.model_copy(update={"desks": list(desks)}) for each in PRINCIPALS]
    wallets = [*WALLETS[:1], WALLETS[1].model_copy(update={"desk_id": "vault"})]
    records = governance(*principals, *ASSETS, *wallets, *CONTRACTS, CAPS)
    log = SimulatedLog(seed=seed, crash_rate=0.08, duplicate_rate=0.2, zombie_rate=0.1, now=NOW)
    log.run(lambda: processor(DeskObserver(Fed(*records))))
    spec = Specification(replace(FIRM, policy=CAPS))
    for number in range(30):
        desk = desks[number % 2]
        step = initiate(f"o{number}", transfer("9000"), by="bot", wallet=WALLETS[number % 2].wallet_id, desk_id=desk)
        received = step(spec)
        log.publish_bytes("commands", Entry(desk.encode(), received.value))
        if number % 3 == 0:
            log.publish_bytes("commands", Entry(desk.encode(), received.value))
        log.step()
    log.publish_bytes("commands", Entry(b"newswap", b"\x00broken"))
    log.settle()
    return log


@pytest.mark.parametrize("seed", SEEDS)
def test_under_crashes_every_order_is_decided_once_and_no_limit_is_passed(seed: int) -> None:
    log = simulate(seed)
    initiated = [recorded.event for recorded in log.events("order-initiated")]
    assert Counter(type(event) for event in initiated) == {OrderInitiated: 30}
    assert len({event.causation_id for event in initiated}) == 30
    held: Counter[str] = Counter()
    for recorded in log.events("limit-reserved"):
        assert isinstance(recorded.event, LimitReserved)
        for each in recorded.event.reserved:
            held[f"{recorded.event.desk_id} {each.limit_id}"] += int(each.amount_usd)
    assert held == {f"{desk} {limit_id}": 99_000 for desk in ("newswap", "vault") for limit_id in ("trader-day", "desk-day")}
    assert len(log.events("quarantined")) == 1
    chains: dict[str, list[tuple[OrderEvent, bytes]]] = {}
    for (topic, _), entries in log.entries.items():
        for entry in entries if topic in OUTPUTS else ():
            event = wire.decode(topic, entry.value)
            if isinstance(event, OrderEvent):
                chains.setdefault(event.order_id, []).append((event, entry.value))
    for links in chains.values():
        verify(sorted(links, key=lambda link: link[0].sequence))
