"""Allows one payload for one nonce, whatever the log says (architecture, rule 10). Pure, but that it is a fold in place.

Decides that a wallet's nonce on a chain has one payload for ever, but for two:
 - a recorded replacement: `Simulated.replaces` names the transaction that was signed for it, and the new one is the same
   order's same call, or an empty transfer to the wallet itself for an order that was cancelled;
 - an overtaking (ADR 15): no signature for the nonce is known, the log records a refusal of every order that claimed it, and
   `Simulated.overtakes` names the newest of these claims.
For both, max fee and tip must be at least 110 % of every earlier payload of this nonce; at most one of them can be mined.
An order has one nonce, and none once it was refused. Leaves out the choice of the next nonce (`signing_decider`) and
requests for replacements.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Annotated, Final

from pydantic import Field

from infra.ethereum import transaction
from infra.ethereum.outbidding import PRICE_BUMP_PERCENT, outbidding
from infra.ethereum.safe import transaction as safe_transaction
from schemas.events.lifecycle import Claim, Signed, SigningRefused, Simulated, UnsignedTransaction
from schemas.keys import KeyBackend
from schemas.values import BaseUnits, Hash32, Instant, OrderId, Record, Sha256, Usd, WalletId

NONCES_REMEMBERED_MAX: Final = 256
"""Nonces per wallet and chain. Older ones are refused without a look: they are mined, or no later one can be."""
NO_INPUT: Final = "0x"

Account = tuple[WalletId, int]
"""A wallet on a chain."""


class Payload(Record):
    """A payload for a nonce, with the fields needed to recognise it."""

    wallet_id: WalletId
    chain_id: Annotated[int, Field(ge=1)]
    nonce: Annotated[int, Field(ge=0)]
    order_id: OrderId
    digest: Sha256
    """SHA-256 of the unsigned transaction's bytes as they were simulated."""
    call: Sha256
    """SHA-256 of receiver, value and input."""
    is_empty: bool
    """True for a transfer of nothing to the wallet itself."""
    max_fee_per_gas: BaseUnits
    max_priority_fee_per_gas: BaseUnits
    backend: KeyBackend
    amount_usd: Usd
    claimed_at: Instant
    replaces: Hash32 | None = None
    overtakes: Sha256 | None = None

    @property
    def account(self) -> Account:
        """Return the account of its nonce."""
        return self.wallet_id, self.chain_id

    @property
    def claim(self) -> Claim:
        """Return the claim that a later payload needs to overtake this one."""
        return Claim(
            digest=self.digest,
            max_fee_per_gas=self.max_fee_per_gas,
            max_priority_fee_per_gas=self.max_priority_fee_per_gas,
            key_backend=self.backend,
            amount_usd=self.amount_usd,
        )


def payload_of(simulated: Simulated, backend: KeyBackend, amount_usd: Usd, now: Instant) -> Payload:
    """Return the payload that a simulation offers for signing."""
    return _payload(simulated, simulated.transaction, backend, amount_usd, now)


def payload_signed(signed: Signed) -> Payload:
    """Return the signed payload from the bytes on the log; of a Safe, without its owners' signatures.

    Raises:
        TransactionInvalid, CalldataRefused: the bytes are no transaction that our signers would sign.
    """
    unsigned, _ = transaction.decode_raw(bytes.fromhex(signed.raw_transaction[2:]))
    if signed.key_backend == "safe":
        unsigned = replace(unsigned, data=safe_transaction.without_signatures(unsigned.data))
    return _payload(
        signed, transaction.to_record(unsigned), signed.key_backend, signed.amount_usd or Decimal(0), signed.decided_at
    )


def _payload(
    event: Simulated | Signed, unsigned: UnsignedTransaction, backend: KeyBackend, amount_usd: Usd, at: Instant
) -> Payload:
    return Payload(
        wallet_id=event.wallet_id,
        chain_id=unsigned.chain_id,
        nonce=unsigned.nonce,
        order_id=event.order_id,
        digest=digest_of(unsigned),
        call=_call(unsigned),
        is_empty=(unsigned.to, unsigned.value, unsigned.input) == (event.wallet, 0, NO_INPUT),
        max_fee_per_gas=unsigned.max_fee_per_gas,
        max_priority_fee_per_gas=unsigned.max_priority_fee_per_gas,
        backend=backend,
        amount_usd=amount_usd,
        claimed_at=at,
        replaces=event.replaces,
        overtakes=event.overtakes,
    )


