"""Stores a cosigner's shares: a file of mode 0600 for each key and epoch, sealed twice.

Rust seals a share under a data key of its own; the cosigner's sealer seals the data key, bound to key and epoch. A file is
whole or absent, also after a crash. Shares of several epochs may coexist until a rotation is confirmed. Destruction
overwrites and removes the file; the proof is the SHA-256 of its content, the same if a crash comes between. On media that
keep old blocks, destroy the sealing key as well.
A back-up holds the data key, encrypted to a recovery key that is kept elsewhere, and the sealed share. Making one needs the
cosigner's sealer; using one needs the recovery key. A refresh of the shares makes an old back-up worthless.
Leaves out when to do any of it.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from infra.identity.private_file import PRIVATE_FOLDER_MODE, create_private, read_private, sync_folder
from infra.keys.sealing import Sealer
from infra.keys.threshold import SEALING_KEY_BYTES, Share, ShareUnfit
from infra.proofs import envelope

LENGTH_BYTES: Final = 4
SHARE: Final = "share"
DESTROYED: Final = "destroyed"
CONTEXT: Final = "proofdesk/share-key/v1"
BACKUP_CONTEXT: Final = "proofdesk/share-backup/v1"


class ShareUnknown(Exception):
    """The vault has no share of this key and epoch."""

    def __init__(self, key_id: str, epoch: int) -> None:
        """Name the key and the epoch."""
        super().__init__(f"no share of key {key_id!r}, epoch {epoch}, is kept here; refresh the key, or recover the share")


class ShareExists(Exception):
    """The vault has a share of this key and epoch already and never replaces it."""

    def __init__(self, key_id: str, epoch: int) -> None:
        """Name the key and the epoch."""
        super().__init__(f"a share of key {key_id!r}, epoch {epoch}, is kept here already; begin another epoch")


class VaultDamaged(Exception):
    """A file of the vault was changed or cut short."""

    def __init__(self, path: Path, problem: str) -> None:
        """Name the file and its fault."""
        super().__init__(f"{path}: {problem}; restore the share from its back-up, or recover it")


class ShareVault:
    """The shares in one folder. One process uses it; a share is on the disk when `put` returns."""

    def __init__(self, folder: Path, sealer: Sealer) -> None:
        """Use `folder`; make it if it is missing. `sealer` seals the data keys."""
        folder.mkdir(mode=PRIVATE_FOLDER_MODE, parents=True, exist_ok=True)
        self._folder = folder
        self._sealer = sealer

    def put(self, key_id: str, epoch: int, share: Share) -> None:
        """Keep a share, durably. Raises ShareExists, or what the sealer raises."""
        data_key = secrets.token_bytes(SEALING_KEY_BYTES)
        self._write(key_id, epoch, data_key, share.sealed(data_key))

    def get(self, key_id: str, epoch: int) -> Share:
        """Open a share. Raises ShareUnknown, VaultDamaged, SealRefused, ShareUnfit, or what the token raises."""
        data_key, sealed = self._read(key_id, epoch)
        return Share.opened(data_key, sealed)

    def epochs(self, key_id: str) -> tuple[int, ...]:
        """Return the epochs of a key's shares, in order, including those whose destruction was interrupted."""
        return tuple(sorted({int(file.name.partition(".")[0]) for file in self._of(key_id).glob("[0-9]*.*")}))

    def destroy(self, key_id: str, epoch: int) -> str:
        """Overwrite and remove a share; return the SHA-256 of its file's content. Raises ShareUnknown."""
        path = self._path(key_id, epoch)
        if path.exists():
            digest = hashlib.sha256(self._content(key_id, epoch)).hexdigest()
            # The name keeps the proof, so that an interrupted destruction ends with the same one.
            doomed = path.with_name(f"{epoch}.{digest}.{DESTROYED}")
            path.rename(doomed)
            sync_folder(path.parent)
        else:
            doomed = next(path.parent.glob(f"{epoch}.*.{DESTROYED}"), path)
            if doomed == path:
                raise ShareUnknown(key_id, epoch)
            digest = doomed.name.split(".")[1]
        _wipe(doomed)
        return digest

    def backup(self, key_id: str, epoch: int, recovery_public: bytes) -> bytes:
        """Return a share that only the holder of the X25519 key `recovery_public` can open. Raises as `get` does."""
        data_key, sealed = self._read(key_id, epoch)
        return _framed(envelope.encrypt(data_key, recovery_public, _context(BACKUP_CONTEXT, key_id, epoch)), sealed)

    def restore(
        self, key_id: str, epoch: int, backup: bytes, recovery_private: X25519PrivateKey, *, party: int | None = None
    ) -> Share:
        """Keep the share in `backup`, sealed anew by this vault's own sealer, and return it.

        `party`: the share's expected number; another share would match none and is not kept.

        Raises EnvelopeRefused (another key, epoch or receiver), ShareUnfit, ShareExists, or what the sealer raises.
        """
        try:
            encrypted, sealed = _unframed(backup)
        except ValueError as problem:
            raise envelope.EnvelopeRefused(f"the back-up is damaged: {problem}") from None
        data_key = envelope.decrypt(encrypted, recovery_private, _context(BACKUP_CONTEXT, key_id, epoch))
        share = Share.opened(data_key, sealed)
        if party not in (None, share.party):
            raise ShareUnfit(f"the back-up is of the share in place {share.party}, not {party}; take that of the lost cosigner")
        self.put(key_id, epoch, share)
        return share

    def _write(self, key_id: str, epoch: int, data_key: bytes, sealed: bytes) -> None:
        path = self._path(key_id, epoch)
        if path.exists():
            raise ShareExists(key_id, epoch)
        path.parent.mkdir(mode=PRIVATE_FOLDER_MODE, exist_ok=True)
        sync_folder(self._folder)
        create_private(path, _framed(self._sealer.seal(data_key, _context(CONTEXT, key_id, epoch)), sealed))

    def _read(self, key_id: str, epoch: int) -> tuple[bytes, bytes]:
        path = self._path(key_id, epoch)
        try:
            sealed_key, sealed = _unframed(self._content(key_id, epoch))
        except ValueError as problem:
            raise VaultDamaged(path, str(problem)) from None
        return self._sealer.open(sealed_key, _context(CONTEXT, key_id, epoch)), sealed

    def _content(self, key_id: str, epoch: int) -> bytes:
        path = self._path(key_id, epoch)
        if not path.exists():
            raise ShareUnknown(key_id, epoch)
        return read_private(path)

    def _of(self, key_id: str) -> Path:
        # A hash: an id may hold characters that a file's name may not, and must not choose the path.
        return self._folder / hashlib.sha256(key_id.encode()).hexdigest()[:32]

    def _path(self, key_id: str, epoch: int) -> Path:
        return self._of(key_id) / f"{epoch}.{SHARE}"


def _context(purpose: str, key_id: str, epoch: int) -> bytes:
    return json.dumps([purpose, key_id, epoch]).encode()


def _framed(head: bytes, body: bytes) -> bytes:
    return len(head).to_bytes(LENGTH_BYTES, "big") + head + body


def _unframed(content: bytes) -> tuple[bytes, bytes]:
    end = LENGTH_BYTES + int.from_bytes(content[:LENGTH_BYTES], "big")
    if len(content) <= end:
        raise ValueError("it is cut short")
    return content[LENGTH_BYTES:end], content[end:]


def _wipe(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(secrets.token_bytes(path.stat().st_size))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
    sync_folder(path.parent)
    if path.exists():
        raise VaultDamaged(path, "is still there after it was removed")
