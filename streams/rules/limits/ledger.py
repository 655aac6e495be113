"""The limit ledger: what each limit has been used for, reserved before anything else, posted or released once.

All that an order holds is reserved together, and resolved together. Amounts are integers of the limit's own unit: millionths
of a US dollar, or orders; a limit that counts one way has another account than when it counted the other way.
Postings of one bucket share an entry (`windows`), with sums that run on from entry to entry, so that what a window holds is
the difference of two. Entries that have left every window an account was ever asked for are dropped, and so are accounts
with nothing left to say: each evaluation looks at a few more accounts than it can have added.
Source: architecture, rules 4 and 7. An allowance counts like a transfer: what may be drawn counts as drawn.
Left out: what a limit says of it (`assessment`).
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
    """A reservation that was made twice or resolved twice: the log is not what a desk wrote."""


@dataclass(slots=True)
class Account:
    """What one limit of one subject has been used for."""

    reserved: Units = 0
    kept_seconds: int = 0
    """The longest that any window it was evaluated with can look back: what has left that can never count again."""
    width_seconds: int = 1
    """Of its buckets: the widest of those windows."""
    ends: list[BucketEnd] = field(default_factory=list)
    """Of buckets with postings, oldest first."""
    sums: list[Units] = field(default_factory=list)
    """All that was ever posted up to each end."""
    dropped: Units = 0
    """All that was posted before the first of them."""

    def used(self, counted_from: Instant) -> Units:
        """Reserved, and posted in buckets that end after `counted_from`."""
        return self.reserved + self.posted(counted_from)

    def posted(self, counted_from: Instant) -> Units:
        """Posted in buckets that end after `counted_from`."""
        if not self.ends:
            return 0
        left = self.left(counted_from)
        return self.sums[-1] - (self.sums[left - 1] if left else self.dropped)

    def left(self, counted_from: Instant) -> int:
        """How many buckets have ended by `counted_from`."""
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
        """Drop what can never count again."""
        left = self.left(now - self.kept_seconds * MICROS_PER_SECOND)
        if left:
            self.dropped = self.sums[left - 1]
            del self.ends[:left], self.sums[:left]
        if not self.ends:
            self.dropped = 0

    @property
    def is_spent(self) -> bool:
        """Whether it says nothing any more."""
        return self.reserved == 0 and not self.ends


@dataclass(slots=True)
class Ledger:
    """All limits of one desk. Only `evolve` changes it, by what events say."""

    accounts: OrderedDict[AccountKey, Account] = field(default_factory=OrderedDict)
    """In the order in which they are next looked at for what can be dropped."""
    held: dict[OrderId, list[ReservedAmount]] = field(default_factory=dict)
    """What each open order has reserved."""

    @classmethod
    def reckoned(cls, used: Mapping[AccountKey, Units]) -> Self:
        """One that shows what somebody else reckoned, to be asked and not to be changed."""
        return cls(OrderedDict((key, Account(reserved=units)) for key, units in used.items()))

    def used(self, key: AccountKey, counted_from: Instant) -> Units:
        """What counts against a limit whose window began at `counted_from`."""
        account = self.accounts.get(key)
        return 0 if account is None else account.used(counted_from)

    def used_by_others(self, order_id: OrderId, facts: Iterable[LimitFact]) -> dict[AccountKey, Units]:
        """What the windows of `facts` hold apart from what that order holds of them itself."""
        own = amounts(self.held.get(order_id, []))
        windows = {key_of(fact): fact.counted_from for fact in facts if fact.kind != "per-transaction"}
        return {key: self.used(key, counted_from) - own.get(key, 0) for key, counted_from in windows.items()}

    def reserve(self, order_id: OrderId, reserved: list[ReservedAmount]) -> None:
        """Hold all of an order's amounts.

        Raises:
            LedgerBroken: the order holds some already.
        """
        if order_id in self.held:
            raise LedgerBroken(f"order {order_id} reserves twice")
        self.held[order_id] = reserved
        for key, amount in _parts(reserved):
            self.accounts.setdefault(key, Account()).reserved += amount

    def release(self, order_id: OrderId) -> None:
        """Free what an order holds.

        Raises:
            LedgerBroken: it holds nothing, or was resolved already.
        """
        for _, account, amount in self._resolve(order_id):
            account.reserved -= amount

    def post(self, order_id: OrderId, at: Instant) -> None:
        """Count what an order holds in its windows, from `at` on.

        Raises:
            LedgerBroken: it holds nothing, or was resolved already.
        """
        for _, account, amount in self._resolve(order_id):
            account.reserved -= amount
            account.post(amount, at)
            account.forget(at)

    def evaluated(self, facts: Iterable[LimitFact], at: Instant) -> None:
        """Learn the windows that limits were evaluated with, and drop what has left them.

        Comes after the order's reservation: an account that nobody has learned a window for keeps nothing.
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
        """Look at the next so many accounts, each in its turn, and drop what says nothing any more."""
        for _ in range(min(accounts, len(self.accounts))):
            key, account = next(iter(self.accounts.items()))
            account.forget(at)
            if account.is_spent:
                del self.accounts[key]
            else:
                self.accounts.move_to_end(key)


@dataclass(frozen=True, slots=True)
class Adjustment:
    """What a decision has already said, but not yet recorded, about the ledger it looks at."""

    moved: Mapping[AccountKey, Units] = field(default_factory=dict)
    """To be added to what accounts show: negative for a reservation that the same decision releases."""
    kept: Mapping[AccountKey, Units] = field(default_factory=dict)
    """What the order has reserved itself and keeps: it asks for exactly that again, whatever prices have become."""


UNADJUSTED: Final = Adjustment()


def account_key(limit_id: str, scope_key: str, measure: LimitMeasure = "usd") -> AccountKey:
    """The name of the account of one limit of one subject."""
    return f"{limit_id}|{scope_key}" if measure == "usd" else f"{limit_id}|{scope_key}|orders"


def key_of(fact: LimitFact) -> AccountKey:
    """The account that a fact is about."""
    return account_key(fact.limit_id, fact.scope_key, fact.measure)


def amounts(reserved: Iterable[ReservedAmount]) -> dict[AccountKey, Units]:
    """Reserved amounts by account."""
    return dict(_parts(reserved))


def micros(amount: Decimal) -> MicroUsd:
    """Millionths of a dollar, exactly: US dollars have six decimals."""
    return int(amount.scaleb(USD_DECIMALS))


def dollars(amount: MicroUsd) -> Decimal:
    """US dollars from millionths, exactly."""
    return Decimal(amount).scaleb(-USD_DECIMALS)


def _parts(reserved: Iterable[ReservedAmount]) -> Iterator[tuple[AccountKey, Units]]:
    """Accounts, and what is reserved of each; nothing where nothing is."""
    for each in reserved:
        if each.amount_usd:
            yield account_key(each.limit_id, each.scope_key), micros(each.amount_usd)
        if each.count:
            yield account_key(each.limit_id, each.scope_key, "count"), each.count
