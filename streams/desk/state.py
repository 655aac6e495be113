"""What a desk knows: the fold of its own events, and of nothing else (architecture, rule 2).

Only what can still matter is kept: open orders, what limits were used for within their windows, ids of commands that could
still be sent again, and the last counter of each FIDO2 key. A closed or confirmed order leaves memory.
Left out: governance and prices, which come by value with each input.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final, Literal

from schemas.hash_chain import Link
from schemas.orders import Order, ReservedAmount
from schemas.values import CommandId, DeskId, Instant, OrderId, PrincipalId, Role, Sha256
from streams.desk.limits.ledger import Ledger
from streams.desk.limits.windows import MICROS_PER_SECOND

COMMAND_AGE_SECONDS_MAX: Final = 3_600
"""No policy can let a command be older than this: a desk remembers ids no longer."""
COMMAND_SKEW_SECONDS_MAX: Final = 30
"""How far a sender's clock may be ahead of ours."""
PAGE_SECONDS: Final = 600
"""Remembered ids are kept in pages of this length, and forgotten a page at a time."""
_MEMORY_MICROS: Final = (COMMAND_AGE_SECONDS_MAX + COMMAND_SKEW_SECONDS_MAX) * MICROS_PER_SECOND

Stage = Literal["initiated", "waiting", "approved", "held"]
"""Initiated: being decided. Waiting: for approvals. Approved: execution and those after it have the order. Held: flagged."""


@dataclass(frozen=True, slots=True)
class Given:
    """An approval of an order as it stands."""

    principal: PrincipalId
    credential_id: str
    roles: list[Role]


@dataclass(slots=True)
class OpenOrder:
    """An order that has neither closed nor been confirmed."""

    order: Order
    link: Link
    """The last link that the desk itself wrote."""
    stage: Stage = "initiated"
    expires_at: Instant = 0
    requires: list[str] = field(default_factory=list)
    """Quorums still to be met."""
    approval_hash: Sha256 | None = None
    """What an approval must be of."""
    approvals: list[Given] = field(default_factory=list)

    @property
    def with_desk(self) -> bool:
        """Whether only the desk may append to the order now, and it can be cancelled or split."""
        return self.stage in ("waiting", "held")


@dataclass(slots=True)
class Page:
    """The commands that were answered from `begun` on, for `PAGE_SECONDS`: what each id was used for."""

    begun: Instant
    commands: dict[CommandId, Sha256] = field(default_factory=dict)


@dataclass(slots=True)
class Desk:
    """One desk, apart from its orders."""

    ledger: Ledger = field(default_factory=Ledger)
    memory: deque[Page] = field(default_factory=deque)
    counters: dict[str, int] = field(default_factory=dict)
    """Per FIDO2 credential id, the highest counter it has shown to this desk."""

    def spent(self, command_id: CommandId) -> Sha256 | None:
        """What the id was used for; None when it is free."""
        for page in self.memory:
            if (content := page.commands.get(command_id)) is not None:
                return content
        return None

    def remember(self, command_id: CommandId, content: Sha256, now: Instant) -> None:
        """Spend an id, and forget those that are too old to be sent again."""
        if not self.memory or self.memory[-1].begun + PAGE_SECONDS * MICROS_PER_SECOND <= now:
            self.memory.append(Page(begun=now))
        self.memory[-1].commands[command_id] = content
        while self.memory[0].begun + PAGE_SECONDS * MICROS_PER_SECOND + _MEMORY_MICROS < now:
            self.memory.popleft()


@dataclass(slots=True)
class DeskState:
    """All desks of one partition."""

    desks: dict[DeskId, Desk] = field(default_factory=dict)
    orders: dict[OrderId, OpenOrder] = field(default_factory=dict)
    expiries: list[tuple[Instant, OrderId]] = field(default_factory=list)
    """A heap of when orders expire; its first entry is always of an order that still can."""

    def desk(self, desk_id: DeskId) -> Desk:
        """The desk as it stands; an untouched one when nothing has happened on it. Not to be changed."""
        return self.desks.get(desk_id) or Desk()

    def expires(self, order_id: OrderId, at: Instant) -> bool:
        """Whether the order is still there to expire at that instant."""
        found = self.orders.get(order_id)
        return found is not None and found.with_desk and found.expires_at == at

    def reserved(self, order: Order) -> list[ReservedAmount]:
        """What an open order holds of the limits."""
        return self.desk(order.desk_id).ledger.held[order.order_id]
