"""Folds governance's events into one immutable view (architecture, rules 2 and 5).

Governance events stand on several topics and arrive in any order between them. The fold puts them back in the order in
which they were written, by `position`, and holds back events behind a gap: two readers at one position see the same.
A decision names the position that it was made at, so the fold gives the view at any earlier position, too.
Proposals and refusals change nothing that is in force: after them, only the position of the view is another.
Leaves out whether an event may have been written: access lists of the topics say who writes, `streams.rules.governance.genesis`
says what the first events must be, `streams.rules.governance.derivation` which may follow.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, Self

from schemas.events.base import FirmEvent
from schemas.events.governance import (
    AccessChanged,
    AccessProposed,
    AssetListed,
    BreakerReset,
    BreakerTripped,
    ContractListed,
    FirmCommandRejected,
    GenesisAccepted,
    PolicyActivated,
    PolicyProposed,
    ProposalApproved,
    ProposalClosed,
    ResetProposed,
    WalletAssigned,
)
from schemas.events.keys import CosignerEnrolled, KeyProposed
from schemas.firm import BreakerScope, Subject
from schemas.keys import KeyId
from schemas.values import Address, AssetId, DeskId, PrincipalId, Slug, WalletId
from streams.rules import versions
from streams.rules.firm.keys import KEY_EVENTS, KeyStanding, standing_after
from streams.rules.versions import Rules

HELD_EVENTS_MAX: Final = 1_000_000
"""Events behind a gap. More means that a topic is missing or that the log is not ours."""
EARLIER_VIEWS_KEPT_MAX: Final = 64
"""Earlier views kept: decisions of one time ask for the same few."""

SAYS_ONLY: Final = (
    PolicyProposed,
    ResetProposed,
    AccessProposed,
    KeyProposed,
    ProposalApproved,
    ProposalClosed,
    FirmCommandRejected,
)
"""Events that change nothing in force."""

BreakerKey = tuple[BreakerScope, Subject]


def _nothing() -> Mapping[Any, Any]:
    return MappingProxyType({})


class GovernanceBroken(Exception):
    """Governance events that cannot all be true: the reader must stop."""


class NotFoldedYet(LookupError):
    """A position that has not been reached; it can be read after more events have arrived."""


@dataclass(frozen=True, slots=True)
class Governance:
    """The firm as of `position`, the last governance event that was folded; 0 before the first."""

    position: int = 0
    genesis: GenesisAccepted | None = None
    policy: PolicyActivated | None = None
    desks: frozenset[DeskId] = frozenset()
    principals: Mapping[PrincipalId, AccessChanged] = field(default_factory=_nothing)
    assets: Mapping[AssetId, AssetListed] = field(default_factory=_nothing)
    wallets: Mapping[WalletId, WalletAssigned] = field(default_factory=_nothing)
    contracts: Mapping[tuple[int, Address], ContractListed] = field(default_factory=_nothing)
    """By chain id and address; the event's `decided_at` is the time of listing."""
    breakers: Mapping[BreakerKey, BreakerTripped] = field(default_factory=_nothing)
    """Tripped breakers, by scope and subject; the event's `decided_at` is the time of tripping."""
    keys: Mapping[KeyId, KeyStanding] = field(default_factory=_nothing)
    """Keys that events since genesis name."""
    cosigners: Mapping[Slug, CosignerEnrolled] = field(default_factory=_nothing)
    """Holders of shares, one for each place."""

    @property
    def rules(self) -> Rules:
        """Return the version of the rules in force; the first before there is a policy."""
        return Rules.FIRST if self.policy is None else versions.known(self.policy.settings.rules_version)

    def active(self, principal: PrincipalId) -> AccessChanged | None:
        """Return the rights of a principal that is known and not revoked; else None."""
        access = self.principals.get(principal)
        return access if access is not None and access.status == "active" else None


