"""Admits a ceremony only if a quorum ordered it, with exactly the cosigners that are to hold the key. Pure.

New shares have epoch `opened.epoch + opened.attempt`, so that shares of two attempts never have the same (README). Any opener
is accepted: only an open order of governance, derived from the pinned root key, counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from schemas.events.keys import KeyOrdered
from schemas.keys import Cosigner, DestroyKey, GenerateKey, RecoverShare, RotateKey
from schemas.sessions import SessionKind, SessionOpened
from schemas.values import HexBytes, Slug
from streams.cosigning.sessions.participants import Participants
from streams.rules.firm.keys import KeyStanding
from streams.rules.firm.view import Governance
from streams.sessions.refusals import EPOCH, NotTakingPart

Sharing = Literal["mpc", "hybrid"]
ATTEMPT_MAX: Final = 1_000
"""The highest number of an attempt. A false higher number would use up all epochs to come."""
_ORDERED: Final[Mapping[SessionKind, type]] = {
    "generate": GenerateKey,
    "refresh": RotateKey,
    "recover": RecoverShare,
    "destroy": DestroyKey,
}


@dataclass(frozen=True, slots=True)
class Ceremony:
    """A ceremony of one key: its order, participants and epoch."""

    order: KeyOrdered
    company: Participants
    backend: Sharing
    threshold: int
    epoch: int
    """The epoch of the present shares; 0: none."""
    new_epoch: int


def ceremony_of(opened: SessionOpened, me: Slug, firm: Governance, is_banned: Callable[[HexBytes], bool]) -> Ceremony:
    """Return the ceremony that a session asks for.

    Raises:
        NotTakingPart: governance has not ordered it, or not with these cosigners.
    """
    standing = firm.keys.get(opened.key_id)
    order = None if standing is None else standing.open_order
    if standing is None or order is None or order.position != opened.ordered_position:
        raise NotTakingPart("ordered", f"no order {opened.ordered_position} about key {opened.key_id} is open")
    if not isinstance(order.change, _ORDERED[opened.kind]):
        raise NotTakingPart("ordered", f"it was ordered to {order.change.kind} key {opened.key_id}, not to {opened.kind} it")
    if opened.kind == "destroy":
        is_banned = _nobody_is  # each destroys its own shares, and runs no protocol
    enrolled, holders = _enrolled(order, firm), _holders(order, standing, firm)
    if set(opened.participants) != set(holders):
        raise NotTakingPart("participants", f"all of {', '.join(holders)} take part in this, and nobody else")
    company = Participants.of(me, opened.participants, enrolled, is_banned)
    backend, threshold = _shape(order, standing)
    places = sorted(each.party for each in company.cosigners.values())
    if opened.kind == "generate" and places != list(range(1, len(places) + 1)):
        raise NotTakingPart("participants", "the cosigners of a new key have the places 1, 2, 3 to however many they are")
    if opened.epoch != standing.epoch:
        raise NotTakingPart(EPOCH, f"the shares of key {opened.key_id} are of epoch {standing.epoch}, not {opened.epoch}")
    if opened.attempt > ATTEMPT_MAX:
        raise NotTakingPart(EPOCH, f"attempt {opened.attempt:.3g} is one of more than {ATTEMPT_MAX}")
    return Ceremony(order, company, backend, threshold, opened.epoch, opened.epoch + opened.attempt)


def _nobody_is(_: HexBytes) -> bool:
    return False


def _shape(order: KeyOrdered, standing: KeyStanding) -> tuple[Sharing, int]:
    made = order.change if isinstance(order.change, GenerateKey) else standing.generated
    if made is None or made.backend not in ("mpc", "hybrid"):
        raise NotTakingPart("ordered", f"key {order.key_id} is not one in shares")
    return ("mpc" if made.backend == "mpc" else "hybrid"), made.threshold


def _holders(order: KeyOrdered, standing: KeyStanding, firm: Governance) -> list[Slug]:
    """Return the cosigners that hold shares after the ceremony or, for a destruction, that held them."""
    change = order.change
    if isinstance(change, GenerateKey):
        return list(change.cosigners)
    if isinstance(change, RecoverShare):
        lost = change.cosigner.party
        places = {name: _party(name, standing, firm) for name in standing.cosigners}
        return [change.cosigner.cosigner if places[name] == lost else name for name in standing.cosigners]
    return list(standing.cosigners)


def _party(name: Slug, standing: KeyStanding, firm: Governance) -> int:
    """Return a cosigner's party number: as enrolled, or by the order in which the key's holders were named."""
    known = firm.cosigners.get(name)
    return known.cosigner.party if known is not None else standing.cosigners.index(name) + 1


def _enrolled(order: KeyOrdered, firm: Governance) -> dict[Slug, Cosigner]:
    enrolled = {name: each.cosigner for name, each in firm.cosigners.items()}
    if isinstance(order.change, RecoverShare):
        new = order.change.cosigner
        enrolled = {name: each for name, each in enrolled.items() if each.party != new.party} | {new.cosigner: new}
    return enrolled
