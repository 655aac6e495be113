"""Names the actions of the policy, and the groups by which a rule names several at once."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

OrderAction = Literal["transfer", "swap", "approve-token", "deposit", "withdraw", "call"]
AdministrativeAction = Literal["trip-breaker", "reset-breaker", "change-policy", "change-access", "change-key"]

ORDER_ACTIONS: Final[tuple[OrderAction, ...]] = ("transfer", "swap", "approve-token", "deposit", "withdraw", "call")
CHANGES: Final[tuple[AdministrativeAction, ...]] = ("reset-breaker", "change-policy", "change-access", "change-key")
"""Changes that every policy must leave to a quorum."""
ADDED: Final[frozenset[str]] = frozenset({"change-key"})
"""Actions that an older schema need not declare; a policy with such a schema refuses them."""
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
"""Each group's actions; the published Cedar schema lists the same."""


def groups_of(action: str) -> list[str]:
    """Return the groups of `action`."""
    return [group for group, members in GROUPS.items() if action in members]
