"""What the enclave remembers and says: one payload for one nonce, signed or refused (architecture, rule 10).

State is the fold of what it has signed. A nonce is signed once: the next one of its wallet, or, for a wallet that it has never
signed for, whatever the chain's count was. A refusal is an event, and frees the nonce for the next order.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.events.base import Event, Refusal
from schemas.events.lifecycle import Signed, SigningRefused, Simulated
from schemas.hash_chain import Link
from schemas.values import Instant, OrderId
from streams.engine.decider import Outcome, Recorded
from streams.signing.evidence import Verdict


@dataclass(slots=True)
class SignerState:
    """Per wallet and chain (`wallet|chain`), the last nonce that was signed."""

    last_nonces: dict[str, int] = field(default_factory=dict)

    def nonce_refusal(self, simulated: Simulated) -> Refusal | None:
        """Why the transaction's nonce must not be signed; None when it is the one that is next."""
        last = self.last_nonces.get(nonce_key(simulated.wallet_id, simulated.transaction.chain_id))
        nonce = simulated.transaction.nonce
        if last is None or nonce == last + 1:
            return None
        return Refusal(
            check="nonce",
            message=f"nonce {nonce} of wallet {simulated.wallet_id} was offered, but {last + 1} is next",
            remedy="nothing was signed; find out who offered the nonce",
        )


@dataclass(frozen=True, slots=True)
class Signature:
    """What the key gave: the raw transaction, its hash, and which key."""

    raw_transaction: str
    transaction_hash: str
    key_backend: str
    key_id: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A simulated transaction with the verdict on it, and its signature if the verdict was good."""

    simulated: Simulated
    verdict: Verdict
    signature: Signature | None


def nonce_key(wallet_id: str, chain_id: int) -> str:
    """Where a wallet's nonce on a chain is kept."""
    return f"{wallet_id}|{chain_id}"


class SigningDecider:
    """Say what was signed or refused."""

    state_type = SignerState

    def initial(self) -> SignerState:
        """Nothing signed yet."""
        return SignerState()

    def decide(self, state: SignerState, message: Judged | None, now: Instant) -> Outcome:  # noqa: ARG002 - the contract's shape
        """One event for every simulation that passed; none for what is not the enclave's (a flagged one)."""
        if message is None:
            return ()
        refusal = message.verdict.refusal or state.nonce_refusal(message.simulated)
        if refusal is not None or message.signature is None:
            return (_refused(message.simulated, refusal or _UNSIGNED),)
        return (_signed(message.simulated, message.verdict, message.signature),)

    def evolve(self, state: SignerState, recorded: Recorded) -> SignerState:
        """Remember the nonce that was used."""
        event = recorded.event
        if isinstance(event, Signed):
            state.last_nonces[nonce_key(event.wallet_id, event.chain_id)] = event.nonce
        return state

    def due(self, state: SignerState, now: Instant) -> tuple[Event, ...]:  # noqa: ARG002 - the contract's shape
        """Nothing is due by time alone."""
        return ()

    def tail(self, state: SignerState, order_id: OrderId) -> Link | None:  # noqa: ARG002 - the contract's shape
        """The link before is always the simulation that is answered."""
        return None


_UNSIGNED = Refusal(check="key", message="the key gave no signature", remedy="look at the enclave's own log")


def _signed(simulated: Simulated, verdict: Verdict, signature: Signature) -> Signed:
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
            "key_backend": signature.key_backend,
            "key_id": signature.key_id,
            "policy_hash": verdict.policy_hash,
            "checks": [*verdict.passed, "nonce"],
        }
    )


def _refused(simulated: Simulated, refusal: Refusal) -> SigningRefused:
    return SigningRefused(
        desk_id=simulated.desk_id,
        order_id=simulated.order_id,
        wallet_id=simulated.wallet_id,
        chain_id=simulated.transaction.chain_id,
        nonce=simulated.transaction.nonce,
        refusal=refusal,
    )
