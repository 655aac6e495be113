"""`engine`: a limit of 24 hours per key, Avro in and out, exactly once: measures the engine's own cost with little to decide.

Everybody calls the same pure functions (`tests.bench.window.work`) on the same commands. Ours keeps its state as the fold
of its own events, which are positioned, chained by hash and traced; the floor keeps it in a dictionary that a crash would
lose; the libraries keep it in their stores, with changelogs on Kafka.
"""

from __future__ import annotations

from typing import Final

from infra.settings.description import ClusterDescription
from tests.bench.racing.contenders import Contender, install
from tests.bench.racing.course import Course
from tests.bench.report import Result
from tests.bench.window import work

ROUNDS: Final = 3
FLOOR: Final = Contender("floor", "tests.bench.window.with_loop", 60_000, 15_000, work.EVENTS)
ENTRANTS: Final = (
    Contender("ours", "tests.bench.window.with_engine", 60_000, 15_000, work.EVENTS),
    FLOOR,
    Contender("quixstreams", "tests.bench.window.with_quix", 30_000, 8_000, work.EVENTS, environment="quix"),
    Contender("faust-streaming", "tests.bench.window.with_faust", 8_000, 2_000, work.EVENTS, environment="faust"),
)


def run(description: ClusterDescription) -> list[Result]:
    """All entrants in rounds, on a cluster whose Kafka is up and empty.

    Raises:
        ContenderFailed: the floor did not write what it should.
    """
    entrants = install(ENTRANTS)
    commands = list(work.commands(max(each.records for each in ENTRANTS)))
    course = Course(description)
    course.run(FLOOR, commands[: FLOOR.records])  # does not count: the broker has just started
    rates = course.rounds(entrants, commands, ROUNDS)
    return [Result.of("engine", "commands/s", rates, course.processor_time())]
