"""A Safe on the chain in memory: answers for the contract, and runs its executor's transactions as the Safe's own calls."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from eth_abi.abi import encode as abi_encode
from eth_utils.crypto import keccak

from infra.chain.safe import SINGLETON_SLOT
from infra.chain.world.artefacts import NODE_MODULES, SAFE_PROXY, SAFE_SINGLETON
from infra.ethereum import calldata
from infra.ethereum.safe import transaction as safe_transaction
from schemas.keys import KeyHolder, SafeAccount
from tests.world.line.line import Line
from tests.world.line.scenery import address_of, genesis, wallet
from tests.world.line.simulated_chain import NOBODY, ChainInMemory

if TYPE_CHECKING:
    from infra.ethereum.transaction import Transaction

SINGLETON = "0x" + "5a" * 20
SAFE = address_of("safe")
OWNERS = ("owner-1", "owner-2", "owner-3")
EXECUTOR = OWNERS[0]


def holder(name: str) -> KeyHolder:
    return KeyHolder(address=address_of(name), key_backend="hsm", key_id=name)


ACCOUNT = SafeAccount(threshold=2, owners=[holder(name) for name in OWNERS], executor=holder(EXECUTOR))


def published(name: str) -> bytes:
    code: str = json.loads((NODE_MODULES / name).read_bytes())["deployedBytecode"]
    return bytes.fromhex(code[2:])


@dataclass
class Answers:
    """The node's answers about the Safe's storage and from its functions."""

    chain: SafeChainInMemory

    def batch(self, calls: list[tuple[str, Any]]) -> list[str]:
        return [self._slot(params[1]) if method == "eth_getStorageAt" else self._call(params[0]) for method, params in calls]

    def _slot(self, slot: str) -> str:
        return "0x" + (SINGLETON if slot == SINGLETON_SLOT else NOBODY)[2:].rjust(64, "0")

    def _call(self, message: dict[str, str]) -> str:
        selector = message["data"][2:10]
        said: dict[str, tuple[list[str], list[Any]]] = {
            "nonce()": (["uint256"], [self.chain.executed]),
            "getThreshold()": (["uint256"], [self.chain.account.threshold]),
            "getOwners()": (["address[]"], [[owner.address for owner in self.chain.account.owners]]),
            "getModulesPaginated(address,uint256)": (["address[]", "address"], [[], NOBODY]),
        }
        (types, values) = next(each for name, each in said.items() if keccak(text=name)[:4].hex() == selector)
        return "0x" + abi_encode(types, values).hex()


@dataclass
class SafeChainInMemory(ChainInMemory):
    """A chain with one Safe at `SAFE`."""

    account: SafeAccount = ACCOUNT
    executed: int = 0
    rpc: Any = field(init=False)

    def __post_init__(self) -> None:
        self.rpc = Answers(self)

    def code(self, address: str, at: Any = "latest") -> bytes:  # noqa: ARG002 - the node's shape
        return published(SAFE_PROXY if address == SAFE else SAFE_SINGLETON)

    def mine(self, address: str) -> None:
        """A wallet's transaction is its sender's, and one of the Safe's own."""
        self.executed += address == SAFE
        super().mine(self.account.executor.address if address == SAFE else address)

    def trace_call(self, sender: str, transaction: Transaction, at: Any, state_overrides: Any = None) -> Any:
        try:
            call, _ = safe_transaction.decode(transaction.data)
        except calldata.UnknownSelector:
            return super().trace_call(sender, transaction, at)
        assert (sender, transaction.to, list(state_overrides)) == (self.account.executor.address, SAFE, [SAFE])
        inside = super().trace_call(SAFE, replace(transaction, to=call.to, value=call.value, data=call.data), at)
        outside = {"type": "CALL", "from": sender, "to": SAFE, "value": "0x0", "gasUsed": inside["gasUsed"], "input": "0x"}
        return outside | {"calls": [inside]}


def safe_line(**changes: Any) -> Line:
    """A line whose `treasury-1` is a Safe."""
    safe = wallet(address=SAFE, key_backend="safe", safe=ACCOUNT, **changes)
    return Line(genesis(wallets=[safe, wallet("treasury-2")]), chain=SafeChainInMemory())
