"""The desk: decide, evolve, initial, and nothing else (architecture, rules 1, 2 and 4).

One desk's commands and what becomes of its orders are decided one after another, by one writer, on the fold of its own
events. What the outside says comes with each input by value, so the same inputs give the same events, byte for byte.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, assert_never

from schemas.canonical import command_digest, order_id
from schemas.commands import (
    CancelOrder,
    Command,
    DeclineApproval,
    GiveApproval,
    InitiateOrder,
    SplitOrder,
    WebAuthnAssertion,
)
from schemas.events.answers import CommandRejected, Quarantined
from schemas.events.base import Event, OrderEvent
from schemas.events.lifecycle import (
    ApprovalDeclined,
    ApprovalGiven,
    Approved,
    Confirmed,
    OrderClosed,
    OrderHeld,
    OrderInitiated,
    PolicyEvaluated,
    Reverted,
    SigningRefused,
    Simulated,
)
from schemas.events.limits import LimitPosted, LimitReleased, LimitReserved
from schemas.hash_chain import Link
from schemas.values import Instant, OrderId
from streams.desk import intake
from streams.desk.authentication import counter_shown
from streams.desk.intake import Accepted
from streams.desk.judging.facts import Circumstances
from streams.desk.judging.judgement import initiation
from streams.desk.orders import approvals, changes, outcomes
from streams.desk.refusals import IdempotencyConflict, Refused
from streams.desk.state import Desk, DeskState, Given, OpenOrder
from streams.engine.decider import Received, Recorded


class NotAnInput(Exception):
    """A record that the desk does not take: the wiring is wrong."""


@dataclass(frozen=True, slots=True)
class Message:
    """An input, and what was known outside when it came."""

    received: Received
    circumstances: Circumstances


class DeskDecider:
    """The desk as the engine runs it. The signer folds the same events with `evolve`."""

    state_type = DeskState

    def initial(self) -> DeskState:
        """No desk, no order."""
        return DeskState()

    def decide(self, state: DeskState, message: Message, now: Instant) -> tuple[Event, ...]:
        """What happens because of `message`.

        Raises:
            NotAnInput: it is on none of the desk's topics.
        """
        circumstances, record = message.circumstances, message.received.record
        match record:
            case Command():
                return _answer(state, message, record, now)
            case None:
                return (intake.unreadable(message.received),)
            case Simulated():
                return outcomes.flagged(state, record, circumstances, now)
            case SigningRefused():
                return outcomes.not_signed(state, record)
            case Confirmed():
                return outcomes.confirmed(state, record)
            case Reverted():
                return outcomes.reverted(state, record)
            case _:
                raise NotAnInput(f"a {type(record).__name__} on {message.received.topic}")

    def evolve(self, state: DeskState, recorded: Recorded) -> DeskState:
        """`state`, changed in place by one event."""
        event = recorded.event
        if isinstance(event, OrderEvent) and (found := state.orders.get(event.order_id)) is not None:
            found.link = Link(event.sequence, recorded.digest)
        _FOLDS[type(event)](state, event, recorded)
        return state

    def due(self, state: DeskState, now: Instant) -> tuple[Event, ...]:
        """Orders whose time is over."""
        return outcomes.expired(state, now)

    def tail(self, state: DeskState, order_id: OrderId) -> Link | None:
        """The last link of an order that nobody else may append to; else None."""
        found = state.orders.get(order_id)
        return found.link if found is not None and found.with_desk else None


def _answer(state: DeskState, message: Message, command: Command, now: Instant) -> tuple[Event, ...]:
    """What a command leads to: its order's events, a rejection, or nothing when it was answered before."""
    accepted = intake.accept(state, message.received, command, message.circumstances, now)
    if not isinstance(accepted, Accepted):
        return () if accepted is None else (accepted,)
    try:
        return _carry_out(state, accepted, message.circumstances, now)
    except Refused as refused:
        return (accepted.rejected(refused),)


def _carry_out(state: DeskState, accepted: Accepted, circumstances: Circumstances, now: Instant) -> tuple[Event, ...]:
    match accepted.command.body:
        case InitiateOrder() as body:
            command, ledger = accepted.command, state.desk(accepted.command.desk_id).ledger
            named = order_id(command.desk_id, bytes.fromhex(accepted.content))
            # The id may be older than the desk's memory and its order still open: one order has one beginning.
            if named in state.orders:
                raise IdempotencyConflict(command_id=command.command_id)
            return initiation(command, body, named, ledger, circumstances, now)
        case GiveApproval() as body:
            return approvals.give(state, accepted, body, circumstances, now)
        case DeclineApproval() as body:
            return approvals.decline(state, accepted, body, circumstances, now)
        case CancelOrder() as body:
            return changes.cancel(state, accepted, body, now)
        case SplitOrder() as body:
            return changes.split(state, accepted, body, circumstances, now)
        case _ as unknown:
            assert_never(unknown)


