"""Compares a simulation's balances with the order's effect, to the base unit. Pure.

The wallet may lose and gain only the amounts that its order kind states; amounts that others receive are compared, too.
Leaves out the value of an exchange (`prices.valuation`), and balances that move without a log.
"""

from __future__ import annotations

from collections.abc import Iterator

from streams.rules.actions.kind import BalanceBounds, BalanceKey
from streams.rules.actions.table import kind_of
from streams.rules.transactions.simulation import Simulation


def unmeant(simulation: Simulation) -> Iterator[tuple[BalanceKey, int, BalanceBounds]]:
    """Yield every balance whose change is out of the order's bounds: its key, its change, and these bounds."""
    effect, action = simulation.effect, simulation.approved.order.action
    kind = kind_of(action)
    expected = kind.balances(action, effect, simulation.governance.assets)
    seen = {
        key: each.change
        for each in simulation.shown.balance_changes
        if (key := BalanceKey(each.account, each.token)) in expected or each.account == effect.wallet
    }
    for key in dict.fromkeys([*expected, *seen]):
        change, bounds = seen.get(key, 0), expected.get(key, kind.other_balances)
        if not bounds.least <= change <= bounds.most:
            yield key, change, bounds
