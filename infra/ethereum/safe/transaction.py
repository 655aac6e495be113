"""Encodes the digest that a Safe's owners sign and the call that carries it to the chain; decodes both strictly. Pure.

Sources: Safe 1.4.1 (`Safe.sol`: getTransactionHash, execTransaction), EIP-712, the Solidity ABI specification. A Safe
transaction has one form here: a plain call, no delegate call, and no refund of gas, so a call that fails makes the whole
transaction fail (GS013) and the Safe's nonce stays. `baseGas` has no effect without a refund: it holds the nonce of the account
that sends the transaction, so that the owners' signatures are good for that one transaction, and two attempts at the same call
never share a signature. Calldata is accepted only if encoding the decoded call gives the same bytes. Leaves out who signs
(`signatures`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from eth_hash.auto import keccak

from infra.ethereum.abi import DecodingError, EncodingError
from infra.ethereum.abi import decode as abi_decode
from infra.ethereum.abi import encode as abi_encode
from infra.ethereum.addresses import checksummed, is_checksummed
from infra.ethereum.calldata import SELECTOR_BYTES, MalformedCalldata, UnknownSelector

DOMAIN_TYPE_HASH: Final = keccak(b"EIP712Domain(uint256 chainId,address verifyingContract)")
TRANSACTION_TYPE_HASH: Final = keccak(
    b"SafeTx(address to,uint256 value,bytes data,uint8 operation,uint256 safeTxGas,uint256 baseGas,"
    b"uint256 gasPrice,address gasToken,address refundReceiver,uint256 nonce)"
)
EXECUTE: Final = "execTransaction(address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,bytes)"
EXECUTE_TYPES: Final = (
    "address",
    "uint256",
    "bytes",
    "uint8",
    "uint256",
    "uint256",
    "uint256",
    "address",
    "address",
    "bytes",
)
EXECUTE_SELECTOR: Final = keccak(EXECUTE.encode())[:SELECTOR_BYTES]
NOBODY: Final = "0x" + "00" * 20
CALL: Final = 0
"""Enum.Operation: the other one, DELEGATECALL, would run foreign code with the Safe's own storage and money."""


@dataclass(frozen=True, slots=True)
class SafeCall:
    """A call that a Safe makes, good for one transaction of its executor. `value` in wei."""

    to: str
    value: int
    data: bytes
    executor_nonce: int
    """The nonce of the sending account; stored as `baseGas`."""


def digest(chain_id: int, safe: str, call: SafeCall, safe_nonce: int) -> bytes:
    """Return the 32 bytes that the owners of `safe` sign (EIP-712). Raises MalformedCalldata for fields out of range."""
    domain = keccak(_encoded(("bytes32", "uint256", "address"), (DOMAIN_TYPE_HASH, chain_id, safe)))
    to, value, data, *rest = _fields(call)
    types = ("bytes32", "address", "uint256", "bytes32", *EXECUTE_TYPES[3:9], "uint256")
    message = keccak(_encoded(types, (TRANSACTION_TYPE_HASH, to, value, keccak(data), *rest, safe_nonce)))
    return keccak(b"\x19\x01" + domain + message)


def encode(call: SafeCall, signatures: bytes = b"") -> bytes:
    """Return the calldata of `execTransaction`. Raises MalformedCalldata for fields out of range."""
    return EXECUTE_SELECTOR + _encoded(EXECUTE_TYPES, (*_fields(call), signatures))


def decode(calldata: bytes) -> tuple[SafeCall, bytes]:
    """Return the call and the signatures that encode to exactly these bytes. Raises UnknownSelector, MalformedCalldata."""
    if calldata[:SELECTOR_BYTES] != EXECUTE_SELECTOR:
        raise UnknownSelector(calldata[:SELECTOR_BYTES])
    try:
        values = abi_decode(EXECUTE_TYPES, calldata[SELECTOR_BYTES:])
    except (DecodingError, OverflowError) as error:
        raise MalformedCalldata(str(error)) from error
    call = SafeCall(checksummed(values[0]), values[1], values[2], executor_nonce=values[5])
    if encode(call, values[9]) != calldata:
        raise MalformedCalldata("execTransaction is not a plain call without a refund, in its canonical form")
    return call, values[9]


def with_signatures(calldata: bytes, signatures: bytes) -> bytes:
    """Return calldata that has no signatures with them. Raises UnknownSelector, MalformedCalldata."""
    call, placeholder = decode(calldata)
    if placeholder:
        raise MalformedCalldata("execTransaction has signatures already")
    return encode(call, signatures)


def without_signatures(calldata: bytes) -> bytes:
    """Return calldata as it was before there were signatures in it. Raises UnknownSelector, MalformedCalldata."""
    call, _ = decode(calldata)
    return encode(call)


def _fields(call: SafeCall) -> tuple[Any, ...]:
    """Return all that an owner signs except the Safe's nonce, in the contract's order."""
    if not is_checksummed(call.to):
        raise MalformedCalldata(f"not a checksummed address: {call.to!r:.60}")
    return (call.to, call.value, call.data, CALL, 0, call.executor_nonce, 0, NOBODY, NOBODY)


def _encoded(types: tuple[str, ...], values: tuple[Any, ...]) -> bytes:
    try:
        return abi_encode(types, values)
    except EncodingError as error:
        raise MalformedCalldata(str(error)) from error
