"""Remembers the end of the log at the last signature: a log that ends before it is an older one. Pure.

A log from before a revocation, a tripped breaker or a cancelled order is sound in itself, and would be believed. So a signer
remembers positions, and what it had read up to there: an older log that a desk's own credentials have written on is another.
What one reading has folded it does not read again, so the desk's log is compared at the position that was remembered before.
Leaves out repairing anything: people must look at it.
"""

from __future__ import annotations

from typing import Annotated, Protocol

from pydantic import Field

from schemas.values import Record


class Reading(Protocol):
    """Whoever reads the log: `streams.judging.evidence_reader.EvidenceReader`."""

    @property
    def governance_position(self) -> int:
        """Of the last governance event that is believed."""
        ...

    def governance_digest(self, position: int) -> str:
        """SHA-256 of the governance event that is believed at a position."""
        ...

    def desk_position(self, partition: int) -> int:
        """Of the last of the desk's events on a partition that was folded."""
        ...

    def desk_digest(self, partition: int, position: int) -> str | None:
        """Of all the desk's events on a partition up to a position; None where this reading no longer knows it."""
        ...


class Reached(Record):
    """The end of a log."""

    governance_position: Annotated[int, Field(ge=0)] = 0
    governance_digest: str = ""
    desk_positions: dict[int, int] = Field(default_factory=dict)
    """By partition."""
    desk_digests: dict[int, str] = Field(default_factory=dict)
    """Of all of them, by partition; none in memories written before there were any."""

    def moved_to(self, reading: Reading, partition: int) -> Reached:
        """As far as `reading` is now."""
        position, desk = reading.governance_position, reading.desk_position(partition)
        return Reached(
            governance_position=position,
            governance_digest=reading.governance_digest(position),
            desk_positions=self.desk_positions | {partition: desk},
            desk_digests=self.desk_digests | {partition: reading.desk_digest(partition, desk) or ""},
        )

    def refusal(self, reading: Reading, partition: int) -> str | None:
        """Why what is read is not the log that was read before; None when it goes on from there."""
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
