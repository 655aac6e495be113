"""A file that only its owner can have written: lines, each sealed to the one before, on the disk before `append` returns.

Lines are authenticated (HMAC-SHA256, RFC 2104) by a key of the file's own. A key that is elsewhere, in a token or in another
file, has sealed that key. A half-written last line was never answered for and is cut off; any other disorder is refused, not
repaired. One process has the file at a time. Leaves out secrecy: the entries stand on the log, too. The journal does not detect
an older copy of the file put back whole: the log then has the missing entries (`SealedMemory.learn`).
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Protocol, Self

from infra.identity.private_file import PRIVATE_FILE_MODE, create_private, read_private, write_private
from infra.keys.sealing import Sealer

KEY_BYTES: Final = 32
MAC_HEX: Final = 64
CONTEXT: Final = b"proofdesk signing memory 1"
FILE: Final = "journal"
KEY_FILE: Final = "journal.key"
LOCK_FILE: Final = "lock"


class MemoryRefused(Exception):
    """The memory may not be this signer's own; the message says what to do about it."""


class Journal(Protocol):
    """Appends entries to lasting storage."""

    def append(self, entry: bytes, *, durable: bool = True) -> None:
        """Write one entry, without line breaks; durable: it outlives a machine that stops at once."""
        ...

    def rewrite(self, entries: Iterable[bytes]) -> None:
        """Write these entries in place of all before, or leave all as it was."""
        ...


class SealedJournal:
    """A journal in a folder."""

    def __init__(self, folder: Path, sealer: Sealer) -> None:
        """Lock the folder (which exists) and read what is there: `entries`.

        Raises:
            MemoryRefused: another process has it, or it is not what was written.
        """
        self._file = folder / FILE
        self._lock = _locked(folder / LOCK_FILE)
        self._key = _key(folder / KEY_FILE, sealer, is_new=not self._file.exists())
        self._mac = b""
        self.entries = self._read() if self._file.exists() else []
        self._descriptor = self._opened()

    def append(self, entry: bytes, *, durable: bool = True) -> None:
        """Write one entry at the end. Raises OSError: the disk is full or fails, and this process has no journal any more."""
        line = self._line(entry)
        if os.write(self._descriptor, line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._file))
        if durable:
            os.fdatasync(self._descriptor)

    def rewrite(self, entries: Iterable[bytes]) -> None:
        """Write these entries in place of all before."""
        self._mac = b""
        write_private(self._file, b"".join(self._line(entry) for entry in entries))
        os.close(self._descriptor)
        self._descriptor = self._opened()

    def close(self) -> None:
        """Give the folder free."""
        os.close(self._descriptor)
        os.close(self._lock)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *failure: object) -> None:
        """Close it."""
        self.close()

    def _line(self, entry: bytes) -> bytes:
        self._mac = _mac(self._key, self._mac, entry)
        return self._mac.hex().encode() + b" " + entry + b"\n"

    def _read(self) -> list[bytes]:
        content = self._file.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        entries: list[bytes] = []
        for number, line in enumerate(whole.splitlines(), 1):
            mac, entry = line[:MAC_HEX], line[MAC_HEX + 1 :]
            self._mac = _mac(self._key, self._mac, entry)
            if not hmac.compare_digest(self._mac.hex().encode(), mac):
                raise MemoryRefused(
                    f"line {number} of {self._file} is not what this signer wrote; find out who changed it, then move the "
                    "folder away: the memory is rebuilt from the log"
                )
            entries.append(entry)
        if len(whole) < len(content):
            os.truncate(self._file, len(whole))
        return entries

    def _opened(self) -> int:
        return os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE_FILE_MODE)


def _mac(key: bytes, before: bytes, entry: bytes) -> bytes:
    return hmac.new(key, before + b"|" + entry, hashlib.sha256).digest()


def _locked(file: Path) -> int:
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE_FILE_MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise MemoryRefused(f"another process has {file.parent}: there must be one signer; stop the other one first") from None
    return descriptor


def _key(file: Path, sealer: Sealer, *, is_new: bool) -> bytes:
    """Return the journal's own key; a new one for a journal that is not there yet."""
    if file.exists():
        return sealer.open(read_private(file), CONTEXT)
    if not is_new:
        raise MemoryRefused(f"{file} is missing, so its journal cannot be read; put it back, or move the whole folder away")
    key = secrets.token_bytes(KEY_BYTES)
    create_private(file, sealer.seal(key, CONTEXT))
    return key
