"""The limit ledger: what each limit has been used for, reserved before anything else, posted or released once.

Rolling limits are hard: nothing is reserved that would go over a cap, and no approval lifts that. A limit per transaction is a
fact that policy judges. Every limit holds within one desk; a firm-wide one is split into the desks' allotments.
Source: architecture, rules 4 and 7. An allowance counts like a transfer: what may be drawn counts as drawn.
Sums are integer millionths of a US dollar. A posting counts from its second's end for the whole window, so that postings of
one second share an entry: at most one second longer than the window says, never shorter.
Left out: calendar windows, counts, other scopes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, NamedTuple

from schemas.events.base import Refusal
from schemas.events.facts import LimitFact
from schemas.firm import Limit
from schemas.orders import Order, ReservedAmount
from schemas.values import USD_DECIMALS, Address, Instant, OrderId
from streams.desk.refusals import LimitExceeded

MICROS_PER_SECOND: Final = 1_000_000
ANYBODY: Final = "*"

MicroUsd = int
AccountKey = str
_NOTHING: Final[Mapping[AccountKey, MicroUsd]] = {}


class LedgerBroken(Exception):
    """A reservation that was made twice or resolved twice: the log is not what a desk wrote."""


class Applied(NamedTuple):
    """A limit that an order falls under, and whose it is."""

    limit: Limit
    scope_key: str


@dataclass(slots=True)
class Account:
    """What one limit of one subject has been used for."""

    window_seconds: int = 0
    """The longest window it was ever evaluated with: what has left that can never count again."""
    reserved: MicroUsd = 0
    posted_total: MicroUsd = 0
    posted: deque[tuple[int, MicroUsd]] = field(default_factory=deque)
    """The second's end and the sum of each second with postings, oldest first."""

    def used(self, window_seconds: int, now: Instant) -> MicroUsd:
        """Reserved, and posted within the window."""
        used = self.reserved + self.posted_total
        for second, amount in self.posted:
            if not _left(second, window_seconds, now):
                break
            used -= amount
        return used

    def post(self, amount: MicroUsd, at: Instant) -> None:
        """Count `amount` from `at` on."""
        second = at // MICROS_PER_SECOND + 1
        if self.posted and self.posted[-1][0] >= second:
            second, before = self.posted.pop()
            self.posted.append((second, before + amount))
        else:
            self.posted.append((second, amount))
        self.posted_total += amount

    def forget(self, now: Instant) -> None:
        """Drop what has left the longest window."""
        while self.posted and _left(self.posted[0][0], self.window_seconds, now):
            self.posted_total -= self.posted.popleft()[1]


@dataclass(slots=True)
class Ledger:
    """All limits of one desk. Only `evolve` changes it, by what events say."""

    accounts: dict[AccountKey, Account] = field(default_factory=dict)
    held: dict[OrderId, list[ReservedAmount]] = field(default_factory=dict)
    """What each open order has reserved."""

    def used(self, key: AccountKey, window_seconds: int, now: Instant) -> MicroUsd:
        """What counts against a limit now."""
        account = self.accounts.get(key)
        return 0 if account is None else account.used(window_seconds, now)

    def reserve(self, order_id: OrderId, reserved: list[ReservedAmount]) -> None:
        """Hold all of an order's amounts.

        Raises:
            LedgerBroken: the order holds some already.
        """
        if order_id in self.held:
            raise LedgerBroken(f"order {order_id} reserves twice")
        self.held[order_id] = reserved
        for each in reserved:
            self.accounts.setdefault(account_key(each.limit_id, each.scope_key), Account()).reserved += micros(each.amount_usd)

    def release(self, order_id: OrderId) -> None:
        """Free what an order holds.

        Raises:
            LedgerBroken: it holds nothing, or was resolved already.
        """
        for key, account, amount in self._resolve(order_id):
            account.reserved -= amount
            self._tidy(key, account)

    def post(self, order_id: OrderId, at: Instant) -> None:
        """Count what an order holds in its windows, from `at` on.

        Raises:
            LedgerBroken: it holds nothing, or was resolved already.
        """
        for key, account, amount in self._resolve(order_id):
            account.reserved -= amount
            account.post(amount, at)
            account.forget(at)
            self._tidy(key, account)

    def evaluated(self, facts: Iterable[LimitFact], at: Instant) -> None:
        """Learn the windows that limits were evaluated with, and forget what has left them."""
        for fact in facts:
            key = account_key(fact.limit_id, fact.scope_key)
            if (account := self.accounts.get(key)) is not None:
                account.window_seconds = max(account.window_seconds, fact.window_seconds)
                account.forget(at)
                self._tidy(key, account)

    def _resolve(self, order_id: OrderId) -> list[tuple[AccountKey, Account, MicroUsd]]:
        reserved = self.held.pop(order_id, None)
        if reserved is None:
            raise LedgerBroken(f"order {order_id} holds no reservation that could be resolved")
        keys = [(account_key(each.limit_id, each.scope_key), micros(each.amount_usd)) for each in reserved]
        return [(key, self.accounts[key], amount) for key, amount in keys]

    def _tidy(self, key: AccountKey, account: Account) -> None:
        if account.reserved == 0 and not account.posted:
            del self.accounts[key]


