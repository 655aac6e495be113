"""Bytes that one receiver can read: X25519 (RFC 7748), HKDF-SHA-256 (RFC 5869), ChaCha20-Poly1305 (RFC 8439). No state.

The form is that of DHKEM and its AEAD in HPKE (RFC 9180) without its framing: a new key pair for each message, and a key
derived from the shared secret, both public halves and the context, and so used once. A changed byte or another context
(session, sender, round) makes the message unreadable. Leaves out the sender's identity: the sender signs the envelope with its
Ed25519 key (`infra.proofs.ed25519`), which must never be the key of the agreement.
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PUBLIC_KEY_BYTES: Final = 32
TAG_BYTES: Final = 16
VERSION: Final = b"\x01"
DOMAIN: Final = b"proofdesk/envelope/v1\x00"
# The key is derived anew for each envelope, so that one nonce is enough.
NONCE: Final = bytes(12)
# Which key tries whether another is of low order makes no difference: with such a one all agree on nothing.
_ANY: Final = X25519PrivateKey.from_private_bytes(bytes([9]) * PUBLIC_KEY_BYTES)


class EnvelopeRefused(Exception):
    """It is not for this receiver, not of this context, or was changed."""

    def __init__(self, reason: str = "it was not made for this receiver and context, or was changed") -> None:
        """Say no more than that: which of them it is would help who tries."""
        super().__init__(reason)


def encrypt(plain: bytes, receiver_public: bytes, context: bytes) -> bytes:
    """Return `plain` for the holder of the X25519 key `receiver_public` (32 bytes), who must name the same `context`.

    Raises EnvelopeRefused when no secret can be agreed on with such a key.
    """
    ephemeral = X25519PrivateKey.generate()
    ephemeral_public = ephemeral.public_key().public_bytes_raw()
    key = _key(ephemeral, receiver_public, ephemeral_public + receiver_public)
    return VERSION + ephemeral_public + ChaCha20Poly1305(key).encrypt(NONCE, plain, context)


def decrypt(envelope: bytes, receiver_private: X25519PrivateKey, context: bytes) -> bytes:
    """Return what was encrypted to `receiver_private` in `context`. Raises EnvelopeRefused."""
    head = len(VERSION) + PUBLIC_KEY_BYTES
    if len(envelope) < head + TAG_BYTES or not envelope.startswith(VERSION):
        raise EnvelopeRefused
    ephemeral_public = envelope[len(VERSION) : head]
    receiver_public = receiver_private.public_key().public_bytes_raw()
    key = _key(receiver_private, ephemeral_public, ephemeral_public + receiver_public)
    try:
        return ChaCha20Poly1305(key).decrypt(NONCE, envelope[head:], context)
    except InvalidTag:
        raise EnvelopeRefused from None


def is_receiver(public: bytes) -> bool:
    """Return True if X25519 can encrypt to the key; False for another length or a point of low order (RFC 7748, 6.1)."""
    try:
        _key(_ANY, public, public)
    except EnvelopeRefused:
        return False
    return True


def _key(private: X25519PrivateKey, public: bytes, publics: bytes) -> bytes:
    try:
        shared = private.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:
        raise EnvelopeRefused("the public key is not one that a secret can be agreed on with") from None
    return HKDF(SHA256(), 32, salt=None, info=DOMAIN + publics).derive(shared)
