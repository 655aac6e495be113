"""Compares the ledger with the reference over random histories: every number agrees, at every instant.

One machine lives under limits of every kind, and agrees exactly. The other's limits are changed all the time, in window, unit,
zone and cap: there the ledger may count a little longer than the last limit says, by a bucket, and never shorter.
Together they take more than 100,000 steps.
"""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule, run_state_machine_as_test
from pydantic import TypeAdapter

from schemas.events.facts import LimitFact
from schemas.firm import Allotment, Limit
from streams.rules.limits.assessment import limit_facts, refusals, reservation
from streams.rules.limits.ledger import UNADJUSTED, Adjustment, Ledger, amounts, dollars
from streams.rules.limits.scopes import Subjects
from streams.rules.limits.subjects import Applied, applied
from tests.streams.rules.limits.reference import LimitKey, ReferenceLedger
from tests.streams.rules.limits.table import SUBJECTS, at
from tests.world.firm.desk import CUSTODIAN, SECOND, VENUE, limit

pytestmark = pytest.mark.slow

BEGUN: Final = at("2026-03-27T09:00")
"""Two days before clocks are put forward in Zurich, five before the month ends."""
STEPS_A_LIFE: Final = 100
LIFE_SECONDS_MAX: Final = 900
"""A bound for a machine that does much else; on a quiet one it takes half a minute."""
ZURICH: Final = {"window_seconds": 0, "zone": "Europe/Zurich"}
LIMITS: Final = (
    limit("hour", "300", window_seconds=3_600),
    limit("short", "150", window_seconds=5),
    limit("day", "900", scope="wallet"),
    limit("venue", "350", scope="contract", subject=VENUE, window_seconds=60),
    limit("today", "700", scope="desk", kind="calendar-day", **ZURICH),
    limit("month", "4000", scope="asset", kind="calendar-month", window_seconds=0, zone="Asia/Kathmandu"),
    limit("firm", "900", scope="firm", allotments=[Allotment(desk_id="d1", cap_usd=Decimal(800))]),
    limit("few", "0", window_seconds=600, measure="count", cap_count=4),
    limit("single", "100", kind="per-transaction", window_seconds=0),
)
SNAPSHOT: Final = TypeAdapter(Ledger)
WHO: Final = st.builds(
    SUBJECTS._replace,
    trader=st.sampled_from(["alice", "bob"]),
    wallet=st.sampled_from(["w1", "w2"]),
    contract=st.sampled_from([CUSTODIAN, VENUE]),
)
AMOUNTS: Final = st.integers(0, 180 * SECOND).map(dollars)
WAITS: Final = st.one_of(st.integers(0, 3 * SECOND), st.integers(0, 4_000 * SECOND), st.integers(0, 100_000 * SECOND))


@dataclass(frozen=True)
class Held:
    """An order that holds something."""

    name: str
    who: Subjects
    amount: Decimal


