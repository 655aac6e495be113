"""Checks the invariants of a counting desk's log, whatever happened to the workers that wrote it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from schemas.events.answers import CommandRejected
from schemas.events.limits import LimitReserved
from streams.rules.decider import Recorded
from tests.streams.engine.counting_desk import CAP_USD


@dataclass(frozen=True, slots=True)
class Findings:
    """Counts of everything that must not be; all zero on a sound log."""

    lost: int
    duplicated: int
    over_limit: int
    wrong_facts: int
    position_gaps: int


def audit(recorded: Iterable[tuple[int, Recorded]], commands: set[str]) -> Findings:
    """Compare a log, as (partition, event) in each partition's order of position, with the commands that were sent."""
    answers: Counter[str] = Counter()
    used: defaultdict[str, Decimal] = defaultdict(lambda: Decimal("0.000000"))
    positions: Counter[int] = Counter()
    wrong_facts = gaps = 0
    for number, each in recorded:
        event = each.event
        positions[number] += 1
        gaps += event.position != positions[number]
        answers[event.causation_id] += 1
        assert isinstance(event, CommandRejected | LimitReserved)
        seen = event.reserved[0].limit_id if isinstance(event, LimitReserved) else event.refusal.message
        wrong_facts += seen != f"used {used[event.desk_id]}"
        if isinstance(event, LimitReserved):
            used[event.desk_id] += event.reserved[0].amount_usd
    return Findings(
        lost=len(commands - set(answers)),
        duplicated=sum(count - 1 for count in answers.values()),
        over_limit=sum(amount > CAP_USD for amount in used.values()),
        wrong_facts=wrong_facts,
        position_gaps=gaps,
    )


SOUND = Findings(0, 0, 0, 0, 0)
