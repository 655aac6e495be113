"""`desk-decisions`: full decisions per second of one worker, and of others who make the same ones, in interleaved rounds.

A full decision: the command read from Kafka and from Avro, its Ed25519 signature verified, its order taken in, judged by
twenty Cedar policies and six limits, reserved and handed over, and all four events written with the offsets in one
transaction. The floor is the same engine reading the same commands and writing one small event, without a thought.
"""

from __future__ import annotations

import time
from typing import Final

from infra.cluster.description import ClusterDescription
from tests.bench import ROOT
from tests.bench.desk import workload
from tests.bench.desk.contenders import CONTENDERS, FLOOR, install
from tests.bench.desk.course import Course
from tests.bench.desk.parts import profile
from tests.bench.report import Result

ROUNDS: Final = 3
PROFILE: Final = ROOT / ".runtime" / "bench-desk-profile.txt"


def run(description: ClusterDescription) -> Result:
    """Three rounds of all contenders on a cluster whose Kafka is up and empty.

    Raises:
        ContenderFailed: one of them did not write what it should.
        subprocess.CalledProcessError: a peer's environment could not be made.
    """
    install(CONTENDERS)
    now = time.time_ns() // 1_000
    commands = list(workload.commands(max(each.commands for each in CONTENDERS), now))
    firm = workload.firm(now)
    course = Course(description, firm)
    rates: dict[str, list[float]] = {each.name: [] for each in CONTENDERS}
    course.run(FLOOR, commands[: FLOOR.commands])  # does not count: the broker has just started
    for round_ in range(ROUNDS):
        first = round_ % len(CONTENDERS)  # nobody is always first, when the broker is least warm
        for each in (*CONTENDERS[first:], *CONTENDERS[:first]):
            rates[each.name].append(course.run(each, commands[: each.commands]))
    note = profile(firm, commands, now, PROFILE)
    return Result.of("desk-decisions", "commands/s", rates, note)
