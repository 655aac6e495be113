"""A chain in memory for execution: transactions have the effect of their input, wallets are rich, one block stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from infra.chain.node import Node
from infra.ethereum import calldata
from infra.ethereum.answers import BlockHeader, FeeSuggestion
from infra.ethereum.trace import APPROVAL, TRANSFER
from tests.world.firm.governance import USDC

if TYPE_CHECKING:
    from infra.ethereum.transaction import Transaction

BLOCK = BlockHeader(
    number=100, hash="0x" + "ab" * 32, parent_hash="0x" + "cd" * 32, timestamp=1, base_fee_per_gas=7, gas_limit=30_000_000
)
FIRST_NONCE = 5
GAS_USED = 100_000
PPM = 1_000_000
NOBODY = "0x" + "00" * 20


@dataclass
class ChainInMemory(Node):
    """Answers from memory."""

    usdc_per_weth: int = 2_500
    loss_ppm: int = 1_000
    mined: dict[str, int] = field(default_factory=dict)

    def head(self) -> BlockHeader:
        return BLOCK

    def transaction_count(self, address: str, at: Any = "latest") -> int:  # noqa: ARG002 - the node's shape
        return FIRST_NONCE + self.mined.get(address, 0)

    def mine(self, address: str) -> None:
        self.mined[address] = self.mined.get(address, 0) + 1

    def balance(self, address: str, at: Any = "latest") -> int:  # noqa: ARG002 - the node's shape
        return 10**24

    def fees(self) -> FeeSuggestion:
        return FeeSuggestion(base_fee_per_gas=7, max_priority_fee_per_gas=1, max_fee_per_gas=15)

    def trace_call(self, sender: str, transaction: Transaction, at: Any, state_overrides: Any = None) -> Any:  # noqa: ARG002
        frame: dict[str, Any] = {
            "type": "CALL",
            "from": sender,
            "to": transaction.to,
            "value": hex(transaction.value),
            "gasUsed": hex(GAS_USED),
            "input": "0x",
        }
        try:
            decoded = calldata.decode(transaction.data)
        except calldata.UnknownSelector:  # money alone; and what an order spelled out does nothing here
            return frame
        return frame | self._done(decoded, sender, transaction.to or NOBODY)

    def _done(self, call: calldata.Call, sender: str, to: str) -> dict[str, Any]:
        match call:
            case calldata.Transfer(to=receiver, amount=amount):
                return {"logs": [_log(to, TRANSFER, sender, receiver, amount)]}
            case calldata.Approve(spender=spender, amount=amount):
                return {"logs": [_log(to, APPROVAL, sender, spender, amount)]}
            case calldata.ExactInputSingle():
                return self._swap(sender, call)
            case calldata.Deposit(assets=assets, receiver=receiver):
                return _exchanged(to, sender, assets, receiver)
            case calldata.Withdraw(assets=assets, receiver=receiver, owner=owner):
                return _exchanged(to, receiver, -assets, owner)

    def _swap(self, sender: str, swap: calldata.ExactInputSingle) -> dict[str, Any]:
        """USDC (six decimals) for WETH (eighteen), less the loss; the router stands in for its pool."""
        out = swap.amount_in * 10**12 * (PPM - self.loss_ppm) // (self.usdc_per_weth * PPM)
        if out < swap.amount_out_minimum:
            return {"error": "execution reverted"}
        pool = "0x" + "77" * 20
        return {
            "logs": [
                _log(swap.token_in, TRANSFER, sender, pool, swap.amount_in),
                _log(swap.token_out, TRANSFER, pool, swap.recipient, out),
            ]
        }


def _exchanged(vault: str, payer: str, assets: int, holder: str) -> dict[str, Any]:
    """USDC for as many shares of the vault, or back."""
    sides = [(USDC, payer, vault), (vault, NOBODY, holder)]
    return {
        "logs": [
            _log(token, TRANSFER, *((giver, taker) if assets > 0 else (taker, giver)), abs(assets))
            for token, giver, taker in sides
        ]
    }


def _log(token: str | None, topic: str, first: str, second: str, amount: int) -> dict[str, Any]:
    words = [f"0x{account[2:].lower():0>64}" for account in (first, second)]
    return {"address": token, "topics": [topic, *words], "data": f"0x{amount:064x}"}
