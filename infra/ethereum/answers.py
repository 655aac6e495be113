"""Parses a node's answers strictly: hexadecimal quantities and bytes, block headers, receipts, fees.

Decides that an answer which is not of the execution API's form is no answer (`AnswerUnreadable`, to be treated like a
node that is away). Source: https://ethereum.github.io/execution-apis, EIP-1474, EIP-1559.
Leaves out whether the answer is true: that takes a second node.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.ethereum.addresses import checksummed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue

_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}")
_BYTES = re.compile(r"0x([0-9a-fA-F]{2})*")
_HASH = re.compile(r"0x[0-9a-f]{64}")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")


class AnswerUnreadable(Exception):
    """An answer that is not of the form the execution API gives it."""


@dataclass(frozen=True, slots=True)
class BlockHeader:
    """A block as far as decisions need it. `timestamp` in seconds since the epoch, fees in wei per gas."""

    number: int
    hash: str
    parent_hash: str
    timestamp: int
    base_fee_per_gas: int
    gas_limit: int


@dataclass(frozen=True, slots=True)
class Log:
    """An event that a contract emitted. Address checksummed, topics 0x-hex of 32 bytes."""

    address: str
    topics: tuple[str, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class Receipt:
    """The outcome of an included transaction. `succeeded` is the status; price in wei per gas."""

    transaction_hash: str
    block_number: int
    block_hash: str
    succeeded: bool
    gas_used: int
    effective_gas_price: int
    logs: tuple[Log, ...]


@dataclass(frozen=True, slots=True)
class FeeSuggestion:
    """Fees in wei per gas for the next block: its base fee, a tip, and a cap that outlives six full blocks."""

    base_fee_per_gas: int
    max_priority_fee_per_gas: int
    max_fee_per_gas: int


def quantity(value: JsonValue) -> int:
    """Return a 0x-hex quantity as int."""
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise AnswerUnreadable(f"a quantity was expected, not {value!r:.80}")
    return int(value, 16)


def octets(value: JsonValue) -> bytes:
    """Return 0x-hex as bytes."""
    if not isinstance(value, str) or not _BYTES.fullmatch(value):
        raise AnswerUnreadable(f"0x-bytes were expected, not {value!r:.80}")
    return bytes.fromhex(value[2:])


def hash32(value: JsonValue) -> str:
    """Return a lowercase 0x-hex hash of 32 bytes."""
    if not isinstance(value, str) or not _HASH.fullmatch(value.lower()):
        raise AnswerUnreadable(f"a hash was expected, not {value!r:.80}")
    return value.lower()


def address(value: JsonValue) -> str:
    """Return an EIP-55 checksummed address; the node's own spelling is not checked, nodes write lowercase."""
    if not isinstance(value, str) or not _ADDRESS.fullmatch(value):
        raise AnswerUnreadable(f"an address was expected, not {value!r:.80}")
    return checksummed(value)


def mapping(value: JsonValue) -> Mapping[str, JsonValue]:
    """Return a JSON object."""
    if not isinstance(value, dict):
        raise AnswerUnreadable(f"an object was expected, not {value!r:.80}")
    return value


def array(value: JsonValue) -> list[JsonValue]:
    """Return a JSON array."""
    if not isinstance(value, list):
        raise AnswerUnreadable(f"an array was expected, not {value!r:.80}")
    return value


def block_header(value: JsonValue) -> BlockHeader:
    """Return the header of a block object; blocks from before EIP-1559 are unreadable."""
    block = mapping(value)
    return BlockHeader(
        number=quantity(block.get("number")),
        hash=hash32(block.get("hash")),
        parent_hash=hash32(block.get("parentHash")),
        timestamp=quantity(block.get("timestamp")),
        base_fee_per_gas=quantity(block.get("baseFeePerGas")),
        gas_limit=quantity(block.get("gasLimit")),
    )


def log(value: JsonValue) -> Log:
    """Return a log entry, of a receipt or of a trace's frame."""
    entry = mapping(value)
    topics = tuple(hash32(topic) for topic in array(entry.get("topics")))
    return Log(address(entry.get("address")), topics, octets(entry.get("data", "0x")))


def receipt(value: JsonValue) -> Receipt:
    """Return a receipt object."""
    outcome = mapping(value)
    return Receipt(
        transaction_hash=hash32(outcome.get("transactionHash")),
        block_number=quantity(outcome.get("blockNumber")),
        block_hash=hash32(outcome.get("blockHash")),
        succeeded=quantity(outcome.get("status")) == 1,
        gas_used=quantity(outcome.get("gasUsed")),
        effective_gas_price=quantity(outcome.get("effectiveGasPrice")),
        logs=tuple(log(entry) for entry in array(outcome.get("logs"))),
    )


def fee_suggestion(history: JsonValue, tip: JsonValue) -> FeeSuggestion:
    """Return fees from `eth_feeHistory` of one block (its last base fee is the next block's) and a tip.

    The cap is twice the base fee plus the tip: the base fee rises at most 12.5 % a block (EIP-1559), so it takes six.
    """
    base_fees = array(mapping(history).get("baseFeePerGas"))
    if not base_fees:
        raise AnswerUnreadable("a fee history without base fees")
    base_fee, priority_fee = quantity(base_fees[-1]), quantity(tip)
    return FeeSuggestion(base_fee, priority_fee, 2 * base_fee + priority_fee)
