"""All keys there are, put together from how each stands and from the wallets that sign by it. Pure.

A wallet of genesis has a key of which governance never spoke; a key that was just generated has no wallet yet. A Safe names the
keys of its owners and of who sends its transactions, and each of its signatures is one of the sender's, too.
Left out: which owners signed for a Safe; the attestation of each signature names them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from projections.keys.shapes import AssignedWallet, EnrolledCosigner, Key, KeyState, KeyUse, ShareHolder
from schemas.events.keys import KeyOrdered
from schemas.keys import GenerateKey, KeyBackend
from schemas.values import Instant
from streams.rules.firm.keys import KeyStanding
from streams.rules.governance.changes.keys.ageing import due_at


class Use(NamedTuple):
    """The newest signature under a key id."""

    used_at: Instant
    order_id: str


class KeyLocation(NamedTuple):
    """Links a key to a wallet that uses it."""

    use: KeyUse
    backend: KeyBackend
    address: str
    signs_as: str
    """The key id in the wallet's `signed` events, of which each is one of this key; empty when it may be another's."""
    wallet: AssignedWallet


@dataclass(slots=True)
class Entry:
    """One key."""

    standing: KeyStanding
    places: list[KeyLocation] = field(default_factory=list)

    @property
    def signs_as(self) -> set[str]:
        """Under which ids its signatures stand on the log."""
        return {self.standing.key_id, *(place.signs_as for place in self.places)} - {""}

    def shown(self, enrolled: Sequence[EnrolledCosigner], uses: Mapping[str, Use]) -> Key:
        """The key as readers see it."""
        known, made = self.standing, self.standing.generated
        asked = made or _birth(known)
        place = self.places[0] if self.places else None
        safe = place.wallet.safe if place and place.backend == "safe" else None
        rule = safe or asked
        used = max((uses[name] for name in self.signs_as if name in uses), default=None)
        site_of = {each.cosigner: each.site for each in enrolled}
        spoken = [each.decided_at for each in known.history] + [each.wallet.assigned_at for each in self.places]
        return Key(
            key_id=known.key_id,
            backend=asked.backend if asked else place and place.backend,
            state=_state(known),
            may_sign=known.may_sign,
            address=made.address if made else place and place.address,
            public_key=made.public_key if made else None,
            epoch=known.epoch,
            threshold=rule.threshold if rule else 0,
            sites_min=asked.sites_min if asked else 1,
            cosigners=[ShareHolder(cosigner=each, site=site_of.get(each)) for each in known.cosigners],
            safe=safe,
            uses=[each.use for each in self.places],
            generated_at=made.decided_at if made else None,
            known_since=min(spoken, default=0),
            renewed_at=known.renewed_at or None,
            rotate_after_days=made.rotate_after_days if made else None,
            rotate_at=due_at(known),
            rotation_due=known.is_due,
            last_used_at=used.used_at if used else None,
            last_order_id=used.order_id if used else None,
            successor=known.successor,
            ordered=known.open_order.change.kind if known.open_order else None,
        )


def register(standings: Mapping[str, KeyStanding], wallets: Iterable[AssignedWallet]) -> list[Entry]:
    """All keys by name: those of which governance has spoken, and those by which wallets sign."""
    entries = {key_id: Entry(standing) for key_id, standing in standings.items()}
    for wallet in wallets:
        for key_id, place in _places(wallet):
            entries.setdefault(key_id, Entry(KeyStanding(key_id))).places.append(place)
    return [entries[key_id] for key_id in sorted(entries)]


def _places(wallet: AssignedWallet) -> Iterable[tuple[str, KeyLocation]]:
    """The keys by which a wallet signs."""
    use = KeyUse(wallet_id=wallet.wallet_id, desk_id=wallet.desk_id, chain_id=wallet.chain_id, role="wallet")
    yield wallet.key_id, KeyLocation(use, wallet.key_backend, wallet.address, wallet.key_id, wallet)
    if wallet.safe is not None:
        for owner in wallet.safe.owners:
            as_owner = use.model_copy(update={"role": "owner"})
            yield owner.key_id, KeyLocation(as_owner, owner.key_backend, owner.address, "", wallet)
        executor = wallet.safe.executor
        as_executor = use.model_copy(update={"role": "executor"})
        yield executor.key_id, KeyLocation(as_executor, executor.key_backend, executor.address, wallet.key_id, wallet)


def _birth(known: KeyStanding) -> GenerateKey | None:
    """Return the order to generate the key, if there was one."""
    changes = (each.change for each in known.history if isinstance(each, KeyOrdered))
    return next((each for each in changes if isinstance(each, GenerateKey)), None)


def _state(known: KeyStanding) -> KeyState:
    return "failed" if known.status == "ordered" and known.open_order is None else known.status