def payload_refused(refused: SigningRefused, claim: Claim) -> Payload:
    """Return the payload that a refused order left behind, as far as its refusal names it."""
    return Payload(
        wallet_id=refused.wallet_id,
        chain_id=refused.chain_id,
        nonce=refused.nonce,
        order_id=refused.order_id,
        digest=claim.digest,
        call=claim.digest,
        is_empty=False,
        max_fee_per_gas=claim.max_fee_per_gas,
        max_priority_fee_per_gas=claim.max_priority_fee_per_gas,
        backend=claim.key_backend,
        amount_usd=claim.amount_usd,
        claimed_at=refused.decided_at,
    )


def digest_of(unsigned: UnsignedTransaction) -> Sha256:
    """Return the SHA-256 of the bytes to be signed, which identifies a payload."""
    return hashlib.sha256(bytes.fromhex(unsigned.signing_payload[2:])).hexdigest()


def _call(unsigned: UnsignedTransaction) -> Sha256:
    return hashlib.sha256(f"{unsigned.to}|{unsigned.value}|{unsigned.input}".encode()).hexdigest()


class ClaimedPayload(Record):
    """A claimed payload and its outcome."""

    payload: Payload
    transaction_hash: str = ""
    """Hash of the signed transaction; empty while no signature is known."""
    answer: str = ""
    """The `Signed` event as JSON, until it is seen on the log."""
    refused: bool = False
    """True if the log records its order's refusal: the payload is never signed again, and may be overtaken."""


@dataclass(slots=True)
class AccountBook:
    """The claims for one wallet on one chain."""

    by_nonce: dict[int, list[ClaimedPayload]] = field(default_factory=dict)
    """Each nonce's payloads, the newest last; more than one only after a replacement or an overtaking."""
    floor: int = 0
    """Nonces below it are forgotten."""

    def forget(self, nonce: int) -> None:
        """Forget a nonce and all before it; none of them is signed again."""
        self.floor = max(self.floor, nonce + 1)
        self.by_nonce = {each: spoken for each, spoken in self.by_nonce.items() if each >= self.floor}


class PayloadBook:
    """All remembered payloads."""

    def __init__(self) -> None:
        self.accounts: dict[Account, AccountBook] = {}

    def found(self, payload: Payload) -> ClaimedPayload | None:
        """Return the claim of exactly this payload of this order."""
        for spoken in self.of(payload.account, payload.nonce):
            if (spoken.payload.digest, spoken.payload.order_id) == (payload.digest, payload.order_id):
                return spoken
        return None

    def of(self, account: Account, nonce: int) -> list[ClaimedPayload]:
        """Return all payloads of a nonce, the newest last."""
        book = self.accounts.get(account)
        return [] if book is None else book.by_nonce.get(nonce, [])

    def refusal(self, payload: Payload, *, is_cancelled: bool) -> str | None:
        """Return the reason to refuse a payload; None if it may be signed, also again while its order stands."""
        spoken = self.of(payload.account, payload.nonce)
        found = self.found(payload)
        if found is not None:
            return _ended(found, is_newest=found is spoken[-1])
        book = self.accounts.get(payload.account, AccountBook())
        if payload.nonce < book.floor:
            return f"nonce {payload.nonce} of wallet {payload.wallet_id} was used long ago"
        remembered = ((nonce, each.payload.order_id) for nonce, known in book.by_nonce.items() for each in known)
        for nonce, order_id in remembered:
            if order_id == payload.order_id and nonce != payload.nonce:
                return f"order {payload.order_id} has nonce {nonce} of wallet {payload.wallet_id} already"
        if not spoken:
            before = payload.replaces or payload.overtakes
            return None if before is None else f"{before}, which is to be replaced or overtaken, is not known"
        if payload.overtakes is not None:
            return _overtaking_refusal(spoken, payload)
        return _replacement_refusal(spoken[-1], payload, is_cancelled=is_cancelled)

    def put(self, spoken: ClaimedPayload) -> None:
        """Remember a claim in place of the same payload's earlier one, or after the one it replaces; forget the oldest nonces.

        After a restart, a payload that the log reports is older than a claim that still stands: the claim overtook it.
        """
        payload = spoken.payload
        book = self.accounts.setdefault(payload.account, AccountBook())
        if payload.nonce < book.floor:
            return
        known = book.by_nonce.setdefault(payload.nonce, [])
        places = [place for place, each in enumerate(known) if each.payload.digest == payload.digest]
        if places:
            known[places[0]] = spoken
        else:
            standing = [place for place, each in enumerate(known) if not each.refused]
            known.insert(standing[0] if spoken.refused and standing else len(known), spoken)
        while len(book.by_nonce) > NONCES_REMEMBERED_MAX:
            book.forget(min(book.by_nonce))

    def refuse(self, account: Account, nonce: int, order_id: OrderId) -> None:
        """Record an order's refusal on the log. A payload that was signed all the same stays signed."""
        known = self.of(account, nonce)
        for place, each in enumerate(known):
            if each.payload.order_id == order_id and not each.transaction_hash:
                known[place] = each.model_copy(update={"refused": True})

    def drop(self, payload: Payload) -> None:
        """Forget a payload that was claimed and not signed."""
        book = self.accounts[payload.account]
        left = [each for each in book.by_nonce.pop(payload.nonce) if each.payload.digest != payload.digest]
        if left:
            book.by_nonce[payload.nonce] = left

    def knows(self, account: Account, nonce: int) -> bool:
        """Return True if a nonce is known, or so old that it was forgotten."""
        book = self.accounts.get(account)
        return book is not None and (nonce < book.floor or nonce in book.by_nonce)


