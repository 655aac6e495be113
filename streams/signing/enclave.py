"""Re-checks each simulated order against the log (`read`); signs only if every check passes (`perform`).

Keys are used only here. The payload is on the disk in the enclave's own memory before it is signed. A signed payload gets the
same answer with the same bytes for ever: the signature may have been seen, so a refusal would be false. A refusal names the
payload that cosigners may have signed although its order was refused (ADR 15). Source: architecture, rules 10 and 11. Leaves
out signing replacements of stuck transactions.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from infra.ethereum import transaction
from infra.telemetry import metrics
from schemas.events.base import Refusal
from schemas.events.governance import WalletAssigned
from schemas.events.lifecycle import Signed, Simulated
from schemas.keys import Attestation, KeyBackend
from schemas.values import MICROS_PER_SECOND, Instant, Sha256
from streams.judging.attestation import CODE
from streams.judging.evidence_reader import EvidenceReader
from streams.judging.memory import SealedMemory
from streams.rules.decider import Later, Received, References
from streams.rules.evidence.digests import keys_of
from streams.rules.evidence.memory.payloads import ClaimedPayload, payload_of
from streams.rules.evidence.signing_decider import Judged, Signature, SignerState, signed_of
from streams.rules.evidence.signing_verdict import Verdict, refusal_of
from streams.rules.governance.root import RootedGovernance
from streams.rules.transactions.safe_wrapping import wallet_sender
from streams.signing.backends.contract import KeyUnusable, Pending, Signer, Task

ROLLBACK: Final = "log-rollback"
"""The check that refuses a log older than the one that was read before."""
IN_ONE_PLACE: Final[frozenset[KeyBackend]] = frozenset({"software", "hsm"})
"""Backends that sign within the call: a claim without a signature means that none has left."""
JUDGED_AGAIN_MICROS: Final = MICROS_PER_SECOND
"""The time for which a verdict stays valid while cosigners sign."""

Place = tuple[int, Sha256]
"""An event: its partition, and the hash of its bytes."""


class Enclave:
    """Observer and performer of the signer. It knows what it read from the log and what it answered, and nothing else."""

    def __init__(self, references: References, signer: Signer, governance: RootedGovernance, memory: SealedMemory) -> None:
        self._evidence = EvidenceReader(references, governance, memory)
        self._signer = signer
        self._memory = memory
        self._at_work: dict[Place, tuple[Verdict, Instant]] = {}
        """Events that cosigners are signing, with the last verdict on each; by event: another one may name the same order."""

    def accept(self, received: Received) -> None:
        """Take in one reference record.

        Raises:
            NotRooted, GenesisRefused, GovernanceBroken: governance that does not derive from the pinned root key.
        """
        self._evidence.accept(received)

    def refresh(self) -> None:
        """Take in what has come since."""
        self._evidence.refresh()

    def read(self, state: SignerState, received: Received, now: Instant) -> Judged | Later | None:
        """Return the verdict on a simulation that passed; None for what is not the enclave's to answer. Signs nothing."""
        simulated = received.record
        if not isinstance(simulated, Simulated) or simulated.verdict != "passed" or simulated.order_id in state.answered:
            return None
        older = self._memory.reached.refusal(self._evidence, received.partition)
        if older is not None:
            return Judged(simulated, self._evidence.refused(ROLLBACK, older), None)
        verdict = self._verdict(received, simulated, now)
        return Judged(simulated, verdict, None) if isinstance(verdict, Verdict) else verdict

    def perform(self, state: SignerState, received: Received, message: Judged | None, now: Instant) -> Judged | Later | None:
        """Sign what was judged good, or repeat the signature that was given before; refuse everything else."""
        if message is None:
            return None
        simulated = message.simulated
        judged = self._answered(state, received, message, now)
        if isinstance(judged, Judged) and judged.signed is None and judged.verdict.refusal is not None:
            metrics.count_refused_by_signer(judged.verdict.refusal.check)
            return replace(judged, claimed=self._memory.left_claimed(simulated))
        return judged

    def repeat(self, now: Instant) -> None:
        """Repeat nothing by itself: a signature that is not on the log yet is given again when its order is offered again."""

    def _answered(self, state: SignerState, received: Received, judged: Judged, now: Instant) -> Judged | Later:
        """Checks in this order: the log was not rolled back; no earlier signature; the verdict and the nonce allow one."""
        simulated, verdict = judged.simulated, judged.verdict
        if verdict.refusal is not None and verdict.refusal.check == ROLLBACK:
            return judged
        claimed = self._memory.found(simulated)
        if claimed is not None and claimed.transaction_hash:
            return _answered_before(simulated, verdict, claimed)
        refusal = verdict.refusal or state.nonce_refusal(simulated)
        if refusal is None:
            return self._signed(received, simulated, verdict, now)
        self._at_work.pop(_place(received), None)
        if claimed is not None and claimed.payload.backend in IN_ONE_PLACE:
            self._memory.release(claimed.payload)
        return _refused(simulated, verdict, refusal)

    def _verdict(self, received: Received, simulated: Simulated, now: Instant) -> Verdict | Later | None:
        """Return the verdict on it by the log; a recent one is reused while cosigners sign."""
        verdict, judged_at = self._at_work.get(_place(received), (None, now))
        if verdict is not None and now - judged_at < JUDGED_AGAIN_MICROS:
            return verdict
        return self._evidence.judged(received, simulated, now)

    def _signed(self, received: Received, simulated: Simulated, verdict: Verdict, now: Instant) -> Judged | Later:
        """Remember, then sign; or refuse by what is remembered."""
        wallet = self._evidence.firm.wallets[simulated.wallet_id]
        payload = payload_of(simulated, wallet.key_backend, verdict.amount_usd, now)
        refusal = self._memory.refusal(payload, now)
        if refusal is not None:
            return _refused(simulated, verdict, refusal)
        is_new = self._memory.found(simulated) is None
        self._memory.claim(payload, self._memory.reached.moved_to(self._evidence, received.partition))
        try:
            signature = self._sign(received, simulated)
        except KeyUnusable as unusable:
            self._at_work.pop(_place(received), None)
            if _is_untouched(wallet, is_new=is_new):
                self._memory.release(payload)
            remedy = [unusable.remedy] if unusable.remedy else []
            return _refused(simulated, verdict, refusal_of(unusable.check, str(unusable), *remedy))
        if isinstance(signature, Pending):
            if self._at_work.get(_place(received), (None, now))[0] is not verdict:
                self._at_work[_place(received)] = (verdict, now)
            return Later(signature.waits_for)
        self._at_work.pop(_place(received), None)
        signed = signed_of(simulated, verdict, signature)
        self._memory.keep(payload, signed)
        return Judged(simulated, verdict, signed)

    def _sign(self, received: Received, simulated: Simulated) -> Signature | Pending:
        """Sign the bytes that were judged, and see whose signature it is before it leaves."""
        wallet = self._evidence.firm.wallets[simulated.wallet_id]
        unsigned = transaction.from_record(simulated.transaction)
        digest = transaction.digest(unsigned)
        task = Task(simulated, received.digest, digest, wallet.key_backend, wallet.key_id)
        made = self._signer.sign(task)
        if isinstance(made, Pending):
            return made
        sender = wallet_sender(wallet)
        if made.transaction is not None:
            unsigned, digest = made.transaction, transaction.digest(made.transaction)
        signed = transaction.assemble(unsigned, made.signature)
        if transaction.signer_of(digest, made.signature) != sender:
            raise KeyUnusable(f"the key of wallet {wallet.wallet_id} signs for another address than {sender}")
        attestation = Attestation(
            backend=wallet.key_backend,
            key_id=wallet.key_id,
            epoch=made.epoch,
            version=CODE.version,
            code_hash=CODE.code_hash,
            session_id=made.session_id,
            cosigners=list(made.cosigners),
            owners=list(made.owners),
        )
        return Signature(f"0x{signed.raw.hex()}", signed.hash, attestation)


def _place(received: Received) -> Place:
    return received.partition, received.digest


def _is_untouched(wallet: WalletAssigned, *, is_new: bool) -> bool:
    """Return True if a key that cannot sign means that nothing was signed: cosigners may have signed once they were asked.

    Cosigners answer later. So a key in shares that fails at the first request has asked none of them; a Safe may have asked
    one owner's holders before another owner failed.
    """
    if IN_ONE_PLACE.issuperset(keys_of(wallet).values()):
        return True
    return is_new and wallet.key_backend != "safe"


def _refused(simulated: Simulated, verdict: Verdict, refusal: Refusal) -> Judged:
    return Judged(simulated, replace(verdict, refusal=refusal), None)


def _answered_before(simulated: Simulated, verdict: Verdict, claimed: ClaimedPayload) -> Judged:
    """Return the earlier answer, byte for byte. A transaction that the log has already is another enclave's, or a forgery."""
    if claimed.answer:
        return Judged(simulated, verdict, Signed.model_validate_json(claimed.answer))
    if verdict.refusal is not None:
        return Judged(simulated, verdict, None)
    reason = f"the log has transaction {claimed.transaction_hash} of this order already"
    return _refused(simulated, verdict, refusal_of("nonce", reason))
