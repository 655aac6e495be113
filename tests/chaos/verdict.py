"""What the log must say after any faults: reckoned from its bytes alone, by other code than the desk's."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from schemas.events.answers import CommandRejected
from schemas.events.base import Event, OrderEvent
from schemas.events.lifecycle import OrderInitiated, PolicyEvaluated
from schemas.events.limits import LimitReserved
from schemas.hash_chain import ChainBroken, Link, follow
from tests.chaos.firm import CAP_USD


@dataclass(frozen=True, slots=True)
class Stored:
    """One record of the desk's, as it stands on its topic."""

    partition: int
    event: Event
    value: bytes


@dataclass(slots=True)
class Verdict:
    """Counts of what must not be: all zero on a sound log."""

    lost: int = 0
    duplicated: int = 0
    over_limit: int = 0
    chain_breaks: int = 0
    wrong_facts: int = 0
    position_gaps: int = 0

    @property
    def sound(self) -> bool:
        """Whether nothing was found."""
        return self == Verdict()


@dataclass(slots=True)
class _Reckoning:
    answers: Counter[str] = field(default_factory=Counter)
    positions: Counter[int] = field(default_factory=Counter)
    tails: dict[str, Link] = field(default_factory=dict)
    used: defaultdict[tuple[str, str], Decimal] = field(default_factory=lambda: defaultdict(lambda: Decimal(0)))
    own: dict[str, dict[tuple[str, str], Decimal]] = field(default_factory=dict)


def audit(records: Iterable[Stored], commands: set[str]) -> Verdict:
    """Compare the whole log of the desk with the commands that were sent."""
    verdict, reckoning = Verdict(), _Reckoning()
    for stored in sorted(records, key=lambda each: (each.partition, each.event.position)):
        reckoning.positions[stored.partition] += 1
        verdict.position_gaps += stored.event.position != reckoning.positions[stored.partition]
        if isinstance(stored.event, OrderEvent):
            verdict.chain_breaks += _breaks(reckoning, stored.event, stored.value)
        _reckon(verdict, reckoning, stored.event)
    verdict.lost = len(commands - set(reckoning.answers))
    verdict.duplicated = sum(count - 1 for count in reckoning.answers.values())
    verdict.over_limit = sum(amount > CAP_USD for amount in reckoning.used.values())
    return verdict


def _breaks(reckoning: _Reckoning, event: OrderEvent, value: bytes) -> int:
    try:
        reckoning.tails[event.order_id] = follow(reckoning.tails.get(event.order_id, Link()), event, value)
    except ChainBroken:
        return 1
    return 0


def _reckon(verdict: Verdict, reckoning: _Reckoning, event: Any) -> None:
    match event:
        case OrderInitiated():
            reckoning.answers[event.command.command_id] += 1
        case CommandRejected():
            reckoning.answers[event.command_id] += 1
        case LimitReserved():
            own = {(each.limit_id, each.scope_key): each.amount_usd for each in event.reserved}
            reckoning.own[event.order_id] = own
            for key, amount in own.items():
                reckoning.used[key] += amount
        case PolicyEvaluated():
            own = reckoning.own.get(event.order_id, {})
            for fact in event.facts.limits:
                key = (fact.limit_id, fact.scope_key)
                verdict.wrong_facts += fact.used_usd != reckoning.used[key] - own.get(key, Decimal(0))
        case _:
            pass
