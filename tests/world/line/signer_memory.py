"""A signer's memory without a disk: it survives the signer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from streams.judging.memory import SealedMemory
from streams.rules.evidence.memory.velocity import VelocityCaps


@dataclass
class JournalInMemory:
    """Entries in a list."""

    entries: list[bytes] = field(default_factory=list)

    def append(self, entry: bytes, *, durable: bool = True) -> None:  # noqa: ARG002 - the journal's shape
        self.entries.append(entry)

    def rewrite(self, entries: Iterable[bytes]) -> None:
        self.entries = list(entries)


def memory_on(journal: JournalInMemory, caps: VelocityCaps | None = None) -> SealedMemory:
    """The memory that a journal holds."""
    return SealedMemory(journal, caps or VelocityCaps(), list(journal.entries))
