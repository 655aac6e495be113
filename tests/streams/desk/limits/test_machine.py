"""The ledger against the obvious one, over random lives: they must agree on every number, at every instant."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule
from pydantic import TypeAdapter

from schemas.orders import Order
from streams.desk.limits import (
    Adjustment,
    Applied,
    Ledger,
    account_key,
    amounts,
    applied,
    dollars,
    limit_facts,
    refusals,
    reservation,
)
from tests.streams.desk.firm import CUSTODIAN, NOW, SECOND, VENUE, limit
from tests.streams.desk.reference_ledger import ReferenceLedger
from tests.streams.desk.specification import named, transfer

LIMITS = (
    limit("hour", "300", window_seconds=3_600),
    limit("short", "150", window_seconds=5),
    limit("wallet", "400", scope="wallet", window_seconds=600),
    limit("venue", "350", scope="contract", subject=VENUE, window_seconds=60),
    limit("desk", "700", scope="desk", window_seconds=3_600),
    limit("single", "100", kind="per-transaction", window_seconds=0),
)
AMOUNTS = st.integers(1, 180_000_000).map(dollars)
SNAPSHOT = TypeAdapter(Ledger)


class LedgerMachine(RuleBasedStateMachine):
    """Orders of two traders and two wallets, to two places, over seconds and hours."""

    orders = Bundle("orders")

    def __init__(self) -> None:
        super().__init__()
        self.ledger, self.obvious, self.now, self.count = Ledger(), ReferenceLedger(), NOW, 0

    @rule(
        target=orders,
        trader=st.sampled_from(["alice", "bob"]),
        wallet=st.sampled_from(["w1", "w2"]),
        to=st.sampled_from([CUSTODIAN, VENUE]),
        amount=AMOUNTS,
    )
    def reserve(self, trader: str, wallet: str, to: str, amount: Decimal) -> tuple[str, str]:
        self.count += 1
        order = self._order(trader, wallet)
        under = applied(LIMITS, order, to)
        facts = limit_facts(self.ledger, under, amount, self.now)
        windows = {account_key(each.limit.limit_id, each.scope_key): each.limit for each in under}
        over = {
            key
            for key, each in windows.items()
            if each.kind == "rolling" and self.obvious.used(key, each.window_seconds, self.now) + amount > each.cap_usd
        }
        assert len(refusals(facts)) == len(over)
        if over:
            return order.order_id, ""
        self.ledger.reserve(order.order_id, reservation(facts))
        self.ledger.evaluated(facts, self.now)
        held = {key: amount for key, each in windows.items() if each.kind == "rolling"}
        self.obvious.reserve(order.order_id, held)
        return order.order_id, to

    @rule(order=consumes(orders))
    def release(self, order: tuple[str, str]) -> None:
        if order[1]:
            self.ledger.release(order[0])
            self.obvious.release(order[0])

    @rule(order=consumes(orders))
    def post(self, order: tuple[str, str]) -> None:
        if order[1]:
            self.ledger.post(order[0], self.now)
            self.obvious.post(order[0], self.now)

    @rule(micros=st.one_of(st.integers(0, 3 * SECOND), st.integers(0, 4_000 * SECOND)))
    def wait(self, micros: int) -> None:
        self.now += micros

    @rule(order=consumes(orders), parts=st.integers(2, 4))
    def split_never_needs_more_room(self, order: tuple[str, str], parts: int) -> None:
        """With its own reservation moved out of the way, an order's parts always fit."""
        if not order[1]:
            return
        held = amounts(self.ledger.held[order[0]])
        moved = {key: -amount for key, amount in held.items()}
        part = min(held.values()) // parts
        for _ in range(parts):
            for fact in limit_facts(self.ledger, _accounts(held), dollars(part), self.now, Adjustment(moved=moved)):
                key = account_key(fact.limit_id, fact.scope_key)
                before = self.obvious.used(key, fact.window_seconds, self.now)
                assert fact.used_usd == before + dollars(moved[key])
                assert not fact.exceeded
            moved = {key: amount + part for key, amount in moved.items()}
        self.release(order)

    @rule()
    def snapshot(self) -> None:
        """What goes into a snapshot comes out of it."""
        again = SNAPSHOT.validate_python(SNAPSHOT.dump_python(self.ledger, mode="json"))
        assert again == self.ledger
        self.ledger = again

    @invariant()
    def they_agree(self) -> None:
        for each in LIMITS:
            for subject in ("trader:alice", "trader:bob", "wallet:w1", "wallet:w2", f"contract:{VENUE}", "desk:d1"):
                key = account_key(each.limit_id, subject)
                used = dollars(self.ledger.used(key, each.window_seconds, self.now))
                assert used == self.obvious.used(key, each.window_seconds, self.now), key
                assert used <= each.cap_usd or each.kind == "per-transaction"

    def _order(self, trader: str, wallet: str) -> Order:
        return Order(
            order_id=named(f"order {self.count}"),
            desk_id="d1",
            wallet_id=wallet,
            initiator=trader,
            action=transfer("1"),
        )


def _accounts(keys: Iterable[str]) -> list[Applied]:
    """Limits by the keys of their accounts."""
    by_id = {each.limit_id: each for each in LIMITS}
    return [Applied(by_id[limit_id], scope_key) for limit_id, scope_key in (key.split("|") for key in keys)]


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(max_examples=200, stateful_step_count=60, deadline=None)
