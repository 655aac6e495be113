"""Our own processes: what is started, as whom, how often. Each is its own program and can be restarted alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from schemas.topics import COSIGNERS, Principal

EXIT_REFUSED: Final = 4
"""With which a process ends that a person has to look at: starting it again gives the same, and each wrong PIN brings a real
token nearer to its lock. Before that it logs an error, with the `reason`. Any other end is followed by another start."""


@dataclass(frozen=True, slots=True)
class Process:
    """One component. `python -m <module>` runs until SIGTERM and is started again whenever it ends, but for `EXIT_REFUSED`."""

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
    Process("observer", "streams.prices", "observer"),
    Process("detectors", "streams.detectors", "detectors"),
    *(Process(cosigner, "streams.cosigning", cosigner) for cosigner in COSIGNERS),
    Process("projector", "projections.projector", "projector"),
    Process("gateway", "commands.gateway", "gateway"),
)
