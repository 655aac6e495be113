"""A cosigner: it takes up sessions, hears the others, and says what follows. No I/O but its own disk; time comes in.

A session is taken up once, while it is fresh, and ends with the process (its secrets may be used only once). Messages that come
before their session is known are kept for a while. A cheating participant is banned for good before any other message is sent.
An unfinished session is given up after a while. A refusal is sent, so that no participant has to wait. Leaves out Kafka
(`streams.sessions.transport`) and the conditions of a signature or a ceremony (`signing`, `ceremonies`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import structlog

from infra.keys.sealing import SealRefused
from infra.keys.threshold import Incoming, Keygen, Refresh, SessionAborted, Share, ShareUnfit, Signing
from infra.keys.vault import ShareUnknown, VaultDamaged
from schemas.canonical import session_id
from schemas.keys import Cosigner, DestructionProof, KeyId
from schemas.sessions import Accusation, Cosigned, CosignerMessage, SessionOpened
from schemas.values import MICROS_PER_MS, TEXT_CHARACTERS_MAX, Instant, Sha256
from streams.cosigning.sessions.arrivals import BegunSessions, EarlyMessages
from streams.cosigning.sessions.ceremonies import Ceremony, Sharing, ceremony_of
from streams.cosigning.sessions.evidence import Evidence
from streams.cosigning.sessions.live import Live, ToHold, ToSign
from streams.cosigning.sessions.notes import Notes
from streams.cosigning.sessions.participants import Participants
from streams.cosigning.sessions.rounds import Rounds
from streams.cosigning.sessions.shares import Shares
from streams.cosigning.sessions.signing import SigningCase, signing_case
from streams.rules.firm.keys import shares_named
from streams.sessions.refusals import ABORTED, CLOCK, EPOCH, UNREADY, NotTakingPart, NotYet, WithBanned
from streams.sessions.signed_messages import UNSIGNED, MessageSigner, NotFromSender, Unreadable, require_from

FRESH_MICROS: Final = 60_000 * MICROS_PER_MS
"""The greatest age of a session that is taken up, and the most that its opener's clock may be ahead of ours."""
PATIENCE_MICROS: Final = 1_500 * MICROS_PER_MS
"""The longest wait for evidence that is on its way: less than the coordinator waits for this cosigner."""
SIGNING_MICROS_MAX: Final = 20_000 * MICROS_PER_MS
CEREMONY_MICROS_MAX: Final = 120_000 * MICROS_PER_MS
SESSIONS_KNOWN_MAX: Final = 10_000
WAITING_MAX: Final = 256
SIGNATURES_KEPT_MAX: Final = 1_000
RECOVER: Final = "put this cosigner's own share back, or have it recovered: proofdesk key recover"

log = structlog.get_logger(__name__)


