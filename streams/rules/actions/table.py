"""Registers every order kind by its name on the wire. Pure; a test compares the table with `schemas.orders.Action`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from schemas.orders import Action
from streams.rules.actions.kind import OrderKind
from streams.rules.actions.kinds.approve_token import ApproveTokenKind
from streams.rules.actions.kinds.call import CallKind
from streams.rules.actions.kinds.deposit import DepositKind
from streams.rules.actions.kinds.swap import SwapKind
from streams.rules.actions.kinds.transfer import TransferKind
from streams.rules.actions.kinds.withdraw import WithdrawKind

ACTIONS: Final[Mapping[str, OrderKind[Any]]] = MappingProxyType(
    {
        "transfer": TransferKind(),
        "swap": SwapKind(),
        "approve_token": ApproveTokenKind(),
        "deposit": DepositKind(),
        "withdraw": WithdrawKind(),
        "call": CallKind(),
    }
)


def kind_of(action: Action) -> OrderKind[Any]:
    """Return the rules of the action's kind."""
    return ACTIONS[action.kind]
