"""Builds the unsigned EIP-1559 transaction of a call: nonce, gas limit and fees, within named bounds. Pure.

The gas limit is the gas of the trace plus a margin: gas is refunded at the end (EIP-3529: at most a fifth), kept back at each
call (EIP-150: a 64th), and the state moves before inclusion. Fees are the node's suggestion up to our caps. A transaction that
overtakes a claim of its nonce (ADR 15) offers as much more as nodes require, up to the signer's own bound.
Leaves out the bytes themselves (`infra.ethereum.transaction`) and raising the fees of a stuck transaction.
"""

from __future__ import annotations

from typing import Final

from infra.ethereum.answers import FeeSuggestion
from infra.ethereum.outbidding import outbidding
from infra.ethereum.transaction import Transaction
from schemas.events.lifecycle import Claim
from streams.rules.actions.compiled import CompiledCall
from streams.rules.transactions.fee_and_gas_bounds import FEE_PER_GAS_WEI_MAX, GAS_LIMIT_MAX, GWEI

PRIORITY_FEE_WEI_MAX: Final = 50 * GWEI
MAX_FEE_WEI_MAX: Final = 500 * GWEI
"""Execution waits at a higher base fee. The signer refuses only above `FEE_PER_GAS_WEI_MAX`."""
GAS_MARGIN_PERCENT: Final = 50
GAS_LIMIT_MIN: Final = 21_000
"""Gas of any transaction (yellow paper, G_transaction)."""


class FeesTooHigh(Exception):
    """The chain's gas price is above our caps; the order waits until it has fallen."""


def gas_limit(gas_used: int) -> int:
    """Return the limit for a call that used `gas_used` when it was traced."""
    return min(max(gas_used + gas_used * GAS_MARGIN_PERCENT // 100, GAS_LIMIT_MIN), GAS_LIMIT_MAX)


def probe(chain_id: int, call: CompiledCall) -> Transaction:
    """Return a transaction that costs nothing and lacks no gas, to be traced and never signed."""
    return Transaction(
        chain_id=chain_id,
        nonce=0,
        max_priority_fee_per_gas=0,
        max_fee_per_gas=0,
        gas_limit=GAS_LIMIT_MAX,
        to=call.to,
        value=call.value,
        data=call.data,
    )


def assemble(  # noqa: PLR0913 - what a transaction is made of, each by name
    chain_id: int, call: CompiledCall, *, nonce: int, gas: int, fees: FeeSuggestion, claimed: Claim | None = None
) -> Transaction:
    """Return the transaction to be signed, with gas limit `gas`; one that overtakes `claimed`, if there is such a claim.

    Raises:
        FeesTooHigh: the caps leave no room above the base fee, or above the claim to be overtaken.
    """
    priority_fee = min(fees.max_priority_fee_per_gas, PRIORITY_FEE_WEI_MAX)
    max_fee = min(fees.max_fee_per_gas, MAX_FEE_WEI_MAX)
    if claimed is not None:
        priority_fee = max(priority_fee, outbidding(claimed.max_priority_fee_per_gas))
        max_fee = max(max_fee, outbidding(claimed.max_fee_per_gas), fees.base_fee_per_gas + priority_fee)
    if max_fee > FEE_PER_GAS_WEI_MAX:
        raise FeesTooHigh(
            f"to overtake what may have been signed takes {max_fee} wei per gas, the cap is {FEE_PER_GAS_WEI_MAX}"
        )
    if fees.base_fee_per_gas + priority_fee > max_fee:
        raise FeesTooHigh(f"the base fee is {fees.base_fee_per_gas} wei per gas, our cap {MAX_FEE_WEI_MAX}")
    return Transaction(
        chain_id=chain_id,
        nonce=nonce,
        max_priority_fee_per_gas=priority_fee,
        max_fee_per_gas=max_fee,
        gas_limit=gas,
        to=call.to,
        value=call.value,
        data=call.data,
    )


def overtakes(transaction: Transaction, claimed: Claim) -> bool:
    """Return True if nodes would replace the claimed payload by the transaction."""
    tip, fee = outbidding(claimed.max_priority_fee_per_gas), outbidding(claimed.max_fee_per_gas)
    return transaction.max_priority_fee_per_gas >= tip and transaction.max_fee_per_gas >= fee
