"""The enclave's eyes and hand: it judges what it reads in the log, and a key signs only behind a good verdict.

The one place where a key is used. Source: architecture, rules 10 and 11.
"""

from __future__ import annotations

from infra.chain import transaction
from schemas.events.lifecycle import Simulated
from schemas.keys import Attestation
from schemas.values import Instant
from streams.engine.decider import Later, Received
from streams.signing.attestation import CODE
from streams.signing.backends.contract import KeyUnusable, Pending, Signer, Task
from streams.signing.decider import Judged, Signature, SignerState
from streams.signing.evidence.verdict import Verdict, refusal_of
from streams.signing.root import RootedGovernance
from streams.signing.witness import References, Witness


class Enclave:
    """Judges and signs. Everything it knows it has read from the log."""

    def __init__(self, references: References, signer: Signer, governance: RootedGovernance) -> None:
        self._witness = Witness(references, governance)
        self._signer = signer

    def accept(self, received: Received) -> None:
        """Take in one reference record.

        Raises:
            NotRooted, GenesisRefused, GovernanceBroken: governance that does not derive from the pinned root key.
        """
        self._witness.accept(received)

    def refresh(self) -> None:
        """Take in what has come since."""
        self._witness.refresh()

    def observe(self, state: SignerState, received: Received, now: Instant) -> Judged | Later | None:
        """The verdict on a simulation that passed, with a signature if all of it could be derived again."""
        simulated = received.record
        if not isinstance(simulated, Simulated) or simulated.verdict != "passed" or simulated.order_id in state.answered:
            return None
        verdict = self._witness.judged(received, simulated, now)
        if not isinstance(verdict, Verdict):
            return verdict
        if verdict.refusal is not None or state.nonce_refusal(simulated) is not None:
            return Judged(simulated, verdict, None)
        try:
            signature = self._sign(received, simulated)
        except KeyUnusable as unusable:
            refusal = refusal_of(unusable.check, str(unusable), *([unusable.remedy] if unusable.remedy else []))
            return Judged(simulated, Verdict((), refusal, governance_position=verdict.governance_position), None)
        return Later(signature.waits_for) if isinstance(signature, Pending) else Judged(simulated, verdict, signature)

    def _sign(self, received: Received, simulated: Simulated) -> Signature | Pending:
        """Sign the bytes that were judged, and see whose signature it is before it leaves."""
        wallet = self._witness.firm.wallets[simulated.wallet_id]
        unsigned = transaction.from_record(simulated.transaction)
        task = Task(simulated, received.digest, transaction.digest(unsigned), wallet.key_backend, wallet.key_id)
        made = self._signer.sign(task)
        if isinstance(made, Pending):
            return made
        signed = transaction.assemble(unsigned, made.signature)
        if transaction.recover_sender(signed.raw) != wallet.address:
            raise KeyUnusable(f"the key of wallet {wallet.wallet_id} signs for another address than {wallet.address}")
        attestation = Attestation(
            backend=wallet.key_backend,
            key_id=wallet.key_id,
            epoch=made.epoch,
            version=CODE.version,
            code_hash=CODE.code_hash,
            session_id=made.session_id,
            cosigners=list(made.cosigners),
        )
        return Signature(f"0x{signed.raw.hex()}", signed.hash, attestation)
