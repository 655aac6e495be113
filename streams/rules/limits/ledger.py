"""The limit ledger: what each limit has been used for, reserved before anything else, posted or released once.

An order's amounts are reserved together, and resolved together. Amounts are integers of the limit's own unit: millionths
of a US dollar, or orders; a limit that counts one way has another account than when it counted the other way.
Postings of one bucket share an entry (`windows`), with sums that run on from entry to entry, so that a window's use is
the difference of two. Entries that have left every window of an account's evaluations are dropped, and so are empty
accounts: each evaluation looks at a few more accounts than it can have added.
Source: architecture, rules 4 and 7. An allowance counts like a transfer: the amount that may be drawn counts as drawn.
Left out: the verdict of a limit on its use (`assessment`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, Self

from schemas.events.facts import LimitFact
from schemas.firm import LimitMeasure
from schemas.orders import ReservedAmount
from schemas.values import MICROS_PER_SECOND, USD_DECIMALS, Instant, OrderId
from streams.rules.limits.windows import BucketEnd, Reach, bucket_end, reach

MicroUsd = int
Units = int
"""Millionths of a dollar or orders, whichever the limit counts."""
AccountKey = str


class LedgerBroken(Exception):
    """A reservation was made twice or resolved twice: the log is not one that a desk wrote."""


@dataclass(slots=True)
class Account:
    """The use of one limit by one subject."""

    reserved: Units = 0
    kept_seconds: int = 0
    """The reach of the longest window it was evaluated with: older postings can never count again."""
    width_seconds: int = 1
    """Width of its buckets: the widest that any of these windows asks for."""
    ends: list[BucketEnd] = field(default_factory=list)
    """Ends of its buckets with postings, oldest first."""
    sums: list[Units] = field(default_factory=list)
    """Sum of all postings up to each end."""
    dropped: Units = 0
    """Sum of all postings before the first bucket."""

    def used(self, counted_from: Instant) -> Units:
        """Return the reserved amount plus the amount posted in buckets that end after `counted_from`."""
        return self.reserved + self.posted(counted_from)

    def posted(self, counted_from: Instant) -> Units:
        """Return the amount posted in buckets that end after `counted_from`."""
        if not self.ends:
            return 0
        left = self.left(counted_from)
        return self.sums[-1] - (self.sums[left - 1] if left else self.dropped)

    def left(self, counted_from: Instant) -> int:
        """Return the number of buckets that have ended by `counted_from`."""
        return bisect_right(self.ends, counted_from // MICROS_PER_SECOND)

    def post(self, amount: Units, at: Instant) -> None:
        """Count `amount` from `at` on."""
        end = bucket_end(at, self.width_seconds)
        if self.ends and self.ends[-1] >= end:
            self.sums[-1] += amount
        else:
            self.sums.append((self.sums[-1] if self.sums else self.dropped) + amount)
            self.ends.append(end)

    def learn(self, window: Reach) -> None:
        """Remember a window that it was evaluated with."""
        self.kept_seconds = max(self.kept_seconds, window.kept_seconds)
        self.width_seconds = max(self.width_seconds, window.width_seconds)

    def forget(self, now: Instant) -> None:
        """Drop postings that can never count again."""
        left = self.left(now - self.kept_seconds * MICROS_PER_SECOND)
        if left:
            self.dropped = self.sums[left - 1]
            del self.ends[:left], self.sums[:left]
        if not self.ends:
            self.dropped = 0

    @property
    def is_spent(self) -> bool:
        """Return True if nothing is reserved, and nothing posted can count."""
        return self.reserved == 0 and not self.ends


@dataclass(slots=True)
class Ledger:
    """All limits of one desk. Only `evolve` changes it, from events."""

    accounts: OrderedDict[AccountKey, Account] = field(default_factory=OrderedDict)
    """Accounts in the order in which they are next checked for postings to drop."""
    held: dict[OrderId, list[ReservedAmount]] = field(default_factory=dict)
    """The amounts that each open order has reserved."""

    @classmethod
    def reckoned(cls, used: Mapping[AccountKey, Units]) -> Self:
        """Return a read-only ledger that shows use as another reader counted it."""
        return cls(OrderedDict((key, Account(reserved=units)) for key, units in used.items()))

    def used(self, key: AccountKey, counted_from: Instant) -> Units:
        """Return the use that counts against a limit whose window began at `counted_from`."""
        account = self.accounts.get(key)
        return 0 if account is None else account.used(counted_from)

    def used_by_others(self, order_id: OrderId, facts: Iterable[LimitFact]) -> dict[AccountKey, Units]:
        """Return the use in the windows of `facts` without the order's own part."""
        own = amounts(self.held.get(order_id, []))
        windows = {key_of(fact): fact.counted_from for fact in facts if fact.kind != "per-transaction"}
        return {key: self.used(key, counted_from) - own.get(key, 0) for key, counted_from in windows.items()}

    def reserve(self, order_id: OrderId, reserved: list[ReservedAmount]) -> None:
        """Hold all of an order's amounts.

        Raises:
            LedgerBroken: the order holds a reservation already.
        """
        if order_id in self.held:
            raise LedgerBroken(f"order {order_id} reserves twice")
        self.held[order_id] = reserved
        for key, amount in _parts(reserved):
            self.accounts.setdefault(key, Account()).reserved += amount

    def release(self, order_id: OrderId) -> None:
        """Release an order's reservation.

        Raises:
            LedgerBroken: the order holds no reservation, or it was resolved already.
        """
        for _, account, amount in self._resolve(order_id):
            account.reserved -= amount

    def post(self, order_id: OrderId, at: Instant) -> None:
        """Post an order's reservation: it counts in its windows, from `at` on.

        Raises:
            LedgerBroken: the order holds no reservation, or it was resolved already.
        """
        for _, account, amount in self._resolve(order_id):
            account.reserved -= amount
            account.post(amount, at)
            account.forget(at)

    def evaluated(self, facts: Iterable[LimitFact], at: Instant) -> None:
        """Record the windows that limits were evaluated with, and drop postings that have left them.

        Comes after the order's reservation: an account without a recorded window keeps nothing.
        """
        looked_at = 1
        for fact in facts:
            looked_at += 1
            if (account := self.accounts.get(key_of(fact))) is not None:
                account.learn(reach(fact.kind, fact.window_seconds))
        self._sweep(looked_at, at)

    def _resolve(self, order_id: OrderId) -> list[tuple[AccountKey, Account, Units]]:
        reserved = self.held.pop(order_id, None)
        if reserved is None:
            raise LedgerBroken(f"order {order_id} holds no reservation that could be resolved")
        return [(key, self.accounts[key], amount) for key, amount in _parts(reserved)]

    def _sweep(self, accounts: int, at: Instant) -> None:
        """Check the next `accounts` accounts, each in its turn, and drop the empty ones."""
        for _ in range(min(accounts, len(self.accounts))):
            key, account = next(iter(self.accounts.items()))
            account.forget(at)
            if account.is_spent:
                del self.accounts[key]
            else:
                self.accounts.move_to_end(key)


