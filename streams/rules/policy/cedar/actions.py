"""What can be asked of policy: the actions, and the groups by which rules may name several at once."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

OrderAction = Literal["transfer", "swap", "approve-token", "deposit", "withdraw", "call"]
AdministrativeAction = Literal["trip-breaker", "reset-breaker", "change-policy", "change-access", "change-key"]

ORDER_ACTIONS: Final[tuple[OrderAction, ...]] = ("transfer", "swap", "approve-token", "deposit", "withdraw", "call")
CHANGES: Final[tuple[AdministrativeAction, ...]] = ("reset-breaker", "change-policy", "change-access", "change-key")
"""What only a quorum may do, under whatever policy."""
ADDED: Final[frozenset[str]] = frozenset({"change-key"})
"""Those that a schema written before there were any need not name: under it, nobody may do them."""
ADMINISTRATIVE_ACTIONS: Final[tuple[AdministrativeAction, ...]] = ("trip-breaker", *CHANGES)
ACTIONS: Final[tuple[str, ...]] = (*ORDER_ACTIONS, *ADMINISTRATIVE_ACTIONS)

GROUPS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "order": ORDER_ACTIONS,
        "use-contract": ("swap", "approve-token", "deposit", "call"),
        "administration": ADMINISTRATIVE_ACTIONS,
        "change": CHANGES,
    }
)
"""Each group's actions; the published Cedar schema says the same."""


def groups_of(action: str) -> list[str]:
    """The groups that `action` is in."""
    return [group for group, members in GROUPS.items() if action in members]
