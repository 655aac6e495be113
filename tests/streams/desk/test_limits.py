"""The limit ledger as tables: what is held, what counts, until when, and for whom."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

import pytest

from schemas.events.facts import LimitFact
from schemas.firm import Limit
from schemas.orders import Order
from streams.desk.limits import (
    Ledger,
    LedgerBroken,
    account_key,
    applied,
    dollars,
    limit_facts,
    micros,
    refusals,
    reservation,
)
from tests.streams.desk.firm import CUSTODIAN, NOW, SECOND, VENUE, limit
from tests.streams.desk.specification import named, transfer

LINE = re.compile(r"(?P<verb>\w+)\s+(?P<rest>.*?)\s*->\s*(?P<answer>.+)")


def order_of(trader: str, wallet: str = "w1", desk: str = "d1") -> Order:
    return Order(order_id=named(trader), desk_id=desk, wallet_id=wallet, initiator=trader, action=transfer("1"))


class Table:
    """A ledger that is driven line by line."""

    def __init__(self, *limits: Limit) -> None:
        self.limits, self.ledger, self.now = limits, Ledger(), NOW

    def run(self, text: str) -> None:
        for line in filter(None, map(str.strip, text.splitlines())):
            found = LINE.fullmatch(line)
            assert found, f"cannot read {line!r}"
            answer = getattr(self, found["verb"])(*found["rest"].split())
            assert answer == found["answer"], f"{line}   gave {answer}"

    def reserve(self, order: str, trader: str, amount: str, wallet: str = "w1", to: str = CUSTODIAN) -> str:
        facts = self._facts(order_of(trader, wallet), amount, to)
        if refusals(facts):
            return "over " + " ".join(fact.limit_id for fact in facts if fact.exceeded)
        self.ledger.reserve(order, reservation(facts))
        self.ledger.evaluated(facts, self.now)
        return "ok"

    def release(self, order: str) -> str:
        return self._resolved(lambda: self.ledger.release(order))

    def post(self, order: str) -> str:
        return self._resolved(lambda: self.ledger.post(order, self.now))

    def wait(self, seconds: str) -> str:
        self.now += int(Decimal(seconds) * SECOND)
        return "ok"

    def used(self, limit_id: str, scope_key: str) -> str:
        window = next(each.window_seconds for each in self.limits if each.limit_id == limit_id)
        return f"{dollars(self.ledger.used(account_key(limit_id, scope_key), window, self.now)):f}".rstrip("0").rstrip(".")

    def accounts(self, *_: str) -> str:
        return str(len(self.ledger.accounts))

    def _facts(self, order: Order, amount: str, to: str) -> list[LimitFact]:
        under = applied(self.limits, order, to)
        return limit_facts(self.ledger, under, Decimal(amount.replace("_", "")), self.now)

    @staticmethod
    def _resolved(step: Callable[[], None]) -> str:
        try:
            step()
        except LedgerBroken:
            return "broken"
        return "ok"


DAILY = limit("day", "1000000")


def check(text: str, *limits: Limit) -> None:
    Table(*(limits or (DAILY,))).run(text)


def test_what_is_held_counts_until_it_is_released() -> None:
    check("""
        reserve  o1  alice  600_000     -> ok
        reserve  o2  alice  400_001     -> over day
        reserve  o3  bob    1_000_000   -> ok
        release  o1                     -> ok
        reserve  o2  alice  400_001     -> ok
        used     day trader:alice       -> 400001
    """)


def test_the_cap_itself_can_be_used_and_not_a_millionth_more() -> None:
    check("""
        reserve  o1  alice  999_999.999999   -> ok
        reserve  o2  alice  0.000002         -> over day
        reserve  o2  alice  0.000001         -> ok
        reserve  o3  alice  0.000001         -> over day
    """)


def test_a_reservation_resolves_once() -> None:
    check("""
        reserve  o1  alice  1   -> ok
        release  o1             -> ok
        release  o1             -> broken
        post     o1             -> broken
        reserve  o2  alice  1   -> ok
        post     o2             -> ok
        post     o2             -> broken
        release  o2             -> broken
        release  o9             -> broken
    """)


def test_an_order_reserves_once() -> None:
    ledger = Ledger()
    ledger.reserve("o1", [])
    with pytest.raises(LedgerBroken):
        ledger.reserve("o1", [])


def test_a_posting_counts_for_its_window_from_when_it_was_posted() -> None:
    check("""
        reserve  o1  alice  1_000_000   -> ok
        wait     90_000                 -> ok
        used     day trader:alice       -> 1000000
        post     o1                     -> ok
        wait     86_400                 -> ok
        reserve  o2  alice  1           -> over day
        wait     1                      -> ok
        reserve  o2  alice  1_000_000   -> ok
        used     day trader:alice       -> 1000000
    """)


def test_postings_of_one_second_leave_together_at_its_end() -> None:
    check("""
        reserve  o1  alice  1   -> ok
        reserve  o2  alice  2   -> ok
        reserve  o3  alice  4   -> ok
        wait     0.1            -> ok
        post     o1             -> ok
        wait     0.8            -> ok
        post     o2             -> ok
        wait     0.1            -> ok
        post     o3             -> ok
        wait     86_399.999999  -> ok
        used     day trader:alice -> 7
        wait     0.000001       -> ok
        used     day trader:alice -> 4
        wait     1              -> ok
        used     day trader:alice -> 0
    """)


def test_a_second_is_remembered_once_however_much_was_posted_in_it() -> None:
    table = Table(DAILY)
    for n in range(5):
        table.run(f"reserve o{n} alice 1 -> ok \n wait 0.15 -> ok \n post o{n} -> ok")
    assert [amount for _, amount in table.ledger.accounts["day|trader:alice"].posted] == [5_000_000]


def test_all_limits_are_reserved_or_none() -> None:
    check(
        """
        reserve  o1  alice  60    -> ok
        reserve  o2  alice  60    -> over trader desk
        reserve  o2  bob    50    -> over desk
        used     trader trader:bob -> 0
        reserve  o2  bob    40    -> ok
        used     desk desk:d1     -> 100
        """,
        limit("trader", "100"),
        limit("desk", "100", scope="desk", subject="d1"),
    )


def test_scopes_are_traders_wallets_contracts_and_desks_each_on_its_own() -> None:
    check(
        f"""
        reserve  o1  alice  10  w1  {CUSTODIAN}  -> ok
        reserve  o2  bob    10  w1  {VENUE}      -> over wallet
        reserve  o2  bob    10  w2  {CUSTODIAN}  -> over contract
        reserve  o2  alice  10  w2  {VENUE}      -> over alice-only
        reserve  o2  bob    10  w2  {VENUE}      -> ok
        reserve  o3  carol  10  w3  {VENUE}      -> ok
        """,
        limit("wallet", "15", scope="wallet"),
        limit("contract", "15", scope="contract", subject=CUSTODIAN.lower()),
        limit("alice-only", "15", subject="alice"),
        limit("desk", "1000", scope="desk", subject="another"),
    )


def test_a_limit_per_transaction_holds_nothing() -> None:
    check(
        """
        reserve  o1  alice  1_000  -> ok
        accounts -                 -> 0
        """,
        limit("single", "100", kind="per-transaction", window_seconds=0),
    )


def test_each_limit_has_its_own_window() -> None:
    check(
        """
        reserve  o1  alice  60   -> ok
        post     o1              -> ok
        wait     61              -> ok
        reserve  o2  alice  60   -> over hour
        wait     3_540           -> ok
        reserve  o2  alice  60   -> ok
        """,
        limit("minute", "100", window_seconds=60),
        limit("hour", "100", window_seconds=3_600),
    )


def test_what_can_never_count_again_leaves_memory() -> None:
    check("""
        reserve  o1  alice  1   -> ok
        post     o1             -> ok
        reserve  o2  bob    1   -> ok
        accounts -              -> 2
        release  o2             -> ok
        accounts -              -> 1
        wait     86_401         -> ok
        reserve  o3  alice  1   -> ok
        release  o3             -> ok
        accounts -              -> 0
    """)


def test_a_window_that_was_longer_once_is_still_remembered() -> None:
    table = Table(limit("day", "100", window_seconds=3_600))
    table.run("""
        reserve o1 alice 100 -> ok
        post    o1           -> ok
    """)
    table.limits = (limit("day", "100", window_seconds=60),)
    table.run("""
        wait    61           -> ok
        reserve o2 alice 100 -> ok
        release o2           -> ok
    """)
    table.limits = (limit("day", "100", window_seconds=3_600),)
    table.run("reserve o3 alice 1 -> over day")


def test_a_clock_that_runs_backwards_frees_nothing() -> None:
    check("""
        reserve  o1  alice  600_000  -> ok
        post     o1                  -> ok
        wait     -100_000            -> ok
        reserve  o2  alice  400_001  -> over day
        reserve  o2  alice  400_000  -> ok
        post     o2                  -> ok
        used     day trader:alice    -> 1000000
    """)


@pytest.mark.parametrize("text", ["0.000000", "0.000001", "999999999999999.999999", "1000000000000000.000000"])
def test_dollars_and_their_millionths_are_the_same_amount(text: str) -> None:
    assert dollars(micros(Decimal(text))) == Decimal(text)