@dataclass(frozen=True, slots=True)
class Adjustment:
    """Changes to the ledger that a decision has made, but not yet recorded."""

    moved: Mapping[AccountKey, Units] = field(default_factory=dict)
    """Amounts added to each account's use: negative for a reservation that the same decision releases."""
    kept: Mapping[AccountKey, Units] = field(default_factory=dict)
    """Amounts that the order has reserved and keeps: it requests exactly these again, at any later price."""


UNADJUSTED: Final = Adjustment()


def account_key(limit_id: str, scope_key: str, measure: LimitMeasure = "usd") -> AccountKey:
    """Return the name of the account of one limit of one subject."""
    return f"{limit_id}|{scope_key}" if measure == "usd" else f"{limit_id}|{scope_key}|orders"


def key_of(fact: LimitFact) -> AccountKey:
    """Return the account of a fact."""
    return account_key(fact.limit_id, fact.scope_key, fact.measure)


def amounts(reserved: Iterable[ReservedAmount]) -> dict[AccountKey, Units]:
    """Return reserved amounts by account."""
    return dict(_parts(reserved))


def micros(amount: Decimal) -> MicroUsd:
    """Return millionths of a dollar, exactly: US dollars have six decimals."""
    return int(amount.scaleb(USD_DECIMALS))


def dollars(amount: MicroUsd) -> Decimal:
    """Return US dollars from millionths, exactly."""
    return Decimal(amount).scaleb(-USD_DECIMALS)


def _parts(reserved: Iterable[ReservedAmount]) -> Iterator[tuple[AccountKey, Units]]:
    """Yield each account with the amount reserved of it; zero amounts are left out."""
    for each in reserved:
        if each.amount_usd:
            yield account_key(each.limit_id, each.scope_key), micros(each.amount_usd)
        if each.count:
            yield account_key(each.limit_id, each.scope_key, "count"), each.count
