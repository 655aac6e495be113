"""The enclave's eyes and hand: it reads the log for itself, and the key signs only behind a good verdict.

The one place where a key is used. Evidence that is not here yet is waited for (`Later`): links of the chain for as long as it
takes, governance and prices as long as the simulation is fresh. Source: architecture, rules 10 and 11.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol

from infra.chain import transaction
from schemas.events.base import FirmEvent
from schemas.events.lifecycle import PolicyEvaluated, Simulated
from schemas.events.observations import PriceObserved
from schemas.hash_chain import ChainBroken
from schemas.topics import GOVERNANCE_TOPICS
from schemas.values import Instant
from streams.engine.decider import Later, Received
from streams.signing.backends import KeyUnusable, Signer
from streams.signing.decider import Judged, Signature, SignerState
from streams.signing.dossier import EVIDENCE_TOPICS, Dossier, EvidenceBroken, EvidenceFold, is_misplaced
from streams.signing.evidence.case import MICROS_PER_SECOND
from streams.signing.evidence.verdict import Verdict, judge, refusal_of
from streams.signing.observations import Observations
from streams.signing.root import RootedGovernance

REFERENCE_TOPICS: Final = (*EVIDENCE_TOPICS, *GOVERNANCE_TOPICS, "price-observed")


class References(Protocol):
    """Where reference records come from: `streams.engine.references.References`."""

    def poll(self) -> Iterable[Received]:
        """What has arrived since, in the order of each topic's partitions."""
        ...


class Enclave:
    """Judges and signs. Everything it knows it has read from the log."""

    def __init__(self, references: References, signer: Signer, governance: RootedGovernance) -> None:
        self._references = references
        self._signer = signer
        self._governance = governance
        self._evidence = EvidenceFold()
        self._observations = Observations()

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
            case _:
                self._evidence.accept(received)

    def refresh(self) -> None:
        """Take in what has come since."""
        for received in self._references.poll():
            self.accept(received)

    def observe(self, state: SignerState, received: Received, now: Instant) -> Judged | Later | None:
        """The verdict on a simulation that passed, with a signature if all of it could be derived again."""
        simulated = received.record
        if not isinstance(simulated, Simulated) or simulated.verdict != "passed" or simulated.order_id in state.answered:
            return None
        if is_misplaced(received, simulated):
            return self._refused(simulated, "place", f"partition {received.partition} is not that of desk {simulated.desk_id}")
        if self._evidence.has_ended(received, simulated):
            return None
        try:
            dossier = self._evidence.dossier(received, simulated)
        except (ChainBroken, EvidenceBroken) as broken:
            return self._refused(simulated, "chain" if isinstance(broken, ChainBroken) else "log", str(broken))
        if dossier is None:
            return Later("links of the order's chain are still on their way")
        return self._judge(state, simulated, dossier, now)

    def _judge(self, state: SignerState, simulated: Simulated, dossier: Dossier, now: Instant) -> Judged | Later:
        if self._is_ahead(simulated, dossier) and not self._is_late(simulated, now):
            return Later("governance or prices that the order was decided on are still on their way")
        verdict = judge(dossier, self._governance, self._observations.by_offset, now)
        if verdict.refusal is not None or state.nonce_refusal(simulated) is not None:
            return Judged(simulated, verdict, None)
        try:
            return Judged(simulated, verdict, self._sign(simulated))
        except KeyUnusable as unusable:
            return self._refused(simulated, "key", str(unusable))

    def _refused(self, simulated: Simulated, check: str, reason: str) -> Judged:
        """Refused for what is no question about the order itself."""
        position = self._governance.view.position
        return Judged(simulated, Verdict((), refusal_of(check, reason), governance_position=position), None)

    def _is_ahead(self, simulated: Simulated, dossier: Dossier) -> bool:
        """Whether the order was decided on governance or prices that have not arrived here."""
        facts = [each.facts for each in dossier.all(PolicyEvaluated)]
        prices = [*simulated.prices, *(price for each in facts for price in each.prices)]
        return (
            any(each.governance_position > self._governance.view.position for each in facts)
            or any(price.log_offset > self._observations.reached for price in prices)
            or self._governance.view.policy is None
        )

    def _is_late(self, simulated: Simulated, now: Instant) -> bool:
        """Whether waiting can no longer help: the simulation is too old to be signed."""
        policy = self._governance.view.policy
        return (
            policy is not None and now - simulated.decided_at > policy.settings.simulation_max_age_seconds * MICROS_PER_SECOND
        )

    def _sign(self, simulated: Simulated) -> Signature:
        """Sign the bytes that were judged, and see whose signature it is before it leaves."""
        wallet = self._governance.view.wallets[simulated.wallet_id]
        unsigned = transaction.from_record(simulated.transaction)
        signed = transaction.assemble(unsigned, self._signer.sign(wallet, transaction.digest(unsigned)))
        if transaction.recover_sender(signed.raw) != wallet.address:
            raise KeyUnusable(f"the key of wallet {wallet.wallet_id} signs for another address than {wallet.address}")
        return Signature(f"0x{signed.raw.hex()}", signed.hash, wallet.key_backend, wallet.key_id)
