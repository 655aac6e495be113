"""From a token's raw ECDSA signature to an Ethereum one. Pure.

Decides the form: s in the lower half of the order (EIP-2), and the parity of R's y, which a token does not return and which is
found by recovering the public key (SEC 1, section 4.1.6). A key that recovers proves that the signature is valid under it, so
no other check is needed. Addresses are the last 20 bytes of keccak-256 (EIP-55 checksum). Leaves out the signed content, and
how chains encode v.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from coincurve import PublicKey
from eth_hash.auto import keccak

from infra.ethereum.addresses import checksummed

CURVE_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
DIGEST_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
POINT_BYTES: Final = 65


class NoKeyRecovered(ValueError):
    """No key can have made the signature."""


@dataclass(frozen=True, slots=True)
class RecoverableSignature:
    """An ECDSA signature on secp256k1 with s at most half the order. `y_parity` is 0 or 1."""

    y_parity: int
    r: int
    s: int


def address_of(point: bytes) -> str:
    """Return the checksummed address of an uncompressed public key (65 bytes, 0x04 first)."""
    return checksummed(keccak(point[1:])[-20:])


def normalise(raw: bytes, digest: bytes, point: bytes) -> RecoverableSignature | None:
    """Return the Ethereum form of `raw` (r and s, 32 bytes each) over `digest`, None when `point` did not make it."""
    if len(raw) != SIGNATURE_BYTES:
        return None
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    s = min(s, CURVE_ORDER - s)
    if not (0 < r < CURVE_ORDER and s > 0):
        return None
    for y_parity in (0, 1):
        with suppress(NoKeyRecovered):
            if recover(digest, r, s, y_parity) == point:
                return RecoverableSignature(y_parity, r, s)
    return None


def recover(digest: bytes, r: int, s: int, y_parity: int) -> bytes:
    """Return the uncompressed public key whose signature of 32 bytes this is (SEC 1, section 4.1.6). Raises NoKeyRecovered."""
    compact = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([y_parity])
    try:
        return PublicKey.from_signature_and_message(compact, digest, hasher=None).format(compressed=False)
    # coincurve raises bare exceptions when no point has this r, or the sum is the point at infinity.
    except Exception as error:
        raise NoKeyRecovered(str(error)) from error
