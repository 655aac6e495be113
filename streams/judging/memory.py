"""A signer's memory as a whole: it is asked, it writes down, it learns from the log what it has lost.

    memory = SealedMemory(journal, caps)
    refusal = memory.refusal(payload, now, is_cancelled=False)   # nonce, velocity; None: go on
    memory.claim(payload, reached)                               # on the disk; only now may anything be signed
    memory.keep(payload, signed)                                 # the same bytes again, should the answer be needed again

`release` takes back a claim that certainly led to no signature. Not for more than one thread.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import Field, TypeAdapter

from schemas.events.base import Refusal
from schemas.events.lifecycle import Claim, Signed, SigningRefused, Simulated
from schemas.values import Instant, Record, WalletId
from streams.judging.journal import Journal
from streams.rules.evidence.memory.payloads import AccountBook, ClaimedPayload, Payload, PayloadBook, digest_of, payload_refused
from streams.rules.evidence.memory.reached import Reached
from streams.rules.evidence.memory.signatures_on_log import SignaturesOnLog
from streams.rules.evidence.memory.velocity import Velocity, VelocityCaps
from streams.rules.evidence.signing_verdict import refusal_of

ENTRIES_BETWEEN_REWRITES_MAX: Final = 20_000
RAISE_CAP: Final = "nothing was signed; wait, or have those who run this signer raise the cap in its own file"
FEES: Final = ("max_fee_per_gas", "max_priority_fee_per_gas")
LOOK: Final = "nothing was signed; find out who offered a second payload for the nonce"


class Claimed(Record):
    """A payload may be signed from here on."""

    kind: Literal["claimed"] = "claimed"
    payload: Payload
    reached: Reached


class Kept(Record):
    """A payload was signed."""

    kind: Literal["kept"] = "kept"
    spoken: ClaimedPayload


class Released(Record):
    """A payload was claimed and certainly not signed."""

    kind: Literal["released"] = "released"
    payload: Payload


class AccountSummary(Record):
    """The memory of one wallet on one chain."""

    wallet_id: WalletId
    chain_id: int
    floor: int
    spoken: list[ClaimedPayload]


class Summary(Record):
    """All that is remembered, in place of the entries before."""

    kind: Literal["summary"] = "summary"
    reached: Reached
    accounts: list[AccountSummary]
    by_minute: dict[WalletId, dict[int, Decimal]]


Entry = Claimed | Kept | Released | Summary
_ENTRY: Final[TypeAdapter[Entry]] = TypeAdapter(Annotated[Entry, Field(discriminator="kind")])


class SealedMemory:
    """The memory of one signer."""

    def __init__(self, journal: Journal, caps: VelocityCaps, entries: list[bytes] | None = None) -> None:
        """`entries`: what the journal held when it was opened (`SealedJournal.entries`)."""
        self.reached = Reached()
        self._journal = journal
        self._caps = caps
        self._book = PayloadBook()
        self._heard = SignaturesOnLog(self._book)
        self._velocity = Velocity()
        self._written = 0
        for entry in entries or []:
            self._fold(_ENTRY.validate_json(entry))
        if entries:
            self._rewrite()

    def refusal(self, payload: Payload, now: Instant, *, is_cancelled: bool = False) -> Refusal | None:
        """Return the reason why a payload must not be signed (`nonce`, `velocity`); else None. A claim may be repeated."""
        self._heard.settle(payload.account)
        reason = self._book.refusal(payload, is_cancelled=is_cancelled)
        if reason is not None:
            return refusal_of("nonce", reason, LOOK)
        if payload.replaces is not None or self._book.found(payload) is not None:
            return None
        cap = self._caps.of(payload.wallet_id)
        reason = self._velocity.refusal(payload.wallet_id, payload.amount_usd, cap, now)
        return None if reason is None else refusal_of("velocity", reason, RAISE_CAP)

    def claim(self, payload: Payload, reached: Reached) -> None:
        """Write down that a payload may be signed from here on, with how far the log reached; on the disk at the return."""
        if self._book.found(payload) is None:
            self._write(Claimed(payload=payload, reached=reached))

    def keep(self, payload: Payload, signed: Signed) -> None:
        """Write down a signature's answer. If it is lost with the machine, the same payload is signed again."""
        claimed = self._book.found(payload)
        spoken = ClaimedPayload(
            payload=payload if claimed is None else claimed.payload,
            transaction_hash=signed.transaction_hash,
            answer=signed.model_dump_json(),
        )
        self._write(Kept(spoken=spoken), durable=False)

    def release(self, payload: Payload) -> None:
        """Take back a claim of what was certainly not signed; nothing for what was not claimed, or was signed."""
        spoken = self._book.found(payload)
        if spoken is not None and not spoken.transaction_hash:
            self._write(Released(payload=spoken.payload))

    def found(self, simulated: Simulated) -> ClaimedPayload | None:
        """Return the remembered claim of exactly a simulation's payload; else None."""
        unsigned = simulated.transaction
        account = (simulated.wallet_id, unsigned.chain_id)
        self._heard.settle(account)
        for spoken in self._book.of(account, unsigned.nonce):
            if (spoken.payload.order_id, spoken.payload.digest) == (simulated.order_id, digest_of(unsigned)):
                return spoken
        return None

    def left_claimed(self, simulated: Simulated) -> Claim | None:
        """Return a payload that cosigners may have signed for the nonce of this refused order, or of one refused before it.

        Its fees are the highest of all claims of the nonce, since all have to be outbid.
        """
        unsigned = simulated.transaction
        known = self._book.of((simulated.wallet_id, unsigned.chain_id), unsigned.nonce)
        if not known or any(each.transaction_hash for each in known):
            return None
        newest = known[-1]
        if not newest.refused and newest.payload.order_id != simulated.order_id:
            return None
        fees = {name: max(getattr(each.payload, name) for each in known) for name in FEES}
        return newest.payload.claim.model_copy(update=fees)

    def lacks_refusal(self, simulated: Simulated) -> bool:
        """Return True if the refusal of the order that a simulation overtakes has not been read yet."""
        unsigned = simulated.transaction
        account = (simulated.wallet_id, unsigned.chain_id)
        self._heard.settle(account)
        known = self._book.of(account, unsigned.nonce)
        is_read = any(each.transaction_hash or (each.payload.digest == simulated.overtakes and each.refused) for each in known)
        return simulated.overtakes is not None and not is_read

    def learn(self, signed: Signed) -> None:
        """Note a signature of the log: usually known already, and the only source if the memory was lost."""
        account = (signed.wallet_id, signed.chain_id)
        known = self._book.of(account, signed.nonce)
        for spoken in known:
            if spoken.payload.order_id == signed.order_id and spoken.transaction_hash in ("", signed.transaction_hash):
                self._book.put(ClaimedPayload(payload=spoken.payload, transaction_hash=signed.transaction_hash))
                return
        if signed.replaces is not None or (known and all(each.refused for each in known)):
            self._heard.settle(account)
            self._heard.hear(signed)
            self._heard.settle(account)
        elif not self._heard.knows(account, signed.nonce):
            self._heard.hear(signed)
        else:
            return
        if signed.replaces is None:
            self._velocity.add(signed.wallet_id, signed.decided_at, signed.amount_usd or Decimal(0))

    def learn_refusal(self, refused: SigningRefused) -> None:
        """Note a refused order of the log and the payload that it left behind: other signers may have signed that payload."""
        account, claim = (refused.wallet_id, refused.chain_id), refused.claimed
        self._book.refuse(account, refused.nonce, refused.order_id)
        if claim is None:
            return
        self._heard.settle(account)
        known = self._book.of(account, refused.nonce)
        if any(each.transaction_hash or each.payload.digest == claim.digest for each in known):
            return
        payload = payload_refused(refused, claim)
        self._book.put(ClaimedPayload(payload=payload, refused=True))
        if self._book.found(payload) is not None:
            self._count(payload, payload.amount_usd)

    def _write(self, entry: Entry, *, durable: bool = True) -> None:
        self._journal.append(entry.model_dump_json().encode(), durable=durable)
        self._fold(entry)
        self._written += 1
        if self._written >= ENTRIES_BETWEEN_REWRITES_MAX:
            self._rewrite()

    def _fold(self, entry: Entry) -> None:
        match entry:
            case Claimed(payload=payload, reached=reached):
                self.reached = reached
                self._book.put(ClaimedPayload(payload=payload))
                self._count(payload, payload.amount_usd)
            case Kept(spoken=spoken):
                self._book.put(spoken)
            case Released(payload=payload):
                self._book.drop(payload)
                self._count(payload, -payload.amount_usd)
            case _:
                self._resume(entry)

    def _count(self, payload: Payload, usd: Decimal) -> None:
        """Count a payload's value once: a replacement moves nothing beyond the payload before it."""
        if payload.replaces is None:
            self._velocity.add(payload.wallet_id, payload.claimed_at, usd)

    def _resume(self, summary: Summary) -> None:
        self.reached = summary.reached
        for account in summary.accounts:
            book = self._book.accounts.setdefault((account.wallet_id, account.chain_id), AccountBook(floor=account.floor))
            for spoken in account.spoken:
                book.by_nonce.setdefault(spoken.payload.nonce, []).append(spoken)
        for wallet_id, minutes in summary.by_minute.items():
            self._velocity.by_minute[wallet_id] = dict(minutes)

    def _rewrite(self) -> None:
        self._heard.settle_all()
        accounts = [
            AccountSummary(
                wallet_id=wallet_id,
                chain_id=chain_id,
                floor=book.floor,
                spoken=[spoken for payloads in book.by_nonce.values() for spoken in payloads],
            )
            for (wallet_id, chain_id), book in self._book.accounts.items()
        ]
        summary = Summary(reached=self.reached, accounts=accounts, by_minute=dict(self._velocity.by_minute))
        self._journal.rewrite([summary.model_dump_json().encode()])
        self._written = 0
