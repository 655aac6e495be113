"""Keys that one place holds: made there, destroyed there, and what is reported of that.

Every step can be repeated after a crash: a key that was begun for this order is used as it is; a key whose destruction was
noted for it is destroyed and named from the note. An order that cannot be carried out is reported as failed, with the reason
and a remedy. A keeper that does not answer is no failure: the process ends and tries again. Leaves out signing:
`streams.signing.backends`.
"""

from __future__ import annotations

import hashlib
from typing import Final, Protocol

from infra.ethereum.recovery import address_of
from infra.hsm.errors import KeyExists, KeyIdInvalid, KeyUnfit, KeyUnknown, TokenError, TokenFull
from schemas.events.base import Refusal
from schemas.events.keys import KeyOrdered
from schemas.firm_commands import ReportKey
from schemas.keys import DestroyKey, DestructionProof, GenerateKey, KeyId, RotateKey
from schemas.values import TEXT_CHARACTERS_MAX, Instant
from streams.custody.notes import Notes
from streams.rules.firm.keys import key_named
from streams.rules.governance.changes.keys.proofs import TOKEN


class Keeper(Protocol):
    """A place that holds keys: `infra.hsm.token.Token`. Its errors are those of `infra.hsm.errors`."""

    def has_key(self, key_id: KeyId) -> bool:
        """Return True if the keeper holds anything with this id."""
        ...

    def generate_key(self, key_id: KeyId) -> str:
        """Make a key, and return its address."""
        ...

    def public_key(self, key_id: KeyId) -> bytes:
        """Its public half, uncompressed."""
        ...

    def discard_key(self, key_id: KeyId) -> None:
        """Remove what a generation that was cut short has left."""
        ...

    def destroy_key(self, key_id: KeyId) -> str:
        """Destroy a key, and return the SHA-256 of its public half."""
        ...


NO_KEEPER: Final = "no-keeper"
_HELPS: Final[dict[type[TokenError], tuple[str, str]]] = {
    TokenFull: ("token-full", "Make room in the token, or have another attached, then have it ordered again."),
    KeyExists: ("key-exists", "Have a key with another id ordered, and find out who made the one that is there."),
    KeyIdInvalid: ("key-id", "Have a key with another id ordered."),
    KeyUnknown: ("key-unknown", "Find out who took the key out of the token: nobody can prove any more that it is destroyed."),
    KeyUnfit: ("key-unfit", "Find out how the key came into the token; have another made and this one suspended."),
}


def carried_out(order: KeyOrdered, keeper: Keeper, notes: Notes, now: Instant) -> ReportKey:
    """Do what was ordered, or what is left to do of it, and say what came of it.

    Raises:
        TokenError: the place does not answer; nothing is known of the outcome.
    """
    try:
        match order.change:
            case GenerateKey():
                return _made(order, order.change.key_id, "generated", keeper, notes)
            case RotateKey():
                return _made(order, order.change.successor, "rotated", keeper, notes)
            case DestroyKey():
                return _destroyed(order, keeper, notes, now)
            case _ as unknown:
                raise AssertionError(f"nobody orders to {unknown.kind} what one place holds")
    except tuple(_HELPS) as error:
        check, remedy = _HELPS[type(error)]
        return failed(order, Refusal(check=check, message=str(error)[:TEXT_CHARACTERS_MAX], remedy=remedy))


def failed(order: KeyOrdered, refusal: Refusal) -> ReportKey:
    """Return the report that an order could not be carried out."""
    return ReportKey(ordered_position=order.position, outcome="failed", refusal=refusal)


def no_keeper(order: KeyOrdered, backend: str) -> ReportKey:
    """Return the report that this installation keeps no such keys."""
    message = f"this installation keeps no keys of backend {backend}"
    return failed(order, Refusal(check=NO_KEEPER, message=message, remedy="Have the key ordered for a backend that it has."))


def _made(order: KeyOrdered, key_id: KeyId, outcome: str, keeper: Keeper, notes: Notes) -> ReportKey:
    if keeper.has_key(key_id) and not notes.has_begun(order.position):
        raise KeyExists(key_id)
    if not notes.has_made(order.position):
        notes.begin(order.position)
        _make(keeper, key_id)
        notes.note_made(order.position)
    point = keeper.public_key(key_id)
    said = {"outcome": outcome, "address": address_of(point), "public_key": f"0x{point.hex()}"}
    return ReportKey.model_validate({"ordered_position": order.position, **said})


def _make(keeper: Keeper, key_id: KeyId) -> None:
    """Make a key, unless that was done before a crash; what a crash left half made was never reported, and is made anew."""
    if keeper.has_key(key_id):
        try:
            keeper.public_key(key_id)
        except (KeyUnfit, KeyUnknown):
            keeper.discard_key(key_id)
        else:
            return
    keeper.generate_key(key_id)


def _destroyed(order: KeyOrdered, keeper: Keeper, notes: Notes, now: Instant) -> ReportKey:
    proof = notes.destroyed(order.position)
    if proof is None:
        digest = hashlib.sha256(keeper.public_key(order.key_id)).hexdigest()
        what = f"{key_named(order.key_id)} which is not found there any more"
        proof = DestructionProof(place=TOKEN, what=what, digest=digest, destroyed_at=now)
        notes.note_destroyed(order.position, proof)
    if keeper.has_key(order.key_id):
        keeper.destroy_key(order.key_id)
    return ReportKey(ordered_position=order.position, outcome="destroyed", proofs=[proof])
