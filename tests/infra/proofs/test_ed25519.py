"""Ed25519 is verified strictly in the cases where implementations are known to differ."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from infra.proofs.ed25519 import (
    FIELD_PRIME,
    GROUP_ORDER,
    SMALL_ORDER_Y,
    Ed25519Refused,
    PublicKeyRefused,
    SignatureRefused,
    public_bytes,
    sign,
    verify,
)

# RFC 8032, section 7.1, tests 1 to 3: secret, public, message, signature.
RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = public_bytes(KEY)
PAYLOAD = b"pay 1"
SIGNATURE = sign(KEY, PAYLOAD)

# All points of order 1, 2, 4 and 8 in their canonical encodings, then encodings of them that are not canonical.
SMALL_ORDER = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
]
NOT_CANONICAL = [
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
]


@pytest.mark.parametrize(("secret", "public", "message", "signature"), RFC_8032)
def test_the_vectors_of_rfc_8032_hold(secret: str, public: str, message: str, signature: str) -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret))
    assert public_bytes(key).hex() == public
    assert sign(key, bytes.fromhex(message)).hex() == signature
    verify(bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature))


def test_the_y_of_order_eight_solves_the_curves_equation() -> None:
    """Doubling a point of order 8 gives y = 0: on the curve, d y^4 + 2 y^2 = 1."""
    d = -121665 * pow(121666, -1, FIELD_PRIME) % FIELD_PRIME
    others = SMALL_ORDER_Y - {0, 1, FIELD_PRIME - 1}
    assert len(others) == 2
    assert all((d * y**4 + 2 * y**2) % FIELD_PRIME == 1 for y in others)


@pytest.mark.parametrize("public", SMALL_ORDER + NOT_CANONICAL)
def test_a_key_under_which_anybody_could_sign_is_refused(public: str) -> None:
    # R the identity and S zero fit such a key, and every payload whose hash is a multiple of its order.
    forged = (1).to_bytes(32, "little") + bytes(32)
    for nonce in range(16):
        with pytest.raises(PublicKeyRefused):
            verify(bytes.fromhex(public), bytes([nonce]), forged)


def test_a_signature_rewritten_with_a_larger_s_is_refused() -> None:
    s = int.from_bytes(SIGNATURE[32:], "little") + GROUP_ORDER
    with pytest.raises(SignatureRefused, match="not reduced"):
        verify(PUBLIC, PAYLOAD, SIGNATURE[:32] + s.to_bytes(32, "little"))


@pytest.mark.parametrize(
    ("public", "payload", "signature", "refusal"),
    [
        (PUBLIC, PAYLOAD + b"0", SIGNATURE, SignatureRefused),
        (PUBLIC, b"", SIGNATURE, SignatureRefused),
        (PUBLIC, PAYLOAD, SIGNATURE[:-1], SignatureRefused),
        (PUBLIC, PAYLOAD, SIGNATURE + b"\x00", SignatureRefused),
        (PUBLIC, PAYLOAD, b"", SignatureRefused),
        (PUBLIC, PAYLOAD, bytes(64), SignatureRefused),
        (PUBLIC, PAYLOAD, SIGNATURE[:32] + bytes(32), SignatureRefused),
        (PUBLIC, PAYLOAD, FIELD_PRIME.to_bytes(32, "little") + SIGNATURE[32:], SignatureRefused),
        (public_bytes(Ed25519PrivateKey.from_private_bytes(bytes(32))), PAYLOAD, SIGNATURE, SignatureRefused),
        (PUBLIC[:-1], PAYLOAD, SIGNATURE, PublicKeyRefused),
        (PUBLIC + b"\x00", PAYLOAD, SIGNATURE, PublicKeyRefused),
    ],
)
def test_whatever_was_not_signed_is_refused(
    public: bytes, payload: bytes, signature: bytes, refusal: type[Ed25519Refused]
) -> None:
    with pytest.raises(refusal):
        verify(public, payload, signature)


@given(payload=st.binary(max_size=200), at=st.integers(0, 63), mask=st.integers(1, 255))
def test_one_changed_byte_of_a_signature_is_refused(payload: bytes, at: int, mask: int) -> None:
    signature = sign(KEY, payload)
    verify(PUBLIC, payload, signature)
    with pytest.raises(SignatureRefused):
        verify(PUBLIC, payload, signature[:at] + bytes([signature[at] ^ mask]) + signature[at + 1 :])


@given(public=st.binary(min_size=32, max_size=32))
def test_arbitrary_bytes_as_a_key_never_verify(public: bytes) -> None:
    if public != PUBLIC:
        with pytest.raises(Ed25519Refused):
            verify(public, PAYLOAD, SIGNATURE)
