"""Makes orders' whole histories as on the log: chained links, offsets and writers' positions, from counters alone."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar

from projections.folds.arrivals import Arrived, LogPartition, arrived
from schemas import wire
from schemas.events import answers, governance, lifecycle, limits
from schemas.events.base import DeskEvent, Event, OrderEvent
from schemas.examples import example as made_example
from schemas.firm import Limit
from schemas.firm_commands import FirmCommand, ProposePolicy
from schemas.hash_chain import Link, digest_of
from schemas.orders import ReservedAmount
from schemas.topics import TOPIC_OF
from schemas.values import Record
from streams.rules.chaining import chain_event

R = TypeVar("R", bound=Record)

BEGUN = 1_760_000_000_000_000
TRACE = "0af7651916cd43dd8448eb211c80319c"
HEADERS = [("traceparent", f"00-{TRACE}-b7ad6b7169203331-01".encode())]
AMOUNT = Decimal("600000.250000")
ADDRESS = "0x5FbDB2315678afecb367f032d93F642f64180aa3"


@dataclass(frozen=True, slots=True)
class Written:
    """A record on the log."""

    place: LogPartition
    offset: int
    key: bytes
    value: bytes
    at: int

    def arrived(self) -> Arrived:
        return arrived(self.place, self.offset, self.value, HEADERS)


@dataclass(slots=True)
class Story:
    """A log that is written event by event."""

    written: list[Written] = field(default_factory=list)
    tails: dict[str, Link] = field(default_factory=dict)
    _offsets: Counter[LogPartition] = field(default_factory=Counter)
    _positions: Counter[tuple[str, int]] = field(default_factory=Counter)
    _now: int = BEGUN

    def tell(self, event: Event, *, partition: int = 0, at: int | None = None) -> Written:
        """Seal `event` after what was told before and write it."""
        topic = TOPIC_OF[type(event)]
        self._now = at if at is not None else self._now + 1_000
        self._positions[topic.writers[0], partition] += 1
        order_id = event.order_id if isinstance(event, OrderEvent) else ""
        chained = chain_event(
            event,
            position=self._positions[topic.writers[0], partition],
            now=self._now,
            causation="clock",
            tail=self.tails.get(order_id, Link()),
        )
        if isinstance(chained.recorded.event, OrderEvent):
            self.tails[order_id] = Link(chained.recorded.event.sequence, chained.recorded.digest)
        return self.write(LogPartition(topic.name, partition), chained.key, chained.value)

    def write(self, place: LogPartition, key: bytes, value: bytes) -> Written:
        """Put bytes on the log as they are."""
        written = Written(place, self._offsets[place], key, value, self._now)
        self._offsets[place] += 1
        self.written.append(written)
        return written

    def arrivals(self) -> list[Arrived]:
        return [each.arrived() for each in self.written]


@cache
def example(record_type: type[R]) -> R:
    """Made once each: a story may be long."""
    return made_example(record_type)


def order_id_of(number: int, among: str = "") -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"order {number} {among}"))


def made(record_type: Any, order_id: str, **changes: Any) -> Any:
    """An event of an order; whatever is not said is as in the example."""
    return example(record_type).model_copy(update={"order_id": order_id, "desk_id": "newswap", **changes})


def reserved(scope_key: str = "trader:alice", amount: Decimal = AMOUNT) -> list[ReservedAmount]:
    return [ReservedAmount(limit_id="trader-day", scope_key=scope_key, amount_usd=amount)]


def initiated(order_id: str, parent: str | None = None) -> list[OrderEvent]:
    first = made(lifecycle.OrderInitiated, order_id)
    order = first.order.model_copy(update={"order_id": order_id, "desk_id": "newswap", "parent_order_id": parent})
    return [first.model_copy(update={"order": order}), made(limits.LimitReserved, order_id, reserved=reserved())]


def waiting(order_id: str) -> list[OrderEvent]:
    """An order that waits for a risk officer."""
    evaluated = made(
        lifecycle.PolicyEvaluated, order_id, outcome="needs-approval", requires=["risk-officer:1"], approval_hash="cd" * 32
    )
    return [*initiated(order_id), evaluated]


def confirmed(order_id: str, parent: str | None = None) -> list[OrderEvent]:
    """The whole way with one approval."""
    return [
        *initiated(order_id, parent),
        *waiting(order_id)[2:],
        made(lifecycle.ApprovalGiven, order_id, approver="carol"),
        made(lifecycle.PolicyEvaluated, order_id, outcome="allowed", requires=[], unmet=[]),
        made(lifecycle.Approved, order_id),
        made(lifecycle.Simulated, order_id, verdict="passed", slippage_ppm=2_000, findings=[]),
        made(lifecycle.Signed, order_id),
        made(lifecycle.Broadcast, order_id),
        made(lifecycle.Confirmed, order_id),
        made(limits.LimitPosted, order_id, posted=reserved()),
    ]


def flagged_and_split(order_id: str, children: list[str]) -> list[OrderEvent]:
    return [
        *initiated(order_id),
        made(lifecycle.PolicyEvaluated, order_id, outcome="allowed", requires=[]),
        made(lifecycle.Approved, order_id),
        made(lifecycle.Simulated, order_id, verdict="flagged", slippage_ppm=31_000),
        made(lifecycle.OrderHeld, order_id),
        made(limits.LimitReleased, order_id, released=reserved(), reason="superseded"),
        made(lifecycle.OrderClosed, order_id, reason="superseded", child_order_ids=children),
    ]


def rejected(order_id: str) -> list[OrderEvent]:
    return [
        *initiated(order_id),
        made(lifecycle.PolicyEvaluated, order_id, outcome="refused"),
        made(limits.LimitReleased, order_id, released=reserved(), reason="closed"),
        made(lifecycle.OrderClosed, order_id, reason="rejected", message="over the limit"),
    ]


def refused_by_signer(order_id: str) -> list[OrderEvent]:
    return [*confirmed(order_id)[:7], made(lifecycle.SigningRefused, order_id)]


def reverted(order_id: str) -> list[OrderEvent]:
    return [*confirmed(order_id)[:9], made(lifecycle.Reverted, order_id)]


def declined(order_id: str) -> list[OrderEvent]:
    return [*waiting(order_id), made(lifecycle.ApprovalDeclined, order_id, approver="carol", reason="not at this price")]


def firm_events() -> list[Event]:
    """The events of a genesis file."""
    limit = Limit(
        limit_id="trader-day",
        scope="trader",
        subject="*",
        kind="rolling",
        window_seconds=86_400,
        cap_usd=Decimal(1_000_000),
    )
    policy = example(governance.PolicyActivated).model_copy(update={"limits": [limit]})
    genesis = example(governance.GenesisAccepted).model_copy(update={"document": "{}"})
    listed = [example(each) for each in (governance.AccessChanged, governance.AssetListed, governance.WalletAssigned)]
    return [genesis, *listed, example(governance.ContractListed), policy]


PROPOSAL = "6d0b0c52-9d1c-5a8e-9a33-2f2f0a3a7c10"
OPEN_PROPOSAL = "6d0b0c52-9d1c-5a8e-9a33-2f2f0a3a7c11"


def change_events() -> list[Event]:
    """A breaker that is tripped, another that a quorum reset, and a proposal that still waits."""
    tripped, approved = example(governance.BreakerTripped), example(governance.ProposalApproved)
    proposed, closed = example(governance.ResetProposed), example(governance.ProposalClosed)
    policy = example(FirmCommand).model_copy(update={"body": example(ProposePolicy).model_copy(update={"cedar": "other"})})
    said = [
        tripped.model_copy(update={"scope": "asset", "subject": "USDC", "state": "open"}),
        tripped.model_copy(update={"scope": "desk", "subject": "macro", "state": "reducing"}),
        proposed.model_copy(update={"proposal_id": PROPOSAL, "requires": ["risk-officer:2"]}),
        approved.model_copy(update={"proposal_id": PROPOSAL, "approver": "carol", "requires": ["risk-officer:1"]}),
        approved.model_copy(update={"proposal_id": PROPOSAL, "approver": "dave", "requires": []}),
        closed.model_copy(update={"proposal_id": PROPOSAL, "reason": "enacted", "command": None}),
        example(governance.BreakerReset).model_copy(
            update={"scope": "desk", "subject": "macro", "proposal_id": PROPOSAL, "reason": "looked at"}
        ),
        proposed.model_copy(update={"proposal_id": OPEN_PROPOSAL, "requires": ["risk-officer:2"]}),
        approved.model_copy(update={"proposal_id": OPEN_PROPOSAL, "approver": "carol", "requires": ["risk-officer:1"]}),
        example(governance.PolicyProposed).model_copy(update={"proposal_id": order_id_of(77), "command": policy}),
        example(governance.AccessProposed).model_copy(update={"proposal_id": order_id_of(78)}),
        example(governance.FirmCommandRejected),
    ]
    return [each for each in said if isinstance(each, Event)]


def answer_events() -> list[DeskEvent]:
    return [
        example(answers.CommandRejected),
        example(answers.Quarantined),
        example(answers.NonceResolved),
        example(answers.OrderTried),
        example(answers.LimitBreached),
        example(lifecycle.ApprovalWithdrawn),
        example(lifecycle.CancellationRequested),
    ]


def life(*orders: Iterable[OrderEvent], firm: bool = True, partition: int = 0) -> Story:
    """A log with the firm's events and then these orders, a link of each in turn."""
    story = Story()
    for event in firm_events() if firm else ():
        story.tell(event)
    remaining = [list(order) for order in orders]
    while any(remaining):
        for order in remaining:
            if order:
                story.tell(order.pop(0), partition=partition)
    return story


def digest(written: Written) -> str:
    return digest_of(written.value)


def encoded(event: Event) -> bytes:
    return wire.encode(event)
