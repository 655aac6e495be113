"""The enclave's eyes and hand: it reads the log for itself, and the key signs only behind a good verdict.

The one place where a key is used. Evidence that is not here yet is waited for (`Later`); governance must have reached the
position that the order was decided at. Source: architecture, rules 10 and 11.
"""

from __future__ import annotations

from typing import Protocol

import structlog

from infra.chain import transaction
from schemas.events.base import FirmEvent, Refusal
from schemas.events.governance import WalletAssigned
from schemas.events.lifecycle import Approved, Simulated
from schemas.hash_chain import ChainBroken
from schemas.values import Instant
from streams.engine.decider import Later, Received
from streams.engine.references import References
from streams.signing.root import RootedGovernance
from streams.signing.decider import Judged, Signature, SignerState
from streams.signing.dossier import Dossier, EvidenceFold
from streams.signing.evidence import Verdict, judge

log = structlog.get_logger(__name__)


class Signer(Protocol):
    """A backend that holds keys: signs a digest of 32 bytes with the key that a wallet names."""

    def sign(self, wallet: WalletAssigned, digest: bytes) -> transaction.Signature:
        """Return the signature, or raise: then nothing was signed."""
        ...


class Enclave:
    """Judges and signs. Everything it knows it has read from the log."""

    def __init__(self, references: References, signer: Signer, governance: RootedGovernance) -> None:
        self._references = references
        self._signer = signer
        self._evidence = EvidenceFold()
        self._governance = governance
        for received in references.catch_up():
            self._accept(received)

    def refresh(self) -> None:
        """Take in what has come since."""
        for received in self._references.poll():
            self._accept(received)

    def observe(self, state: SignerState, received: Received, now: Instant) -> Judged | None | Later:
        """The verdict on a simulation that passed, with a signature if all of it could be derived again."""
        simulated = received.record
        if not isinstance(simulated, Simulated) or simulated.verdict != "passed":
            return None
        try:
            dossier = self._evidence.dossier(simulated.order_id, simulated.sequence)
        except ChainBroken as broken:
            return Judged(simulated, Verdict((), _broken(broken)), None)
        if dossier is None or self._is_ahead(dossier):
            return Later("the evidence is still on its way")
        verdict = judge(dossier, self._governance.view, now)
        if verdict.refusal is not None or state.nonce_refusal(simulated) is not None:
            return Judged(simulated, verdict, None)
        return Judged(simulated, verdict, self._sign(simulated))

    def _is_ahead(self, dossier: Dossier) -> bool:
        """Whether the order was decided on governance that has not arrived here."""
        return any(each.facts.governance_position > self._governance.view.position for each in dossier.all(Approved))

    def _sign(self, simulated: Simulated) -> Signature:
        """Sign the bytes that were judged, and check whose signature it is before it leaves."""
        wallet = self._governance.view.wallets[simulated.wallet_id]
        unsigned = transaction.from_record(simulated.transaction)
        signed = transaction.assemble(unsigned, self._signer.sign(wallet, transaction.digest(unsigned)))
        if transaction.recover_sender(signed.raw) != wallet.address:
            raise WrongKey(f"the key of wallet {wallet.wallet_id} signed for another address than {wallet.address}")
        return Signature("0x" + signed.raw.hex(), signed.hash, wallet.key_backend, wallet.key_id)

    def _accept(self, received: Received) -> None:
        if isinstance(received.record, FirmEvent):
            self._governance.accept(received.record)
        else:
            self._evidence.accept(received)


class WrongKey(Exception):
    """A key that is not the wallet's: the enclave stops."""


def _broken(broken: ChainBroken) -> Refusal:
    return Refusal(
        check="chain",
        message=str(broken)[:1_000],
        remedy="nothing was signed; the order's events were changed, or forged: find out by whom",
    )
