"""The limit ledger as plainly as it can be said: a list of entries, added up from the start each time. Slow, and obvious.

A posting counts from the moment it is made until its window has passed since the end of the second it was made in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

SECOND = 1_000_000


class Entry(NamedTuple):
    """An order's amount on one account, held or posted."""

    order: str
    account: str
    amount: Decimal
    posted_at: int | None = None


@dataclass
class ReferenceLedger:
    """Every entry there ever was."""

    entries: list[Entry] = field(default_factory=list)

    def used(self, account: str, window_seconds: int, now: int) -> Decimal:
        return sum(
            (e.amount for e in self.entries if e.account == account and self._counts(e, window_seconds, now)), Decimal(0)
        )

    def reserve(self, order: str, amounts: dict[str, Decimal]) -> None:
        self.entries += [Entry(order, account, amount) for account, amount in amounts.items()]

    def release(self, order: str) -> None:
        self.entries = [e for e in self.entries if e.order != order or e.posted_at is not None]

    def post(self, order: str, now: int) -> None:
        self.entries = [e._replace(posted_at=now) if e.order == order and e.posted_at is None else e for e in self.entries]

    @staticmethod
    def _counts(entry: Entry, window_seconds: int, now: int) -> bool:
        if entry.posted_at is None:
            return True
        end_of_second = (entry.posted_at // SECOND + 1) * SECOND
        return now < end_of_second + window_seconds * SECOND
