"""Keys in shares: who is asked to hold a ceremony, what they say of it, and when another attempt is due. Pure.

The custodian opens a session and listens; it takes no part, has no share, and could make none. It reports the key that every
participant vouches for in one session with its own signature; governance checks these signatures again. New shares of attempt
`n` have epoch `epoch + n`, so that shares of two attempts are never taken for one (streams/cosigning/README.md). An attempt is
given up as a whole if any participant refuses, cheats or stays silent; after `ATTEMPTS_MAX` the order has failed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from pydantic import ValidationError

from infra.proofs import base64url
from schemas.canonical import session_id
from schemas.events.base import Refusal
from schemas.events.keys import KeyOrdered
from schemas.firm_commands import ReportKey
from schemas.keys import DestructionProof, GenerateKey, KeyOperation, KeyVouched, RecoverShare
from schemas.sessions import Accusation, CosignerMessage, SessionKind, SessionOpened
from schemas.values import MICROS_PER_SECOND, TEXT_CHARACTERS_MAX, Instant, Slug
from streams.rules.firm.keys import KeyStanding
from streams.rules.firm.view import Governance
from streams.rules.governance.changes.keys import proofs
from streams.sessions.signed_messages import NotFromSender, require_from

ATTEMPT_SECONDS_MAX: Final = 90
"""Making a key takes 6 s of one core, all cosigners together; on a busy machine several times as long."""
ATTEMPTS_MAX: Final = 5
PAUSE_SECONDS: Final = 2
"""Before another attempt: what a cosigner was not ready for may be on its way."""

_KINDS: Final[MappingProxyType[KeyOperation, SessionKind]] = MappingProxyType(
    {"generate": "generate", "rotate": "refresh", "recover": "recover", "destroy": "destroy"}
)
_OUTCOMES: Final = MappingProxyType({"generate": "generated", "refresh": "rotated", "recover": "recovered"})
_UNNAMED: Final = "0" * 64


def participants_of(order: KeyOrdered, known: KeyStanding) -> list[Slug]:
    """Return the cosigners that hold shares afterwards or, for a key that is destroyed, that held them."""
    change = order.change
    if isinstance(change, GenerateKey):
        return list(change.cosigners)
    holders = list(known.cosigners)
    if isinstance(change, RecoverShare):
        holders[change.cosigner.party - 1] = change.cosigner.cosigner
    return holders


def opening(order: KeyOrdered, known: KeyStanding, attempt: int, now: Instant) -> SessionOpened:
    """Return the session in which an order is to be carried out."""
    unnamed = SessionOpened(
        session_id=_UNNAMED,
        kind=_KINDS[order.change.kind],
        key_id=order.key_id,
        epoch=known.epoch,
        participants=participants_of(order, known),
        attempt=attempt,
        opened_at=now,
        ordered_position=order.position,
    )
    return unnamed.model_copy(update={"session_id": session_id(unnamed)})


@dataclass(slots=True)
class Attempt:
    """One session and its participants' reports of its outcome."""

    opened: SessionOpened
    said: dict[Slug, KeyVouched | DestructionProof] = field(default_factory=dict)
    refused: dict[Slug, Refusal] = field(default_factory=dict)
    doubt: str = ""
    """The reason why governance would not believe the participants' reports."""

    def hear(self, message: CosignerMessage, firm: Governance) -> None:
        """Process a participant's message; any other message is ignored."""
        enrolled = firm.cosigners.get(message.sender)
        mine = message.session_id == self.opened.session_id and message.sender in self.opened.participants
        if not mine or enrolled is None or message.kind in ("round", "signed"):
            return
        try:
            require_from(message, enrolled.cosigner)
            self._take(message, base64url.decode(message.payload))
        except (NotFromSender, ValidationError, ValueError):
            return  # a cosigner whose message is not readable counts as silent

    def _take(self, message: CosignerMessage, content: bytes) -> None:
        match message.kind:
            case "vouched":
                self.said.setdefault(message.sender, KeyVouched.model_validate_json(content))
            case "destroyed":
                self.said.setdefault(message.sender, DestructionProof.model_validate_json(content))
            case "refused":
                self.refused.setdefault(message.sender, Refusal.model_validate_json(content))
            case "banned":
                accused = Accusation.model_validate_json(content)
                reason = f"will not run anything with {accused.cosigner} again: {accused.reason}"[:TEXT_CHARACTERS_MAX]
                remedy = f"Have the share of {accused.cosigner} recovered by somebody else."
                self.refused.setdefault(message.sender, Refusal(check="banned", message=reason, remedy=remedy))

    def is_lost(self, now: Instant) -> bool:
        """Return True if the session can no longer succeed."""
        late = now >= self.opened.opened_at + ATTEMPT_SECONDS_MAX * MICROS_PER_SECOND
        return late or bool(self.refused or self.doubt) or (self._is_complete and self.report() is None)

    @property
    def _is_complete(self) -> bool:
        return len(self.said) == len(self.opened.participants)

    def report(self) -> ReportKey | None:
        """Return the report once all participants have vouched for the same outcome; else None."""
        words = [self.said[name] for name in self.opened.participants if name in self.said]
        if not self._is_complete:
            return None
        if self.opened.kind == "destroy":
            proofs = [each for each in words if isinstance(each, DestructionProof)]
            return self._destroyed(proofs) if len(proofs) == len(words) else None
        vouched = [each for each in words if isinstance(each, KeyVouched)]
        accounts = {(each.key_id, each.epoch, each.address, each.public_key) for each in vouched}
        one = (self.opened.key_id, self.opened.epoch + self.opened.attempt)
        if len(vouched) != len(words) or len(accounts) != 1 or (vouched[0].key_id, vouched[0].epoch) != one:
            return None
        return ReportKey.model_validate(
            {
                "ordered_position": self.opened.ordered_position,
                "outcome": _OUTCOMES[self.opened.kind],
                "address": vouched[0].address,
                "public_key": vouched[0].public_key,
                "epoch": vouched[0].epoch,
                "vouched": vouched,
            }
        )

    def _destroyed(self, said: list[DestructionProof]) -> ReportKey:
        return ReportKey(ordered_position=self.opened.ordered_position, outcome="destroyed", proofs=said)

    def believable(self, known: KeyStanding, firm: Governance, now: Instant) -> ReportKey | None:
        """Return the report if it proves what governance asks for; if not, mark the attempt as lost."""
        if (report := self.report()) is None:
            return None
        try:
            if report.outcome == "destroyed":
                proofs.check_destroyed(firm, known, report.proofs, now)
            else:
                share = proofs.Share(self.opened.key_id, report.epoch, proofs.account(report), self.opened.ordered_position)
                proofs.check_vouched(firm, self.opened.participants, report.vouched, share, after=known.epoch)
        except proofs.Unproven as unproven:
            self.doubt = str(unproven)
            return None
        return report

    def failure(self) -> Refusal:
        """Return the reason why the session failed, for people."""
        if self.refused:
            name, refusal = next(iter(self.refused.items()))
            return refusal.model_copy(update={"message": f"{name}: {refusal.message}"[:TEXT_CHARACTERS_MAX]})
        if self.doubt:
            return _spoiled(self.doubt)
        silent = ", ".join(name for name in self.opened.participants if name not in self.said)
        message = (
            f"{silent} said nothing in {ATTEMPT_SECONDS_MAX} s" if silent else "its cosigners do not vouch for the same key"
        )
        return _spoiled(message)


def _spoiled(message: str) -> Refusal:
    remedy = "See that all cosigners of the key are running, then have it ordered again; recover the share of one that cheats."
    return Refusal(check="ceremony", message=message[:TEXT_CHARACTERS_MAX], remedy=remedy)
