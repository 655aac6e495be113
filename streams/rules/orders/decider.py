"""Decides for each desk: decide, evolve, initial, and nothing else (architecture, rules 1, 2 and 4).

One writer decides a desk's commands and the outcomes of its orders one after another, on the fold of its own events. Facts from
outside come with each input by value, so the same inputs give the same events, byte for byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

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
from schemas.events.base import Event
from schemas.events.lifecycle import Confirmed, Reverted, SigningRefused, Simulated
from schemas.hash_chain import Link
from schemas.values import Instant, OrderId
from streams.rules.decider import Received, Recorded
from streams.rules.orders import intake
from streams.rules.orders.fold import fold
from streams.rules.orders.intake import Accepted
from streams.rules.orders.judging import dry_run as trial
from streams.rules.orders.judging.facts import Circumstances
from streams.rules.orders.judging.judgement import judge
from streams.rules.orders.judging.verdict import initiated, order_of
from streams.rules.orders.state import DeskState
from streams.rules.orders.steps import approvals, outcomes
from streams.rules.orders.steps import cancel_and_split as changes
from streams.rules.refusals.orders import Refused

HandedBack = Simulated | SigningRefused | Confirmed | Reverted
"""Events of other processes after which the desk may append (`lifecycle`)."""


class NotAnInput(Exception):
    """A record from a topic that the desk does not read: the wiring is wrong."""


@dataclass(frozen=True, slots=True)
class Message:
    """An input, with governance, policy and prices at the time it came."""

    received: Received
    circumstances: Circumstances


class DeskDecider:
    """Decides the desk, as the engine runs it. The signer folds the same events with `evolve`."""

    state_type = DeskState

    def initial(self) -> DeskState:
        """Return a state without desks and orders."""
        return DeskState()

    def decide(self, state: DeskState, message: Message, now: Instant) -> tuple[Event, ...]:
        """Return the events that `message` leads to.

        Raises:
            NotAnInput: the record is on none of the desk's topics.
        """
        circumstances, record = message.circumstances, message.received.record
        match record:
            case Command():
                return _answer(state, message, record, now)
            case None:
                return (intake.unreadable(message.received, circumstances.governance.position),)
            case Simulated() | SigningRefused() | Confirmed() | Reverted():
                return _take_back(state, record, circumstances, now)
            case _:
                raise NotAnInput(f"a {type(record).__name__} on {message.received.topic}")

    def evolve(self, state: DeskState, recorded: Recorded) -> DeskState:
        """Return `state`, changed in place by one event."""
        fold(state, recorded)
        return state

    def due(self, state: DeskState, now: Instant) -> tuple[Event, ...]:
        """Return the ends of expired orders."""
        return outcomes.expired(state, now)

    def tail(self, state: DeskState, order_id: OrderId) -> Link | None:
        """Return the last link of an order to which only the desk may append; else None."""
        found = state.orders.get(order_id)
        return found.link if found is not None and found.with_desk else None


def _take_back(state: DeskState, event: HandedBack, circumstances: Circumstances, now: Instant) -> tuple[Event, ...]:
    """Return the desk's events after a process has handed the order's chain back to it."""
    match event:
        case Simulated():
            return outcomes.flagged(state, event, circumstances, now)
        case SigningRefused():
            return outcomes.not_signed(state, event)
        case Confirmed():
            return outcomes.confirmed(state, event)
        case Reverted():
            return outcomes.reverted(state, event)
        case _ as unknown:
            assert_never(unknown)


def _answer(state: DeskState, message: Message, command: Command, now: Instant) -> tuple[Event, ...]:
    """Return a command's events: its order's, a rejection, or none when it was answered before."""
    accepted = intake.accept(state, message.received, command, message.circumstances, now)
    if not isinstance(accepted, Accepted):
        return () if accepted is None else (accepted,)
    try:
        return _carry_out(state, accepted, message.circumstances, now)
    except Refused as refused:
        return (accepted.rejected(refused),)


def _carry_out(  # noqa: PLR0911 - one for each kind of command
    state: DeskState, accepted: Accepted, circumstances: Circumstances, now: Instant
) -> tuple[Event, ...]:
    command = accepted.command
    match command.body:
        case InitiateOrder() as body:
            order = order_of(command, body, accepted.named)
            judgement = judge(order, state.desk(command.desk_id).ledger, circumstances, now)
            return initiated(command, judgement, circumstances, now)
        case TryOrder() as body:
            return (trial.tried(accepted, body, state.desk(command.desk_id).ledger, circumstances, now),)
        case GiveApproval() as body:
            return approvals.give(state, accepted, body, circumstances, now)
        case DeclineApproval() as body:
            return approvals.decline(state, accepted, body, circumstances, now)
        case WithdrawApproval() as body:
            return approvals.withdraw(state, accepted, body, circumstances, now)
        case CancelOrder() as body:
            return changes.cancel(state, accepted, body, now)
        case SplitOrder() as body:
            return changes.split(state, accepted, body, circumstances, now)
        case _ as unknown:
            assert_never(unknown)
