"""Describes our own processes: module, principal, number of replicas. Each is a program and can be restarted alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from schemas.topics import COSIGNERS, Principal

EXIT_REFUSED: Final = 4
"""The exit status of a process that needs a person: a restart would fail the same way, and each wrong PIN brings a real token
nearer to its lock. The process first logs an error with the `reason`. The supervisor restarts it after any other end."""


@dataclass(frozen=True, slots=True)
class Process:
    """One component. `python -m <module>` runs until SIGTERM; the supervisor restarts it unless it ends with `EXIT_REFUSED`."""

    name: str
    module: str
    principal: Principal
    replicas: int = 1

    @property
    def instances(self) -> tuple[str, ...]:
        """Names of the workers, as the supervisor shows them."""
        return (self.name,) if self.replicas == 1 else tuple(f"{self.name}-{number}" for number in range(self.replicas))


PROCESSES: Final = (
    Process("governance", "streams.governance", "governance"),
    Process("desk", "streams.desk", "desk"),
    Process("execution", "streams.execution", "execution"),
    Process("signer", "streams.signing", "signer"),
    Process("custodian", "streams.custody", "custodian"),
    Process("broadcast", "streams.broadcast", "broadcast"),
    Process("settlement", "streams.settlement", "settlement"),
    Process("prices", "streams.prices", "prices"),
    Process("detectors", "streams.detectors", "detectors"),
    *(Process(cosigner, "streams.cosigning", cosigner) for cosigner in COSIGNERS),
    Process("projector", "projections.projector", "projector"),
    Process("gateway", "commands.gateway", "gateway"),
)
