"""Checks that a proposal about a key can be carried out: when it is proposed, and again when it is approved.

A table of checks by kind of change, each giving sentences a person can act on. A key is made once, and its id never used again;
a wallet gets a key that exists, at that key's own address; a wallet's key is suspended before it is destroyed; a key
in shares is made, refreshed and recovered by all its cosigners together. Pure. Source: mission, key lifecycle.
Leaves out facts that only the holders of keys know: a token's free room, a cosigner's possession of its share.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Any, Final

from schemas.events.base import FirmEvent
from schemas.events.keys import KeyOrdered
from schemas.keys import (
    ActivateKey,
    DestroyKey,
    GenerateKey,
    KeyChange,
    KeyOperation,
    RecoverShare,
    ResumeKey,
    RotateKey,
    SuspendKey,
)
from streams.rules.firm.keys import IN_SHARES
from streams.rules.firm.view import Governance
from streams.rules.governance.changes.keys.places import is_taken, place_of, standing_of, wallets_of
from streams.rules.governance.review import cosigners as sharing
from streams.rules.governance.review import wallets
from streams.rules.refusals.governance import NothingChanges, ProposalUnusable

KEY_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
"""Pattern of a new key's id: it names files and objects in tokens."""
THRESHOLD_MIN: Final = 2
DOOMED: Final = "it was ordered to destroy it, and nobody knows how much of it is left"


def check_key(firm: Governance, change: KeyChange) -> None:
    """Check that `change` could be made.

    Raises:
        NothingChanges, ProposalUnusable: the change could not be made.
    """
    known = standing_of(firm, change.key_id)
    if isinstance(change, SuspendKey) and known.status == "suspended":
        raise NothingChanges
    if isinstance(change, ResumeKey) and place_of(firm, change.key_id) is not None and known.may_sign:
        raise NothingChanges
    if found := list(_CHECKS[change.kind](firm, change)):
        raise ProposalUnusable(problems="; ".join(f"key {change.key_id}: {problem}" for problem in found))


def _generate(firm: Governance, change: GenerateKey) -> Iterator[str]:
    yield from _new(firm, change.key_id)
    if change.backend in IN_SHARES:
        yield from _shared(firm, change)
    elif change.threshold or change.cosigners or change.sites_min > 1:
        yield f"backend {change.backend} has no cosigners: leave threshold, cosigners and sites_min out"


def _new(firm: Governance, key_id: str) -> Iterator[str]:
    if not KEY_ID.fullmatch(key_id):
        yield f"the id of a new key, {key_id!r}, is of a-z, 0-9 and -, 1 to 63 of them, the first no -"
    if is_taken(firm, key_id):
        yield f"there is, was, or is being made a key {key_id}, and an id names one key for ever"


