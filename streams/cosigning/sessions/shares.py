"""The shares that a cosigner holds, by key and epoch: where they are, and when they are thrown away.

Shares of two epochs exist side by side until governance confirms one; then every other is destroyed. Only an event about the
key destroys a share: a log with fewer events than before destroys none. Source: architecture, rule 10; mission, key lifecycle.
Leaves out sealing (`infra.keys`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import structlog

from infra.identity.private_file import write_private
from infra.keys.sealing import SealRefused
from infra.keys.threshold import Share
from infra.keys.vault import ShareVault, VaultDamaged
from schemas.events.keys import KeyDestroyed, KeyFailed, KeyGenerated, KeyRotated
from schemas.keys import KeyId
from streams.cosigning.sessions.ceremonies import Sharing
from streams.cosigning.sessions.notes import Notes
from streams.rules.firm.keys import KeyStanding
from streams.rules.firm.view import Governance

OPEN_SHARES_MAX: Final = 64
"""Shares that are kept opened in memory."""

log = structlog.get_logger(__name__)


class Backups:
    """A copy of each confirmed share for the holder of the recovery key, whose private half is elsewhere."""

    def __init__(self, folder: Path, recovery_public: bytes | None) -> None:
        """`recovery_public`: X25519, 32 bytes; None: no recovery key is set up, and nothing is backed up."""
        self._folder = folder
        self._recovery_public = recovery_public

    def keep(self, vault: ShareVault, key_id: KeyId, epoch: int) -> None:
        """Back a share up, unless that was done."""
        file = self._file(key_id, epoch)
        if self._recovery_public is not None and not file.exists():
            write_private(file, vault.backup(key_id, epoch, self._recovery_public))

    def remove(self, key_id: KeyId, epoch: int) -> None:
        """Delete a share's back-up before the share: a destroyed share must not be restored."""
        self._file(key_id, epoch).unlink(missing_ok=True)

    def _file(self, key_id: KeyId, epoch: int) -> Path:
        return self._folder / f"{key_id}-{epoch}.backup"


class Shares:
    """All shares of one cosigner."""

    def __init__(self, vaults: Mapping[Sharing, ShareVault], notes: Notes, backups: Backups) -> None:
        self._vaults = vaults
        self._notes = notes
        self._backups = backups
        self._opened: dict[tuple[KeyId, int], Share] = {}

    def get(self, backend: Sharing, key_id: KeyId, epoch: int) -> Share:
        """Return a share. Raises what the vault raises: there is none, or it cannot be opened."""
        place = (key_id, epoch)
        if place not in self._opened:
            while len(self._opened) >= OPEN_SHARES_MAX:
                del self._opened[next(iter(self._opened))]
            self._opened[place] = self._vaults[backend].get(key_id, epoch)
        return self._opened[place]

    def put(self, backend: Sharing, key_id: KeyId, epoch: int, share: Share) -> None:
        """Keep a share; on the disk at the return."""
        self._vaults[backend].put(key_id, epoch, share)

    def epochs(self, key_id: KeyId) -> list[int]:
        """Return the epochs of which there are shares of a key, in order."""
        return sorted({epoch for vault in self._vaults.values() for epoch in vault.epochs(key_id)})

    def destroy(self, key_id: KeyId, epoch: int) -> str:
        """Destroy a share and its back-up here; return the SHA-256 of what was destroyed."""
        self._opened.pop((key_id, epoch), None)
        self._backups.remove(key_id, epoch)
        # There is more than one if an operator has restored it into the wrong vault as well.
        return _digest([vault.destroy(key_id, epoch) for vault in self._vaults.values() if epoch in vault.epochs(key_id)])

    def destroy_all(self, key_id: KeyId) -> str:
        """Destroy all shares of a key; return SHA-256 over the hashes of what was destroyed, or of nothing."""
        return _digest([self.destroy(key_id, epoch) for epoch in self.epochs(key_id)])

    def follow(self, firm: Governance) -> None:
        """Destroy the shares that governance has made obsolete, and back up those that it has confirmed."""
        for standing in firm.keys.values():
            for epoch in self._dead(standing):
                digest = self.destroy(standing.key_id, epoch)
                log.info("share destroyed", key_id=standing.key_id, epoch=epoch, sha256=digest)
            confirmed = self._notes.confirmed(standing.key_id)
            for vault in self._vaults.values():
                if confirmed in vault.epochs(standing.key_id):
                    self._back_up(vault, standing.key_id, confirmed)

    def _back_up(self, vault: ShareVault, key_id: KeyId, epoch: int) -> None:
        """Back a share up; one that cannot be opened is no reason not to hold the others."""
        try:
            self._backups.keep(vault, key_id, epoch)
        except (SealRefused, VaultDamaged) as unfit:
            log.error("a share has no back-up", key_id=key_id, epoch=epoch, reason=str(unfit))  # noqa: TRY400 - it is for people

    def _dead(self, standing: KeyStanding) -> list[int]:
        held = self.epochs(standing.key_id)
        if not held:
            return []
        answers = [each for each in standing.history if isinstance(each, KeyGenerated | KeyRotated | KeyFailed | KeyDestroyed)]
        if not answers:
            return []
        if standing.status == "destroyed":
            return held
        self._notes.confirm(standing.key_id, standing.epoch)
        confirmed = self._notes.confirmed(standing.key_id)
        begun = standing.open_order is not None
        return [epoch for epoch in held if epoch < confirmed or (epoch > confirmed and not begun)]


def _digest(digests: Sequence[str]) -> str:
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
