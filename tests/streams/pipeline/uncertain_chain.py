"""A chain with the faults of real ones: outages, irregular blocks, reorganisations, failed transactions."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from eth_utils.crypto import keccak

from infra.chain.rpc import NodeRefused, NodeUnavailable
from infra.ethereum import calldata
from infra.ethereum.answers import BlockHeader, Receipt
from infra.ethereum.transaction import Transaction, decode_raw, recover_sender
from tests.world.line.simulated_chain import BLOCK, FIRST_NONCE, GAS_USED, ChainInMemory

AWAY_RATE: Final = 0.05
MINING_RATE: Final = 0.3
REORGANISATION_RATE: Final = 0.01
FAILURE_RATE: Final = 0.05
REORGANISED_BLOCKS_MAX: Final = 2
"""Less than the depth at which the firm believes a transaction."""


@dataclass
class Mined:
    """A transaction on the chain."""

    sender: str
    transaction: Transaction
    hash: str
    succeeded: bool


@dataclass
class Block:
    """A block and what is in it."""

    header: BlockHeader
    transactions: list[Mined] = field(default_factory=list)


@dataclass
class UncertainChain(ChainInMemory):
    """One node of it; it outlives every worker."""

    random: Random = field(default_factory=Random)
    pool: dict[str, Mined] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=lambda: [Block(BLOCK)])
    offered: dict[tuple[str, int], set[str]] = field(default_factory=dict)
    """Per sender and nonce, the hashes of all that was ever sent."""
    faults: Counter[str] = field(default_factory=Counter)
    quiet: bool = False
    """Whether it has stopped to be away and to reorganise, so that a run comes to its end."""

    @property
    def name(self) -> str:
        return "uncertain"

    def __post_init__(self) -> None:
        self.rpc: Any = self

    def head(self) -> BlockHeader:
        self._perhaps_away()
        return self.blocks[-1].header

    def transaction_count(self, address: str, at: Any = "latest") -> int:  # noqa: ARG002 - the node's shape
        self._perhaps_away()
        return self._count(address)

    def send_raw(self, raw: bytes) -> str:
        self._perhaps_away()
        transaction, _ = decode_raw(raw)
        sender, hash_ = recover_sender(raw), "0x" + keccak(raw).hex()
        self.offered.setdefault((sender, transaction.nonce), set()).add(hash_)
        if any(each.hash == hash_ for block in self.blocks for each in block.transactions):
            return hash_
        if transaction.nonce < self._count(sender):
            raise NodeRefused(-32000, "nonce too low")
        self.pool[hash_] = Mined(sender, transaction, hash_, self.random.random() >= FAILURE_RATE)
        return hash_

    def receipts(self, transaction_hashes: Any) -> list[Receipt | None]:
        self._perhaps_away()
        return [self._receipt(each) for each in transaction_hashes]

    def batch(self, calls: Any) -> list[Any]:
        """`eth_getBlockByNumber` of each."""
        self._perhaps_away()
        by_number = {hex(block.header.number): block.header for block in self.blocks}
        found = [by_number.get(number, self.blocks[-1].header if number == "latest" else None) for _, (number, _) in calls]
        return [None if header is None else _json(header) for header in found]

    def step(self) -> None:
        """Time passes on the chain."""
        if not self.quiet and len(self.blocks) > REORGANISED_BLOCKS_MAX and self.random.random() < REORGANISATION_RATE:
            self.faults["reorganisation"] += 1
            for _ in range(self.random.randrange(1, REORGANISED_BLOCKS_MAX + 1)):
                self.blocks.pop()
        if self.quiet or self.random.random() < MINING_RATE:
            self._mine()

    def moved(self, token: str) -> Counter[str]:
        """Each account's gains from successful transfers of `token`."""
        balances: Counter[str] = Counter()
        for block in self.blocks:
            for each in block.transactions:
                if each.succeeded and each.transaction.to == token:
                    call = calldata.decode(each.transaction.data)
                    assert isinstance(call, calldata.Transfer)
                    balances[call.to] += call.amount
                    balances[each.sender] -= call.amount
        return balances

    def _mine(self) -> None:
        parent = self.blocks[-1].header
        content = f"{parent.hash}{self.random.random()}".encode()
        header = BlockHeader(
            number=parent.number + 1,
            hash="0x" + hashlib.sha256(content).hexdigest(),
            parent_hash=parent.hash,
            timestamp=parent.timestamp + 12,
            base_fee_per_gas=7,
            gas_limit=30_000_000,
        )
        block = Block(header)
        self.blocks.append(block)
        for each in sorted(self.pool.values(), key=lambda one: one.transaction.nonce):
            if each.transaction.nonce == self._count(each.sender):
                block.transactions.append(each)
                del self.pool[each.hash]

    def _count(self, address: str) -> int:
        return FIRST_NONCE + sum(each.sender == address for block in self.blocks for each in block.transactions)

    def _receipt(self, transaction_hash: str) -> Receipt | None:
        for block in self.blocks:
            for each in block.transactions:
                if each.hash == transaction_hash:
                    header = block.header
                    return Receipt(each.hash, header.number, header.hash, each.succeeded, GAS_USED, 15, ())
        return None

    def _perhaps_away(self) -> None:
        if not self.quiet and self.random.random() < AWAY_RATE:
            self.faults["node away"] += 1
            raise NodeUnavailable(self.name, "away for a moment")


def _json(header: BlockHeader) -> dict[str, str]:
    return {
        "number": hex(header.number),
        "hash": header.hash,
        "parentHash": header.parent_hash,
        "timestamp": hex(header.timestamp),
        "baseFeePerGas": hex(header.base_fee_per_gas),
        "gasLimit": hex(header.gas_limit),
    }