class Participant:
    """One cosigner's side of all sessions."""

    def __init__(self, pen: MessageSigner, evidence: Evidence, shares: Shares, notes: Notes, began: Instant) -> None:
        """`began`: when this process did; sessions that were opened before are not taken up."""
        self._pen = pen
        self._evidence = evidence
        self._shares = shares
        self._notes = notes
        self._begun = BegunSessions(notes, began)
        self._known: OrderedDict[Sha256, None] = OrderedDict()
        self._live: dict[Sha256, Live] = {}
        self._waiting: dict[Sha256, tuple[SessionOpened, Instant]] = {}
        self._early = EarlyMessages()
        self._signatures: OrderedDict[Sha256, Cosigned] = OrderedDict()
        self._followed = -1

    @property
    def is_waiting(self) -> bool:
        """Return True if evidence that is on its way is waited for."""
        return bool(self._waiting)

    def refresh(self) -> None:
        """Process new records of the log, and destroy the shares that governance has made obsolete."""
        self._evidence.refresh()
        if self._evidence.firm.position != self._followed:
            self._shares.follow(self._evidence.firm)
            self._followed = self._evidence.firm.position
            for live in [each for each in self._live.values() if not self._is_wanted(each)]:
                self._drop(live)
                log.warning("session given up: governance wants it no more", session=live.opened.session_id)

    def open(self, opened: SessionOpened, now: Instant) -> list[CosignerMessage]:
        """Return the messages that answer a newly opened session."""
        if opened.session_id in self._known or session_id(opened) != opened.session_id:
            return []
        self._known[opened.session_id] = None
        if len(self._known) > SESSIONS_KNOWN_MAX:
            self._known.popitem(last=False)
        if self._pen.name not in opened.participants:
            self._early.take(opened.session_id)
            return []
        if (untimely := _untimely(opened, self._begun.since, now)) is not None:
            return self._refused(opened, untimely)
        return self._take_up(opened, now, now + PATIENCE_MICROS)

    def hear(self, message: CosignerMessage) -> list[CosignerMessage]:
        """Return the messages that answer a cosigner's message."""
        if message.kind != "round" or message.sender == self._pen.name or message.receiver not in ("", self._pen.name):
            return []
        live = self._live.get(message.session_id)
        if live is None:
            if message.session_id not in self._known or message.session_id in self._waiting:
                self._keep(message)
            return []
        return self._heard(live, message)

    def tick(self, now: Instant) -> list[CosignerMessage]:
        """Try again what waits for evidence, and give up what has taken too long."""
        said: list[CosignerMessage] = []
        for opened, until in list(self._waiting.values()):
            del self._waiting[opened.session_id]
            said += self._take_up(opened, now, until)
        for live in [each for each in self._live.values() if now >= each.until]:
            self._drop(live)
            log.warning("session given up", session=live.opened.session_id, kind=live.opened.kind)
        return said

    def _take_up(self, opened: SessionOpened, now: Instant, until: Instant) -> list[CosignerMessage]:
        try:
            self._require_enrolled()
            if opened.kind == "sign":
                return self._sign(opened, signing_case(opened, self._pen.name, self._evidence, self._notes.is_banned, now), now)
            ceremony = ceremony_of(opened, self._pen.name, self._evidence.firm, self._notes.is_banned)
            return self._destroy(opened, now) if opened.kind == "destroy" else self._hold(opened, ceremony, now)
        except NotYet as reason:
            if now < until and len(self._waiting) < WAITING_MAX:
                self._waiting[opened.session_id] = (opened, until)
                return []
            return self._refused(opened, NotTakingPart(UNREADY, str(reason)))
        except NotTakingPart as refusal:
            return self._refused(opened, refusal)
        except (ShareUnknown, VaultDamaged, SealRefused, ShareUnfit) as missing:
            return self._refused(opened, NotTakingPart("share", str(missing), RECOVER))

    def _require_enrolled(self) -> None:
        """Check that governance has enrolled our name with our keys; else no message is believed. Raises NotTakingPart."""
        enrolled = self._evidence.firm.cosigners.get(self._pen.name)
        if enrolled is not None and not self._pen.is_enrolled_as(enrolled.cosigner):
            reason = f"governance has enrolled {self._pen.name} with other keys than those in this cosigner's folder"
            raise NotTakingPart(
                "enrolled", reason, "if it was replaced, take this one out of service; else have its keys enrolled"
            )

    def _share(self, opened: SessionOpened, backend: Sharing, epoch: int, company: Participants) -> Share:
        """Return our share, which has to be of this key and party. Raises NotTakingPart, and the vault's errors."""
        share, made = self._shares.get(backend, opened.key_id, epoch), self._evidence.firm.keys[opened.key_id].generated
        if made is not None and (share.address, share.party) != (made.address, company.party):
            reason = (
                f"the share kept here is the one in place {share.party} of the key of {share.address}, not the one in place "
                f"{company.party} of {opened.key_id}, which is the key of {made.address}"
            )
            raise NotTakingPart("share", reason, RECOVER)
        return share

    def _sign(self, opened: SessionOpened, case: SigningCase, now: Instant) -> list[CosignerMessage]:
        if (known := self._signatures.get(case.digest.hex())) is not None:
            return [self._pen.outcome(opened.session_id, "signed", known)]
        self._make_way(case)
        share = self._share(opened, case.backend, case.epoch, case.company)
        self._begun.begin(opened, now, now - FRESH_MICROS)
        counterparties = [each.party for each in case.company.others]
        session = Signing(share, bytes.fromhex(opened.session_id), counterparties, case.digest)
        purpose = ToSign(opened, case, session, self._evidence.memory)
        return self._begin(Live(opened, purpose, Rounds(session), now + SIGNING_MICROS_MAX))

    def _make_way(self, case: SigningCase) -> None:
        """Leave sessions over the same or the overtaken payload. Raises NotTakingPart: another one of the nonce is open."""
        for live in list(self._live.values()):
            if not isinstance(live.purpose, ToSign):
                continue
            other = live.purpose.case
            if other.digest == case.digest or other.payload.digest == case.payload.overtakes:
                self._drop(live)
            elif (other.payload.account, other.payload.nonce) == (case.payload.account, case.payload.nonce):
                raise NotTakingPart("nonce", f"another payload for nonce {case.payload.nonce} is being signed")

    def _hold(self, opened: SessionOpened, ceremony: Ceremony, now: Instant) -> list[CosignerMessage]:
        if any(epoch >= ceremony.new_epoch for epoch in self._shares.epochs(opened.key_id)):
            raise NotTakingPart(EPOCH, f"there are shares of epoch {ceremony.new_epoch} or later here; open the next attempt")
        number, company = bytes.fromhex(opened.session_id), ceremony.company
        session: Keygen | Refresh
        if opened.kind == "generate":
            self._begun.begin(opened, now, now - FRESH_MICROS)
            session = Keygen(number, ceremony.threshold, len(company.cosigners), company.party)
        else:
            share = self._share(opened, ceremony.backend, ceremony.epoch, company)
            self._begun.begin(opened, now, now - FRESH_MICROS)
            # The history of a share from a back-up cannot be proved, so nothing that was agreed with it is kept.
            session = Refresh(share, number, complete=opened.kind == "recover")
        # Two at once could leave shares of one epoch that do not go together, and governance knows them by the epoch alone.
        self._leave(opened.key_id, ToHold)
        purpose = ToHold(opened, ceremony, session, self._shares)
        return self._begin(Live(opened, purpose, Rounds(session), now + CEREMONY_MICROS_MAX))

    def _destroy(self, opened: SessionOpened, now: Instant) -> list[CosignerMessage]:
        self._leave(opened.key_id, ToHold, ToSign)  # a session holds the share that it began with
        proof = self._notes.destroyed(opened.key_id)
        if proof is None or self._shares.epochs(opened.key_id):
            epochs = ", ".join(map(str, self._shares.epochs(opened.key_id))) or "none"
            digest = self._shares.destroy_all(opened.key_id)
            what = f"{shares_named(opened.key_id)} of epochs: {epochs}; none is left here"
            proof = self._pen.destroyed(
                DestructionProof(place=self._pen.name, what=what, digest=digest, destroyed_at=now, signature=UNSIGNED)
            )
            self._notes.note_destroyed(opened.key_id, proof)
        return [self._pen.outcome(opened.session_id, "destroyed", proof)]

    def _begin(self, live: Live) -> list[CosignerMessage]:
        self._live[live.opened.session_id] = live
        said = self._going_on(live, lambda: live.start(self._pen))
        for message in self._early.take(live.opened.session_id):
            said += self._heard(live, message)
        return said

    def _heard(self, live: Live, message: CosignerMessage) -> list[CosignerMessage]:
        sender = live.purpose.company.cosigners.get(message.sender)
        if live.is_over or sender is None:
            return []
        try:
            content = self._pen.read(message, sender)
        except Unreadable as reason:
            self._drop(live)
            return self._aborted(live, SessionAborted(str(reason), blamed=sender.party))
        except NotFromSender as reason:
            log.warning("message dropped", session=message.session_id, reason=str(reason))
            return []
        incoming = Incoming(sender.party, content, not message.receiver)
        return self._going_on(live, lambda: live.hear(self._pen, message.round, incoming))

    def _going_on(self, live: Live, step: Callable[[], list[CosignerMessage]]) -> list[CosignerMessage]:
        """Run one step of the protocol. A session that fails is over; a cheat is banned before the failure is sent."""
        try:
            said = step()
        except SessionAborted as aborted:
            self._drop(live)
            return self._aborted(live, aborted)
        if live.is_over:
            self._drop(live)
            if (signature := live.purpose.signature) is not None:
                self._remember(signature)
        return said

    def _aborted(self, live: Live, aborted: SessionAborted) -> list[CosignerMessage]:
        said: list[CosignerMessage] = []
        guilty = aborted.banned or aborted.blamed
        if guilty is not None:
            cosigner = live.purpose.company.at(guilty)
            if aborted.banned is not None:
                self._notes.ban(cosigner.signing_key)
                log.error("cosigner banned", cosigner=cosigner.cosigner, reason=aborted.reason)
            said.append(self._accused(live.opened, cosigner, aborted.reason))
        # Which of two shares that do not go together is the wrong one is not known here: others may be asked, not that pair.
        check = "share" if isinstance(aborted, ShareUnfit) and guilty is None else ABORTED
        return [*said, *self._refused(live.opened, NotTakingPart(check, aborted.reason))]

    def _accused(self, opened: SessionOpened, cosigner: Cosigner, reason: str) -> CosignerMessage:
        accusation = Accusation(
            cosigner=cosigner.cosigner, signing_key=cosigner.signing_key, reason=reason[:TEXT_CHARACTERS_MAX]
        )
        return self._pen.outcome(opened.session_id, "banned", accusation)

    def _refused(self, opened: SessionOpened, refusal: NotTakingPart) -> list[CosignerMessage]:
        self._early.take(opened.session_id)
        log.warning(
            "not taking part", session=opened.session_id, kind=opened.kind, check=refusal.refusal.check, reason=str(refusal)
        )
        said = [self._accused(opened, refusal.cosigner, str(refusal))] if isinstance(refusal, WithBanned) else []
        return [*said, self._pen.outcome(opened.session_id, "refused", refusal.refusal)]

    def _remember(self, signature: Cosigned) -> None:
        self._signatures[signature.digest] = signature
        if len(self._signatures) > SIGNATURES_KEPT_MAX:
            self._signatures.popitem(last=False)

    def _keep(self, message: CosignerMessage) -> None:
        """Keep a message of a session that is not known yet, or waits, if its enrolled sender has signed it."""
        enrolled = self._evidence.firm.cosigners.get(message.sender)
        if enrolled is None:
            return
        try:
            require_from(message, enrolled.cosigner)
        except NotFromSender as reason:
            log.warning("message dropped", session=message.session_id, reason=str(reason))
        else:
            self._early.keep(message)

    def _is_wanted(self, live: Live) -> bool:
        """Return True if governance still wants the session's purpose."""
        standing = self._evidence.firm.keys.get(live.opened.key_id)
        if standing is None:
            return False
        if isinstance(live.purpose, ToSign):
            return standing.may_sign
        return standing.open_order is not None and standing.open_order.position == live.opened.ordered_position

    def _leave(self, key_id: KeyId, *purposes: type[ToHold | ToSign]) -> None:
        for live in [each for each in self._live.values() if each.opened.key_id == key_id]:
            if isinstance(live.purpose, purposes):
                self._drop(live)

    def _drop(self, live: Live) -> None:
        self._live.pop(live.opened.session_id, None)


def _untimely(opened: SessionOpened, began: Instant, now: Instant) -> NotTakingPart | None:
    """Return a refusal if a session's time differs from ours; else None. Clocks have to agree to tell whether it is fresh."""
    ahead_seconds = (opened.opened_at - now) // (1_000 * MICROS_PER_MS)
    if abs(opened.opened_at - now) > FRESH_MICROS:
        told = f"{ahead_seconds} s from now" if ahead_seconds > 0 else f"{-ahead_seconds} s ago"
        reason = f"by this cosigner's clock the session was opened {told}: its opener's clock differs, or it came late"
        return NotTakingPart(CLOCK, reason, "compare the clocks of both machines, set them, then open another session")
    if opened.opened_at < began:
        return NotTakingPart(UNREADY, "the session was opened before this cosigner started")
    return None
