"""Decides this cosigner's part in a signature, and derives the 32 bytes from its own reading of the log.

Checks, in this order: the key is one in shares, may sign, and is the wallet's own; the session is of its present epoch and has
as many participants, of as many sites, as the key asks for; the order's simulation was found and judged; the memory has no
other payload for the nonce, and the cap of the wallet leaves room. Nothing that the session's opener claims is believed.
Source: architecture, rule 10. Leaves out Safes whose executor is in shares: that payload holds signatures of others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from schemas.events.lifecycle import Simulated
from schemas.keys import CosignerVerdict
from schemas.sessions import Cosigned, SessionOpened
from schemas.values import HexBytes, Instant, Slug
from streams.cosigning.sessions.ceremonies import Sharing
from streams.cosigning.sessions.evidence import Evidence
from streams.cosigning.sessions.participants import Participants
from streams.judging.attestation import CODE
from streams.rules.evidence.digests import NothingToSign, digest_for, keys_of
from streams.rules.evidence.memory.payloads import Payload, payload_of
from streams.rules.evidence.memory.reached import Reached
from streams.rules.evidence.signing_verdict import Verdict
from streams.rules.firm.keys import KeyStanding
from streams.rules.firm.view import Governance
from streams.sessions.refusals import EPOCH, NotTakingPart
from streams.sessions.signed_messages import UNSIGNED, MessageSigner


@dataclass(frozen=True, slots=True)
class SigningCase:
    """A transaction that may be signed, with everything that follows from our verdict."""

    company: Participants
    backend: Sharing
    epoch: int
    order_id: str
    digest: bytes
    payload: Payload
    reached: Reached
    verdict: CosignerVerdict

    def cosigned(self, pen: MessageSigner, r: int, s: int, y_parity: int) -> Cosigned:
        """Return the signature with this cosigner's signed verdict."""
        signed = pen.verdict(self.verdict, self.order_id, self.digest)
        return Cosigned(
            digest=self.digest.hex(),
            r=f"{r:064x}",
            s=f"{s:064x}",
            y_parity=y_parity,
            epoch=self.epoch,
            code_hash=signed.code_hash,
            policy_hash=signed.policy_hash,
            governance_position=signed.governance_position,
            site=signed.site,
            verdict_signature=signed.signature,
        )


def signing_case(
    opened: SessionOpened, me: Slug, evidence: Evidence, is_banned: Callable[[HexBytes], bool], now: Instant
) -> SigningCase:
    """Return the payload to sign, its participants and the verdict on it.

    Raises:
        NotYet: something is still on its way.
        NotTakingPart: it is refused.
    """
    firm = evidence.firm
    standing, backend, threshold, sites_min = _key(opened, firm)
    if not set(opened.participants) <= set(standing.cosigners) or len(opened.participants) != threshold:
        raise NotTakingPart("participants", f"{threshold} holders of shares of key {opened.key_id} sign, no more and no less")
    enrolled = {name: each.cosigner for name, each in firm.cosigners.items()}
    company = Participants.of(me, opened.participants, enrolled, is_banned)
    if len(company.sites) < sites_min:
        raise NotTakingPart("sites", f"the participants are of {len(company.sites)} sites, the key asks for {sites_min}")
    received, simulated, verdict = evidence.judged(opened.simulated_hash, opened.order_id or "", now)
    digest = _digest(opened, simulated, firm)
    payload = payload_of(simulated, backend, verdict.amount_usd, now)
    if (refusal := evidence.memory.refusal(payload, now, is_cancelled=False)) is not None:
        raise NotTakingPart(refusal.check, refusal.message, refusal.remedy)
    return SigningCase(
        company=company,
        backend=backend,
        epoch=standing.epoch,
        order_id=simulated.order_id,
        digest=digest,
        payload=payload,
        reached=evidence.memory.reached.moved_to(evidence.witness, received.partition),
        verdict=_verdict(company, verdict),
    )


def _key(opened: SessionOpened, firm: Governance) -> tuple[KeyStanding, Sharing, int, int]:
    standing = firm.keys.get(opened.key_id)
    made = None if standing is None else standing.generated
    if standing is None or made is None or made.backend not in ("mpc", "hybrid"):
        raise NotTakingPart("key", f"there is no key {opened.key_id} in shares")
    if not standing.may_sign:
        raise NotTakingPart("key", f"key {opened.key_id} is {standing.status}", "nothing: it signs nothing until it is resumed")
    if opened.epoch != standing.epoch:
        raise NotTakingPart(EPOCH, f"the shares of key {opened.key_id} are of epoch {standing.epoch}, not {opened.epoch}")
    return standing, ("mpc" if made.backend == "mpc" else "hybrid"), made.threshold, made.sites_min


def _digest(opened: SessionOpened, simulated: Simulated, firm: Governance) -> bytes:
    """Return the 32 bytes, if the key is the wallet's, or that of an owner of the wallet's Safe."""
    wallet = firm.wallets.get(simulated.wallet_id)
    if wallet is None or keys_of(wallet).get(opened.key_id) not in ("mpc", "hybrid"):
        raise NotTakingPart("key", f"wallet {simulated.wallet_id} does not sign with key {opened.key_id}")
    try:
        return digest_for(simulated, wallet, opened.key_id, opened.part)
    except NothingToSign as reason:
        raise NotTakingPart("payload", str(reason)) from reason


def _verdict(company: Participants, verdict: Verdict) -> CosignerVerdict:
    return CosignerVerdict(
        cosigner=company.me,
        site=company.cosigners[company.me].site,
        code_hash=CODE.code_hash,
        policy_hash=verdict.policy_hash,
        governance_position=verdict.governance_position,
        signature=UNSIGNED,
    )