def _replacement_refusal(earlier: ClaimedPayload, later: Payload, *, is_cancelled: bool) -> str | None:
    """Return the reason that `later` must not take an earlier claim's nonce; None if it is a recorded replacement."""
    before = earlier.payload
    where = f"nonce {before.nonce} of wallet {before.wallet_id}"
    if later.replaces is None or later.replaces != earlier.transaction_hash:
        return f"{where} belongs to another payload, of order {before.order_id}"
    if later.order_id != before.order_id:
        return f"{where} belongs to order {before.order_id}, and only that order's own transaction may be replaced"
    if later.call != before.call and not (later.is_empty and is_cancelled):
        return f"the replacement at {where} does something else, and is no empty transfer of a cancelled order"
    return _fees_refusal(before, later)


def _ended(found: ClaimedPayload, *, is_newest: bool) -> str | None:
    """Return the reason not to sign an earlier claim (again); its signature, if there is one, may be public already."""
    if found.transaction_hash or (is_newest and not found.refused):
        return None
    return f"order {found.payload.order_id} was refused, and nonce {found.payload.nonce} is no longer its"


def _overtaking_refusal(earlier: list[ClaimedPayload], later: Payload) -> str | None:
    """Return the reason that `later` must not overtake a refused order's payload; None if it may, and outbids it."""
    newest, where = earlier[-1].payload, f"nonce {later.nonce} of wallet {later.wallet_id}"
    if later.replaces is not None:
        return f"a transaction at {where} cannot both replace a transaction and overtake a claim"
    if later.overtakes != newest.digest:
        return f"{where} belongs to another payload, of order {newest.order_id}, than the one that is to be overtaken"
    for each in earlier:
        if each.transaction_hash:
            return f"{where} was signed for order {each.payload.order_id}: there is nothing to overtake"
        if not each.refused or each.payload.order_id == later.order_id:
            return f"{where} belongs to order {each.payload.order_id}, and no other order was given it on the log"
    return next(filter(None, (_fees_refusal(each.payload, later) for each in earlier)), None)


def _fees_refusal(before: Payload, later: Payload) -> str | None:
    """Return the reason that nodes would not replace the earlier payload by `later`; None if they would."""
    fees = (before.max_fee_per_gas, later.max_fee_per_gas), (before.max_priority_fee_per_gas, later.max_priority_fee_per_gas)
    if all(new >= outbidding(old) for old, new in fees):
        return None
    return (
        f"the transaction at nonce {later.nonce} of wallet {later.wallet_id} does not raise both fees of the one before by "
        f"{PRICE_BUMP_PERCENT} %: nodes would drop it"
    )
