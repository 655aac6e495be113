"""A ledger driven line by line: `verb  words  -> answer`. `SUBJECTS` gives an order's defaults."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from schemas.events.facts import LimitFact
from schemas.firm import Limit
from streams.rules.limits.assessment import limit_facts, refusals, reservation
from streams.rules.limits.ledger import (
    UNADJUSTED,
    Account,
    Adjustment,
    Ledger,
    LedgerBroken,
    account_key,
    amounts,
    dollars,
)
from streams.rules.limits.scopes import Subjects
from streams.rules.limits.subjects import applied
from streams.rules.limits.windows import Window
from tests.world.firm.desk import CUSTODIAN, NOW, SECOND

SUBJECTS: Final = Subjects("alice", "w1", "USDC", CUSTODIAN, CUSTODIAN, "", "", "d1", "d1")
LINE: Final = re.compile(r"(?P<verb>\w+)\s+(?P<rest>.*?)\s*->\s*(?P<answer>.+)")


def plain_number(number: Decimal | int) -> str:
    """Without the decimals that say nothing."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def at(text: str) -> int:
    """An instant written as in ISO 8601; without an offset it is in UTC."""
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()) * SECOND


class Table:
    """A ledger, its limits and its clock."""

    def __init__(self, *limits: Limit) -> None:
        self.limits, self.ledger, self.now = limits, Ledger(), NOW

    def run(self, text: str) -> None:
        for line in filter(None, map(str.strip, text.splitlines())):
            found = LINE.fullmatch(line)
            assert found, f"cannot read {line!r}"
            answer = getattr(self, found["verb"])(*found["rest"].split())
            assert answer == found["answer"], f"{line}   gave {answer}"

    # What happens -----------------------------------------------------------------------------------------------------

    def reserve(self, order: str, amount: str, *others: str) -> str:
        """reserve  o1  600_000  trader=bob wallet=w2"""
        return self._reserve(order, self.facts(amount, *others))

    def release(self, order: str) -> str:
        return self._resolved(lambda: self.ledger.release(order))

    def post(self, order: str) -> str:
        return self._resolved(lambda: self.ledger.post(order, self.now))

    def split(self, order: str, *parts: str) -> str:
        """split  o1  60 40: each part reserved in the room that the order leaves, or refused"""
        freed = {key: -units for key, units in amounts(self.ledger.held[order]).items()}
        answers = []
        fitting = []
        for number, amount in enumerate(parts):
            facts = self.facts(amount, adjustment=Adjustment(moved=freed))
            if refusals(facts):
                answers.append("over")
                continue
            answers.append("ok")
            fitting.append((f"{order}/{number}", facts))
            for key, units in amounts(reservation(facts)).items():
                freed[key] = freed.get(key, 0) + units
        self.ledger.release(order)
        for name, facts in fitting:
            self._reserve(name, facts)
        return " ".join(answers)

    def wait(self, seconds: str) -> str:
        self.now += int(Decimal(seconds) * SECOND)
        return "ok"

    def clock(self, text: str) -> str:
        self.now = at(text)
        return "ok"

    # What is seen -----------------------------------------------------------------------------------------------------

    def used(self, limit_id: str, scope_key: str) -> str:
        limit, account = self._account(limit_id, scope_key)
        used = account.used(Window(limit.kind, limit.window_seconds, limit.zone).begins(self.now))
        return plain_number(dollars(used) if limit.measure == "usd" else used)

    def accounts(self, *_: str) -> str:
        return str(len(self.ledger.accounts))

    def facts(self, amount: str, *others: str, adjustment: Adjustment = UNADJUSTED) -> list[LimitFact]:
        subjects = SUBJECTS._replace(**dict(other.split("=") for other in others))
        return limit_facts(self.ledger, applied(self.limits, subjects), Decimal(amount), self.now, adjustment)

    def _reserve(self, order: str, facts: list[LimitFact]) -> str:
        if refusals(facts):
            return "over " + " ".join(fact.limit_id for fact in facts if fact.exceeded)
        self.ledger.reserve(order, reservation(facts))
        self.ledger.evaluated(facts, self.now)
        return "ok"

    def _account(self, limit_id: str, scope_key: str) -> tuple[Limit, Account]:
        limit = next(each for each in self.limits if each.limit_id == limit_id)
        return limit, self.ledger.accounts.get(account_key(limit_id, scope_key, limit.measure), Account())

    @staticmethod
    def _resolved(step: Callable[[], None]) -> str:
        try:
            step()
        except LedgerBroken:
            return "broken"
        return "ok"


def check(text: str, *limits: Limit) -> None:
    """Run the lines against a ledger under `limits`."""
    Table(*limits).run(text)
