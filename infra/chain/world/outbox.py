"""Sending the local world's own transactions, many at once, and waiting until they are on the chain.

Decides fees (a cap that a development chain does not reach) and that a failed transaction is a broken world.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from infra.chain.rpc import NodeRefused
from infra.chain.transaction import Transaction

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from infra.chain.node import Node
    from infra.chain.transaction import SignedTransaction
    from infra.chain.world.accounts import WorldAccount
    from infra.chain.world.plan import Step

MAX_FEE_PER_GAS: Final = 1_000 * 10**9
MAX_PRIORITY_FEE_PER_GAS: Final = 10**9
SEND_TIMEOUT_MS_MAX: Final = 30_000
"""For a batch: the node executes every transaction in it before it answers."""
INCLUSION_TIMEOUT_SECONDS_MAX: Final = 60
POLL_SECONDS: Final = 0.01


class WorldBroken(Exception):
    """The chain is not as the plan leaves it; start again on a fresh chain."""


def signed(account: WorldAccount, steps: Iterable[Step], *, chain_id: int, first_nonce: int) -> list[SignedTransaction]:
    """Return an account's transactions with consecutive nonces, signed."""
    return [
        account.sign(
            Transaction(
                chain_id=chain_id,
                nonce=nonce,
                max_priority_fee_per_gas=MAX_PRIORITY_FEE_PER_GAS,
                max_fee_per_gas=MAX_FEE_PER_GAS,
                gas_limit=step.gas_limit,
                to=step.to,
                value=step.value,
                data=step.data,
            )
        )
        for nonce, step in enumerate(steps, start=first_nonce)
    ]


def send_all(node: Node, transactions: Sequence[SignedTransaction]) -> None:
    """Send in one exchange and wait for every receipt.

    Raises WorldBroken when one fails or does not get included in time; NodeUnavailable, NodeRefused.
    """
    calls = [("eth_sendRawTransaction", ("0x" + each.raw.hex(),)) for each in transactions]
    try:
        node.rpc.batch(calls, timeout_ms=SEND_TIMEOUT_MS_MAX)
    except NodeRefused as refusal:
        raise WorldBroken(f"a transaction of the local world was refused: {refusal}") from refusal
    waiting = [each.hash for each in transactions]
    deadline = time.monotonic() + INCLUSION_TIMEOUT_SECONDS_MAX
    while waiting:
        receipts = node.receipts(waiting)
        failed = [receipt.transaction_hash for receipt in receipts if receipt is not None and not receipt.succeeded]
        if failed:
            raise WorldBroken(f"transactions of the local world failed: {', '.join(failed)}")
        waiting = [each for each, receipt in zip(waiting, receipts, strict=True) if receipt is None]
        if waiting and time.monotonic() > deadline:
            raise WorldBroken(f"{len(waiting)} transactions of the local world were not included; does the node mine?")
        if waiting:
            time.sleep(POLL_SECONDS)
