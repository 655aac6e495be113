"""Rebuilds the key that must never exist from all its shares, and searches another process's memory for it.

The product has no way to take a share out. A test has: it seals the share itself, and so knows the key to what was sealed.
"""

import secrets
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from infra.ethereum.recovery import CURVE_ORDER
from infra.keys.threshold import Share

SEALED_HEAD: Final = slice(1, 13)
SEALED_CONTEXT: Final = b"proofdesk/share/v1"
# Threshold, parties, place; then two byte strings, each with its length: the session's id, the share itself.
SESSION_ID_LENGTH_AT: Final = 3
CHUNK_BYTES: Final = 1 << 24


def secret_of(share: Share) -> int:
    key = secrets.token_bytes(32)
    sealed = share.sealed(key)
    plain = ChaCha20Poly1305(key).decrypt(sealed[SEALED_HEAD], sealed[SEALED_HEAD.stop :], SEALED_CONTEXT)
    assert tuple(plain[:3]) == (share.threshold, share.parties, share.party)
    start = SESSION_ID_LENGTH_AT + 1 + plain[SESSION_ID_LENGTH_AT]
    assert plain[start] == 32
    return int.from_bytes(plain[start + 1 : start + 33], "big")


def reconstructed(shares: Sequence[Share]) -> int:
    """The value at zero of the polynomial through the shares (Shamir 1979)."""
    key = 0
    for share in shares:
        weight = 1
        for other in shares:
            if other is not share:
                weight = weight * other.party * pow(other.party - share.party, -1, CURVE_ORDER) % CURVE_ORDER
        key = (key + secret_of(share) * weight) % CURVE_ORDER
    return key


def written(number: int) -> tuple[bytes, bytes, bytes]:
    """A number as memory may hold it: both byte orders, and text."""
    return number.to_bytes(32, "big"), number.to_bytes(32, "little"), f"{number:064x}".encode()


def remembered(pid: int, numbers: Collection[int]) -> set[int]:
    """The numbers found in the process's memory."""
    forms = {number: written(number) for number in numbers}
    found: set[int] = set()
    for chunk in _memory(pid):
        found |= {number for number in forms.keys() - found if any(form in chunk for form in forms[number])}
    return found


def _memory(pid: int) -> Iterator[bytes]:
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, permissions, *rest = line.split()
            if not permissions.startswith("rw") or rest[-1] in {"[vvar]", "[vsyscall]"}:
                continue
            start, end = (int(edge, 16) for edge in span.split("-"))
            memory.seek(start)
            tail = b""
            for offset in range(0, end - start, CHUNK_BYTES):
                chunk = tail + memory.read(min(CHUNK_BYTES, end - start - offset))
                yield chunk
                tail = chunk[-64:]
