"""Seals the data keys of shares under a key in a token or in a file.

Sealed bytes are bound to a context and open in no other. `TokenSealer` is for hybrid keys: AES-256-GCM (SP 800-38D) inside
the cosigner's token, so that its disk alone is useless to a thief. `FileSealer` is for mpc keys: the file's mode and the
machine's disk encryption protect the key, as any private key here. Leaves out the meaning of the sealed bytes.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from infra.hsm.errors import SealBroken
from infra.hsm.token import Token
from infra.identity.private_file import PrivateFileRefused, create_private, read_private

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
VERSION: Final = b"\x01"


class SealRefused(Exception):
    """Sealed bytes cannot be opened: another key, another context, or they were changed."""

    def __init__(self) -> None:
        """Take no details, so that the message reveals none."""
        super().__init__(
            "the sealed bytes cannot be opened: another key or place sealed them, or they changed; "
            "restore the file and its key from the same back-up"
        )


class Sealer(Protocol):
    """Seals and opens bytes with a key that the caller does not hold."""

    def seal(self, plain: bytes, context: bytes) -> bytes:
        """Return `plain` sealed, to be opened in this `context` only."""
        ...

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """Open bytes that were sealed in this `context`. Raises SealRefused."""
        ...


class TokenSealer:
    """Seals with an AES key that cannot leave its token."""

    def __init__(self, token: Token, key_id: str) -> None:
        """Use the token's sealing key `key_id` (`Token.generate_sealing_key`); each use looks it up."""
        self._token = token
        self._key_id = key_id

    def seal(self, plain: bytes, context: bytes) -> bytes:
        """Seal in the token. Raises KeyUnknown, KeyUnfit or TokenFailed."""
        return self._token.seal(self._key_id, plain, context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """Open in the token. Raises SealRefused, KeyUnknown, KeyUnfit or TokenFailed."""
        try:
            return self._token.unseal(self._key_id, sealed, context)
        except SealBroken:
            raise SealRefused from None


class FileSealer:
    """Seals with AES-256-GCM under a key in a file of mode 0600."""

    def __init__(self, path: Path) -> None:
        """Read the key in `path`, making the file when there is none.

        Raises PrivateFileRefused: it is not private, or holds no key.
        """
        if not path.exists():
            create_private(path, secrets.token_bytes(KEY_BYTES))
        key = read_private(path)
        if len(key) != KEY_BYTES:
            raise PrivateFileRefused(path, f"holds {len(key)} bytes, not a key of {KEY_BYTES}", "restore it from its back-up")
        self._cipher = AESGCM(key)

    def seal(self, plain: bytes, context: bytes) -> bytes:
        """Seal with a random nonce: there are far fewer than 2**32 seals to a key."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return VERSION + nonce + self._cipher.encrypt(nonce, plain, context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """Open. Raises SealRefused."""
        head = len(VERSION) + NONCE_BYTES
        if not sealed.startswith(VERSION):
            raise SealRefused
        try:
            return self._cipher.decrypt(sealed[len(VERSION) : head], sealed[head:], context)
        except (InvalidTag, ValueError):
            raise SealRefused from None
