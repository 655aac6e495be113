"""Wycheproof's ECDSA on secp256k1: a token's signature is accepted exactly when it is one of this key."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

import pytest
from coincurve import PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from infra.ethereum import transaction
from infra.ethereum.recovery import CURVE_ORDER, normalise
from tests.vectors.published import published


class Vector(NamedTuple):
    point: bytes
    digest: bytes
    signature: bytes
    is_valid: bool
    flags: tuple[str, ...]
    name: str


def vectors(file: str) -> Iterator[Vector]:
    for group in published(f"wycheproof/{file}.json")["testGroups"]:
        point = bytes.fromhex(group["publicKey"]["uncompressed"])
        for each in group["tests"]:
            yield Vector(
                point,
                hashlib.sha256(bytes.fromhex(each["msg"])).digest(),
                bytes.fromhex(each["sig"]),
                each["result"] == "valid",
                tuple(each["flags"]),
                f"{each['tcId']}: {each['comment']}",
            )


def raw(r: int, s: int) -> bytes:
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def is_beyond_ethereum(vector: Vector) -> bool:
    """Valid, but with a point whose x is not below the order: a transaction has a bit for the parity and none for that."""
    for recovery in (b"\x02", b"\x03"):
        # coincurve raises bare exceptions where no point has this x.
        with suppress(Exception):
            key = PublicKey.from_signature_and_message(vector.signature + recovery, vector.digest, hasher=None)
            if key.format(compressed=False) == vector.point:
                return True
    return False


def as_token_gives_it(vector: Vector) -> Vector:
    """A signature in DER as the 64 bytes of its numbers."""
    return vector._replace(signature=raw(*decode_dss_signature(vector.signature)))


def test_what_a_token_returns_is_a_signature_exactly_when_it_is_valid() -> None:
    judged: Counter[str] = Counter()
    for vector in vectors("ecdsa_secp256k1_sha256_p1363_test"):
        made = normalise(vector.signature, vector.digest, vector.point)
        if vector.is_valid and is_beyond_ethereum(vector):
            assert made is None, vector.name
            judged["beyond"] += 1
            continue
        assert (made is not None) == vector.is_valid, vector.name
        assert made is None or made.s <= CURVE_ORDER // 2
        judged["valid" if made else "invalid"] += 1
    assert judged == {"valid": 165, "invalid": 85, "beyond": 2}


def in_der(vector: Vector) -> tuple[int, int] | None:
    """The two numbers, None when these bytes are not their one encoding in DER."""
    try:
        r, s = decode_dss_signature(vector.signature)
    except ValueError:
        return None
    return (r, s) if encode_dss_signature(r, s) == vector.signature else None


def as_ours(r: int, s: int) -> transaction.Signature | None:
    """A signature as it stands in a transaction, None when its numbers are out of bounds."""
    try:
        return transaction.Signature(0, r, s)
    except transaction.TransactionInvalid:
        return None


def test_what_stands_in_a_transaction_has_its_numbers_in_bounds_and_the_lower_s() -> None:
    judged: Counter[bool] = Counter()
    for vector in vectors("ecdsa_secp256k1_sha256_bitcoin_test"):
        numbers = in_der(vector)
        if numbers is None:
            assert not vector.is_valid, vector.name
            continue
        if vector.is_valid and is_beyond_ethereum(as_token_gives_it(vector)):
            continue
        accepted = as_ours(*numbers) is not None and normalise(raw(*numbers), vector.digest, vector.point) is not None
        assert accepted == vector.is_valid, vector.name
        judged[vector.is_valid] += 1
    assert judged[True] == 161
    assert judged[False] == 84


def test_the_upper_s_is_malleable_and_no_transaction_has_it() -> None:
    (malleable,) = (
        each for each in vectors("ecdsa_secp256k1_sha256_bitcoin_test") if "SignatureMalleabilityBitcoin" in each.flags
    )
    r, s = decode_dss_signature(malleable.signature)
    with pytest.raises(transaction.TransactionInvalid, match="s is"):
        transaction.Signature(0, r, s)
    lowered = normalise(raw(r, s), malleable.digest, malleable.point)
    assert lowered is not None
    assert lowered.s == CURVE_ORDER - s


def test_both_forms_of_s_become_one_signature() -> None:
    for vector in vectors("ecdsa_secp256k1_sha256_p1363_test"):
        if (made := normalise(vector.signature, vector.digest, vector.point)) is not None:
            again = normalise(raw(made.r, CURVE_ORDER - made.s), vector.digest, vector.point)
            assert again == made, vector.name
