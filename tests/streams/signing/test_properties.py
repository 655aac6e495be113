"""For every byte and every order of events: no altered order is signed, and none is signed twice."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from infra.ethereum.transaction import decode_raw, digest, from_record
from schemas import wire
from schemas.canonical import command_digest, order_id
from schemas.commands import Command
from schemas.events.base import FirmEvent, OrderEvent
from schemas.events.facts import Facts
from schemas.events.lifecycle import (
    ApprovalGiven,
    Approved,
    OrderInitiated,
    PolicyEvaluated,
    Signed,
    SigningRefused,
    Simulated,
)
from schemas.events.limits import LimitReserved
from schemas.events.observations import PriceObserved
from schemas.examples import example
from schemas.hash_chain import digest_of, verify
from schemas.topics import DESK_PARTITIONS
from streams.desk import observer as desk_observer
from streams.engine.simulated import SimulatedLog
from streams.execution.observer import ExecutionObserver
from streams.judging.evidence_reader import REFERENCE_TOPICS
from streams.rules.decider import Processor, Received
from streams.rules.governance.root import RootedGovernance
from streams.rules.transactions.execution import ExecutionDecider
from tests.world.firm import governance as firm
from tests.world.firm.governance import CHAIN, PINNED
from tests.world.line.forgery import examined, facts, fields, rewritten, where
from tests.world.line.line import KeyInMemory, Line, signer, simulated_of
from tests.world.line.scenery import LIMITS, NUMBER, START, genesis, orders_named, pay, swap
from tests.world.line.simulated_chain import ChainInMemory


def flipped(received: Received, at: int, by: int) -> Received:
    """The record with one byte changed. Raises wire.Unreadable when that stops every reader."""
    value = bytearray(received.value)
    value[at % len(value)] ^= by
    record = wire.decode(received.topic, bytes(value))
    return replace(received, value=bytes(value), digest=digest_of(bytes(value)), record=record)


def readable(received: Received, data: st.DataObject) -> Received:
    """The record with some byte changed so that it can still be read, which four changes in five prevent."""
    for _ in range(50):
        with suppress(wire.Unreadable):
            return flipped(received, data.draw(st.integers(0, len(received.value) - 1)), data.draw(st.integers(1, 255)))
    return reject()


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_flipped_byte_of_any_link_is_never_signed(agreed: Line, data: st.DataObject) -> None:
    chain = [r for r in agreed.records if isinstance(r.record, OrderEvent) and r.record.order_id in orders_named("o1")]
    changed = data.draw(st.sampled_from(chain))
    forged = readable(changed, data)
    if isinstance(changed.record, Simulated):
        found = examined(agreed.records, agreed.now, [forged])
    else:
        found = examined([forged if r is changed else r for r in agreed.records], agreed.now, [simulated_of(agreed, "o1")])
    assert (found.of("o1") != "signed", found.digests) == (True, []), found.messages


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_execution_writes_only_the_orders_own_call_is_signed(agreed: Line, data: st.DataObject) -> None:
    """The last link has no other after it: what of it is signed is derived again, all else is what execution says it saw."""
    real = simulated_of(agreed, "o1")
    forged = readable(real, data)
    found = examined([forged if r is real else r for r in agreed.records], agreed.now, [forged])
    assert isinstance(real.record, Simulated)
    assert found.digests in ([], [digest(from_record(real.record.transaction))]), found.messages


PROVES_NOTHING = {
    # What caused an event is for people to follow; what it says is derived whatever caused it.
    *{(kind.__name__, "causation_id") for kind in (OrderInitiated, LimitReserved, PolicyEvaluated, ApprovalGiven)},
    ("Approved", "causation_id"),
    ("Simulated", "causation_id"),
    # Counters are the desk's: a replayed approval is one of the same subject by the same person.
    ("ApprovalGiven", "counter"),
    # An evaluation before the approval counts for its reservation only: its effect and its price.
    *{("PolicyEvaluated", name) for name in ("outcome", "unmet", "expires_at")},
    *{("PolicyEvaluated", name) for name in ("approval_subject", "approval_hash")},
    # What a node showed to execution. A swap's loss counts, and is bounded by the call itself.
    *{("Simulated", name) for name in ("block_number", "block_hash", "gas_used", "slippage_ppm")},
    *{("Simulated", name) for name in ("balance_changes", "allowances", "touched")},
}
SEAL = {"position", "sequence", "previous_hash"}


def test_every_field_is_derived_again_but_those_that_prove_nothing(agreed: Line) -> None:
    """An attacker who can write and seal on every topic changes one field."""
    kinds = {type(r.record) for r in agreed.records if isinstance(r.record, OrderEvent)}
    believed = set()
    for kind in kinds:
        forged = example(kind).model_copy(update={"counter": 99, "touched": []})
        changes = [(name, fields(**{name: getattr(forged, name)})) for name in set(kind.model_fields) - SEAL]
        if isinstance(forged, PolicyEvaluated):
            changes += [(f"facts.{name}", facts(**{name: getattr(forged.facts, name)})) for name in Facts.model_fields]
        for name, change in changes:
            log = rewritten(agreed.records, where(kind, "o1", change))
            is_changed = any(one.digest != other.digest for one, other in zip(agreed.records, log, strict=True))
            if is_changed and examined(log, agreed.now).of("o1") == "signed":
                believed.add((kind.__name__, name))
    assert believed == PROVES_NOTHING


# The line on a log that fails -----------------------------------------------------------------------------------------------


PATIENT = genesis(
    policy=firm.policy(
        limits=list(LIMITS),
        settings=firm.policy().settings.model_copy(
            update={"price_max_age_seconds": 3_600, "simulation_max_age_seconds": 3_600, "command_max_age_seconds": 3_600}
        ),
    )
)
"""Simulated time goes fast."""


@dataclass
class Followed:
    """References to a simulated log: whole topics, read by every worker from the first record; governance beside it."""

    log: SimulatedLog
    governance: list[Received]
    topics: tuple[str, ...]
    read: Counter[tuple[str, int]] = field(default_factory=Counter)

    def poll(self) -> list[Received]:
        found, self.governance = self.governance, []
        for topic in self.topics:
            for number in range(DESK_PARTITIONS):
                found += self._new(topic, number)
        return found

    def _new(self, topic: str, number: int) -> list[Received]:
        entries = self.log.entries[topic, number][self.read[topic, number] :]
        first = self.read[topic, number]
        self.read[topic, number] += len(entries)
        return [
            Received(topic, number, at, entry.key, entry.value, digest_of(entry.value), wire.decode(topic, entry.value))
            for at, entry in enumerate(entries, first)
        ]


@pytest.mark.parametrize("seed", range(4))
def test_under_crashes_every_order_is_signed_once_and_nonces_have_no_gap(seed: int) -> None:
    source, key, chain = Line(PATIENT), KeyInMemory(), ChainInMemory()
    outside = [r for r in source.records if isinstance(r.record, FirmEvent | PriceObserved)]
    log = SimulatedLog(seed, now=START)
    evidence = tuple(topic for topic in REFERENCE_TOPICS if topic not in {r.topic for r in outside})

    def desk() -> Processor[Any, Any]:
        return desk_observer.processor(desk_observer.DeskObserver(Followed(log, outside[:], ())))

    def execution() -> Processor[Any, Any]:
        observer = ExecutionObserver(Followed(log, outside[:], ()), {CHAIN: chain})
        inputs = ("approved", "signed", "signing-refused")
        return Processor("execution", inputs, ("simulated", "nonce-resolved"), ExecutionDecider(), observer)

    log.run(desk)
    log.run(execution)
    log.run(lambda: signer(Followed(log, outside[:], evidence), key, RootedGovernance(PINNED)))
    ids, names = list[str](), [f"o{number}" for number in range(8)]
    for number, name in enumerate(names):
        body = swap("1000") if number % 2 else pay("1000", wallet_id="treasury-2")
        command: Command = source.send(name, body)
        ids.append(order_id(command.desk_id, command_digest(command)))
        log.publish(command, "newswap")
    _settle(log, chain, len(names))

    signed = [recorded.event for recorded in log.events("signed") if isinstance(recorded.event, Signed)]
    refused = [recorded.event for recorded in log.events("signing-refused") if isinstance(recorded.event, SigningRefused)]
    assert (sorted(e.order_id for e in signed), refused) == (sorted(ids), []), f"seed {seed}"
    for wallet in {each.wallet_id for each in signed}:
        nonces = [decode_raw(bytes.fromhex(e.raw_transaction[2:]))[0].nonce for e in signed if e.wallet_id == wallet]
        assert nonces == list(range(nonces[0], nonces[0] + len(nonces))), f"seed {seed}"
    _check_chains(log, seed)


def _settle(log: SimulatedLog, chain: ChainInMemory, orders: int) -> None:
    """Step until all is answered; whatever is signed is mined at once."""
    mined = 0
    for _ in range(3_000):
        log.step()
        signed = [recorded.event for recorded in log.events("signed")]
        for event in signed[mined:]:
            assert isinstance(event, Signed)
            chain.mine(event.wallet)
        mined = len(signed)
        if mined == orders:
            break
    log.settle()


def _check_chains(log: SimulatedLog, seed: int) -> None:
    """Every order's links follow from one another."""
    links: dict[str, list[tuple[OrderEvent, bytes]]] = {}
    for (topic, number), entries in log.entries.items():
        for entry in entries if number == NUMBER and topic != "commands" else []:
            event = wire.decode(topic, entry.value)
            if isinstance(event, OrderEvent):
                links.setdefault(event.order_id, []).append((event, entry.value))
    for chain in links.values():
        verify(sorted(chain, key=lambda link: link[0].sequence))
    assert any(isinstance(event, Approved) for chain in links.values() for event, _ in chain), f"seed {seed}"
