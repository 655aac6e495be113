"""Lists the states of an order: each event, the state it leads to, the events that may follow, its effect on the reservation.

The only such table: the desk's stage, the projection's state, the answers to commands, the evidence reader's order of links and
the table in README derive from it. An event whose field selects between states has a row for each value, named `event:value`.
`schemas.topics` names the writer of each event; all events that may follow one row have the same writer, so one process at a
time may append to an order. Source: mission, "The lifecycle of an order"; architecture, rules 6 and 7.
Left out: events beside the chain (withdrawn approvals, requested cancellations) and reorganisations, which are not built.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, assert_never, cast

from schemas.events.base import OrderEvent
from schemas.events.lifecycle import (
    ApprovalDeclined,
    ApprovalGiven,
    Approved,
    Broadcast,
    Confirmed,
    OrderClosed,
    OrderHeld,
    OrderInitiated,
    OrderLink,
    PolicyEvaluated,
    Reverted,
    Signed,
    SigningRefused,
    Simulated,
)
from schemas.events.limits import LimitPosted, LimitReleased, LimitReserved
from schemas.topics import TOPIC_OF, Principal

Name = Literal[
    "order-initiated",
    "limit-reserved",
    "policy-evaluated:allowed",
    "policy-evaluated:needs-approval",
    "policy-evaluated:refused",
    "approval-given",
    "approval-declined",
    "approved",
    "simulated:passed",
    "simulated:flagged",
    "order-held",
    "signed",
    "signing-refused",
    "broadcast",
    "confirmed",
    "reverted",
    "limit-posted",
    "limit-released:superseded",
    "limit-released:closed",
    "order-closed:rejected",
    "order-closed:declined",
    "order-closed:expired",
    "order-closed:cancelled",
    "order-closed:flagged",
    "order-closed:superseded",
    "order-closed:reverted",
    "order-closed:signing-refused",
]
State = Literal[
    "initiated",
    "allowed",
    "awaiting-approval",
    "refused",
    "approved",
    "simulated",
    "flagged",
    "held",
    "signed",
    "signing-refused",
    "broadcast",
    "confirmed",
    "reverted",
    "rejected",
    "declined",
    "expired",
    "cancelled",
    "superseded",
]
"""The last event of an order, in words for people."""
Stage = Literal["initiated", "waiting", "approved", "held"]
"""The desk's view. Initiated: being decided. Waiting: for approvals. Approved: handed to execution. Held: flagged."""
Reservation = Literal["reserve", "keep", "post", "release"]


@dataclass(frozen=True, slots=True)
class Step:
    """A row: one event, or one value of the field that selects its state."""

    event: type[OrderEvent]
    then: tuple[Name, ...]
    """Events that may follow, the usual one first; none: the order has ended."""
    state: State | None = None
    """None: the state stays as it is."""
    reservation: Reservation = "keep"
    stage: Stage | None = None
    """None: the desk's stage stays as it is."""
    payload: Literal["out", "back"] | None = None
    """Out: the transaction may be signed and sent from here on. Back: it has failed for certain."""

    @property
    def writer(self) -> Principal:
        """Return the process that writes the event."""
        return TOPIC_OF[self.event].writers[0]


_LEFT: Final[tuple[Name, ...]] = ("limit-released:closed", "limit-released:superseded")
"""Events that may follow for an order that rests with its desk: cancelled or expired, or split."""

STEPS: Final = MappingProxyType[Name, Step](
    {
        "order-initiated": Step(OrderInitiated, ("limit-reserved", "policy-evaluated:refused"), "initiated", stage="initiated"),
        "limit-reserved": Step(
            LimitReserved, ("policy-evaluated:allowed", "policy-evaluated:needs-approval"), reservation="reserve"
        ),
        "policy-evaluated:allowed": Step(PolicyEvaluated, ("approved",), "allowed"),
        "policy-evaluated:needs-approval": Step(
            PolicyEvaluated,
            ("approval-given", "approval-declined", "policy-evaluated:needs-approval", *_LEFT),
            "awaiting-approval",
            stage="waiting",
        ),
        "policy-evaluated:refused": Step(PolicyEvaluated, ("order-closed:rejected", "limit-released:closed"), "refused"),
        "approval-given": Step(
            ApprovalGiven, ("policy-evaluated:allowed", "policy-evaluated:needs-approval", "policy-evaluated:refused")
        ),
        "approval-declined": Step(ApprovalDeclined, ("limit-released:closed",)),
        "approved": Step(Approved, ("simulated:passed", "simulated:flagged"), "approved", stage="approved"),
        "simulated:passed": Step(Simulated, ("signed", "signing-refused"), "simulated", payload="out"),
        "simulated:flagged": Step(Simulated, ("order-held", "limit-released:closed"), "flagged"),
        "order-held": Step(OrderHeld, _LEFT, "held", stage="held"),
        "signed": Step(Signed, ("broadcast",), "signed"),
        "signing-refused": Step(SigningRefused, ("limit-released:closed",), "signing-refused", payload="back"),
        "broadcast": Step(Broadcast, ("confirmed", "reverted"), "broadcast"),
        "confirmed": Step(Confirmed, ("limit-posted",), "confirmed"),
        "reverted": Step(Reverted, ("limit-released:closed",), "reverted", payload="back"),
        "limit-posted": Step(LimitPosted, (), reservation="post"),
        "limit-released:superseded": Step(
            LimitReleased, ("limit-reserved", "policy-evaluated:refused", "order-closed:superseded"), reservation="release"
        ),
        "limit-released:closed": Step(
            LimitReleased,
            (
                "order-closed:cancelled",
                "order-closed:declined",
                "order-closed:expired",
                "order-closed:rejected",
                "order-closed:reverted",
                "order-closed:signing-refused",
            ),
            reservation="release",
        ),
        "order-closed:rejected": Step(OrderClosed, (), "rejected"),
        "order-closed:declined": Step(OrderClosed, (), "declined"),
        "order-closed:expired": Step(OrderClosed, (), "expired"),
        "order-closed:cancelled": Step(OrderClosed, (), "cancelled"),
        "order-closed:flagged": Step(OrderClosed, (), "flagged"),  # not written by a desk: a flagged order is held
        "order-closed:superseded": Step(OrderClosed, (), "superseded"),
        "order-closed:reverted": Step(OrderClosed, (), "reverted"),
        "order-closed:signing-refused": Step(OrderClosed, (), "signing-refused"),
    }
)


