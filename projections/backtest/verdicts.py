"""Compares an order's decision with the one under another policy, and totals the differences."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Literal

from schemas.events.base import Refusal
from schemas.values import DeskId, Instant, OrderId, PrincipalId, Record, Usd

Outcome = Literal["allowed", "needs-approval", "refused"]
Stage = Literal["at-first", "with-approvals"]
"""At the order's arrival, or at its last judgement, with the approvals that it had by then."""


class Verdict(Record):
    """Holds an actual or a replayed decision on an order."""

    outcome: Outcome
    requires: list[str]
    """Quorums still to be met, in alphabetical order."""
    rules: list[str]
    """The rules that determined it, by name."""
    refusals: list[Refusal]

    def agrees_with(self, other: Verdict) -> bool:
        """Return True if both have the same outcome and the same quorums; the rules may differ."""
        return (self.outcome, self.requires) == (other.outcome, other.requires)


class Otherwise(Record):
    """An order that would have been decided otherwise."""

    order_id: OrderId
    desk_id: DeskId
    initiator: PrincipalId
    amount_usd: Usd
    decided_at: Instant
    stage: Stage
    """The first stage at which the two verdicts differ."""
    before: Verdict
    """The decision that was made."""
    after: Verdict
    """The decision under the other policy."""


class Total(Record):
    """All orders that would have gone from one outcome to another."""

    before: Outcome
    after: Outcome
    orders: int
    amount_usd: Usd


def totals(found: Iterable[Otherwise]) -> list[Total]:
    """Return orders and amounts by pair of outcomes, before and after; the largest amount first."""
    sums: dict[tuple[Outcome, Outcome], tuple[int, Decimal]] = {}
    for each in found:
        key = (each.before.outcome, each.after.outcome)
        orders, amount = sums.get(key, (0, Decimal(0)))
        sums[key] = orders + 1, amount + each.amount_usd
    rows = [Total(before=b, after=a, orders=orders, amount_usd=amount) for (b, a), (orders, amount) in sums.items()]
    return sorted(rows, key=lambda row: (-row.amount_usd, row.before, row.after))