# The fold ---------------------------------------------------------------------------------------------------------


def _desk(state: DeskState, event: Any) -> Desk:
    return state.desks.setdefault(event.desk_id, Desk())


def _spend(state: DeskState, command: Command, now: Instant) -> None:
    """A command was carried out: its id is spent, and its key's counter has risen."""
    desk = state.desks.setdefault(command.desk_id, Desk())
    desk.remember(command.command_id, command_digest(command).hex(), now)
    if isinstance(command.authorization, WebAuthnAssertion):
        desk.counters[command.authorization.credential_id] = counter_shown(command.authorization)


def _initiated(state: DeskState, event: OrderInitiated, recorded: Recorded) -> None:
    _spend(state, event.command, event.decided_at)
    state.orders[event.order_id] = OpenOrder(event.order, Link(event.sequence, recorded.digest))


def _reserved(state: DeskState, event: LimitReserved, _: Recorded) -> None:
    _desk(state, event).ledger.reserve(event.order_id, event.reserved)


def _evaluated(state: DeskState, event: PolicyEvaluated, _: Recorded) -> None:
    _desk(state, event).ledger.evaluated(event.facts.limits, event.decided_at)
    found = state.orders[event.order_id]
    if event.outcome == "needs-approval" and event.approval_hash != found.approval_hash:
        found.approvals = []
    found.approval_hash, found.requires = event.approval_hash, event.requires
    found.expires_at = event.expires_at
    if event.outcome == "needs-approval":
        found.stage = "waiting"
        heapq.heappush(state.expiries, (event.expires_at, event.order_id))
    _drop_spent_expiries(state)


def _given(state: DeskState, event: ApprovalGiven, _: Recorded) -> None:
    _spend(state, event.command, event.decided_at)
    given = Given(event.approver, event.assertion.credential_id, event.roles)
    state.orders[event.order_id].approvals.append(given)


def _declined(state: DeskState, event: ApprovalDeclined, _: Recorded) -> None:
    _spend(state, event.command, event.decided_at)


def _approved(state: DeskState, event: Approved, _: Recorded) -> None:
    state.orders[event.order_id].stage = "approved"
    _drop_spent_expiries(state)


def _held(state: DeskState, event: OrderHeld, _: Recorded) -> None:
    found = state.orders[event.order_id]
    found.stage, found.expires_at = "held", event.expires_at
    heapq.heappush(state.expiries, (event.expires_at, event.order_id))


def _posted(state: DeskState, event: LimitPosted, _: Recorded) -> None:
    _desk(state, event).ledger.post(event.order_id, event.decided_at)
    del state.orders[event.order_id]


def _released(state: DeskState, event: LimitReleased, _: Recorded) -> None:
    _desk(state, event).ledger.release(event.order_id)


def _closed(state: DeskState, event: OrderClosed, _: Recorded) -> None:
    if event.command is not None:
        _spend(state, event.command, event.decided_at)
    del state.orders[event.order_id]
    _drop_spent_expiries(state)


def _rejected(state: DeskState, event: CommandRejected, _: Recorded) -> None:
    if event.content_hash is not None:
        _desk(state, event).remember(event.command_id, event.content_hash, event.decided_at)


def _quarantined(state: DeskState, event: Quarantined, _: Recorded) -> None:
    """Bytes that nobody could read change nothing."""


def _drop_spent_expiries(state: DeskState) -> None:
    """Keep the heap's first entry one that can still happen, so that asking what is due costs nothing."""
    while state.expiries and not state.expires(state.expiries[0][1], state.expiries[0][0]):
        heapq.heappop(state.expiries)


_FOLDS: Final[MappingProxyType[type[Event], Callable[[DeskState, Any, Recorded], None]]] = MappingProxyType(
    {
        OrderInitiated: _initiated,
        LimitReserved: _reserved,
        PolicyEvaluated: _evaluated,
        ApprovalGiven: _given,
        ApprovalDeclined: _declined,
        Approved: _approved,
        OrderHeld: _held,
        LimitPosted: _posted,
        LimitReleased: _released,
        OrderClosed: _closed,
        CommandRejected: _rejected,
        Quarantined: _quarantined,
    }
)
