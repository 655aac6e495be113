"""Stores the custodian's notes between an order and its report: keys begun or destroyed, attempts.

Each note is on the disk before anything follows from it. A key in the token that was not begun for the order at hand belongs to
another order, and is never reported as this one's. A destroyed key can still be named afterwards. The count of a ceremony's
attempts goes on after a restart, so that no two of them make shares of the same epoch. Notes are by the order's position.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import Field

from infra.identity.private_file import PRIVATE_FOLDER_MODE, read_private, write_private
from schemas.keys import DestructionProof
from schemas.values import Record

FILE: Final = "notes.json"


class _Notes(Record):
    begun: list[int] = Field(default_factory=list)
    made: list[int] = Field(default_factory=list)
    destroyed: dict[int, DestructionProof] = Field(default_factory=dict)
    attempts: dict[int, int] = Field(default_factory=dict)


class Notes:
    """The custodian's notes, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        """Read earlier notes. Raises PrivateFileRefused, pydantic.ValidationError: the file was tampered with."""
        folder.mkdir(mode=PRIVATE_FOLDER_MODE, parents=True, exist_ok=True)
        self._file = folder / FILE
        self._notes = _Notes.model_validate_json(read_private(self._file)) if self._file.exists() else _Notes()

    def has_begun(self, position: int) -> bool:
        """Return True if a key was begun for an order."""
        return position in self._notes.begun

    def begin(self, position: int) -> None:
        """Note that a key is about to be made for an order."""
        if not self.has_begun(position):
            self._write(self._notes.model_copy(update={"begun": [*self._notes.begun, position]}))

    def has_made(self, position: int) -> bool:
        """Return True if an order's key is complete: it may have been reported since, and is never made again."""
        return position in self._notes.made

    def note_made(self, position: int) -> None:
        """Note that an order's key is complete and about to be reported."""
        self._write(self._notes.model_copy(update={"made": [*self._notes.made, position]}))

    def destroyed(self, position: int) -> DestructionProof | None:
        """Return the proof for the key that an order destroys; None if no destruction has begun."""
        return self._notes.destroyed.get(position)

    def note_destroyed(self, position: int, proof: DestructionProof) -> None:
        """Note that a key is about to be destroyed for an order."""
        self._write(self._notes.model_copy(update={"destroyed": {**self._notes.destroyed, position: proof}}))

    def next_attempt(self, position: int) -> int:
        """Return the number of another attempt at an order's ceremony, from 1; no number is given twice."""
        number = self._notes.attempts.get(position, 0) + 1
        self._write(self._notes.model_copy(update={"attempts": {**self._notes.attempts, position: number}}))
        return number

    def _write(self, notes: _Notes) -> None:
        write_private(self._file, notes.model_dump_json().encode())
        self._notes = notes
