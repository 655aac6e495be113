"""Recomputes commands, positions, chains and limits from the log's bytes with code that is not the desk's."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from decimal import Decimal

from schemas.events.answers import CommandRejected
from schemas.events.base import Event, OrderEvent
from schemas.events.lifecycle import OrderInitiated, PolicyEvaluated
from schemas.events.limits import LimitReserved
from schemas.hash_chain import ChainBroken, Link, follow
from tests.chaos.firm import CAP_USD
from tests.chaos.verdict.log import Stored

_Key = tuple[str, str]
"""A limit and what it counts for."""


@dataclass(slots=True)
class Verdict:
    """Counts of what must not be: all zero on a sound log."""

    lost: int = 0
    duplicated: int = 0
    over_limit: int = 0
    chain_breaks: int = 0
    wrong_facts: int = 0
    position_gaps: int = 0


@dataclass(slots=True)
class Audit:
    """Takes in the desk's log, partition by partition, each in the order of positions."""

    verdict: Verdict = field(default_factory=Verdict)
    events: int = 0
    _answers: Counter[str] = field(default_factory=Counter)
    _positions: Counter[int] = field(default_factory=Counter)
    _tails: dict[str, Link] = field(default_factory=dict)
    _used: defaultdict[_Key, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    _own: dict[str, dict[_Key, Decimal]] = field(default_factory=dict)

    def take(self, stored: Stored) -> None:
        """Take in the next event of its partition."""
        self.events += 1
        self._positions[stored.partition] += 1
        self.verdict.position_gaps += stored.event.position != self._positions[stored.partition]
        if isinstance(stored.event, OrderEvent):
            self.verdict.chain_breaks += self._breaks(stored.event, stored.value)
        self._reckon(stored.event)

    def compare(self, commands: Collection[str]) -> Verdict:
        """The verdict on the whole log, given the ids of all commands that were sent."""
        self.verdict.lost = len(set(commands) - self._answers.keys())
        self.verdict.duplicated = sum(count - 1 for count in self._answers.values())
        self.verdict.over_limit = sum(amount > CAP_USD for amount in self._used.values())
        return self.verdict

    def _breaks(self, event: OrderEvent, value: bytes) -> int:
        try:
            self._tails[event.order_id] = follow(self._tails.get(event.order_id, Link()), event, value)
        except ChainBroken:
            return 1
        return 0

    def _reckon(self, event: Event) -> None:
        match event:
            case OrderInitiated():
                self._answers[event.command.command_id] += 1
            case CommandRejected():
                self._answers[event.command_id] += 1
            case LimitReserved():
                own = {(each.limit_id, each.scope_key): each.amount_usd for each in event.reserved}
                self._own[event.order_id] = own
                for key, amount in own.items():
                    self._used[key] += amount
            case PolicyEvaluated():
                own = self._own.get(event.order_id, {})
                for fact in event.facts.limits:
                    key = (fact.limit_id, fact.scope_key)
                    self.verdict.wrong_facts += fact.used_usd != self._used[key] - own.get(key, Decimal(0))
            case _:
                pass
