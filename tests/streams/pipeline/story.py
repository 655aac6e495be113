"""Draws the actions of people and systems in a run: honest orders, second thoughts, repetitions, mistakes and malice."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from schemas.commands import (
    CancelOrder,
    Command,
    DeclineApproval,
    GiveApproval,
    InitiateOrder,
    SplitOrder,
    TryOrder,
    WithdrawApproval,
)
from schemas.events.base import OrderEvent
from schemas.events.lifecycle import OrderClosed, OrderHeld, OrderInitiated, PolicyEvaluated
from schemas.orders import Order
from streams.engine.simulated import Entry
from tests.streams.pipeline.firm_story import FirmStory
from tests.streams.pipeline.world import World
from tests.world.firm.governance import CUSTODIAN
from tests.world.line.scenery import DESK, STRANGER, pay, swap

INITIATORS: Final = ("treasury-bot", "paula")
APPROVERS: Final = ("rita", "sven", "cora", "carl")
WALLETS: Final = ("treasury-1", "treasury-2")
ACTS_MAX: Final = 24


class Story:
    """One run's acts, in order. `sent` is every command that was published, by its id."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.random = world.random
        self.sent: dict[str, Command] = {}
        self.firm = FirmStory(world)

    def happen(self) -> None:
        """All of it, with the workers stepping in between."""
        acts = [*[self._order] * 5, *[self._decide] * 5, self._change, self._change, self._trouble, *self.firm.acts]
        self._order()
        for _ in range(self.random.randrange(8, ACTS_MAX)):
            for _ in range(self.random.randrange(1, 16)):
                self.world.step()
            self.random.choice(acts)()
        self.firm.resume()
        self.world.settle()

    # Acts -------------------------------------------------------------------------------------------------------------

    def _order(self) -> None:
        amount = str(self.random.choice([50, 900, 20_000, 26_000, 40_000, 61_000]))
        wallet, by = self.random.choice(WALLETS), self.random.choice(INITIATORS)
        to = STRANGER if self.random.random() < 0.1 else CUSTODIAN
        body = swap(amount) if self.random.random() < 0.2 else pay(amount, to, wallet_id=wallet)
        if self.random.random() < 0.1:
            self._send(TryOrder(wallet_id=body.wallet_id, action=body.action), by)
        else:
            self._send(body, by)

    def _decide(self) -> None:
        """Somebody approves, declines or takes their approval back."""
        waiting = [each for each in self._evaluations() if each.outcome == "needs-approval" and each.approval_hash is not None]
        if not waiting:
            return
        asked, fate = self.random.choice(waiting), self.random.random()
        could = [each for unmet in asked.unmet for each in unmet.could_approve]
        by = self.random.choice(could if could and self.random.random() < 0.8 else APPROVERS)
        if fate < 0.8:
            assert asked.approval_hash is not None
            self._send(GiveApproval(order_id=asked.order_id, approval_hash=asked.approval_hash), by)
        elif fate < 0.9:
            self._send(DeclineApproval(order_id=asked.order_id, reason="not now"), by)
        else:
            self._send(WithdrawApproval(order_id=asked.order_id), by)

    def _change(self) -> None:
        """An initiator takes an order back, or splits it."""
        orders = [event.order for event in self._events("order-initiated") if isinstance(event, OrderInitiated)]
        if not orders:
            return
        held = [event.order_id for event in self._events("order-held") if isinstance(event, OrderHeld)]
        order = self.random.choice([each for each in orders if each.order_id in held] or orders)
        if self.random.random() < 0.5:
            self._send(CancelOrder(order_id=order.order_id), order.initiator)
        else:
            self._send(SplitOrder(order_id=order.order_id, amounts=_halves(order)), order.initiator)

    def _trouble(self) -> None:
        """A repetition, an id used for something else, a stranger's signature, bytes that are nothing."""
        if not self.sent:
            return
        command = self.random.choice(list(self.sent.values()))
        match self.random.randrange(4):
            case 0:
                self._publish(command)
            case 1 if isinstance(command.body, InitiateOrder):
                other = command.body.model_copy(update={"memo": "something else"})
                self._publish(command.model_copy(update={"body": other}))
            case 2:
                self._publish(command.model_copy(update={"principal": "rita"}))
            case _:
                self.world.log.publish_bytes("commands", Entry(DESK.encode(), self.random.randbytes(20)))

    # How --------------------------------------------------------------------------------------------------------------

    def _send(self, body: object, by: str) -> None:
        name = f"{self.world.seed}/{len(self.sent)}"
        command = self.world.people.send(name, body, by)  # type: ignore[arg-type]
        self.sent[command.command_id] = command
        self._publish(command)

    def _publish(self, command: Command) -> None:
        self.world.log.publish(command, command.desk_id)

    def _events(self, *topics: str) -> list[OrderEvent]:
        return [recorded.event for recorded in self.world.log.events(*topics) if isinstance(recorded.event, OrderEvent)]

    def _evaluations(self) -> list[PolicyEvaluated]:
        """Of orders that are still open, the newest of each."""
        ended = {event.order_id for event in self._events("order-closed") if isinstance(event, OrderClosed)}
        newest = {e.order_id: e for e in self._events("policy-evaluated") if isinstance(e, PolicyEvaluated)}
        return [each for order_id, each in newest.items() if order_id not in ended]


def _halves(order: Order) -> list[Decimal]:
    half = order.action.amount / 2
    return [half, order.action.amount - half]
