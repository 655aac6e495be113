"""Remembers the end of the log at the last signature: a log that ends before it is an older one. Pure.

A log from before a revocation, a tripped breaker or a cancelled order is sound in itself, and would be believed. So a signer
remembers positions, and a digest of the log up to each: an older log with later writes by a desk's credentials differs.
A reading never repeats folded records, so the desk's log is compared at the position that was remembered before.
Leaves out repair: people must look at the log.
"""

from __future__ import annotations

from typing import Annotated, Protocol

from pydantic import Field

from schemas.values import Record


class Reading(Protocol):
    """Reads the log: `streams.judging.evidence_reader.EvidenceReader`."""

    @property
    def governance_position(self) -> int:
        """Return the position of the last governance event that is believed."""
        ...

    def governance_digest(self, position: int) -> str:
        """Return the SHA-256 of the believed governance event at a position."""
        ...

    def desk_position(self, partition: int) -> int:
        """Return the position of the partition's last folded desk event."""
        ...

    def desk_digest(self, partition: int, position: int) -> str | None:
        """Return the digest of a partition's desk events up to a position; None if this reading no longer has it."""
        ...


class Reached(Record):
    """The last positions read on the log, with their digests."""

    governance_position: Annotated[int, Field(ge=0)] = 0
    governance_digest: str = ""
    desk_positions: dict[int, int] = Field(default_factory=dict)
    """Position of the last desk event, by partition."""
    desk_digests: dict[int, str] = Field(default_factory=dict)
    """Digest of all desk events, by partition; missing in memories written before this field existed."""

    def moved_to(self, reading: Reading, partition: int) -> Reached:
        """Return the positions that `reading` has reached."""
        position, desk = reading.governance_position, reading.desk_position(partition)
        return Reached(
            governance_position=position,
            governance_digest=reading.governance_digest(position),
            desk_positions=self.desk_positions | {partition: desk},
            desk_digests=self.desk_digests | {partition: reading.desk_digest(partition, desk) or ""},
        )

    def refusal(self, reading: Reading, partition: int) -> str | None:
        """Return the reason that the log read now does not continue the log read before; None if it does."""
        position, desk = reading.governance_position, reading.desk_position(partition)
        if position < self.governance_position:
            return f"the log's governance ends at {position}, but this signer has seen it reach {self.governance_position}"
        if self.governance_position and reading.governance_digest(self.governance_position) != self.governance_digest:
            return f"the log's governance at {self.governance_position} is not what this signer has seen there"
        seen = self.desk_positions.get(partition, 0)
        if desk < seen:
            return f"the desk's log ends at {desk}, but this signer has seen it reach {seen}"
        digest = self.desk_digests.get(partition)
        if digest and reading.desk_digest(partition, seen) not in {None, digest}:
            return f"the desk's log up to {seen} is not what this signer has seen there"
        return None
