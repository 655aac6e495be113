"""Stores a cosigner's lasting notes: banned parties, confirmed epochs, destroyed keys, sessions begun.

Each note is on the disk before anything follows from it. A ban is of a signing key, so a new cosigner with its own keys may
take a banned cosigner's place. A confirmed epoch's share is never destroyed because a log lacks the confirmation: such a log is
an older one. Signed payloads are remembered by `streams.judging`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import Field

from infra.identity.private_file import read_private, write_private
from schemas.keys import DestructionProof, KeyId
from schemas.values import HexBytes, Instant, Record

FILE: Final = "notes.json"


class _Notes(Record):
    banned: list[HexBytes] = Field(default_factory=list)
    confirmed: dict[KeyId, int] = Field(default_factory=dict)
    destroyed: dict[KeyId, DestructionProof] = Field(default_factory=dict)
    ahead: Instant = 0


class Notes:
    """One cosigner's notes, in a folder that exists."""

    def __init__(self, folder: Path) -> None:
        """Read earlier notes. Raises PrivateFileRefused, pydantic.ValidationError: the file was tampered with."""
        self._file = folder / FILE
        self._notes = _Notes.model_validate_json(read_private(self._file)) if self._file.exists() else _Notes()

    def is_banned(self, signing_key: HexBytes) -> bool:
        """Return True if this cosigner never again runs a session with the holder of the key."""
        return signing_key in self._notes.banned

    def ban(self, signing_key: HexBytes) -> None:
        """Ban the holder of a key: no session is run with it again."""
        if not self.is_banned(signing_key):
            self._write(self._notes.model_copy(update={"banned": [*self._notes.banned, signing_key]}))

    def confirmed(self, key_id: KeyId) -> int:
        """Return the newest epoch of a key that governance has confirmed; 0: none."""
        return self._notes.confirmed.get(key_id, 0)

    def confirm(self, key_id: KeyId, epoch: int) -> None:
        """Note that governance has confirmed the key's shares of this epoch."""
        if epoch > self.confirmed(key_id):
            self._write(self._notes.model_copy(update={"confirmed": {**self._notes.confirmed, key_id: epoch}}))

    def destroyed(self, key_id: KeyId) -> DestructionProof | None:
        """Return the proof that was sent when the key's shares were destroyed here."""
        return self._notes.destroyed.get(key_id)

    def note_destroyed(self, key_id: KeyId, proof: DestructionProof) -> None:
        """Keep the proof: it can be sent again, but not made again."""
        self._write(self._notes.model_copy(update={"destroyed": {**self._notes.destroyed, key_id: proof}}))

    @property
    def ahead(self) -> Instant:
        """Return the latest time of a session that was begun and was dated ahead of this machine's clock; 0: none."""
        return self._notes.ahead

    def note_ahead(self, at: Instant) -> None:
        """Note that a session dated ahead of this machine's clock is about to begin."""
        if at > self.ahead:
            self._write(self._notes.model_copy(update={"ahead": at}))

    def _write(self, notes: _Notes) -> None:
        write_private(self._file, notes.model_dump_json().encode())
        self._notes = notes
