"""Reads the log, believes records that derive from the pinned root key, and judges what may be signed.

The enclave has one, and so has every cosigner; neither asks the other. Missing evidence is waited for (`Later`) while the
simulation is fresh: a writer of simulations must not make a signer wait for ever. Signatures and refusals that it reads go to
its memory, which may have lost them. Source: architecture, rule 10. Leaves out signing, and asking the memory.
"""

from __future__ import annotations

from typing import Final

from schemas.events.base import FirmEvent
from schemas.events.lifecycle import PolicyEvaluated, Signed, SigningRefused, Simulated
from schemas.events.observations import PriceObserved
from schemas.hash_chain import ChainBroken
from schemas.topics import GOVERNANCE_TOPICS
from schemas.values import MICROS_PER_SECOND, Instant
from streams.judging.memory import SealedMemory
from streams.rules.decider import Later, Received, References
from streams.rules.evidence.dossier import EVIDENCE_TOPICS, Dossier, EvidenceBroken, EvidenceFold, is_misplaced
from streams.rules.evidence.signing_verdict import Verdict, judge, refusal_of
from streams.rules.firm.view import Governance
from streams.rules.governance.root import RootedGovernance
from streams.rules.prices.latest import SKEW_SECONDS_MAX
from streams.rules.prices.observed import Observations

REFERENCE_TOPICS: Final = (*EVIDENCE_TOPICS, *GOVERNANCE_TOPICS, "price-observed")


class EvidenceReader:
    """Everything it knows it has read from the log."""

    def __init__(self, references: References, governance: RootedGovernance, memory: SealedMemory) -> None:
        self._references = references
        self._governance = governance
        self._evidence = EvidenceFold(memory.reached.desk_positions)
        self._observations = Observations()
        self._memory = memory

    @property
    def governance_position(self) -> int:
        """Return the position of the last believed governance event."""
        return self._governance.view.position

    def governance_digest(self, position: int) -> str:
        """SHA-256 of the governance event that is believed at a position."""
        return self._governance.digest_at(position)

    def desk_position(self, partition: int) -> int:
        """Return the position of the last of the desk's events on a partition that was folded."""
        return self._evidence.position(partition)

    def desk_digest(self, partition: int, position: int) -> str | None:
        """Return the hash of all the desk's events on a partition up to a position; None for a position not remembered here."""
        return self._evidence.digest(partition, position)

    @property
    def firm(self) -> Governance:
        """Return the firm, as far as it derives from the pinned root key."""
        return self._governance.view

    def accept(self, received: Received) -> None:
        """Take in one reference record.

        Raises:
            NotRooted, GenesisRefused, GovernanceBroken: governance that does not derive from the pinned root key.
        """
        match received.record:
            case FirmEvent() as event:
                self._governance.accept(event)
            case PriceObserved() as observed:
                self._observations.accept(observed, received.offset)
            case record:
                self._evidence.accept(received)
                if isinstance(record, Signed):
                    self._memory.learn(record)
                elif isinstance(record, SigningRefused) and not is_misplaced(received, record):
                    self._memory.learn_refusal(record)

    def refresh(self) -> None:
        """Take in what has come since."""
        for received in self._references.poll():
            self.accept(received)

    def judged(self, received: Received, simulated: Simulated, now: Instant) -> Verdict | Later | None:
        """Return the verdict on a simulation that passed, recorded as `received`; None if the order is over already."""
        if is_misplaced(received, simulated):
            return self.refused("place", f"partition {received.partition} is not that of desk {simulated.desk_id}")
        if self._evidence.has_ended(received, simulated):
            return None
        try:
            dossier = self._evidence.dossier(received, simulated)
        except (ChainBroken, EvidenceBroken) as broken:
            return self.refused("chain" if isinstance(broken, ChainBroken) else "log", str(broken))
        if dossier is None:
            return self._waited_for(simulated, now)
        if self._is_ahead(simulated, dossier) and not self._is_late(simulated, now):
            return Later(
                "governance or prices that it was decided on, or the refusal that it overtakes, are still on their way"
            )
        return judge(dossier, self._governance, self._observations.by_offset, now)

    def refused(self, check: str, reason: str) -> Verdict:
        """Return a refusal for a reason outside the order itself."""
        return Verdict((), refusal_of(check, reason), governance_position=self.firm.position)

    def _waited_for(self, simulated: Simulated, now: Instant) -> Verdict | Later:
        """While links of the order's chain are not here; no use to a simulation that can no longer be signed."""
        if self._is_late(simulated, now):
            return self.refused("chain", "links of the order's chain have not come while its simulation was fresh")
        return Later("links of the order's chain are still on their way")

    def _is_ahead(self, simulated: Simulated, dossier: Dossier) -> bool:
        """Return True if it rests on governance, prices or the refusal of an overtaken order that have not arrived here."""
        facts = [each.facts for each in dossier.all(PolicyEvaluated)]
        prices = [*simulated.prices, *(price for each in facts for price in each.prices)]
        return (
            any(each.governance_position > self.firm.position for each in facts)
            or any(price.log_offset > self._observations.reached for price in prices)
            or self.firm.policy is None
            or self._memory.lacks_refusal(simulated)
        )

    def _is_late(self, simulated: Simulated, now: Instant) -> bool:
        """Return True if waiting cannot help: the simulation is too old to be signed, or its time lies in the future."""
        policy = self.firm.policy
        if policy is None:
            return False
        age_max = policy.settings.simulation_max_age_seconds
        return not -SKEW_SECONDS_MAX * MICROS_PER_SECOND <= now - simulated.decided_at <= age_max * MICROS_PER_SECOND
