"""COSE public keys of WebAuthn credentials, and signatures under them. Pure.

Decides which algorithms an approval may rest on: ES256 on P-256 (RFC 9053, section 2.1) and EdDSA on Ed25519 (2.2), the
two that every FIDO2 key offers. Keys are read strictly: exactly the parameters of their type, in CTAP2 canonical CBOR.
Leaves out RSA, other curves and key attestation.
"""

from collections.abc import Mapping
from functools import lru_cache
from struct import error as struct_error
from typing import Final, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2 import cbor

from infra.proofs import ed25519

ALGORITHM: Final = 3
KEY_TYPE: Final = 1
CURVE: Final = -1
X: Final = -2
Y: Final = -3

ES256_PARAMETERS: Final = {KEY_TYPE: 2, ALGORITHM: -7, CURVE: 1}
EDDSA_PARAMETERS: Final = {KEY_TYPE: 1, ALGORITHM: -8, CURVE: 6}
COORDINATE_BYTES: Final = 32
COSE_KEY_BYTES_MAX: Final = 256
KEYS_READ_MAX: Final = 1_024
"""Keys that are kept as read: more than a firm has people."""


class CoseKeyInvalid(ValueError):
    """The bytes are not a key that an approval may rest on."""


def encode_es256(public_key: ec.EllipticCurvePublicKey) -> bytes:
    """Return the COSE key bytes of a P-256 public key."""
    point = public_key.public_numbers()
    x, y = (coordinate.to_bytes(COORDINATE_BYTES, "big") for coordinate in (point.x, point.y))
    return cbor.encode({**ES256_PARAMETERS, X: x, Y: y})


def verify(cose_key: bytes, message: bytes, signature: bytes) -> bool:
    """Return True if `signature` is that of `message` under `cose_key`. Raises CoseKeyInvalid."""
    public_key = _public_key(cose_key)
    if isinstance(public_key, bytes):
        return _verify_eddsa(public_key, message, signature)
    try:
        public_key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


@lru_cache(maxsize=KEYS_READ_MAX)
def _public_key(cose_key: bytes) -> ec.EllipticCurvePublicKey | bytes:
    """Return a point on P-256, or the bytes of an Ed25519 key. Cached: reading one costs as much as verifying with it."""
    key = _decode(cose_key)
    fixed = {name: key.get(name) for name in (KEY_TYPE, ALGORITHM, CURVE)}
    if fixed == ES256_PARAMETERS:
        return _point(key)
    if fixed == EDDSA_PARAMETERS:
        _only(key, {KEY_TYPE, ALGORITHM, CURVE, X})
        return _coordinate(key, X)
    raise CoseKeyInvalid(f"neither ES256 on P-256 nor EdDSA on Ed25519: {fixed}")


def _decode(cose_key: bytes) -> Mapping[object, object]:
    if len(cose_key) > COSE_KEY_BYTES_MAX:
        raise CoseKeyInvalid(f"{len(cose_key)} bytes, over {COSE_KEY_BYTES_MAX}")
    try:
        key = cbor.decode(cose_key)
        canonical = cbor.encode(key)
    # The decoder indexes and unpacks without looking, so what it raises on bad bytes is not one type.
    except (ValueError, LookupError, TypeError, ArithmeticError, RecursionError, struct_error) as failure:
        raise CoseKeyInvalid("not CBOR") from failure
    if not isinstance(key, Mapping) or canonical != cose_key:
        raise CoseKeyInvalid("not a map in canonical CBOR")
    # By type and not by isinstance: CBOR's true would pass for the number 1.
    if not all(type(name) is int and type(value) in {int, bytes} for name, value in key.items()):
        raise CoseKeyInvalid("a parameter is neither a number nor bytes")
    return cast("Mapping[object, object]", key)


def _coordinate(key: Mapping[object, object], name: int) -> bytes:
    value = key.get(name)
    if not isinstance(value, bytes) or len(value) != COORDINATE_BYTES:
        raise CoseKeyInvalid(f"parameter {name} is not {COORDINATE_BYTES} bytes")
    return value


def _only(key: Mapping[object, object], names: set[int]) -> None:
    if set(key) != names:
        raise CoseKeyInvalid(f"parameters {sorted(map(str, key))} are not those of its type")


def _point(key: Mapping[object, object]) -> ec.EllipticCurvePublicKey:
    _only(key, {KEY_TYPE, ALGORITHM, CURVE, X, Y})
    point = b"\x04" + _coordinate(key, X) + _coordinate(key, Y)
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError as failure:
        raise CoseKeyInvalid("not a point of P-256") from failure


def _verify_eddsa(public_key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        ed25519.verify(public_key, message, signature)
    except ed25519.PublicKeyRefused as failure:
        raise CoseKeyInvalid(str(failure)) from failure
    except ed25519.SignatureRefused:
        return False
    return True
