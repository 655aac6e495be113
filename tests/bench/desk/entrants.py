"""Lists the contenders: our engine with one worker and two, the engine without decisions, the desk on three libraries."""

from __future__ import annotations

from typing import Final

from tests.bench.desk.workload import EVENTS_PER_COMMAND
from tests.bench.racing.contenders import Contender

FLOOR_EVENTS: Final = ("limit-reserved",)
TOLD_WARM_UP: Final = 500
"""The warm-up of who times itself."""
FLOOR: Final = Contender("floor", "tests.bench.desk.with_nothing", 20_000, 5_000, FLOOR_EVENTS)
OURS: Final = Contender("ours", "tests.bench.desk.with_engine", 10_000, 2_000, EVENTS_PER_COMMAND)
ENTRANTS: Final = (
    OURS,
    FLOOR,
    Contender("ours, two workers", "tests.bench.desk.with_engine", 14_000, 4_000, EVENTS_PER_COMMAND, workers=2),
    Contender("quixstreams", "tests.bench.desk.with_quix", 10_000, 2_000, EVENTS_PER_COMMAND, environment="quix"),
    Contender("faust-streaming", "tests.bench.desk.with_faust", 3_000, 1_000, EVENTS_PER_COMMAND, environment="faust"),
    Contender("eventsourcing", "tests.bench.desk.with_eventsourcing", 3_000, TOLD_WARM_UP, (), environment="eventsourcing"),
)
