"""EIP-1559 transactions: the exact bytes that are signed, and back. Pure.

Decides the one form of a payload: 0x02 || rlp([chain_id, nonce, max_priority_fee_per_gas, max_fee_per_gas, gas_limit,
to, value, data, access_list]), its digest keccak-256, and the raw transaction with (y_parity, r, s) after it
(EIP-2718, EIP-1559). Decoding is strict: bytes that would not be encoded the same way again are refused, so what was
read is what is signed. Bounds: EIP-2681 (nonce), EIP-2 (low s), gas_limit * max_fee below 2^256 (ethereum/tests).
Leaves out access lists (an empty one is the only one there is), other transaction types, and whether the call is wise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import rlp  # type: ignore[import-untyped]  # ships no types
from eth_hash.auto import keccak
from rlp.codec import encode_raw  # type: ignore[import-untyped]  # as rlp

from infra.ethereum.addresses import ADDRESS_BYTES, checksummed, is_checksummed
from infra.ethereum.recovery import NoKeyRecovered, recover
from schemas.events.lifecycle import UnsignedTransaction

TRANSACTION_TYPE: Final = b"\x02"
CHAIN_ID_MAX: Final = 2**64 - 1
NONCE_MAX: Final = 2**64 - 2
GAS_MAX: Final = 2**64 - 1
UINT256_MAX: Final = 2**256 - 1
DATA_BYTES_MAX: Final = 128 * 1024
"""Nodes take no larger transaction into their pools (go-ethereum's txMaxSize)."""
CURVE_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""The order of secp256k1 (SEC 2, section 2.4.1)."""

_UNSIGNED_FIELDS: Final = 9
_SIGNED_FIELDS: Final = 12


class TransactionInvalid(Exception):
    """The bytes or fields are not an EIP-1559 transaction that this system signs. The message names the part."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """An unsigned EIP-1559 transaction. Fees in wei per gas, value in wei; `to` None creates a contract from `data`.

    Making one with a field out of bounds raises TransactionInvalid.
    """

    chain_id: int
    nonce: int
    max_priority_fee_per_gas: int
    max_fee_per_gas: int
    gas_limit: int
    to: str | None
    value: int
    data: bytes

    def __post_init__(self) -> None:
        """Hold the bounds, so that no other code has to."""
        _bound("chain_id", self.chain_id, 1, CHAIN_ID_MAX)
        _bound("nonce", self.nonce, 0, NONCE_MAX)
        _bound("max_fee_per_gas", self.max_fee_per_gas, 0, UINT256_MAX)
        _bound("max_priority_fee_per_gas", self.max_priority_fee_per_gas, 0, self.max_fee_per_gas)
        _bound("gas_limit", self.gas_limit, 0, GAS_MAX)
        _bound("gas_limit * max_fee_per_gas", self.gas_limit * self.max_fee_per_gas, 0, UINT256_MAX)
        _bound("value", self.value, 0, UINT256_MAX)
        _bound("bytes of data", len(self.data), 0, DATA_BYTES_MAX)
        if self.to is not None and not is_checksummed(self.to):
            raise TransactionInvalid(f"to is not a checksummed address: {self.to!r:.60}")


@dataclass(frozen=True, slots=True)
class Signature:
    """An ECDSA signature on secp256k1 in Ethereum's form; s beyond half the order is refused (EIP-2)."""

    y_parity: int
    r: int
    s: int

    def __post_init__(self) -> None:
        """Hold the bounds."""
        _bound("y_parity", self.y_parity, 0, 1)
        _bound("r", self.r, 1, CURVE_ORDER - 1)
        _bound("s", self.s, 1, CURVE_ORDER // 2)


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """A signed transaction: its raw bytes, and their keccak-256 as 0x-hex, by which every node knows it."""

    raw: bytes
    hash: str


def signing_payload(transaction: Transaction) -> bytes:
    """Return the bytes to be signed."""
    return TRANSACTION_TYPE + bytes(encode_raw(_fields(transaction)))


def digest(transaction: Transaction) -> bytes:
    """Return the 32 bytes that ECDSA signs."""
    return keccak(signing_payload(transaction))


def decode_payload(payload: bytes) -> Transaction:
    """Return the transaction whose signing payload these exact bytes are. Raises TransactionInvalid."""
    transaction = _transaction(_items(payload, _UNSIGNED_FIELDS))
    if signing_payload(transaction) != payload:
        raise TransactionInvalid("the payload is not in its canonical form")
    return transaction


def assemble(transaction: Transaction, signature: Signature) -> SignedTransaction:
    """Return the raw transaction. Does not check who signed: see `recover_sender`."""
    tail = [_octets(number) for number in (signature.y_parity, signature.r, signature.s)]
    raw = TRANSACTION_TYPE + bytes(encode_raw([*_fields(transaction), *tail]))
    return SignedTransaction(raw, "0x" + keccak(raw).hex())


def decode_raw(raw: bytes) -> tuple[Transaction, Signature]:
    """Return the parts of a raw transaction. Raises TransactionInvalid."""
    items = _items(raw, _SIGNED_FIELDS)
    transaction = _transaction(items[:_UNSIGNED_FIELDS])
    y_parity, r, s = (_number(item) for item in items[_UNSIGNED_FIELDS:])
    signature = Signature(y_parity, r, s)
    if assemble(transaction, signature).raw != raw:
        raise TransactionInvalid("the raw transaction is not in its canonical form")
    return transaction, signature


def recover_sender(raw: bytes) -> str:
    """Return the checksummed address whose key signed a raw transaction. Raises TransactionInvalid."""
    transaction, signature = decode_raw(raw)
    return signer_of(digest(transaction), signature)


def signer_of(digest: bytes, signature: Signature) -> str:
    """Return the checksummed address whose key signed 32 bytes (SEC 1, section 4.1.6). Raises TransactionInvalid."""
    try:
        point = recover(digest, signature.r, signature.s, signature.y_parity)
    except NoKeyRecovered as error:
        raise TransactionInvalid(f"the signature recovers to no key: {error}") from error
    return checksummed(keccak(point[1:])[-ADDRESS_BYTES:])


def to_record(transaction: Transaction) -> UnsignedTransaction:
    """Return the form that goes into events. Raises TransactionInvalid for a contract creation, which no event holds."""
    return _record(transaction, signing_payload(transaction))


def from_record(record: UnsignedTransaction) -> Transaction:
    """Return the transaction that the record's payload encodes, when its fields say the same. Raises TransactionInvalid."""
    payload = bytes.fromhex(record.signing_payload[2:])
    transaction = decode_payload(payload)
    if _record(transaction, payload) != record:
        raise TransactionInvalid("the payload to be signed is not the transaction that the fields describe")
    return transaction


def _record(transaction: Transaction, payload: bytes) -> UnsignedTransaction:
    if transaction.to is None:
        raise TransactionInvalid("a contract creation has no place in an order")
    return UnsignedTransaction(
        chain_id=transaction.chain_id,
        nonce=transaction.nonce,
        max_priority_fee_per_gas=transaction.max_priority_fee_per_gas,
        max_fee_per_gas=transaction.max_fee_per_gas,
        gas_limit=transaction.gas_limit,
        to=transaction.to,
        value=transaction.value,
        input="0x" + transaction.data.hex(),
        signing_payload="0x" + payload.hex(),
    )


def _bound(name: str, number: int, least: int, most: int) -> None:
    if not least <= number <= most:
        # Python refuses to write out numbers of thousands of digits, and what is hostile must be refused, not crash.
        told = str(number) if number.bit_length() <= UINT256_MAX.bit_length() * 2 else f"a number of {number.bit_length()} bits"
        raise TransactionInvalid(f"{name} is {told}, outside {least} to {most}")


def _octets(number: int) -> bytes:
    """Return the big-endian bytes without leading zeros, none for 0 (RLP's integers)."""
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _number(item: object) -> int:
    # Leading zeros are found by encoding again; here only the kind matters.
    if not isinstance(item, bytes):
        raise TransactionInvalid("a list stands where a number belongs")
    return int.from_bytes(item, "big")


def _fields(transaction: Transaction) -> list[bytes | list[bytes]]:
    return [
        _octets(transaction.chain_id),
        _octets(transaction.nonce),
        _octets(transaction.max_priority_fee_per_gas),
        _octets(transaction.max_fee_per_gas),
        _octets(transaction.gas_limit),
        b"" if transaction.to is None else bytes.fromhex(transaction.to[2:]),
        _octets(transaction.value),
        transaction.data,
        [],
    ]


def _items(encoded: bytes, count: int) -> list[object]:
    if encoded[:1] != TRANSACTION_TYPE:
        raise TransactionInvalid("not an EIP-1559 transaction: the first byte is not 0x02")
    try:
        items = rlp.decode(encoded[1:], strict=True)
    # rlp raises more than its own errors on hostile lengths.
    except (rlp.exceptions.RLPException, ValueError, IndexError, OverflowError, RecursionError) as error:
        raise TransactionInvalid(f"not RLP: {error}") from error
    if not isinstance(items, list) or len(items) != count:
        raise TransactionInvalid(f"an EIP-1559 transaction has {count} fields here")
    return items


def _transaction(items: list[object]) -> Transaction:
    chain_id, nonce, priority_fee, max_fee, gas_limit, to, value, call_input, access_list = items
    if access_list != []:
        raise TransactionInvalid("an access list is not among what we sign")
    if not isinstance(to, bytes) or len(to) not in (0, ADDRESS_BYTES) or not isinstance(call_input, bytes):
        raise TransactionInvalid("to is not an address, or data is not bytes")
    return Transaction(
        chain_id=_number(chain_id),
        nonce=_number(nonce),
        max_priority_fee_per_gas=_number(priority_fee),
        max_fee_per_gas=_number(max_fee),
        gas_limit=_number(gas_limit),
        to=checksummed(to) if to else None,
        value=_number(value),
        data=call_input,
    )
