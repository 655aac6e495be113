"""Sending the local world's own transactions, many at once, and waiting until they are on the chain.

Decides fees (a cap that a development chain does not reach) and that a failed transaction is a broken world.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from infra.chain.rpc import NodeRefused
from infra.ethereum.transaction import Transaction

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from infra.chain.node import Node
    from infra.chain.world.accounts import WorldAccount
    from infra.chain.world.plan import Step
    from infra.ethereum.transaction import SignedTransaction

MAX_FEE_PER_GAS: Final = 1_000 * 10**9
MAX_PRIORITY_FEE_PER_GAS: Final = 10**9
SEND_TIMEOUT_MS_MAX: Final = 30_000
"""The node executes a whole block before it answers."""
INCLUSION_TIMEOUT_SECONDS_MAX: Final = 20
POLL_SECONDS: Final = 0.01


class WorldBroken(Exception):
    """The chain is not as the plan leaves it; start again on a fresh chain."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A transaction on its way: what it reserves of a block, and what is sent."""

    gas_limit: int
    signed: SignedTransaction


def signed(account: WorldAccount, steps: Iterable[Step], *, chain_id: int, first_nonce: int) -> list[Outgoing]:
    """Return an account's transactions with consecutive nonces, signed."""
    return [
        Outgoing(step.gas_limit, account.sign(_transaction(step, chain_id, nonce)))
        for nonce, step in enumerate(steps, start=first_nonce)
    ]


def send_together(node: Node, transactions: Sequence[Outgoing]) -> None:
    """Send a block's worth at a time, have it mined, and wait for every receipt.

    No more than fits: of a sequence that does not, anvil drops everything after the one that was too much. And anvil
    must not mine by itself meanwhile, or it meets nonces out of order. Raises WorldBroken, NodeUnavailable, NodeRefused.
    """
    mines_at_once = node.rpc.request("anvil_getAutomine")
    node.rpc.request("evm_setAutomine", False)  # noqa: FBT003 - RPC
    try:
        for blockful in _blockfuls(transactions, node.head().gas_limit):
            _send(node, blockful)
            node.rpc.request("evm_mine", timeout_ms=SEND_TIMEOUT_MS_MAX)
            _await_success(node, blockful)
    finally:
        node.rpc.request("evm_setAutomine", mines_at_once)


def send_in_turn(node: Node, transactions: Sequence[Outgoing]) -> None:
    """Send one after the other, each when the one before it is on the chain; leave mining to the node.

    Raises WorldBroken, NodeUnavailable.
    """
    for transaction in transactions:
        _send(node, [transaction])
        _await_success(node, [transaction])


def _blockfuls(transactions: Sequence[Outgoing], gas_limit: int) -> Iterator[list[Outgoing]]:
    blockful: list[Outgoing] = []
    for transaction in transactions:
        if blockful and sum(each.gas_limit for each in blockful) + transaction.gas_limit > gas_limit:
            yield blockful
            blockful = []
        blockful.append(transaction)
    yield blockful


def _transaction(step: Step, chain_id: int, nonce: int) -> Transaction:
    return Transaction(
        chain_id=chain_id,
        nonce=nonce,
        max_priority_fee_per_gas=MAX_PRIORITY_FEE_PER_GAS,
        max_fee_per_gas=MAX_FEE_PER_GAS,
        gas_limit=step.gas_limit,
        to=step.to,
        value=step.value,
        data=step.data,
    )


def _send(node: Node, transactions: Sequence[Outgoing]) -> None:
    calls = [("eth_sendRawTransaction", ("0x" + each.signed.raw.hex(),)) for each in transactions]
    try:
        node.rpc.batch(calls, timeout_ms=SEND_TIMEOUT_MS_MAX)
    except NodeRefused as refusal:
        raise WorldBroken(f"a transaction of the local world was refused: {refusal}") from refusal


def _await_success(node: Node, transactions: Sequence[Outgoing]) -> None:
    waiting = [each.signed.hash for each in transactions]
    deadline = time.monotonic() + INCLUSION_TIMEOUT_SECONDS_MAX
    while True:
        receipts = node.receipts(waiting)
        failed = [receipt.transaction_hash for receipt in receipts if receipt is not None and not receipt.succeeded]
        if failed:
            raise WorldBroken(f"transactions of the local world failed: {', '.join(failed)}")
        waiting = [each for each, receipt in zip(waiting, receipts, strict=True) if receipt is None]
        if not waiting:
            return
        if time.monotonic() > deadline:
            raise WorldBroken(f"{len(waiting)} transactions of the local world were not included; does the node mine?")
        time.sleep(POLL_SECONDS)
