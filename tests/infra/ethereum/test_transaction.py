"""Encodes transactions to the bytes of published ones, and decodes strictly."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import rlp  # type: ignore[import-untyped]  # ships no types
from eth_account import Account
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from infra.ethereum.transaction import (
    CURVE_ORDER,
    DATA_BYTES_MAX,
    Signature,
    Transaction,
    TransactionInvalid,
    assemble,
    decode_payload,
    decode_raw,
    digest,
    from_record,
    recover_sender,
    signing_payload,
    to_record,
)

# Ethereum mainnet transaction 0x0ec0b6a2df4d87424e5f6ad2a654e27aaeb7dac20ae9e8385cc09087ad532ee0.
MAINNET = Transaction(
    chain_id=1,
    nonce=0x42,
    max_priority_fee_per_gas=1_000_000_000,
    max_fee_per_gas=20_000_000_000,
    gas_limit=44_386,
    to="0x6069a6C32cf691F5982FEbAe4fAf8a6f3AB2F0F6",
    value=0,
    data=bytes.fromhex("a22cb465" + "5eee75727d804a2b13038928d36f8b188945a57a".rjust(64, "0") + "0" * 64),
)
MAINNET_SIGNATURE = Signature(
    y_parity=0,
    r=0x840CFC572845F5786E702984C2A582528CAD4B49B2A10B9DB1BE7FCA90058565,
    s=0x25E7109CEB98168D95B09B18BBF6B685130E0562F233877D492B94EEE0C5B6D1,
)

# ethereum/tests, TransactionTests/ttEIP1559: name, raw transaction.
SIGNED_TAIL = (
    "82520894095e7baea6a6c7c4c2dfeb977efac326af552d878080c080"
    "a05cbd172231fc0735e0fb994dd5b1a4939170a260b36f0427a8a80866b063b948"
    "a07c230f7f578dd61785c93361b9871c0706ebfa6d06e3f4491dc9558c5202ed36"
)
ACCEPTED = "02f885018084773594009f02" + "ff" * 30 + SIGNED_TAIL
REFUSED = {
    "GasLimitPriceProductOverflow": "02f885018084773594009f03" + "ff" * 30 + SIGNED_TAIL,
    "maxFeePerGas00prefix": "02f88701808477359400a100" + "ff" * 32 + SIGNED_TAIL,
    "maxFeePerGas32BytesValue": "02f88601808477359400a0" + "ff" * 32 + SIGNED_TAIL,
    "maxPriorityFeePerGas00prefix": "02f8870180a100" + "ff" * 32 + "84b2d05e00" + SIGNED_TAIL,
    "maxPriorityFeePerGasOverflow": "02f8870180a101" + "00" * 32 + "84b2d05e00" + SIGNED_TAIL,
    "maxPriorityFeePerGass32BytesValue": "02f8860180a0" + "ff" * 32 + "84b2d05e00" + SIGNED_TAIL,
}

addresses = st.binary(min_size=20, max_size=20).map(to_checksum_address)
fees = st.integers(0, 2**190)


@st.composite
def transactions(draw: st.DrawFn) -> Transaction:
    cap = draw(fees)
    return Transaction(
        chain_id=draw(st.integers(1, 2**64 - 1)),
        nonce=draw(st.integers(0, 2**64 - 2)),
        max_priority_fee_per_gas=draw(st.integers(0, cap)),
        max_fee_per_gas=cap,
        gas_limit=draw(st.integers(0, 2**64 - 1)),
        to=draw(st.none() | addresses),
        value=draw(st.integers(0, 2**256 - 1)),
        data=draw(st.binary(max_size=300)),
    )


def test_a_mainnet_transaction_comes_out_byte_for_byte() -> None:
    signed = assemble(MAINNET, MAINNET_SIGNATURE)
    assert signed.hash == "0x0ec0b6a2df4d87424e5f6ad2a654e27aaeb7dac20ae9e8385cc09087ad532ee0"
    assert recover_sender(signed.raw) == "0xDD6B8b3dC6B7AD97db52F08a275FF4483e024CEa"
    assert decode_raw(signed.raw) == (MAINNET, MAINNET_SIGNATURE)


def test_the_reference_tests_accepted_transaction_is_accepted() -> None:
    raw = bytes.fromhex(ACCEPTED)
    assert "0x" + keccak(raw).hex() == "0xdad8bff3ecfcf95169b1d5625b47f3372be795802bc4fe570991cf332f609334"
    assert recover_sender(raw) == to_checksum_address("0xae2aec498d20869d441eaaf708fb1e375ae1787d")
    assert assemble(*decode_raw(raw)).raw == raw


@pytest.mark.parametrize("name", REFUSED)
def test_the_reference_tests_refused_transactions_are_refused(name: str) -> None:
    with pytest.raises(TransactionInvalid):
        decode_raw(bytes.fromhex(REFUSED[name]))


@given(transactions())
def test_a_payload_decodes_to_the_transaction_it_came_from(transaction: Transaction) -> None:
    assert decode_payload(signing_payload(transaction)) == transaction


@given(transactions(), st.integers(1, CURVE_ORDER - 1))
def test_a_second_implementation_signs_the_same_bytes(transaction: Transaction, key: int) -> None:
    fields: dict[str, Any] = {
        "type": 2,
        "chainId": transaction.chain_id,
        "nonce": transaction.nonce,
        "maxPriorityFeePerGas": transaction.max_priority_fee_per_gas,
        "maxFeePerGas": transaction.max_fee_per_gas,
        "gas": transaction.gas_limit,
        "to": transaction.to or b"",
        "value": transaction.value,
        "data": transaction.data,
    }
    account = Account.from_key(key.to_bytes(32, "big"))
    theirs = account.sign_transaction(fields)
    ours = assemble(transaction, Signature(theirs.v, theirs.r, theirs.s))
    assert ours.raw == bytes(theirs.raw_transaction)
    assert ours.hash == "0x" + bytes(theirs.hash).hex()
    assert recover_sender(ours.raw) == account.address
    assert digest(transaction) == keccak(signing_payload(transaction))


@given(transactions(), st.binary(min_size=1, max_size=40))
def test_trailing_bytes_are_refused(transaction: Transaction, extra: bytes) -> None:
    with pytest.raises(TransactionInvalid):
        decode_payload(signing_payload(transaction) + extra)


@given(transactions(), st.data())
def test_truncated_payloads_are_refused(transaction: Transaction, data: st.DataObject) -> None:
    payload = signing_payload(transaction)
    with pytest.raises(TransactionInvalid):
        decode_payload(payload[: data.draw(st.integers(0, len(payload) - 1))])


@given(transactions(), st.data())
def test_a_payload_with_a_bit_flipped_is_refused_or_another_transaction(transaction: Transaction, data: st.DataObject) -> None:
    payload = bytearray(signing_payload(transaction))
    payload[data.draw(st.integers(0, len(payload) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        other = decode_payload(bytes(payload))
    except TransactionInvalid:
        return
    assert other != transaction
    assert signing_payload(other) == payload


@given(st.binary(max_size=200))
def test_noise_is_refused_or_read_exactly(noise: bytes) -> None:
    for payload in (noise, b"\x02" + noise):
        try:
            assert signing_payload(decode_payload(payload)) == payload
        except TransactionInvalid:
            continue


def _payload(**changed: object) -> bytes:
    fields: dict[str, object] = {
        "chain_id": b"\x01",
        "nonce": b"\x42",
        "priority": b"\x01",
        "fee": b"\x02",
        "gas": b"\x52\x08",
        "to": b"\x11" * 20,
        "value": b"",
        "data": b"",
        "access": [],
    }
    return b"\x02" + bytes(rlp.encode(list({**fields, **changed}.values())))


@pytest.mark.parametrize(
    "payload",
    [
        _payload(access=[[b"\x22" * 20, []]]),
        _payload(access=b""),
        _payload(nonce=b"\x00"),
        _payload(nonce=b"\x00\x42"),
        _payload(nonce=[]),
        _payload(nonce=b"\xff" * 8),
        _payload(nonce=b"\xff" * 4_000),
        _payload(gas=b"\xff" * 4_000),
        _payload(chain_id=b""),
        _payload(to=b"\x11" * 19),
        _payload(to=b"\x11" * 21),
        _payload(to=[]),
        _payload(data=[b"\x01"]),
        _payload(priority=b"\x03"),
        _payload(extra=b""),
        _payload()[1:],
        b"\x01" + _payload()[1:],
        b"\x02\x80",
        b"\x02" + b"\xff" * 9,
        b"\x02" + b"\xc1" * 3_000 + b"\xc0",
        b"",
    ],
    ids=lambda payload: payload[:24].hex() or "empty",
)
def test_what_is_no_canonical_payload_is_refused(payload: bytes) -> None:
    assert decode_payload(_payload()).nonce == 0x42
    with pytest.raises(TransactionInvalid):
        decode_payload(payload)


@pytest.mark.parametrize(
    "changed",
    [
        {"chain_id": 0},
        {"nonce": -1},
        {"nonce": 2**64 - 1},
        {"max_priority_fee_per_gas": 20_000_000_001},
        {"gas_limit": 2**64},
        {"max_fee_per_gas": 2**256 // 44_386 + 1},
        {"value": 2**256},
        {"to": "0x6069a6c32cf691f5982febae4faf8a6f3ab2f0f6"},
        {"to": "0x6069a6C32cf691F5982FEbAe4fAf8a6f3AB2F0F7"},
        {"data": bytes(DATA_BYTES_MAX + 1)},
    ],
    ids=str,
)
def test_a_field_out_of_bounds_makes_no_transaction(changed: dict[str, Any]) -> None:
    with pytest.raises(TransactionInvalid):
        replace(MAINNET, **changed)


@pytest.mark.parametrize(
    "changed", [{"s": CURVE_ORDER - MAINNET_SIGNATURE.s}, {"y_parity": 27}, {"r": 0}, {"r": CURVE_ORDER}, {"s": 0}], ids=str
)
def test_a_signature_has_one_form(changed: dict[str, int]) -> None:
    with pytest.raises(TransactionInvalid):
        replace(MAINNET_SIGNATURE, **changed)


def test_a_signature_by_no_key_is_refused() -> None:
    # No point of the curve has this x: 5^3 + 7 is not a square modulo the field's prime.
    with pytest.raises(TransactionInvalid):
        recover_sender(assemble(MAINNET, Signature(0, 5, 1)).raw)


def test_a_signature_with_leading_zeros_is_refused() -> None:
    items = rlp.decode(assemble(MAINNET, MAINNET_SIGNATURE).raw[1:])
    for field in (-3, -2, -1):
        padded = [*items]
        padded[field] = b"\x00" + padded[field]
        with pytest.raises(TransactionInvalid):
            decode_raw(b"\x02" + rlp.encode(padded))


def test_a_record_holds_the_transaction_and_its_bytes() -> None:
    assert from_record(to_record(MAINNET)) == MAINNET


@pytest.mark.parametrize(
    "changed",
    [
        {"value": 1},
        {"to": "0x5eee75727D804A2b13038928D36F8b188945A57a"},
        {"input": "0x"},
        {"signing_payload": "0x" + signing_payload(replace(MAINNET, nonce=0x43)).hex()},
        {"signing_payload": "0x" + signing_payload(replace(MAINNET, to=None)).hex()},
        {"signing_payload": "0x" + signing_payload(MAINNET).hex() + "00"},
    ],
    ids=str,
)
def test_a_record_whose_bytes_say_something_else_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(TransactionInvalid):
        from_record(to_record(MAINNET).model_copy(update=changed))


def test_a_contract_creation_has_no_record() -> None:
    with pytest.raises(TransactionInvalid):
        to_record(replace(MAINNET, to=None))
