"""The work: a limit per key over 24 hours, Avro in and out; each command is reserved under its desk's cap. Pure.

The same functions for everybody: whoever runs them decides how they are fed, where the state lies, and when all is committed.
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import cycle, islice
from typing import Final

from schemas import wire
from schemas.commands import Command, Ed25519Signature, InitiateOrder
from schemas.events.limits import LimitReserved
from schemas.orders import ReservedAmount, Transfer
from schemas.values import Instant
from tests.bench.racing.keyed import Keyed

DESKS: Final = 600
DAY_MICROS: Final = 86_400 * 1_000_000
CAP_USD: Final = Decimal(10) ** 12
"""Never reached: everybody writes one reservation a command, and a missing one shows."""
EVENTS: Final = ("limit-reserved",)
DESTINATION: Final = "0x5FbDB2315678afecb367f032d93F642f64180aa3"


@dataclass(slots=True)
class Window:
    """One desk's usage within 24 hours."""

    used: Decimal = Decimal(0)
    counted: deque[tuple[Instant, Decimal]] = field(default_factory=deque)

    def used_at(self, now: Instant) -> Decimal:
        """Forget what is older than a day, and add up the rest."""
        while self.counted and self.counted[0][0] <= now - DAY_MICROS:
            self.used -= self.counted.popleft()[1]
        return self.used

    def add(self, amount: Decimal, now: Instant) -> None:
        """Count an amount from `now` on."""
        self.counted.append((now, amount))
        self.used += amount


def reservation(command: Command, window: Window, now: Instant) -> LimitReserved:
    """The reservation for a command, not yet counted.

    Raises:
        ValueError: the desk's cap would be passed.
    """
    assert isinstance(command.body, InitiateOrder), "every command is an order"
    assert isinstance(command.body.action, Transfer), "every order is a transfer"
    amount = command.body.action.amount
    if window.used_at(now) + amount > CAP_USD:
        message = f"{command.desk_id} has used {window.used} of {CAP_USD}"
        raise ValueError(message)
    reserved = ReservedAmount(limit_id="desk-day", scope_key=f"desk:{command.desk_id}", amount_usd=amount)
    return LimitReserved(desk_id=command.desk_id, order_id=command.command_id, reserved=[reserved])


def commands(count: int) -> Iterator[Keyed]:
    """Orders of `DESKS` desks in turn, unsigned: nobody looks at signatures here."""
    action = Transfer(asset_id="USDC", amount=Decimal("1250.5"), destination=DESTINATION)
    for number, desk in enumerate(islice(cycle(range(DESKS)), count)):
        command = Command(
            command_id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"{number}")),
            desk_id=f"desk-{desk}",
            principal="treasury-system",
            issued_at=1_760_000_000_000_000 + number,
            body=InitiateOrder(wallet_id=f"wallet-{desk}", action=action),
            authorization=Ed25519Signature(key_id="treasury-system", signature=""),
        )
        yield Keyed(command.desk_id.encode(), wire.encode(command))
