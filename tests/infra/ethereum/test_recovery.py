"""A raw ECDSA signature becomes an Ethereum one, or is refused as no signature of this key."""

import pytest
from coincurve import PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from infra.ethereum.recovery import CURVE_ORDER, RecoverableSignature, address_of, normalise

# The first account of the mnemonic that all development chains know, "test test … junk".
KEY = PrivateKey(bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"))
POINT = KEY.public_key.format(compressed=False)
DIGEST = bytes(range(32))


def made(digest: bytes) -> RecoverableSignature:
    """libsecp256k1's signature: already with low s, and with the parity."""
    signature = KEY.sign_recoverable(digest, hasher=None)
    return RecoverableSignature(signature[64], int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big"))


def raw(r: int, s: int) -> bytes:
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def test_an_address_is_the_checksummed_end_of_the_points_hash() -> None:
    assert address_of(POINT) == "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


@given(digest=st.binary(min_size=32, max_size=32))
def test_both_forms_of_s_become_the_low_one_with_its_parity(digest: bytes) -> None:
    expected = made(digest)
    assert expected.s <= CURVE_ORDER // 2
    assert normalise(raw(expected.r, expected.s), digest, POINT) == expected
    assert normalise(raw(expected.r, CURVE_ORDER - expected.s), digest, POINT) == expected


GOOD = made(DIGEST)


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        raw(GOOD.r, GOOD.s)[:-1],
        raw(GOOD.r, GOOD.s) + b"\x00",
        raw(0, GOOD.s),
        raw(GOOD.r, 0),
        raw(CURVE_ORDER, GOOD.s),
        raw(GOOD.r, CURVE_ORDER),
        raw(2**256 - 1, 2**256 - 1),
        raw(5, GOOD.s),  # no point of the curve has x = 5
        raw(GOOD.s, GOOD.r),
        raw(GOOD.r, GOOD.s + 1),
    ],
)
def test_what_is_no_signature_of_this_key_over_this_digest_is_none(signature: bytes) -> None:
    assert normalise(signature, DIGEST, POINT) is None


def test_another_keys_or_another_digests_signature_is_none() -> None:
    other = PrivateKey(bytes(31) + b"\x01").public_key.format(compressed=False)
    assert normalise(raw(GOOD.r, GOOD.s), DIGEST, other) is None
    assert normalise(raw(GOOD.r, GOOD.s), bytes(32), POINT) is None