def _shared(firm: Governance, change: GenerateKey) -> Iterator[str]:
    enrolled = {name: each.cosigner for name, each in firm.cosigners.items()}
    strangers = [name for name in change.cosigners if name not in enrolled]
    yield from (f"there is no cosigner {name}" for name in strangers)
    if strangers:
        return
    chosen = [enrolled[name] for name in change.cosigners]
    parties, sites = [each.party for each in chosen], [each.site for each in chosen]
    if parties != list(range(1, len(parties) + 1)):
        yield "its cosigners must be those of the places 1, 2, 3 to however many they are, in this order"
    # More than half: then any two quorums share a cosigner, and each remembers its payload of a nonce.
    least = max(THRESHOLD_MIN, len(chosen) // 2 + 1)
    if not least <= change.threshold <= len(chosen):
        yield f"its threshold must be {least} to {len(chosen)}: more than half of its cosigners"
    if change.sites_min > min(len(set(sites)), change.threshold):
        yield f"{change.threshold} of its cosigners cannot be from {change.sites_min} sites"


def _activate(firm: Governance, change: ActivateKey) -> Iterator[str]:
    if change.key_backend == "safe":
        yield from _holders(firm, change)
    else:
        yield from _usable(firm, change.key_id, change.key_backend, change.address)
    if firm.wallets.get(change.wallet_id) is not None:
        yield f"wallet {change.wallet_id} is there already, and stays with the key that it has: name another"
    yield from wallets.problems(change, _firm_parts(firm))
    if any((each.chain_id, each.address) == (change.chain_id, change.address) for each in firm.wallets.values()):
        yield f"there is a wallet at {change.address} already"


def _firm_parts(firm: Governance) -> wallets.FirmParts:
    return wallets.FirmParts(
        desks=firm.desks,
        chains={asset.chain_id for asset in firm.assets.values()},
        accounts=[place for place, listed in firm.contracts.items() if listed.kind == "account"],
        wallets=list(firm.wallets.values()),
    )


def _usable(firm: Governance, key_id: str, backend: str, address: str) -> Iterator[str]:
    """Yield the reasons not to sign with a key for an account."""
    place = place_of(firm, key_id)
    if place is None:
        yield "there is no such key"
        return
    if place != (backend, address):
        yield f"it is a key of backend {place.backend} for {place.address}, not of {backend} for {address}"
    if (status := standing_of(firm, key_id).status) != "active":
        yield f"it is {status}"
    # Also after a failed destruction: parts of the key may be gone, and funds would go to an account that cannot sign.
    if any(_destroys(each) for each in standing_of(firm, key_id).history):
        yield DOOMED


def _destroys(event: FirmEvent | None) -> bool:
    return isinstance(event, KeyOrdered) and isinstance(event.change, DestroyKey)


def _holders(firm: Governance, change: ActivateKey) -> Iterator[str]:
    if is_taken(firm, change.key_id):
        yield "there is a key with the id of the Safe"
    for holder in (*change.safe.owners, change.safe.executor) if change.safe is not None else ():
        for problem in _usable(firm, holder.key_id, holder.key_backend, holder.address):
            yield f"{holder.key_id}, which is to sign for the Safe: {problem}"


def _rotate(firm: Governance, change: RotateKey) -> Iterator[str]:
    place = place_of(firm, change.key_id)
    yield from _at_hand(firm, change.key_id)
    if place is None:
        return
    if place.backend in IN_SHARES:
        if change.successor:
            yield "a key in shares gets new shares and stays the same key: leave successor out"
        yield from _all_enrolled(firm, change.key_id)
    elif standing_of(firm, change.key_id).status != "active":
        yield f"only a key that is active gets a successor; this one is {standing_of(firm, change.key_id).status}"
    else:
        yield from _new(firm, change.successor)


def _suspend(firm: Governance, change: SuspendKey) -> Iterator[str]:
    if place_of(firm, change.key_id) is None:
        yield "there is no such key"
    elif not (known := standing_of(firm, change.key_id)).may_sign:
        yield f"it is {known.status}, and signs nothing"


def _resume(firm: Governance, change: ResumeKey) -> Iterator[str]:
    if (status := standing_of(firm, change.key_id).status) != "suspended":
        yield f"it is {status}" if place_of(firm, change.key_id) is not None else "there is no such key"
    if _destroys(standing_of(firm, change.key_id).open_order):
        yield DOOMED


def _destroy(firm: Governance, change: DestroyKey) -> Iterator[str]:
    yield from _at_hand(firm, change.key_id)
    used = wallets_of(firm, change.key_id)
    if used and standing_of(firm, change.key_id).may_sign:
        yield f"it signs for {', '.join(used)}: move what is there, and suspend the key first"


def _recover(firm: Governance, change: RecoverShare) -> Iterator[str]:
    place, new = place_of(firm, change.key_id), change.cosigner
    yield from _at_hand(firm, change.key_id)
    if place is None or place.backend not in IN_SHARES:
        yield "it is not in shares, so that there is none to recover"
        return
    if new.party > len(standing_of(firm, change.key_id).cosigners):
        yield f"none of its shares has the place {new.party}"
    others = [each.cosigner for each in firm.cosigners.values() if each.cosigner.party != new.party]
    yield from sharing.problems([*others, new])
    known = standing_of(firm, change.key_id)
    sites = {new.site, *(each.site for each in others if each.cosigner in known.cosigners)}
    if known.generated is not None and len(sites) < known.generated.sites_min:
        yield f"its shares would be at {len(sites)} sites, and those who sign must be at {known.generated.sites_min}"


def _at_hand(firm: Governance, key_id: str) -> Iterator[str]:
    """Yield the reasons that no action on a key could be ordered."""
    place, known = place_of(firm, key_id), standing_of(firm, key_id)
    if place is None:
        yield "there is no such key"
    elif place.backend == "safe":
        yield "it is a contract on the chain, whose owners' keys are others"
    elif known.status == "destroyed":
        yield "it was destroyed"
    if known.open_order is not None:
        yield f"it was ordered to {known.open_order.change.kind} it, and that is not done yet"


def _all_enrolled(firm: Governance, key_id: str) -> Iterator[str]:
    for name in standing_of(firm, key_id).cosigners:
        if name not in firm.cosigners:
            yield f"{name} is no cosigner any more: recover its share first"


_CHECKS: Final[MappingProxyType[KeyOperation, Callable[[Governance, Any], Iterator[str]]]] = MappingProxyType(
    {
        "generate": _generate,
        "activate": _activate,
        "rotate": _rotate,
        "suspend": _suspend,
        "resume": _resume,
        "destroy": _destroy,
        "recover": _recover,
    }
)