class Lives(RuleBasedStateMachine):
    """Orders of two traders and two wallets, to two places, over seconds, hours and months."""

    orders = Bundle("orders")

    def __init__(self) -> None:
        super().__init__()
        self.ledger, self.obvious, self.now, self.count = Ledger(), ReferenceLedger(), BEGUN, 0
        self.limits: tuple[Limit, ...] = LIMITS

    def check(self, each: Applied, fact: LimitFact, besides: str = "") -> None:
        """A fact's figures equal the reference ledger's."""
        raise NotImplementedError

    @rule(target=orders, who=WHO, amount=AMOUNTS)
    def reserve(self, who: Subjects, amount: Decimal) -> object:
        facts = self.look(who, amount)
        if not refusals(facts):
            return self.hold(who, amount, facts)
        self.evaluated(facts)
        return multiple()

    @rule(target=orders, who=st.lists(WHO, min_size=2, max_size=4), amount=st.integers(0, 40 * SECOND).map(dollars))
    def rush(self, who: list[Subjects], amount: Decimal) -> object:
        """Several small orders at once."""
        looked = ((each, self.look(each, amount)) for each in who)
        return multiple(*[self.hold(each, amount, facts) for each, facts in looked if not refusals(facts)])

    @rule(order=consumes(orders))
    def release(self, order: Held) -> None:
        self.ledger.release(order.name)
        self.obvious.release(order.name)

    @rule(order=consumes(orders))
    def post(self, order: Held) -> None:
        self.ledger.post(order.name, self.now)
        self.obvious.post(order.name, self.now)

    @rule(micros=WAITS)
    def wait(self, micros: int) -> None:
        self.now += micros

    @rule(order=orders)
    def approve(self, order: Held) -> None:
        """An order that asks for exactly what it holds sees what others use."""
        held = amounts(self.ledger.held[order.name])
        adjustment = Adjustment(moved={key: -units for key, units in held.items()}, kept=held)
        self.look(order.who, order.amount, adjustment, besides=order.name)

    @rule(target=orders, order=consumes(orders), share=st.integers(1, 99))
    def split(self, order: Held, share: int) -> object:
        """Two parts, each in the room that the order leaves; the second may take less than is over."""
        moved = {key: -units for key, units in amounts(self.ledger.held[order.name]).items()}
        first = dollars(int(order.amount * SECOND) * share // 100)
        taken = []
        for amount in (first, order.amount - first):
            facts = limit_facts(self.ledger, applied(self.limits, order.who), amount, self.now, Adjustment(moved=moved))
            if not refusals(facts):
                taken.append((amount, facts))
                for key, units in amounts(reservation(facts)).items():
                    moved[key] = moved.get(key, 0) + units
        self.release(order)
        return multiple(*(self.hold(order.who, amount, facts) for amount, facts in taken))

    @rule()
    def snapshot(self) -> None:
        """A snapshot restores its own content."""
        again = SNAPSHOT.validate_python(SNAPSHOT.dump_python(self.ledger, mode="json"))
        assert again == self.ledger
        self.ledger = again

    def look(self, who: Subjects, amount: Decimal, adjustment: Adjustment = UNADJUSTED, besides: str = "") -> list[LimitFact]:
        under = applied(self.limits, who)
        facts = limit_facts(self.ledger, under, amount, self.now, adjustment)
        for each, fact in zip(under, facts, strict=True):
            if fact.kind != "per-transaction":
                self.check(each, fact, besides)
        return facts

    def evaluated(self, facts: list[LimitFact]) -> None:
        """An order was decided about."""
        self.ledger.evaluated(facts, self.now)

    def hold(self, who: Subjects, amount: Decimal, facts: list[LimitFact]) -> Held:
        self.count += 1
        name = f"00000000-0000-4000-8000-{self.count:012}"
        self.ledger.reserve(name, reservation(facts))
        self.evaluated(facts)
        held = {key_of(f): requested(f) for f in facts if f.kind != "per-transaction"}
        self.obvious.reserve(name, held)
        return Held(name, who, amount)


def key_of(fact: LimitFact) -> LimitKey:
    return LimitKey(fact.limit_id, fact.scope_key, fact.measure)


def requested(fact: LimitFact) -> Decimal:
    return fact.requested_usd + fact.requested_count


def used(fact: LimitFact) -> Decimal:
    return fact.used_usd + fact.used_count


class Exact(Lives):
    """Under limits that stay as they are."""

    def check(self, each: Applied, fact: LimitFact, besides: str = "") -> None:
        expected = self.obvious.used(each.limit, each.scope_key, self.now, besides)
        cap = each.cap_usd + each.cap_count
        assert used(fact) == expected, fact
        assert fact.exceeded == (requested(fact) > 0 and expected + requested(fact) > cap), fact

    @invariant()
    def nobody_is_over_a_cap(self) -> None:
        """A different one's limits are looked at after each step."""
        looks = self.count + self.now
        who = SUBJECTS._replace(trader=("alice", "bob")[looks % 2], wallet=("w1", "w2")[looks // 2 % 2], contract=VENUE)
        for fact in self.look(who, Decimal(0)):
            assert used(fact) <= fact.cap_usd + fact.cap_count, fact


class Changing(Lives):
    """Under limits that change between any two steps."""

    def __init__(self) -> None:
        super().__init__()
        self.limits = (limit("cap", "300", window_seconds=3_600), limit("pot", "500", scope="desk", window_seconds=600))
        self.asked: dict[LimitKey, Limit] = {}
        """The limit that each account was last evaluated under: what had left it by then may have been dropped."""

    @rule(
        which=st.integers(0, 1),
        measure=st.sampled_from(["usd", "usd", "count"]),
        cap=st.integers(0, 500),
        window=st.sampled_from(
            [
                {"kind": "rolling", "window_seconds": 60},
                {"kind": "rolling", "window_seconds": 86_400},
                {"kind": "rolling", "window_seconds": 864_000},
                {"kind": "calendar-day", "window_seconds": 0, "zone": "Europe/Zurich"},
                {"kind": "calendar-day", "window_seconds": 0, "zone": "Pacific/Kiritimati"},
                {"kind": "calendar-month", "window_seconds": 0, "zone": "America/New_York"},
            ]
        ),
    )
    def change(self, which: int, measure: str, cap: int, window: dict[str, Any]) -> None:
        before = self.limits[which]
        caps = {"cap_count": cap // 100} if measure == "count" else {}
        changed = limit(
            before.limit_id, "0" if caps else str(cap), scope=before.scope, subject="*", measure=measure, **caps, **window
        )
        self.limits = (*self.limits[:which], changed, *self.limits[which + 1 :])

    def check(self, each: Applied, fact: LimitFact, besides: str = "") -> None:
        before = self.asked.get(key_of(fact), each.limit)
        least, most = self.obvious.between(each.limit, before, each.scope_key, self.now, besides)
        assert least <= used(fact) <= most, fact
        assert fact.exceeded == (requested(fact) > 0 and used(fact) + requested(fact) > each.cap_usd + each.cap_count), fact

    def evaluated(self, facts: list[LimitFact]) -> None:
        super().evaluated(facts)
        for fact in facts:
            asked = next(each for each in self.limits if each.limit_id == fact.limit_id)
            self.obvious.forget(key_of(fact), self.asked.get(key_of(fact), asked), self.now)
            self.asked[key_of(fact)] = asked


def live(machine: type[Lives], lives: int) -> None:
    """So many lives, each by its own chance."""
    run_state_machine_as_test(machine, settings=settings(max_examples=lives, stateful_step_count=STEPS_A_LIFE, deadline=None))


@pytest.mark.timeout(LIFE_SECONDS_MAX)
@pytest.mark.parametrize(("machine", "lives"), [(Exact, 750), (Changing, 500)])
def test_the_ledger_says_what_the_obvious_one_says(machine: type[Lives], lives: int) -> None:
    """On every core a share of the lives: they have nothing in common."""
    cores = os.cpu_count() or 1
    with ProcessPoolExecutor(cores, mp_context=multiprocessing.get_context("spawn")) as workers:
        for share in [workers.submit(live, machine, -(-lives // cores)) for _ in range(cores)]:
            share.result()
