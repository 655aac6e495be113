"""`desk`: full decisions per second, of ours and of others who make the same ones; and how long one takes at a steady pace.

A full decision: the command read from Kafka and from Avro, its Ed25519 signature verified, its order taken in, judged by
twenty Cedar policies and six limits, reserved and handed over, and all four events written with the offsets in one
transaction. The floor is the same engine reading the same commands and writing one small event, without a thought.
`eventsourcing` reads the same commands, decides by the same pure desk, and saves the order and the reservation in one
transaction of PostgreSQL, one command after the other, as it is meant to be used.
"""

from __future__ import annotations

import time
from typing import Final

from infra.cluster.description import ClusterDescription
from tests.bench import ROOT
from tests.bench.desk import pace, workload
from tests.bench.desk.entrants import ENTRANTS, FLOOR, OURS
from tests.bench.desk.parts import profile
from tests.bench.racing.contenders import install
from tests.bench.racing.course import Course
from tests.bench.report import Result

ROUNDS: Final = 3
PROFILE: Final = ROOT / ".runtime" / "bench-desk-profile.txt"


def run(description: ClusterDescription) -> list[Result]:
    """All entrants in rounds, then ours and the floor at a pace, on a cluster whose Kafka is up and empty.

    Raises:
        ContenderFailed: one of them did not write what it should.
        subprocess.CalledProcessError: a peer's environment could not be made.
    """
    install(ENTRANTS)
    now = time.time_ns() // 1_000
    commands = list(workload.commands(max(each.records for each in ENTRANTS), now))
    firm = workload.firm(now)
    course = Course(description, firm)
    course.run(FLOOR, commands[: FLOOR.records])  # does not count: the broker has just started
    rates = course.rounds(ENTRANTS, commands, ROUNDS)
    notes = f"{course.processor_time()}\n{profile(firm, commands, now, PROFILE)}"
    throughput = Result.of("desk", "commands/s", rates, notes)
    ours = pace.latencies(course, OURS, description, commands)
    floor = pace.latencies(course, FLOOR, description, commands)
    runs = {
        "ours": [each.p50 for each in ours],
        "floor": [each.p50 for each in floor],
        "ours, p99": [each.p99 for each in ours],
        "floor, p99": [each.p99 for each in floor],
    }
    name = f"desk at {pace.COMMANDS_PER_SECOND} commands/s, to policy-evaluated"
    return [throughput, Result.of(name, "ms", runs, "lower is better; ours and floor without a suffix: p50")]
