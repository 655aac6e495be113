"""Calldata has one meaning or is refused."""

from __future__ import annotations

import pytest
from eth_utils.address import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from infra.chain.world import artefacts
from infra.chain.world.artefacts import artefact
from infra.ethereum.calldata import (
    Approve,
    Call,
    CalldataRefused,
    Deposit,
    ExactInputSingle,
    MalformedCalldata,
    Transfer,
    UnknownSelector,
    Withdraw,
    decode,
    encode,
)

addresses = st.binary(min_size=20, max_size=20).map(to_checksum_address)
amounts = st.integers(0, 2**256 - 1)
transfers = st.builds(Transfer, addresses, amounts)
approvals = st.builds(Approve, addresses, amounts)
swaps = st.builds(
    ExactInputSingle,
    addresses,
    addresses,
    st.integers(0, 2**24 - 1),
    addresses,
    amounts,
    amounts,
    amounts,
    st.integers(0, 2**160 - 1),
)
deposits = st.builds(Deposit, amounts, addresses)
withdrawals = st.builds(Withdraw, amounts, addresses, addresses)
calls = transfers | approvals | swaps | deposits | withdrawals

SPENDER = "0x5eee75727D804A2b13038928D36F8b188945A57a"


@given(calls)
def test_a_call_reads_back_as_itself(call: Call) -> None:
    assert decode(encode(call)) == call


@given(calls, st.binary(min_size=1, max_size=64))
def test_trailing_bytes_are_refused(call: Call, extra: bytes) -> None:
    with pytest.raises(MalformedCalldata):
        decode(encode(call) + extra)


@given(calls, st.data())
def test_truncated_calldata_is_refused(call: Call, data: st.DataObject) -> None:
    encoded = encode(call)
    with pytest.raises(CalldataRefused):
        decode(encoded[: data.draw(st.integers(0, len(encoded) - 1))])


@given(calls, st.integers(0, 11), st.integers(1, 255))
def test_dirty_bits_above_an_address_are_refused(call: Call, place: int, bits: int) -> None:
    encoded = bytearray(encode(call))
    encoded[4 + 32 * call.TYPES.index("address") + place] |= bits
    with pytest.raises(MalformedCalldata):
        decode(bytes(encoded))


@given(swaps, st.integers(0, 28), st.integers(1, 255))
def test_dirty_bits_above_a_pool_fee_are_refused(swap: ExactInputSingle, place: int, bits: int) -> None:
    encoded = bytearray(encode(swap))
    encoded[4 + 2 * 32 + place] |= bits
    with pytest.raises(MalformedCalldata):
        decode(bytes(encoded))


@given(st.binary(max_size=300))
def test_noise_is_refused_or_read_exactly(noise: bytes) -> None:
    for selector in (b"", encode(Transfer(SPENDER, 1))[:4], encode(Approve(SPENDER, 1))[:4]):
        try:
            assert encode(decode(selector + noise)) == selector + noise
        except CalldataRefused:
            continue


@pytest.mark.parametrize("calldata", ["", "a9059c", "deadbeef" + "00" * 64, "39509351" + "00" * 64])
def test_an_unknown_function_is_refused_by_its_selector(calldata: str) -> None:
    with pytest.raises(UnknownSelector, match="0x" + calldata[:8]):
        decode(bytes.fromhex(calldata))


@pytest.mark.parametrize(
    "call",
    [Transfer(SPENDER.lower(), 1), Transfer(SPENDER, 2**256), Transfer(SPENDER, -1), Approve("0x", 1), Transfer("", 1)],
    ids=repr,
)
def test_arguments_that_have_no_encoding_are_refused(call: Call) -> None:
    with pytest.raises(MalformedCalldata):
        encode(call)


def test_the_published_interfaces_encode_the_same_calls() -> None:
    token, router = artefact(artefacts.FIAT_TOKEN), artefact(artefacts.SWAP_ROUTER)
    swap = (SPENDER, SPENDER, 100, SPENDER, 2**40, 10**12, 3, 7)
    assert encode(Transfer(SPENDER, 5)) == token.call("transfer", SPENDER, 5)
    assert encode(Approve(SPENDER, 5)) == token.call("approve", SPENDER, 5)
    assert encode(ExactInputSingle(*swap)) == router.call("exactInputSingle", swap)
