"""The benchmark measures full decisions, allowed at once, under twenty policies and six limits."""

from __future__ import annotations

from collections import Counter
from typing import Final

from schemas import wire
from schemas.events.governance import PolicyActivated
from schemas.events.lifecycle import PolicyEvaluated
from schemas.hash_chain import digest_of
from schemas.partitioning import desk_partition
from schemas.topics import DESK_PARTITIONS
from streams.desk.observer import DeskObserver, processor
from streams.engine.partition import Partition
from streams.rules.chaining import ChainedEvent
from streams.rules.decider import Received
from streams.rules.policy.ruleset import ready
from tests.bench.desk import workload
from tests.bench.desk.parts import NoNews

NOW: Final = 1_760_000_000_000_000
COMMANDS: Final = 24


def answers() -> list[list[ChainedEvent]]:
    observer = DeskObserver(NoNews())
    for event in workload.firm(NOW):
        observer.accept(Received("governance", 0, event.position, b"", b"", "", event))
    partitions = {number: Partition(processor(observer), number) for number in range(DESK_PARTITIONS)}
    found = []
    for offset, command in enumerate(workload.commands(COMMANDS, NOW)):
        number, digest = desk_partition(command.key), digest_of(command.value)
        record = wire.decode("commands", command.value)
        received = Received("commands", number, offset, command.key, command.value, digest, record)
        found.append(partitions[number].offer(received, NOW))
    return found


def test_every_command_leads_to_the_same_four_events() -> None:
    for chained in answers():
        assert tuple(each.topic for each in chained) == workload.EVENTS_PER_COMMAND


def test_every_limit_is_looked_at() -> None:
    evaluated = [each.recorded.event for chained in answers() for each in chained]
    facts = [event.facts for event in evaluated if isinstance(event, PolicyEvaluated)]
    assert len(facts) == COMMANDS
    assert {len(each.limits) for each in facts} == {6}


def test_each_order_is_asked_of_as_many_policies_as_it_says() -> None:
    (active,) = [event for event in workload.firm(NOW) if isinstance(event, PolicyActivated)]
    assert len(ready(active.cedar).by_action["swap"].every.policies) == workload.POLICIES


def test_desks_spread_evenly() -> None:
    places = Counter(desk_partition(desk.encode()) for desk in workload.desks())
    assert dict(places) == dict.fromkeys(range(DESK_PARTITIONS), workload.DESKS_PER_PARTITION)


def test_commands_are_the_same_every_time() -> None:
    assert list(workload.commands(COMMANDS, NOW)) == list(workload.commands(COMMANDS, NOW))
