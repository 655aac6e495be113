"""Folds the enclave's own events: one payload for one nonce, signed or refused (architecture, rule 10).

An order is answered once. A nonce is signed once: the next one of its wallet or, for a wallet without signatures here, the
chain's own count. A refusal is an event and frees the nonce for the next order; it names the payload that cosigners may have
signed all the same, and the next order has to overtake that one (ADR 15).
Left out: recorded replacements of a stuck transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from schemas.events.base import Event, Refusal
from schemas.events.lifecycle import Claim, Signed, SigningRefused, Simulated
from schemas.hash_chain import Link
from schemas.keys import Attestation
from schemas.values import Instant, OrderId
from streams.rules.answered_orders import AnsweredOrders
from streams.rules.decider import Outcome, Recorded
from streams.rules.evidence.signing_verdict import Verdict

REMEMBERED: Final = ("log-rollback", "nonce", "velocity")
"""The checks against the signer's own memory, which every signature passed after those of the verdict."""


@dataclass(slots=True)
class SignerState:
    """The signer's answers on one partition."""

    last_nonces: dict[str, int] = field(default_factory=dict)
    """Per wallet and chain (`wallet|chain`), the last nonce that was signed."""
    answered: AnsweredOrders = field(default_factory=AnsweredOrders)

    def nonce_refusal(self, simulated: Simulated) -> Refusal | None:
        """Return the reason that the transaction's nonce must not be signed; None if it is the next one."""
        last = self.last_nonces.get(nonce_key(simulated.wallet_id, simulated.transaction.chain_id))
        nonce, following = simulated.transaction.nonce, simulated.account_nonce if last is None else last + 1
        if nonce == following:
            return None
        return Refusal(
            check="nonce",
            message=f"nonce {nonce} of wallet {simulated.wallet_id} was offered, but {following} is next",
            remedy="nothing was signed; find out who offered the nonce",
        )


@dataclass(frozen=True, slots=True)
class Signature:
    """A key's result: the raw transaction, its hash, and the form of signing."""

    raw_transaction: str
    transaction_hash: str
    attestation: Attestation


@dataclass(frozen=True, slots=True)
class Judged:
    """A simulated transaction with its verdict, and its signature if the verdict allowed it."""

    simulated: Simulated
    verdict: Verdict
    signed: Signed | None
    claimed: Claim | None = None
    """The payload that cosigners may have signed although it is refused."""


def nonce_key(wallet_id: str, chain_id: int) -> str:
    """Return the key under which a wallet's nonce on a chain is kept."""
    return f"{wallet_id}|{chain_id}"


class SigningDecider:
    """Decides the signer's events: each order signed or refused."""

    state_type = SignerState

    def initial(self) -> SignerState:
        """Return a state without signatures."""
        return SignerState()

    def decide(self, state: SignerState, message: Judged | None, now: Instant) -> Outcome:  # noqa: ARG002 - the contract's shape
        """Return one event for every order whose simulation passed, once; none for orders that the enclave does not answer."""
        if message is None or message.simulated.order_id in state.answered:
            return ()
        wrong_nonce = state.nonce_refusal(message.simulated)
        if message.signed is not None and wrong_nonce is None:
            return (message.signed,)
        refusal = message.verdict.refusal or wrong_nonce or _UNSIGNED
        return (_refused(message, refusal),)

    def evolve(self, state: SignerState, recorded: Recorded) -> SignerState:
        """Remember the order, and the nonce that was used."""
        match recorded.event:
            case Signed() as signed:
                state.last_nonces[nonce_key(signed.wallet_id, signed.chain_id)] = signed.nonce
                state.answered.add(signed.order_id)
            case SigningRefused() as refused:
                state.answered.add(refused.order_id)
        return state

    def due(self, state: SignerState, now: Instant) -> tuple[Event, ...]:  # noqa: ARG002 - the contract's shape
        """Return nothing: no event follows from time alone."""
        return ()

    def tail(self, state: SignerState, order_id: OrderId) -> Link | None:  # noqa: ARG002 - the contract's shape
        """Return None: the link before is always the simulation that is answered."""
        return None


_UNSIGNED = Refusal(check="key", message="the key gave no signature", remedy="look at the enclave's own log")


def signed_of(simulated: Simulated, verdict: Verdict, signature: Signature) -> Signed:
    """Return the event of a signature."""
    return Signed.model_validate(
        {
            "desk_id": simulated.desk_id,
            "order_id": simulated.order_id,
            "wallet_id": simulated.wallet_id,
            "wallet": simulated.wallet,
            "chain_id": simulated.transaction.chain_id,
            "nonce": simulated.transaction.nonce,
            "transaction_hash": signature.transaction_hash,
            "raw_transaction": signature.raw_transaction,
            "key_backend": signature.attestation.backend,
            "key_id": signature.attestation.key_id,
            "attestation": signature.attestation,
            "policy_hash": verdict.policy_hash,
            "checks": [*verdict.passed, *REMEMBERED],
            "governance_position": verdict.governance_position,
            "order": None if verdict.approved is None else verdict.approved.order,
            "effect": None if verdict.approved is None else verdict.approved.effect,
            "amount_usd": verdict.amount_usd,
            "replaces": simulated.replaces,
            "overtakes": simulated.overtakes,
        }
    )


def _refused(judged: Judged, refusal: Refusal) -> SigningRefused:
    simulated = judged.simulated
    return SigningRefused(
        desk_id=simulated.desk_id,
        order_id=simulated.order_id,
        wallet_id=simulated.wallet_id,
        chain_id=simulated.transaction.chain_id,
        nonce=simulated.transaction.nonce,
        refusal=refusal,
        governance_position=judged.verdict.governance_position,
        claimed=judged.claimed,
    )