class NotALink(Exception):
    """The event is in no row of the table: its schema is newer than this code."""


def link_of(event: OrderEvent) -> OrderLink:
    """Return `event`, as one of the closed union that consumers match.

    Raises:
        NotALink: the event is in no row.
    """
    if type(event) not in _ROWS:
        raise NotALink(f"{type(event).__name__} has no row in the lifecycle: run the version that wrote it, or a newer one")
    return cast("OrderLink", event)


def step_of(event: OrderEvent) -> Step:
    """Return the row of `event`.

    Raises:
        NotALink: the event is in no row.
    """
    link = link_of(event)
    rows = _ROWS[type(link)]
    return rows[None] if None in rows else rows[_selector(link)]


def _selector(link: OrderLink) -> str | None:
    """Return the value of the field that selects between the event's rows; None: it has one row."""
    match link:
        case PolicyEvaluated():
            return link.outcome
        case Simulated():
            return link.verdict
        case LimitReleased() | OrderClosed():
            return link.reason
        case (
            OrderInitiated()
            | LimitReserved()
            | ApprovalGiven()
            | ApprovalDeclined()
            | Approved()
            | OrderHeld()
            | Signed()
            | SigningRefused()
            | Broadcast()
            | Confirmed()
            | Reverted()
            | LimitPosted()
        ):
            return None
        case _ as unknown:
            assert_never(unknown)


def next_writer(step: Step) -> Principal | None:
    """Return the one process that may append after `step`; None: the order has ended."""
    return STEPS[step.then[0]].writer if step.then else None


def is_with_desk(stage: Stage) -> bool:
    """Return True if only the desk may append to the order, so that it can be cancelled or split."""
    match stage:
        case "waiting" | "held":
            return True
        case "initiated" | "approved":
            return False
        case _ as unknown:
            assert_never(unknown)


def settled(outcome: Literal["allowed", "needs-approval", "refused"]) -> State:
    """Return the state of an order after an evaluation: the desk writes the next event in the same transaction."""
    match outcome:
        case "allowed":
            step = STEPS["policy-evaluated:allowed"]
        case "needs-approval":
            step = STEPS["policy-evaluated:needs-approval"]
        case "refused":
            step = STEPS["policy-evaluated:refused"]
        case _ as unknown:
            assert_never(unknown)
    rests = step if step.stage is not None else STEPS[step.then[0]]
    if rests.state is None:
        raise AssertionError(f"the usual event after policy-evaluated:{outcome} has no state")
    return rests.state


def before(name: Name) -> tuple[type[OrderEvent], ...]:
    """Return the events that may come immediately before `name`."""
    return _events(each for each, step in STEPS.items() if name in step.then)


def between(first: Name, last: Name) -> tuple[type[OrderEvent], ...]:
    """Return the events that may stand between `first` and the next `last`, on any path from one to the other."""
    passed = _reached(first, until=last) - {first, last}
    return _events(name for name in STEPS if name in passed and last in _reached(name, until=last))


def ends() -> tuple[type[OrderEvent], ...]:
    """Return the events after which nothing follows."""
    return _events(name for name, step in STEPS.items() if not step.then)


def _reached(name: Name, until: Name) -> set[Name]:
    """Return all events that may follow `name`, at once or later, up to and with `until`."""
    found: set[Name] = set()
    following = [*STEPS[name].then]
    while following:
        if (reached := following.pop()) not in found:
            found.add(reached)
            following += STEPS[reached].then if reached != until else ()
    return found


def _events(names: Iterable[Name]) -> tuple[type[OrderEvent], ...]:
    return tuple(dict.fromkeys(STEPS[name].event for name in names))


def _rows() -> dict[type[OrderEvent], dict[str | None, Step]]:
    """Return the rows of each event, by the value of the field that selects; by None for an event with one row."""
    rows: dict[type[OrderEvent], dict[str | None, Step]] = {}
    for name, step in STEPS.items():
        rows.setdefault(step.event, {})[name.partition(":")[2] or None] = step
    return rows


_ROWS: Final = MappingProxyType(_rows())
