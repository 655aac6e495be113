"""A call in text has one meaning or is refused, and reads back as the text that was signed."""

from __future__ import annotations

import pytest
from eth_abi.abi import encode as abi_encode
from eth_utils.address import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from infra.ethereum import calldata, spelled_call
from infra.ethereum.calldata import MalformedCalldata

SPENDER = "0x5eee75727D804A2b13038928D36F8b188945A57a"
PAY = "pay(address,uint256)"


def spelled(kind: str) -> st.SearchStrategy[str]:
    """Some text of a value of this type."""
    if kind.lstrip("u").startswith("int"):
        bits = int(kind.lstrip("u")[3:])
        low, high = (0, 2**bits - 1) if kind.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        return st.integers(low, high).map(str)
    if kind.startswith("bytes"):
        sizes = (int(kind[5:]), int(kind[5:])) if kind[5:] else (0, 70)
        return st.binary(min_size=sizes[0], max_size=sizes[1]).map(lambda octets: f"0x{octets.hex()}")
    others = {
        "address": st.binary(min_size=20, max_size=20).map(to_checksum_address),
        "bool": st.sampled_from(["true", "false"]),
        "string": st.text(st.characters(exclude_categories=["Cs"]), max_size=70),
    }
    return others[kind]


KINDS = ["address", "bool", "string", "bytes", "bytes1", "bytes32", "uint8", "uint256", "int8", "int256"]
calls = st.lists(st.sampled_from(KINDS), max_size=5).flatmap(
    lambda kinds: st.tuples(st.just(f"f({','.join(kinds)})"), st.tuples(*map(spelled, kinds)).map(list))
)


@given(calls)
def test_a_call_reads_back_as_its_text(call: tuple[str, list[str]]) -> None:
    signature, arguments = call
    assert spelled_call.decode(signature, spelled_call.encode(signature, arguments)) == arguments


@given(calls, st.data())
def test_no_other_bytes_read_as_the_same_text(call: tuple[str, list[str]], data: st.DataObject) -> None:
    signature, arguments = call
    encoded = bytearray(spelled_call.encode(signature, arguments))
    encoded[data.draw(st.integers(0, len(encoded) - 1))] ^= data.draw(st.integers(1, 255))
    for forged in (bytes(encoded), bytes(encoded) + b"\x00" * 32):
        try:
            assert spelled_call.decode(signature, forged) != arguments
        except MalformedCalldata:
            continue


@given(st.builds(calldata.Withdraw, st.integers(0, 2**256 - 1), *[spelled("address")] * 2))
def test_it_makes_the_same_bytes_as_a_call_of_ours(call: calldata.Withdraw) -> None:
    assert spelled_call.encode(call.SIGNATURE, [str(call.assets), call.receiver, call.owner]) == calldata.encode(call)


@pytest.mark.parametrize(
    ("signature", "arguments"),
    [
        ("pay", []),
        ("pay(address, uint256)", [SPENDER, "1"]),
        ("pay(address,uint256) ", [SPENDER, "1"]),
        ("1pay()", []),
        ("pay(uint)", ["1"]),
        ("pay(uint7)", ["1"]),
        ("pay(bytes33)", ["0x" + "00" * 33]),
        ("pay(address[])", [SPENDER]),
        ("pay((address,uint256))", [SPENDER, "1"]),
        ("pay(address,)", [SPENDER, ""]),
        (PAY, [SPENDER]),
        (PAY, [SPENDER, "1", "2"]),
        (PAY, [SPENDER.lower(), "1"]),
        (PAY, [SPENDER, "01"]),
        (PAY, [SPENDER, "-0"]),
        (PAY, [SPENDER, "-1"]),
        (PAY, [SPENDER, "+1"]),
        (PAY, [SPENDER, "1e3"]),
        (PAY, [SPENDER, "0x1"]),
        (PAY, [SPENDER, "٣"]),
        (PAY, [SPENDER, str(2**256)]),
        ("set(bool)", ["True"]),
        ("set(bool)", ["1"]),
        ("set(int8)", ["128"]),
        ("set(bytes)", ["0xAB"]),
        ("set(bytes)", ["ab"]),
        ("set(bytes4)", ["0xabcdef"]),
        ("set(string)", ["\ud800"]),
    ],
)  # fmt: skip
def test_what_could_mean_two_things_or_nothing_is_refused(signature: str, arguments: list[str]) -> None:
    with pytest.raises(MalformedCalldata):
        spelled_call.encode(signature, arguments)


@pytest.mark.parametrize(
    ("signature", "octets"),
    [
        (PAY, spelled_call.selector("pay(address,uint8)") + abi_encode(["address", "uint256"], [SPENDER, 1])),
        (PAY, spelled_call.selector(PAY) + abi_encode(["address"], [SPENDER])),
        ("say(string)", spelled_call.selector("say(string)") + abi_encode(["bytes"], [b"\xff"])),
        # The text lies somewhere else than where an encoder puts it.
        ("say(string)", spelled_call.selector("say(string)") + abi_encode(["uint256"] * 3, [64, 0, 0])),
    ],
)
def test_bytes_that_are_no_such_call_are_refused(signature: str, octets: bytes) -> None:
    with pytest.raises(MalformedCalldata):
        spelled_call.decode(signature, octets)
