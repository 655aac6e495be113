"""The smallest decider that could lose money: one cap a desk, reserved command by command, each with the use it saw.

Every reservation records `used` before it, so a test can fold the log and compare each recorded fact with the fold.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from schemas.canonical import command_digest, order_id
from schemas.commands import Command, Ed25519Signature, InitiateOrder
from schemas.events.answers import CommandRejected
from schemas.events.base import Event, Refusal
from schemas.events.limits import LimitReserved
from schemas.hash_chain import Link
from schemas.orders import ReservedAmount, Transfer
from schemas.values import Instant, OrderId
from streams.rules.decider import Later, Outcome, Processor, Received, Recorded

CAP_USD: Final = Decimal(1_000)
DESTINATION: Final = "0x5FbDB2315678afecb367f032d93F642f64180aa3"


@dataclass(slots=True)
class Desk:
    """One desk's usage, and the commands it has answered."""

    used: Decimal = Decimal("0.000000")
    answered: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Counters:
    """The state of one partition."""

    desks: dict[str, Desk] = field(default_factory=dict)


class CountingDecider:
    """Reserve under the cap, refuse above it, answer each command once."""

    state_type = Counters

    def initial(self) -> Counters:
        return Counters()

    def decide(self, state: Counters, message: Command, now: Instant) -> Outcome:  # noqa: ARG002 - the contract's shape
        desk = state.desks.get(message.desk_id, Desk())
        if message.command_id in desk.answered:
            return ()
        assert isinstance(message.body, InitiateOrder)
        assert isinstance(message.body.action, Transfer)
        amount = message.body.action.amount
        if desk.used + amount > CAP_USD:
            refusal = Refusal(check="cap", message=f"used {desk.used}", remedy="wait")
            return (
                CommandRejected(
                    desk_id=message.desk_id,
                    command_id=message.command_id,
                    principal=message.principal,
                    refusal=refusal,
                    command_hash="0" * 64,
                ),
            )
        reserved = ReservedAmount(limit_id=f"used {desk.used}", scope_key=message.command_id, amount_usd=amount)
        identity = order_id(message.desk_id, command_digest(message))
        return (LimitReserved(desk_id=message.desk_id, order_id=identity, reserved=[reserved]),)

    def evolve(self, state: Counters, recorded: Recorded) -> Counters:
        event = recorded.event
        assert isinstance(event, CommandRejected | LimitReserved)
        desk = state.desks.setdefault(event.desk_id, Desk())
        if isinstance(event, LimitReserved):
            desk.used += event.reserved[0].amount_usd
        desk.answered.add(event.causation_id)
        return state

    def due(self, state: Counters, now: Instant) -> tuple[Event, ...]:  # noqa: ARG002 - the contract's shape
        return ()

    def tail(self, state: Counters, order_id: OrderId) -> Link | None:  # noqa: ARG002 - the contract's shape
        return None


class CommandObserver:
    """Hands commands through; `hesitation` of them are parked for a while first, as a node that is down would do."""

    def __init__(self, hesitation: float = 0.0) -> None:
        self._hesitation = hesitation
        self._asked: dict[str, int] = {}

    def refresh(self) -> None:
        """Nothing to take in."""

    def read(self, state: Counters, received: Received, now: Instant) -> Command | Later:  # noqa: ARG002 - the contract's shape
        assert isinstance(received.record, Command)
        command_id = received.record.command_id
        self._asked[command_id] = self._asked.get(command_id, 0) + 1
        if int(command_id[:2], 16) < 256 * self._hesitation and self._asked[command_id] < 3:
            return Later("not yet")
        return received.record


def processor(hesitation: float = 0.0) -> Processor[Counters, Command]:
    """The processor under test, in the desk's place."""
    return Processor(
        principal="desk",
        inputs=("commands",),
        outputs=("limit-reserved", "command-rejected"),
        decider=CountingDecider(),
        observer=CommandObserver(hesitation),
    )


def command(command_id: str, desk_id: str, amount: Decimal) -> Command:
    """An order of `amount` dollars, unsigned as far as this decider cares."""
    return Command(
        command_id=command_id,
        desk_id=desk_id,
        principal="load",
        issued_at=0,
        body=InitiateOrder(
            wallet_id="wallet",
            action=Transfer(asset_id="USDC", amount=amount, destination=DESTINATION),
        ),
        authorization=Ed25519Signature(key_id="none", signature=""),
    )
