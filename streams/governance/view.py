"""What governance has said so far, as one immutable view (architecture, rules 2 and 5).

Governance events stand on several topics and arrive in any order between them. The fold puts them back in the order in
which they were written, by `position`, and holds back what lies behind a gap: two readers at one position see the same.
Leaves out whether an event may have been written: access lists of the topics say who writes, `streams.governance.genesis`
says what the first events must be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from schemas.events.base import FirmEvent
from schemas.events.governance import (
    AccessChanged,
    AssetListed,
    ContractListed,
    GenesisAccepted,
    PolicyActivated,
    WalletAssigned,
)
from schemas.values import Address, AssetId, PrincipalId, WalletId

HELD_EVENTS_MAX: Final = 1_000_000
"""Events behind a gap. More means that a topic is missing or that the log is not ours."""


def _nothing() -> Mapping[Any, Any]:
    return MappingProxyType({})


class GovernanceBroken(Exception):
    """Governance events that cannot all be true: the reader must stop."""


@dataclass(frozen=True, slots=True)
class Governance:
    """The firm as of `position`, the last governance event that was folded; 0 before the first."""

    position: int = 0
    genesis: GenesisAccepted | None = None
    policy: PolicyActivated | None = None
    principals: Mapping[PrincipalId, AccessChanged] = field(default_factory=_nothing)
    assets: Mapping[AssetId, AssetListed] = field(default_factory=_nothing)
    wallets: Mapping[WalletId, WalletAssigned] = field(default_factory=_nothing)
    contracts: Mapping[tuple[int, Address], ContractListed] = field(default_factory=_nothing)
    """By chain id and address; the event's `decided_at` is when it was listed."""

    def active(self, principal: PrincipalId) -> AccessChanged | None:
        """The rights of a principal that is known and not revoked; else None."""
        access = self.principals.get(principal)
        return access if access is not None and access.status == "active" else None


class GovernanceFold:
    """Folds governance events into views. A view already taken never changes."""

    def __init__(self) -> None:
        """Start before the first event."""
        self._held: dict[int, FirmEvent] = {}
        self._position = 0
        self._genesis: GenesisAccepted | None = None
        self._policy: PolicyActivated | None = None
        self._tables: dict[str, dict[Any, Any]] = {"principals": {}, "assets": {}, "wallets": {}, "contracts": {}}
        self._shown: set[str] = set()
        self._view: Governance | None = Governance()

    @property
    def view(self) -> Governance:
        """The firm after all events up to the first gap. Costs nothing when nothing has changed."""
        if self._view is None:
            tables = {name: MappingProxyType(table) for name, table in self._tables.items()}
            self._view = Governance(self._position, self._genesis, self._policy, **tables)
            self._shown = set(self._tables)
        return self._view

    def accept(self, event: FirmEvent) -> None:
        """Take in one event, once or again, in any order.

        Raises:
            GovernanceBroken: an unsealed event, two events with one position, or a gap that does not close.
        """
        if event.position <= self._position:
            if event.position == 0:
                message = f"a {type(event).__name__} without a position is not from the log"
                raise GovernanceBroken(message)
            return
        if self._held.setdefault(event.position, event) != event:
            message = f"two different governance events have position {event.position}"
            raise GovernanceBroken(message)
        while (following := self._held.pop(self._position + 1, None)) is not None:
            self._apply(following)
        if len(self._held) > HELD_EVENTS_MAX:
            message = f"governance event {self._position + 1} is missing; {len(self._held)} later ones are here"
            raise GovernanceBroken(message)

    def _apply(self, event: FirmEvent) -> None:
        self._position = event.position
        self._view = None
        match event:
            case GenesisAccepted():
                self._genesis = event
            case PolicyActivated():
                self._policy = event
            case AccessChanged():
                self._own("principals")[event.principal] = event
            case AssetListed():
                self._own("assets")[event.asset_id] = event
            case WalletAssigned():
                self._own("wallets")[event.wallet_id] = event
            case ContractListed():
                self._own("contracts")[event.chain_id, event.address] = event
            case _:
                message = f"{type(event).__name__} is no governance event this version knows"
                raise GovernanceBroken(message)

    def _own(self, table: str) -> dict[Any, Any]:
        """Return the table to write to: copied first if a view shows it, so that many events in a row cost one copy."""
        if table in self._shown:
            self._tables[table] = self._tables[table].copy()
            self._shown.discard(table)
        return self._tables[table]