class Tables:
    """The firm in force, changed in place by one event after another. A view that was taken never changes."""

    def __init__(self, beginning: Governance) -> None:
        """Begin at the end of a view."""
        self._view: Governance | None = beginning
        self._position = beginning.position
        self._genesis = beginning.genesis
        self._policy = beginning.policy
        self._desks = beginning.desks
        self._tables: dict[str, Mapping[Any, Any]] = {
            "principals": beginning.principals,
            "assets": beginning.assets,
            "wallets": beginning.wallets,
            "contracts": beginning.contracts,
            "breakers": beginning.breakers,
            "keys": beginning.keys,
            "cosigners": beginning.cosigners,
        }
        self._own: dict[str, dict[Any, Any]] = {}
        """Tables that no view shows: many events in a row cost one copy."""

    @property
    def position(self) -> int:
        """Return the position of the last event."""
        return self._position

    @property
    def view(self) -> Governance:
        """Return the firm after all events so far. Costs nothing if nothing has changed."""
        if self._view is None:
            self._tables |= {name: MappingProxyType(table) for name, table in self._own.items()}
            self._own = {}
            self._view = Governance(self._position, self._genesis, self._policy, self._desks, **self._tables)
        return self._view

    def moved_to(self, position: int) -> Self:
        """Return the same view, moved to `position` by later events that changed nothing."""
        self._position, self._view = position, None
        return self

    def apply(self, event: FirmEvent) -> None:
        """Take in the next event.

        Raises:
            GovernanceBroken: its kind is unknown to this version.
            RulesUnknown: it puts rules in force that this version does not know.
        """
        if isinstance(event, PolicyActivated):
            versions.known(event.settings.rules_version)
        self._position, self._view = event.position, None
        match event:
            case GenesisAccepted():
                self._genesis = event
                self._desks = frozenset(json.loads(event.document)["desks"])
            case PolicyActivated():
                self._policy = event
            case BreakerReset():
                self._table("breakers").pop((event.scope, event.subject), None)
            case CosignerEnrolled():
                self._enrol(event)
            case _ if isinstance(event, KEY_EVENTS):
                keys = self._table("keys")
                keys[event.key_id] = standing_after(keys.get(event.key_id), event)
            case _ if (place := _place(event)) is not None:
                table, key = place
                self._table(table)[key] = event
            case _ if not isinstance(event, SAYS_ONLY):
                message = f"{type(event).__name__} is no governance event this version knows"
                raise GovernanceBroken(message)

    def _enrol(self, event: CosignerEnrolled) -> None:
        """Enrol a cosigner; the earlier cosigner of the same place is removed."""
        table, place = self._table("cosigners"), event.cosigner.party
        for name in [name for name, each in table.items() if each.cosigner.party == place]:
            del table[name]
        table[event.cosigner.cosigner] = event

    def _table(self, name: str) -> dict[Any, Any]:
        """Return the table to write to; copy it first if a view shows it."""
        if name not in self._own:
            self._own[name] = dict(self._tables[name])
        return self._own[name]


class GovernanceFold:
    """Folds governance events into views. A view already taken never changes."""

    def __init__(self) -> None:
        """Start before the first event."""
        self._held: dict[int, FirmEvent] = {}
        self._tables = Tables(Governance())
        self._changes: list[FirmEvent] = []
        """All events that changed anything in force, in order."""
        self._earlier: dict[int, Governance] = {0: Governance()}

    @property
    def view(self) -> Governance:
        """Return the firm after all events up to the first gap. Costs nothing if nothing has changed."""
        return self._tables.view

    def at(self, position: int) -> Governance:
        """Return the firm as it was after the event at `position`.

        Raises:
            NotFoldedYet: that event has not been folded.
        """
        if position > self._tables.position:
            raise NotFoldedYet(f"governance event {position} has not been folded yet, only {self._tables.position}")
        if position == self._tables.position:
            return self.view
        changed_at = self._last_change(position)
        if (known := self._earlier.get(changed_at)) is None:
            known = self._fold_again(changed_at)
        return known if known.position == position else replace(known, position=position)

    def accept(self, event: FirmEvent) -> None:
        """Take in one event, also a repeated one, in any order.

        Raises:
            GovernanceBroken: an event that is not chained, two events with one position, or a gap that does not close.
        """
        if event.position <= self._tables.position:
            if event.position == 0:
                message = f"a {type(event).__name__} without a position is not from the log"
                raise GovernanceBroken(message)
            return
        if self._held.setdefault(event.position, event) != event:
            message = f"two different governance events have position {event.position}"
            raise GovernanceBroken(message)
        while (following := self._held.pop(self._tables.position + 1, None)) is not None:
            self._tables.apply(following)
            if not isinstance(following, SAYS_ONLY):
                self._changes.append(following)
        if len(self._held) > HELD_EVENTS_MAX:
            message = f"governance event {self._tables.position + 1} is missing; {len(self._held)} later ones are here"
            raise GovernanceBroken(message)

    def _last_change(self, position: int) -> int:
        """Return the position of the last event up to `position` that changed anything; 0 if there is none."""
        after = bisect_right(self._changes, position, key=_position_of)
        return self._changes[after - 1].position if after else 0

    def _fold_again(self, position: int) -> Governance:
        """Return the view after a change, folded from the nearest earlier one that is kept."""
        nearest = max(kept for kept in self._earlier if kept < position)
        tables = Tables(self._earlier[nearest])
        first = bisect_right(self._changes, nearest, key=_position_of)
        for event in self._changes[first : bisect_right(self._changes, position, key=_position_of)]:
            tables.apply(event)
        self._earlier[position] = tables.view
        if len(self._earlier) > EARLIER_VIEWS_KEPT_MAX + 1:  # the beginning stays
            del self._earlier[next(kept for kept in self._earlier if kept)]
        return tables.view


def _place(event: FirmEvent) -> tuple[str, Any] | None:
    """Return the table and the key of an event, which it keeps until another event takes its place."""
    match event:
        case AccessChanged():
            return "principals", event.principal
        case AssetListed():
            return "assets", event.asset_id
        case WalletAssigned():
            return "wallets", event.wallet_id
        case ContractListed():
            return "contracts", (event.chain_id, event.address)
        case BreakerTripped():
            return "breakers", (event.scope, event.subject)
        case _:
            return None


def _position_of(event: FirmEvent) -> int:
    return event.position
