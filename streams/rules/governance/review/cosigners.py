"""Checks the holders of shares together: each named once, in a place of its own, with usable keys.

For genesis and for a cosigner that takes the place of a lost one. Pure. Sources: RFC 8032 and RFC 7748 for the keys. Leaves
out the sites they should be at: a key's own setting (`sites_min`) says that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from infra.proofs import ed25519, envelope
from schemas.keys import Cosigner
from schemas.topics import COSIGNERS
from streams.rules.governance.review.access import repeated

_NO_SIGNATURE: Final = bytes(ed25519.SIGNATURE_BYTES)


def problems(cosigners: Sequence[Cosigner]) -> Iterator[str]:
    """Yield everything that speaks against these cosigners, a sentence each."""
    yield from repeated("cosigner", [each.cosigner for each in cosigners])
    yield from repeated("cosigner's place", [each.party for each in cosigners])
    yield from repeated("cosigner's signing key", [each.signing_key for each in cosigners])
    yield from repeated("cosigner's agreement key", [each.agreement_key for each in cosigners])
    for each in cosigners:
        yield from (f"cosigner {each.cosigner}: {problem}" for problem in _of_one(each))


def _of_one(cosigner: Cosigner) -> Iterator[str]:
    if cosigner.cosigner not in COSIGNERS:
        yield f"is none of {', '.join(COSIGNERS)}, who may write to one another"
    try:
        ed25519.verify(bytes.fromhex(cosigner.signing_key[2:]), b"", _NO_SIGNATURE)
    except ed25519.PublicKeyRefused as error:
        yield f"its signing key: {error}"
    except ed25519.SignatureRefused:
        pass  # expected: the key was checked before, and is one that can refuse
    if not envelope.is_receiver(bytes.fromhex(cosigner.agreement_key[2:])):
        yield f"its agreement key is no X25519 key of {envelope.PUBLIC_KEY_BYTES} bytes that anything could be encrypted to"
