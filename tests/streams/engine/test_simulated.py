"""The engine's promises on the simulated log: crashes at every step, duplicates, zombies, parked inputs, from a seed."""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from random import Random

import pytest

from schemas import wire
from schemas.partitioning import desk_partition
from streams.engine.partition import LogDamaged
from streams.engine.simulated import Entry, SimulatedLog
from tests.streams.engine.counting_desk import command, processor
from tests.streams.engine.ledger_check import SOUND, audit

pytestmark = pytest.mark.slow

SEEDS = range(200)
COMMANDS = 60
DESKS = 9


def simulate(seed: int) -> tuple[SimulatedLog, set[str]]:
    """A whole run from `seed`: commands arrive while workers die."""
    log, random = SimulatedLog(seed=seed, crash_rate=0.08, duplicate_rate=0.1, zombie_rate=0.1), Random(seed)
    log.run(lambda: processor(hesitation=0.2))
    sent = set()
    for _ in range(COMMANDS):
        command_id = str(uuid.UUID(int=random.getrandbits(128), version=4))
        desk = f"desk-{random.randrange(DESKS)}"
        log.publish(command(command_id, desk, Decimal(random.randrange(1, 300))), desk)
        sent.add(command_id)
        log.step()
    log.settle()
    return log, sent


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost_doubled_or_over_the_limit(seed: int) -> None:
    log, sent = simulate(seed)
    recorded = [
        (number, each)
        for number in range(6)
        for each in log.events("limit-reserved", "command-rejected")
        if desk_partition(each.event.desk_id.encode()) == number  # type: ignore[attr-defined]
    ]
    assert audit(recorded, sent) == SOUND, f"seed {seed}, faults {dict(log.faults)}"


def test_the_faults_really_happen() -> None:
    faults: Counter[str] = Counter()
    for seed in range(40):
        faults += simulate(seed)[0].faults
    assert all(faults[kind] > 0 for kind in ("crash before commit", "crash after commit", "duplicate", "zombie", "fenced"))


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert simulate(7)[0].entries == simulate(7)[0].entries


def test_without_fencing_the_run_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """A zombie that is let through must be noticed: the simulation can tell right from wrong."""
    monkeypatch.setattr("streams.engine.simulated.Fenced", type("Never", (Exception,), {}))
    monkeypatch.setattr(SimulatedLog, "is_current", lambda _self, _worker: True)
    noticed = 0
    for seed in range(20):
        try:
            simulate(seed)
        except (AssertionError, LogDamaged):
            noticed += 1
    assert noticed > 0


def test_an_unreadable_event_stops_the_processor() -> None:
    log = SimulatedLog(seed=1, crash_rate=0, zombie_rate=0)
    log.run(lambda: replace(processor(), inputs=("simulated",)))
    log.publish_bytes("simulated", Entry(b"desk-1", b"\x00\x00\x00\x00\x01broken"))
    with pytest.raises(wire.Unreadable):
        log.settle()
