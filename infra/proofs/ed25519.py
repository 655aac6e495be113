"""Ed25519 signatures of systems over their commands (RFC 8032, section 5.1). Pure.

Decides strictly, so that every verifier, today's and one in ten years, gives the same answer where implementations are
known to differ (Chalkias, Garillot and Nikolaenko, "Taming the many EdDSAs", 2020): a public key must be encoded
canonically and not be of small order, under which a signature could fit any message; a signature's S must be reduced.
Leaves out the contexts of Ed25519ctx and Ed25519ph: domain separation is in the payload.
"""

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PUBLIC_KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
FIELD_PRIME: Final = 2**255 - 19
GROUP_ORDER: Final = 2**252 + 27742317777372353535851937790883648493
_SIGN_BIT: Final = 1 << 255
# The y of the points of order 1, 2, 4 and 8; with either x, they generate at most eight points.
_ORDER_EIGHT_Y: Final = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
SMALL_ORDER_Y: Final = frozenset({0, 1, FIELD_PRIME - 1, _ORDER_EIGHT_Y, FIELD_PRIME - _ORDER_EIGHT_Y})


class Ed25519Refused(Exception):
    """A key or a signature is not accepted."""


class PublicKeyRefused(Ed25519Refused):
    """The public key is invalid: it would not bind a signer."""


class SignatureRefused(Ed25519Refused):
    """The signature is not that of the payload under the key."""


def verify(public_key: bytes, payload: bytes, signature: bytes) -> None:
    """Return when `signature` (64 bytes) is that of `payload` under `public_key` (32 bytes).

    Raises PublicKeyRefused or SignatureRefused.
    """
    key = _public_key(public_key)
    if len(signature) != SIGNATURE_BYTES:
        raise SignatureRefused(f"a signature has {SIGNATURE_BYTES} bytes, this has {len(signature)}")
    if int.from_bytes(signature[32:], "little") >= GROUP_ORDER:
        raise SignatureRefused("its S is not reduced, so it is a rewriting of another signature")
    try:
        key.verify(signature, payload)
    except InvalidSignature:
        raise SignatureRefused("it was not made by this key over this payload") from None


def sign(private_key: Ed25519PrivateKey, payload: bytes) -> bytes:
    """Return the 64-byte signature of `payload`."""
    return private_key.sign(payload)


def public_bytes(private_key: Ed25519PrivateKey) -> bytes:
    """Return the 32 bytes of the public half."""
    return private_key.public_key().public_bytes_raw()


def _public_key(public_key: bytes) -> Ed25519PublicKey:
    if len(public_key) != PUBLIC_KEY_BYTES:
        raise PublicKeyRefused(f"a public key has {PUBLIC_KEY_BYTES} bytes, this has {len(public_key)}")
    y = int.from_bytes(public_key, "little") & ~_SIGN_BIT
    if y >= FIELD_PRIME:
        raise PublicKeyRefused("its encoding is not canonical")
    if y in SMALL_ORDER_Y:
        raise PublicKeyRefused("it is of small order: anybody could sign for it")
    return Ed25519PublicKey.from_public_bytes(public_key)
