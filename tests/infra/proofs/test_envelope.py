"""An envelope opens for its one receiver, in one context, unchanged; every other attempt fails."""

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from infra.proofs.envelope import EnvelopeRefused, decrypt, encrypt

RECEIVER = X25519PrivateKey.generate()
PUBLIC = RECEIVER.public_key().public_bytes_raw()
CONTEXT = b"session 1, from 2 to 3, round 1"
SMALL_ORDER = [
    bytes(32),
    b"\x01" + bytes(31),
    b"\xec" + b"\xff" * 30 + b"\x7f",
]


@given(st.binary(max_size=300), st.binary(max_size=40))
def test_the_receiver_reads_what_was_written(plain: bytes, context: bytes) -> None:
    assert decrypt(encrypt(plain, PUBLIC, context), RECEIVER, context) == plain


def test_nobody_else_does_and_not_in_another_context() -> None:
    envelope = encrypt(b"fragment", PUBLIC, CONTEXT)
    for receiver, context in [(X25519PrivateKey.generate(), CONTEXT), (RECEIVER, CONTEXT + b"2")]:
        with pytest.raises(EnvelopeRefused):
            decrypt(envelope, receiver, context)


@given(st.data())
def test_no_byte_can_be_changed(data: st.DataObject) -> None:
    envelope = bytearray(encrypt(b"fragment", PUBLIC, CONTEXT))
    # Also the top bit of the public key, which X25519 ignores (RFC 7748, section 5): it goes into the key's derivation.
    place = data.draw(st.integers(0, len(envelope) - 1))
    envelope[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(EnvelopeRefused):
        decrypt(bytes(envelope), RECEIVER, CONTEXT)


@pytest.mark.parametrize("length", [0, 1, 32, 48])
def test_what_is_cut_short_is_refused(length: int) -> None:
    with pytest.raises(EnvelopeRefused):
        decrypt(encrypt(b"", PUBLIC, CONTEXT)[:length], RECEIVER, CONTEXT)


@pytest.mark.parametrize("public", [*SMALL_ORDER, b"", bytes(31)])
def test_a_public_key_that_would_give_a_known_secret_is_refused(public: bytes) -> None:
    with pytest.raises(EnvelopeRefused, match="agreed"):
        encrypt(b"fragment", public, CONTEXT)


def test_two_envelopes_of_the_same_are_different() -> None:
    assert encrypt(b"fragment", PUBLIC, CONTEXT) != encrypt(b"fragment", PUBLIC, CONTEXT)
