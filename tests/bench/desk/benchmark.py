"""`desk`: measures full decisions per second of our desk and of its peers, and the latency of one at a steady pace.

A full decision: the command read from Kafka and from Avro, its Ed25519 signature verified, its order taken in, judged by
twenty Cedar policies and six limits, reserved and handed over, and all four events written with the offsets in one
transaction. The floor is the same engine reading the same commands and writing one small event, without a thought.
`eventsourcing` reads the same commands, decides by the same pure desk, and saves the order and the reservation in one
transaction of PostgreSQL, one command after the other, as it is meant to be used.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from infra.settings.description import ClusterDescription
from tests.bench import ROOT
from tests.bench.desk import pace, workload
from tests.bench.desk.entrants import ENTRANTS, FLOOR, OURS
from tests.bench.desk.parts import profile
from tests.bench.racing.contenders import Contender, ContenderFailed, install
from tests.bench.racing.course import Course
from tests.bench.report import Result, say

ROUNDS: Final = 3
PROFILE: Final = ROOT / ".runtime" / "bench-desk-profile.txt"


def run(description: ClusterDescription) -> Iterator[Result]:
    """All entrants in rounds, then ours and the floor at a pace, on a cluster whose Kafka is up and empty.

    Raises:
        ContenderFailed: ours or the floor did not write what it should.
    """
    entrants = install(ENTRANTS)
    now = time.time_ns() // 1_000
    commands = list(workload.commands(max(each.records for each in ENTRANTS), now))
    firm = workload.firm(now)
    parts = profile(firm, commands, now, PROFILE)
    course = Course(description, firm)
    course.run(FLOOR, commands[: FLOOR.records])  # does not count: the broker has just started
    rates = course.rounds(entrants, commands, ROUNDS)
    yield Result.of("desk", "commands/s", rates, f"{course.processor_time()}\n{parts}")
    ours, floor = _paced(course, OURS, description), _paced(course, FLOOR, description)
    runs = {
        "ours": [each.p50 for each in ours],
        "floor": [each.p50 for each in floor],
        "ours, p99": [each.p99 for each in ours],
        "floor, p99": [each.p99 for each in floor],
    }
    name = f"desk at {pace.COMMANDS_PER_SECOND} commands/s, to policy-evaluated"
    yield Result.of(name, "ms", runs, "lower is better; ours and floor without a suffix: p50")


def _paced(course: Course, contender: Contender, description: ClusterDescription) -> list[pace.Latency]:
    """The runs of one contender at a pace, each printed when it is over; what failed does not lose what came before.

    Raises:
        ContenderFailed: not even one run came to its end.
    """
    found: list[pace.Latency] = []
    try:
        for each in pace.latencies(course, contender, description):
            say(f"{contender.name} at {pace.COMMANDS_PER_SECOND} commands/s: p50 {each.p50:.1f} ms, p99 {each.p99:.1f} ms")
            found.append(each)
    except ContenderFailed as failure:
        if not found:
            raise
        say(f"{contender.name} failed after {len(found)} runs: {failure}")
    return found
