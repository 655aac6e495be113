"""Compiles an order into the one call that carries it out. Pure; the signer compiles it again and compares every byte.

Each order kind builds its own call (`actions.kinds`) from values on the log: what a swap, a vault or its shares give comes
back to the wallet that gave, and an allowance is exact.
Leaves out nonce, gas and fees (`transactions.assembly`), and whether the call is wise (`orders.judging`).
"""

from __future__ import annotations

from collections.abc import Sequence

from schemas.events.facts import PriceFact
from schemas.events.lifecycle import Approved
from schemas.orders import Order
from streams.rules.actions.compiled import CompiledCall, listed
from streams.rules.actions.kind import ToCompile
from streams.rules.actions.table import kind_of
from streams.rules.firm.view import Governance


def compile_call(order: Order, governance: Governance, approved: Approved, prices: Sequence[PriceFact]) -> CompiledCall:
    """Return the call of `order`, whose effect is the one that was approved; equal inputs give equal bytes.

    `prices`: independent prices of both assets of a swap (`Simulated.prices`), used for nothing else.

    Raises:
        NotCompilable: an asset or a price is missing, or effect and order disagree about the call.
    """
    asset = listed(approved.effect.spends_asset_id, governance)
    return kind_of(order.action).call(order.action, ToCompile(approved, asset, governance, prices))
