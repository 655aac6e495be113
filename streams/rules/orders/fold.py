"""Folds a desk's events into its state, one by one (architecture, rule 2).

Nothing here decides or refuses: the events have happened. The event that answers a command spends the command's id. A command's
content is identified by the order id that it gives, which the event of a new order holds.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from types import MappingProxyType
from typing import Any, Final

from schemas.canonical import command_digest, order_id
from schemas.commands import Command, WebAuthnAssertion
from schemas.events.answers import CommandRejected, LimitBreached, OrderTried, Quarantined
from schemas.events.base import DeskEvent, Event, OrderEvent
from schemas.events.lifecycle import (
    ApprovalDeclined,
    ApprovalGiven,
    ApprovalWithdrawn,
    Approved,
    CancellationRequested,
    OrderClosed,
    OrderHeld,
    OrderInitiated,
    PolicyEvaluated,
)
from schemas.events.limits import LimitPosted, LimitReleased, LimitReserved
from schemas.hash_chain import Link
from schemas.values import Instant, OrderId
from streams.rules.access.desk_rights import counter_shown
from streams.rules.access.sender import Given
from streams.rules.decider import Recorded
from streams.rules.orders.command_ids import fingerprint, mark
from streams.rules.orders.lifecycle import step_of
from streams.rules.orders.state import Desk, DeskState, OpenOrder


def fold(state: DeskState, recorded: Recorded) -> None:
    """Change `state` by one event."""
    event = recorded.event
    if isinstance(event, OrderEvent) and (found := state.orders.get(event.order_id)) is not None:
        found.link = Link(event.sequence, recorded.digest)
        found.stage = step_of(event).stage or found.stage
    _FOLDS[type(event)](state, event, recorded)


def _desk(state: DeskState, event: DeskEvent) -> Desk:
    return state.desks.setdefault(event.desk_id, Desk())


def _spend(state: DeskState, command: Command, now: Instant, named: OrderId | None = None) -> None:
    """Spend the id of a command that was carried out, and record its key's counter."""
    named = named or order_id(command.desk_id, command_digest(command))
    state.memory.remember(fingerprint(command.desk_id, command.command_id), mark(named), now)
    if isinstance(command.authorization, WebAuthnAssertion):
        counters = state.desks.setdefault(command.desk_id, Desk()).counters
        counters[command.authorization.credential_id] = counter_shown(command.authorization)


def _initiated(state: DeskState, event: OrderInitiated, recorded: Recorded) -> None:
    # A part's command was spent when the order that it is a part of was closed.
    if event.order.parent_order_id is None:
        _spend(state, event.command, event.decided_at, event.order_id)
    state.orders[event.order_id] = OpenOrder(event.order, Link(event.sequence, recorded.digest))


def _reserved(state: DeskState, event: LimitReserved, _: Recorded) -> None:
    _desk(state, event).ledger.reserve(event.order_id, event.reserved)


def _evaluated(state: DeskState, event: PolicyEvaluated, _: Recorded) -> None:
    _desk(state, event).ledger.evaluated(event.facts.limits, event.decided_at)
    found = state.orders[event.order_id]
    found.requires, found.expires_at = event.requires, event.expires_at
    if event.outcome == "needs-approval":
        if event.approval_hash != found.approval_hash:
            found.approvals = []
        found.approval_hash = event.approval_hash
        heapq.heappush(state.expiries, (event.expires_at, event.order_id))
    elif event.outcome == "allowed" and found.approvals:
        # Counted approvals can still be withdrawn; the others were of something else, or no longer stood.
        counted = {each.principal for each in event.facts.approvals}
        found.approvals = [given for given in found.approvals if given.principal in counted]
    _drop_spent_expiries(state)


def _given(state: DeskState, event: ApprovalGiven, _: Recorded) -> None:
    _spend(state, event.command, event.decided_at)
    given = Given(event.approver, event.assertion.credential_id, event.roles)
    state.orders[event.order_id].approvals.append(given)


def _declined(state: DeskState, event: ApprovalDeclined, _: Recorded) -> None:
    _spend(state, event.command, event.decided_at)


def _withdrawn(state: DeskState, event: ApprovalWithdrawn, _: Recorded) -> None:
    _spend(state, event.command, event.decided_at)
    found = state.orders[event.order_id]
    found.approvals = [given for given in found.approvals if given.principal != event.approver]


def _approved(state: DeskState, _event: Approved, _: Recorded) -> None:
    _drop_spent_expiries(state)


def _held(state: DeskState, event: OrderHeld, _: Recorded) -> None:
    state.orders[event.order_id].expires_at = event.expires_at
    heapq.heappush(state.expiries, (event.expires_at, event.order_id))


def _cancellation(state: DeskState, event: CancellationRequested, _: Recorded) -> None:
    _spend(state, event.command, event.decided_at)
    state.orders[event.order_id].cancelled_by = event.command.principal


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


def _tried(state: DeskState, event: OrderTried, _: Recorded) -> None:
    _spend(state, event.command, event.decided_at, event.order.order_id)


def _rejected(state: DeskState, event: CommandRejected, _: Recorded) -> None:
    if event.content_hash is not None:
        named = order_id(event.desk_id, bytes.fromhex(event.content_hash))
        state.memory.remember(fingerprint(event.desk_id, event.command_id), mark(named), event.decided_at)


def _unchanged(state: DeskState, event: Event, _: Recorded) -> None:
    """Leave the desk's state as it is: the event is written for other processes."""


def _drop_spent_expiries(state: DeskState) -> None:
    """Keep an order that can still expire at the front of the heap, so that reading the next expiry costs nothing."""
    while state.expiries and not state.expires(state.expiries[0][1], state.expiries[0][0]):
        heapq.heappop(state.expiries)


_FOLDS: Final[MappingProxyType[type[Event], Callable[[DeskState, Any, Recorded], None]]] = MappingProxyType(
    {
        OrderInitiated: _initiated,
        LimitReserved: _reserved,
        PolicyEvaluated: _evaluated,
        ApprovalGiven: _given,
        ApprovalDeclined: _declined,
        ApprovalWithdrawn: _withdrawn,
        Approved: _approved,
        OrderHeld: _held,
        CancellationRequested: _cancellation,
        LimitPosted: _posted,
        LimitReleased: _released,
        OrderClosed: _closed,
        OrderTried: _tried,
        CommandRejected: _rejected,
        LimitBreached: _unchanged,
        Quarantined: _unchanged,
    }
)
