"""EIP-712: hashes of a Safe's messages equal a second implementation's, which agrees with published vectors."""

from __future__ import annotations

from typing import Any, Final

from eth_account.messages import encode_typed_data
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from infra.ethereum.safe import transaction
from infra.ethereum.safe.transaction import SafeCall
from tests.vectors.published import published

SAFE_TX: Final = [
    {"name": "to", "type": "address"},
    {"name": "value", "type": "uint256"},
    {"name": "data", "type": "bytes"},
    {"name": "operation", "type": "uint8"},
    {"name": "safeTxGas", "type": "uint256"},
    {"name": "baseGas", "type": "uint256"},
    {"name": "gasPrice", "type": "uint256"},
    {"name": "gasToken", "type": "address"},
    {"name": "refundReceiver", "type": "address"},
    {"name": "nonce", "type": "uint256"},
]
NOBODY: Final = "0x" + "00" * 20

addresses = st.binary(min_size=20, max_size=20).map(to_checksum_address)
numbers = st.integers(0, 2**256 - 1)


def hashed(domain: dict[str, Any], types: dict[str, Any], message: dict[str, Any]) -> bytes:
    """The digest, as eth-account has it."""
    signable = encode_typed_data(domain_data=domain, message_types=types, message_data=message)
    return keccak(b"\x19" + signable.version + signable.header + signable.body)


def test_the_second_implementation_agrees_with_the_published_digests() -> None:
    vectors = published("ethers/eip712.json.gz")
    for vector in vectors:
        assert hashed(vector["domain"], vector["types"], vector["data"]).hex() == vector["digest"][2:], vector["name"]
    assert len(vectors) == 1_025


@given(
    call=st.builds(SafeCall, to=addresses, value=numbers, data=st.binary(max_size=300), executor_nonce=numbers),
    chain_id=st.integers(1, 2**64 - 1),
    safe=addresses,
    nonce=numbers,
)
def test_what_a_safes_owners_sign_is_the_typed_data_of_its_call(call: SafeCall, chain_id: int, safe: str, nonce: int) -> None:
    message = {
        "to": call.to,
        "value": call.value,
        "data": call.data,
        "operation": 0,
        "safeTxGas": 0,
        "baseGas": call.executor_nonce,
        "gasPrice": 0,
        "gasToken": NOBODY,
        "refundReceiver": NOBODY,
        "nonce": nonce,
    }
    expected = hashed({"chainId": chain_id, "verifyingContract": safe}, {"SafeTx": SAFE_TX}, message)
    assert transaction.digest(chain_id, safe, call, nonce) == expected
