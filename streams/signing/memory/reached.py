"""How far the log had come when something was last signed: a log that ends before that is an older one. Pure.

A log from before a revocation, a tripped breaker or a cancelled order is sound in itself, and would be believed. So a signer
remembers positions, and what it had read of governance there. Leaves out repairing anything: people must look at it.
"""

from __future__ import annotations

from typing import Annotated, Protocol

from pydantic import Field

from schemas.values import Record


class Reading(Protocol):
    """Whoever reads the log: `streams.signing.witness.Witness`."""

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


class Reached(Record):
    """How far a log had come."""

    governance_position: Annotated[int, Field(ge=0)] = 0
    governance_digest: str = ""
    desk_positions: dict[int, int] = Field(default_factory=dict)
    """By partition."""

    def moved_to(self, reading: Reading, partition: int) -> Reached:
        """As far as `reading` is now."""
        position = reading.governance_position
        return Reached(
            governance_position=position,
            governance_digest=reading.governance_digest(position),
            desk_positions=self.desk_positions | {partition: reading.desk_position(partition)},
        )

    def refusal(self, reading: Reading, partition: int) -> str | None:
        """Why what is read is not the log that was read before; None when it goes on from there."""
        position, desk = reading.governance_position, reading.desk_position(partition)
        if position < self.governance_position:
            return f"the log's governance ends at {position}, but this signer has seen it reach {self.governance_position}"
        if self.governance_position and reading.governance_digest(self.governance_position) != self.governance_digest:
            return f"the log's governance at {self.governance_position} is not what this signer has seen there"
        if desk < self.desk_positions.get(partition, 0):
            return f"the desk's log ends at {desk}, but this signer has seen it reach {self.desk_positions[partition]}"
        return None
