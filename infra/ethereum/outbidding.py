"""Computes the fees with which a transaction may replace another of the same nonce in nodes' pools. Pure.

Each of both fees must be a tenth higher, rounded up, and higher at all (go-ethereum, `txpool.pricebump`; nodes that ask for
less accept it, too). Leaves out the right to replace (`streams.rules.evidence.memory.payloads`) and the bound on fees.
"""

from __future__ import annotations

from typing import Final

PRICE_BUMP_PERCENT: Final = 10
PERCENT: Final = 100


def outbidding(wei_per_gas: int) -> int:
    """Return the least fee that takes the place of this one."""
    return max(wei_per_gas + 1, -(-wei_per_gas * (PERCENT + PRICE_BUMP_PERCENT) // PERCENT))
