"""Asks a node about one wallet on one block: its nonce, and a trace of a call.

A wallet's own call is traced as it is. A Safe's call is traced inside the executor's transaction, as the chain would run it,
but without the owners' signatures, which do not exist yet: a state override lowers the Safe's threshold to the executor alone,
and the gas of checking the other signatures is added. The effects of the Safe's proxy running its own code are left out, since
they are not the order's. The reason why a call inside a Safe failed takes a request of its own. There is no trace for a Safe
that differs from governance's record (`infra.chain.safe`), nor for a sender that cannot pay.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from infra.chain.safe import THRESHOLD_SLOT, SafeStanding, standing_of
from infra.ethereum import trace
from infra.ethereum.safe import transaction as safe_transaction
from infra.ethereum.safe.signatures import packed, unfit
from infra.ethereum.trace import Effects
from streams.rules.transactions import assembly
from streams.rules.transactions.safe_wrapping import carried, safe_of, wallet_sender

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue

    from infra.chain.node import Node
    from infra.ethereum.answers import BlockHeader
    from infra.ethereum.transaction import Transaction
    from schemas.events.governance import WalletAssigned
    from schemas.keys import SafeAccount
    from schemas.values import Address
    from streams.rules.actions.compiled import CompiledCall

SIGNATURE_GAS: Final = 8_000
"""The gas of one owner's signature: calldata, ecrecover (3,000), a cold storage slot (2,100), and the loop around them."""
ONE: Final = "0x" + (1).to_bytes(32, "big").hex()


@dataclass(frozen=True, slots=True)
class Ground:
    """A wallet on one block of one node."""

    node: Node
    block: BlockHeader
    wallet: WalletAssigned
    safe: SafeAccount | None
    standing: SafeStanding | None
    """The Safe's standing; None if the wallet is not a Safe."""

    @property
    def sender(self) -> Address:
        """Return the account whose transactions carry the wallet's calls."""
        return wallet_sender(self.wallet)

    @property
    def account_nonce(self) -> int:
        """Return the sender's transaction count. Asks the node."""
        return self.node.transaction_count(self.sender, self.block)

    @property
    def safe_nonce(self) -> int | None:
        """Return the Safe's own next nonce; None if the wallet is not a Safe."""
        return None if self.standing is None else self.standing.nonce

    def measured(self, call: CompiledCall, nonce: int) -> Effects:
        """Return the effects of a call with gas and fees left out."""
        return self._traced(assembly.probe(self.wallet.chain_id, carried(call, self.wallet, nonce)))

    def exact(self, transaction: Transaction) -> Effects:
        """Return the effects of exactly this transaction."""
        return self._traced(transaction)

    def _traced(self, transaction: Transaction) -> Effects:
        if self.safe is None or self.standing is None:
            return self._affordable(self.sender, transaction)
        reason = unfit(self.safe) or self.standing.reason
        return _impossible(reason) if reason is not None else self._inside(self.safe, transaction)

    def _inside(self, safe: SafeAccount, transaction: Transaction) -> Effects:
        """Return the effects of the executor's transaction with the owners' signatures."""
        word = packed({}, safe.executor.address)
        signed = replace(transaction, data=safe_transaction.with_signatures(transaction.data, word))
        seen = self._affordable(self.sender, signed, {self.wallet.address: {"stateDiff": {THRESHOLD_SLOT: ONE}}})
        if not seen.ok:
            return seen.model_copy(update={"revert_reason": self._reason_inside(transaction) or seen.revert_reason})
        return _without_proxy(seen, self.wallet.address, SIGNATURE_GAS * (safe.threshold - 1))

    def _reason_inside(self, transaction: Transaction) -> str | None:
        """Return the reason why the Safe's own call would fail; None if it would not."""
        call, _ = safe_transaction.decode(transaction.data)
        inner = replace(
            transaction, to=call.to, value=call.value, data=call.data, max_fee_per_gas=0, max_priority_fee_per_gas=0
        )
        return self._affordable(self.wallet.address, inner).revert_reason

    def _affordable(
        self, sender: Address, transaction: Transaction, overrides: Mapping[str, JsonValue] | None = None
    ) -> Effects:
        """Trace; a sender who cannot pay gets no effects, and nodes refuse to trace for it."""
        cost = transaction.value + transaction.gas_limit * transaction.max_fee_per_gas
        balance = self.node.balance(sender, self.block)
        if balance < cost:
            who = "wallet" if sender == self.wallet.address else "Safe's executor"
            return _impossible(f"the {who} has {balance} wei, value and gas may take {cost}: fund it first")
        return trace.effects(self.node.trace_call(sender, transaction, self.block, overrides))


def ground(node: Node, block: BlockHeader, wallet: WalletAssigned) -> Ground:
    """Return a wallet's place on a block. Raises NodeUnavailable, NodeRefused, AnswerUnreadable, NotCompilable."""
    safe = safe_of(wallet)
    standing = None if safe is None else standing_of(node, wallet.address, safe, block)
    return Ground(node, block, wallet, safe, standing)


def _without_proxy(seen: Effects, safe: Address, signatures_gas: int) -> Effects:
    """Return a Safe's effects less those of running its own code; with the gas of signatures still to come."""
    own = {each.code for each in seen.delegate_calls if each.contract == safe}
    return seen.model_copy(
        update={
            "gas_used": seen.gas_used + signatures_gas,
            "touched": tuple(each for each in seen.touched if each not in own),
            "delegate_calls": tuple(each for each in seen.delegate_calls if each.contract != safe),
        }
    )


def _impossible(reason: str) -> Effects:
    return Effects(
        ok=False,
        revert_reason=reason,
        gas_used=0,
        balance_changes=(),
        allowances=(),
        touched=(),
        delegate_calls=(),
        self_destructs=(),
        creations=(),
    )
