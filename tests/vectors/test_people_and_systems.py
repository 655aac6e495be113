"""Wycheproof's Ed25519 and ECDSA on P-256: signatures of systems and people are verified exactly as strictly as it asks."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec

from infra.proofs import cose, ed25519
from tests.vectors.published import published

ED25519: Final[list[dict[str, Any]]] = published("wycheproof/ed25519_test.json")["testGroups"]
P256: Final[list[dict[str, Any]]] = published("wycheproof/ecdsa_secp256r1_sha256_test.json")["testGroups"]


def is_systems(public_key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        ed25519.verify(public_key, message, signature)
    except ed25519.Ed25519Refused:
        return False
    return True


def test_systems_signatures_hold_exactly_when_they_are_valid() -> None:
    judged: Counter[bool] = Counter()
    for group in ED25519:
        key = bytes.fromhex(group["publicKey"]["pk"])
        for each in group["tests"]:
            held = is_systems(key, bytes.fromhex(each["msg"]), bytes.fromhex(each["sig"]))
            assert held == (each["result"] == "valid"), f"{each['tcId']}: {each['comment']}"
            judged[held] += 1
    assert judged == {True: 88, False: 63}


def test_peoples_signatures_hold_exactly_when_they_are_valid() -> None:
    judged: Counter[bool] = Counter()
    for group in P256:
        point = bytes.fromhex(group["publicKey"]["uncompressed"])
        key = cose.encode_es256(ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point))
        for each in group["tests"]:
            held = cose.verify(key, bytes.fromhex(each["msg"]), bytes.fromhex(each["sig"]))
            assert held == (each["result"] == "valid"), f"{each['tcId']}: {each['comment']}"
            judged[held] += 1
    assert judged == {True: 174, False: 310}
