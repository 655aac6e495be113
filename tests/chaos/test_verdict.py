"""The verdict names each fault planted in a sound log."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import Any

import pytest

from schemas import wire
from schemas.events.answers import CommandRejected
from schemas.events.base import FirmEvent
from schemas.events.lifecycle import OrderInitiated, PolicyEvaluated
from schemas.events.limits import LimitReserved
from schemas.events.observations import PriceObserved
from schemas.hash_chain import digest_of
from streams.desk import observer as desk_observer
from streams.engine.headers import source_of
from streams.engine.simulated import Entry, SimulatedLog
from streams.rules.decider import Received
from tests.chaos.verdict.audit import Audit, Verdict
from tests.chaos.verdict.log import OWN_TOPICS, Source, Stored
from tests.chaos.verdict.replay import Derivation, Replay
from tests.chaos.verdict.signing import Outside, Signing
from tests.streams.pipeline.world import Followed
from tests.world.firm.governance import PINNED
from tests.world.line.line import Line
from tests.world.line.scenery import DESK, GENESIS, NUMBER, START, pay

ORDERS = 12
SEED = 20_261_121
Change = Callable[[list[Stored]], list[Stored]]


@dataclasses.dataclass(frozen=True)
class Log:
    """The log of a desk that crashed over and over, with its input."""

    own: list[Stored]
    inputs: dict[Source, Received]
    outside: Outside
    commands: set[str]

    def audited(self, change: Change) -> Verdict:
        audit = Audit()
        for stored in change(self.own):
            audit.take(stored)
        return audit.compare(self.commands)

    def replayed(self, change: Change) -> Replay:
        own = change(self.own)
        derivation = Derivation(self.outside.governance, self.outside.prices)
        replay = Replay(self.inputs, {each.source for each in own}, derivation, NUMBER)
        assert list(replay.run(own)) == own
        return replay

    def judged(self, change: Change) -> Signing:
        signing = Signing(self.outside, NUMBER)
        for stored in change(self.own):
            signing.take(stored)
        return signing


@cache
def sound() -> Log:
    people = Line(GENESIS)
    commands = [people.send(f"o{number}", pay("1000")) for number in range(ORDERS)]
    simulated = SimulatedLog(SEED, crash_rate=0.1, duplicate_rate=0.3, zombie_rate=0.05, now=START)
    known = [each for each in people.records if isinstance(each.record, FirmEvent | PriceObserved)]
    for each in known:
        simulated.publish_bytes(each.topic, Entry(each.key, each.value))
    followed = desk_observer.REFERENCE_TOPICS
    simulated.run(lambda: desk_observer.processor(desk_observer.DeskObserver(Followed(simulated, followed))))
    for command in commands:
        simulated.publish(command, DESK)
    simulated.settle()
    entries = {place: stored for place, stored in simulated.entries.items() if place[0] in OWN_TOPICS}
    own = [stored(topic, number, offset, e) for (topic, number), es in entries.items() for offset, e in enumerate(es)]
    return Log(
        own=sorted(own, key=lambda each: each.event.position),
        inputs={("commands", at): received(at, e) for at, e in enumerate(simulated.entries["commands", NUMBER])},
        outside=Outside(
            [each for each in known if isinstance(each.record, FirmEvent)],
            [each for each in known if isinstance(each.record, PriceObserved)],
            PINNED,
        ),
        commands={command.command_id for command in commands},
    )


def stored(topic: str, number: int, offset: int, entry: Entry) -> Stored:
    event: Any = wire.decode(topic, entry.value)
    return Stored(topic, number, offset, event, entry.value, digest_of(entry.value), source_of(entry.headers))


def received(offset: int, entry: Entry) -> Received:
    record = wire.decode("commands", entry.value)
    return Received("commands", NUMBER, offset, entry.key, entry.value, digest_of(entry.value), record)


def unchanged(log: list[Stored]) -> list[Stored]:
    return log


def without(kind: type[Any]) -> Change:
    """One event of a kind is not there."""

    def change(log: list[Stored]) -> list[Stored]:
        at = [isinstance(each.event, kind) for each in log].index(True, 3)
        return log[:at] + log[at + 1 :]

    return change


def twice(kind: type[Any]) -> Change:
    """One event of a kind is there again, as the last."""

    def change(log: list[Stored]) -> list[Stored]:
        return [*log, next(each for each in log if isinstance(each.event, kind))]

    return change


def saying(kind: type[Any], **changes: Any) -> Change:
    """One event of a kind says something else."""

    def change(log: list[Stored]) -> list[Stored]:
        at = next(at for at, each in enumerate(log) if isinstance(each.event, kind))
        event = log[at].event.model_copy(update=changes)
        value = wire.encode(event)
        return [*log[:at], dataclasses.replace(log[at], event=event, value=value, digest=digest_of(value)), *log[at + 1 :]]

    return change


def test_a_log_that_failed_and_is_sound_is_found_sound() -> None:
    log = sound()
    verdict = log.audited(unchanged)
    # Orders of 12,000 USD in all stay below the cap that chaos has for each desk.
    assert verdict == Verdict()
    assert log.replayed(unchanged).differences == 0
    assert log.replayed(unchanged).events == len(log.own) >= 4 * ORDERS
    signing = log.judged(unchanged)
    assert (signing.approved, signing.refused, signing.told) == (ORDERS, 0, [])


@pytest.mark.parametrize(
    ("change", "found"),
    [
        pytest.param(without(OrderInitiated), {"lost", "position_gaps", "chain_breaks"}, id="an answer is not there"),
        pytest.param(without(LimitReserved), {"position_gaps", "chain_breaks", "wrong_facts"}, id="a reservation is not there"),
        pytest.param(twice(OrderInitiated), {"duplicated", "position_gaps", "chain_breaks"}, id="an order begins twice"),
        pytest.param(saying(LimitReserved, reserved=[]), {"chain_breaks", "wrong_facts"}, id="a reservation holds nothing"),
        pytest.param(saying(OrderInitiated, causation_id="x"), {"chain_breaks"}, id="a link is another than was followed"),
    ],
)
def test_what_was_planted_is_found(change: Change, found: set[str]) -> None:
    log = sound()
    verdict = dataclasses.asdict(log.audited(change))
    assert {name for name, count in verdict.items() if count} == found
    replay = log.replayed(change)
    assert replay.differences > 0
    assert replay.told


def test_more_than_a_cap_is_found() -> None:
    log = sound()
    reserved = next(each.event for each in log.own if isinstance(each.event, LimitReserved)).reserved
    much = [each.model_copy(update={"amount_usd": Decimal(20_001)}) for each in reserved]
    assert log.audited(saying(LimitReserved, reserved=much)).over_limit == len(much)


def test_what_the_desk_should_have_answered_is_found() -> None:
    log = sound()
    rejected_nothing = [each for each in log.own if each.source != log.own[-1].source]
    replay = log.replayed(lambda _: rejected_nothing)
    assert replay.differences == len(log.own) - len(rejected_nothing)
    assert not [each for each in log.own if isinstance(each.event, CommandRejected)]


def test_the_enclave_refuses_what_was_decided_on_other_facts() -> None:
    log = sound()
    evaluated = next(each.event for each in log.own if isinstance(each.event, PolicyEvaluated))
    facts = evaluated.facts.model_copy(update={"amount_usd": Decimal(1)})
    signing = log.judged(saying(PolicyEvaluated, facts=facts))
    assert signing.refused > 0
    assert signing.told
