"""Checks that the bytes to be signed are this order's own, recently simulated, for a bounded fee. Pure.

Source: architecture, rule 10. Left out: nonces (the enclave's own memory, `signing_decider`), and the chain's state in the
simulation, which only a node can tell.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from infra.ethereum import transaction
from schemas.orders import Swap
from schemas.values import MICROS_PER_SECOND
from streams.rules.actions.compilation import compile_call
from streams.rules.evidence.authority import Unproven
from streams.rules.evidence.case import Case
from streams.rules.prices.valuation import PPM_PER_BASIS_POINT
from streams.rules.transactions.fee_and_gas_bounds import FEE_PER_GAS_WEI_MAX, FEE_WEI_MAX, GAS_LIMIT_MAX
from streams.rules.transactions.safe_wrapping import carried


def _check_simulation(case: Case) -> None:
    simulated, age = case.shape.simulated, case.now - case.shape.simulated.decided_at
    if simulated.verdict != "passed" or simulated.findings:
        raise Unproven("the simulation did not pass")
    age_seconds_max = case.today.policy.settings.simulation_max_age_seconds
    if age > age_seconds_max * MICROS_PER_SECOND:
        told = f"the simulation is {age // MICROS_PER_SECOND} s old by this signer's clock, and may be {age_seconds_max}"
        raise Unproven(f"{told}: it has waited, or the clocks of signer and execution differ; set them if others end so, too")
    action = case.order.action
    if isinstance(action, Swap) and (
        simulated.slippage_ppm is None or simulated.slippage_ppm > action.max_slippage * PPM_PER_BASIS_POINT
    ):
        raise Unproven("the simulated loss is above the order's bound, or was not measured")


def _check_transaction(case: Case) -> None:
    simulated = case.shape.simulated
    decoded = transaction.from_record(simulated.transaction)
    if decoded.chain_id != case.wallet.chain_id:
        raise Unproven(f"the transaction is for chain {decoded.chain_id}, the wallet is on {case.wallet.chain_id}")
    if simulated.overtakes is not None and simulated.replaces is not None:
        raise Unproven("a transaction cannot both replace another one and overtake a claim")


def _check_call(case: Case) -> None:
    """Check the call. The bytes were decoded strictly before, so they are compared as signed; of a Safe, without signatures."""
    simulated = case.shape.simulated
    unsigned = simulated.transaction
    if (simulated.safe_nonce is not None) != (case.wallet.key_backend == "safe"):
        raise Unproven("the transaction is for a Safe, and the wallet is none; or the other way round")
    meant = compile_call(case.order, case.today.governance, case.shape.approved, simulated.prices)
    call = carried(meant, case.wallet, unsigned.nonce)
    if (unsigned.to, unsigned.value, unsigned.input) != (call.to, call.value, f"0x{call.data.hex()}"):
        raise Unproven("the bytes to be signed are not the order's call: another receiver, value or input")


def _check_fees(case: Case) -> None:
    unsigned = case.shape.simulated.transaction
    if unsigned.max_fee_per_gas > FEE_PER_GAS_WEI_MAX or unsigned.gas_limit > GAS_LIMIT_MAX:
        raise Unproven("the transaction's fee or gas is above the enclave's own cap")
    if unsigned.max_fee_per_gas * unsigned.gas_limit > FEE_WEI_MAX:
        raise Unproven(f"the transaction may pay {unsigned.max_fee_per_gas * unsigned.gas_limit} wei for gas")


CHECKS: Final[tuple[tuple[str, Callable[[Case], None]], ...]] = (
    ("simulation", _check_simulation),
    ("transaction", _check_transaction),
    ("call", _check_call),
    ("fees", _check_fees),
)