@dataclass(frozen=True, slots=True)
class Adjustment:
    """What a decision has already said, but not yet recorded, about the ledger it looks at."""

    moved: Mapping[AccountKey, MicroUsd] = field(default_factory=dict)
    """To be added to what accounts show: negative for a reservation that the same decision releases."""
    kept: Mapping[AccountKey, MicroUsd] = field(default_factory=dict)
    """What the order has reserved itself and keeps: it asks for exactly that again, whatever prices have become."""


UNADJUSTED: Final = Adjustment()


def account_key(limit_id: str, scope_key: str) -> AccountKey:
    """The name of the account of one limit of one subject."""
    return f"{limit_id}|{scope_key}"


def micros(amount: Decimal) -> MicroUsd:
    """Millionths of a dollar, exactly: US dollars have six decimals."""
    return int(amount.scaleb(USD_DECIMALS))


def dollars(amount: MicroUsd) -> Decimal:
    """US dollars from millionths, exactly."""
    return Decimal(amount).scaleb(-USD_DECIMALS)


def applied(limits: Sequence[Limit], order: Order, target: Address) -> list[Applied]:
    """The limits that an order to `target` falls under, in the policy's order. Addresses compare without case."""
    subjects = {"trader": order.initiator, "wallet": order.wallet_id, "contract": target, "desk": order.desk_id}
    found = ((limit, subjects[limit.scope]) for limit in limits)
    return [
        Applied(limit, f"{limit.scope}:{subject}")
        for limit, subject in found
        if limit.subject in (ANYBODY, subject) or (limit.scope == "contract" and limit.subject.lower() == subject.lower())
    ]


def limit_facts(
    ledger: Ledger, limits: Sequence[Applied], amount_usd: Decimal, now: Instant, adjustment: Adjustment = UNADJUSTED
) -> list[LimitFact]:
    """Each limit as it stands before an order of `amount_usd`, and whether the order would go over it."""
    return [
        _per_transaction(each, amount_usd)
        if each.limit.kind == "per-transaction"
        else _rolling(ledger, each, amount_usd, now, adjustment)
        for each in limits
    ]


def reservation(facts: Iterable[LimitFact]) -> list[ReservedAmount]:
    """What an order with these facts reserves: its share of every rolling limit."""
    return [
        ReservedAmount(limit_id=fact.limit_id, scope_key=fact.scope_key, amount_usd=fact.requested_usd)
        for fact in facts
        if fact.kind == "rolling"
    ]


def refusals(facts: Iterable[LimitFact]) -> list[Refusal]:
    """Every rolling limit that the order would go over."""
    return [
        LimitExceeded(
            limit_id=fact.limit_id,
            scope_key=fact.scope_key,
            requested=fact.requested_usd,
            cap=fact.cap_usd,
            headroom=max(fact.cap_usd - fact.used_usd, Decimal(0)),
            window_seconds=fact.window_seconds,
        ).record()
        for fact in facts
        if fact.kind == "rolling" and fact.exceeded
    ]


def amounts(reserved: Iterable[ReservedAmount]) -> dict[AccountKey, MicroUsd]:
    """Reserved amounts by account."""
    return {account_key(each.limit_id, each.scope_key): micros(each.amount_usd) for each in reserved}


def _per_transaction(each: Applied, amount_usd: Decimal) -> LimitFact:
    limit = each.limit
    return LimitFact(
        limit_id=limit.limit_id,
        scope_key=each.scope_key,
        kind="per-transaction",
        window_seconds=0,
        cap_usd=limit.cap_usd,
        used_usd=Decimal(0),
        requested_usd=amount_usd,
        exceeded=amount_usd > limit.cap_usd,
    )


def _rolling(ledger: Ledger, each: Applied, amount_usd: Decimal, now: Instant, adjustment: Adjustment) -> LimitFact:
    limit, key = each.limit, account_key(each.limit.limit_id, each.scope_key)
    used = ledger.used(key, limit.window_seconds, now) + adjustment.moved.get(key, 0)
    requested = adjustment.kept.get(key, micros(amount_usd))
    return LimitFact(
        limit_id=limit.limit_id,
        scope_key=each.scope_key,
        kind="rolling",
        window_seconds=limit.window_seconds,
        cap_usd=limit.cap_usd,
        used_usd=dollars(used),
        requested_usd=dollars(requested),
        exceeded=used + requested > micros(limit.cap_usd),
    )


def _left(second: int, window_seconds: int, now: Instant) -> bool:
    """Whether what was posted up to `second` has left the window."""
    return (second + window_seconds) * MICROS_PER_SECOND <= now
