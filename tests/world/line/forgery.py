"""Forges as an attacker with a processor's own credentials: any event, well chained, at any position of its topics.

`rewritten` gives the log as it would be if some events had been others from the start: positions, sequences and hashes all fit
again. `tampered` changes a record and nothing after it. `examined` shows a log to a fresh enclave.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from infra.ethereum.transaction import Transaction, from_record, to_record
from schemas.canonical import approval_digest
from schemas.commands import GiveApproval, WebAuthnAssertion
from schemas.events.base import Event, FirmEvent, OrderEvent
from schemas.events.facts import Facts
from schemas.events.lifecycle import ApprovalGiven, Approved, OrderInitiated, PolicyEvaluated, Signed, SigningRefused, Simulated
from schemas.hash_chain import Link
from schemas.orders import ApprovalSubject
from schemas.topics import TOPIC_OF
from schemas.values import Record
from streams.engine.partition import Partition
from streams.rules.decider import Received
from streams.rules.governance.root import RootedGovernance
from tests.world.firm.governance import PINNED
from tests.world.line.line import TICK_MICROS, Feed, KeyInMemory, Line, answer_of, signer
from tests.world.line.scenery import NUMBER, orders_named, received_of, with_record

APPROVED_FACTS = ("effect", "policy_hash", "governance_position", "approvals")
"""What an approval says again of the facts it was given on."""

Change = Callable[[Event], Event | list[Event] | None]

R = TypeVar("R", bound=Record)


def rewritten(records: list[Received], change: Change) -> list[Received]:
    """The log with every processor's event replaced by what `change` makes of it (None: left out), and chained again."""
    tails: dict[str, Link] = {}
    positions: Counter[tuple[str, int]] = Counter()
    ends: Counter[tuple[str, int]] = Counter()
    log: list[Received] = []
    for received in records:
        for record in _changed(received.record, change):
            topic = TOPIC_OF[type(record)]
            place = (topic.name, received.partition)
            event = _chained(record, tails, positions, (topic.writers[0], received.partition))
            log.append(received_of(event, received.key, received.partition, ends[place]))
            ends[place] += 1
            if isinstance(event, OrderEvent):
                tails[event.order_id] = Link(event.sequence, log[-1].digest)
    return log


def _changed(record: Any, change: Change) -> Iterable[Record]:
    if not isinstance(record, Event) or isinstance(record, FirmEvent):
        return [record]
    made = change(record)
    return made if isinstance(made, list) else [] if made is None else [made]


def _chained(record: Record, tails: dict[str, Link], positions: Counter[tuple[str, int]], writer: tuple[str, int]) -> Record:
    if not isinstance(record, Event) or isinstance(record, FirmEvent):
        return record
    positions[writer] += 1
    stamped: dict[str, Any] = {"position": positions[writer]}
    if isinstance(record, OrderEvent):
        tail = Link() if isinstance(record, OrderInitiated) else tails.get(record.order_id, Link())
        stamped |= {"sequence": tail.sequence + 1, "previous_hash": tail.digest}
    return record.model_copy(update=stamped)


def where(kind: type[R], name: str, make: Callable[[R], Event | list[Event] | None]) -> Change:
    """Change the events of one kind of one order, and leave all others."""
    return lambda event: (
        make(event) if isinstance(event, kind) and getattr(event, "order_id", "") in orders_named(name) else event
    )


def fields(**changes: Any) -> Callable[[Any], Any]:
    """Change fields of a record."""
    return lambda record: record.model_copy(update=changes)


def facts(**changes: Any) -> Callable[[Any], Any]:
    """Change facts of an evaluation."""
    return lambda event: event.model_copy(update={"facts": event.facts.model_copy(update=changes)})


def everywhere(name: str, make: Callable[[Facts], Facts]) -> Change:
    """Change the facts of all of an order's evaluations, and what its approval takes from them."""

    last: list[Facts] = []

    def change(event: Event) -> Event:
        if isinstance(event, PolicyEvaluated) and event.order_id in orders_named(name):
            last[:] = [make(event.facts)]
            return event.model_copy(update={"facts": last[0]})
        if isinstance(event, Approved) and event.order_id in orders_named(name):
            return event.model_copy(update={each: getattr(last[0], each) for each in APPROVED_FACTS})
        return event

    return change


def transaction(**changes: Any) -> Callable[[Simulated], Simulated]:
    """Another transaction, well encoded, in a simulation's place."""

    def make(simulated: Simulated) -> Simulated:
        unsigned = from_record(simulated.transaction)
        given = {name: getattr(unsigned, name) for name in Transaction.__slots__}
        return simulated.model_copy(update={"transaction": to_record(Transaction(**(given | changes)))})

    return make


def renumbered(records: list[Received]) -> list[Received]:
    """Offsets as a log gives them, in the order in which the records are there; those of prices stand in facts."""
    ends: Counter[tuple[str, int]] = Counter()
    log = []
    for received in records:
        place = (received.topic, received.partition)
        log.append(received if received.topic == "price-observed" else replace(received, offset=ends[place]))
        ends[place] += 1
    return log


def tampered(records: list[Received], change: Change) -> list[Received]:
    """The log with changed records under everything that was chained before: hashes no longer fit."""
    changed = []
    for received in records:
        made = change(received.record) if isinstance(received.record, Event) else received.record
        changed.append(received if made is received.record or made is None else with_record(received, made))  # type: ignore[arg-type]
    return changed


def approval_of(line: Line, name: str, by: str, **changes: Any) -> ApprovalGiven:
    """An approval of the unchanged order with a real signature, by an eligible person or not."""
    evaluated = next(event for event in line.events(PolicyEvaluated, name) if event.approval_subject is not None)
    assert isinstance(evaluated.approval_subject, ApprovalSubject)
    digest = approval_digest(evaluated.approval_subject).hex()
    command = line.send(f"{by} signs {digest}", GiveApproval(order_id=line.order_id(name), approval_hash=digest), by)
    access = next(r.record for r in line.records if getattr(r.record, "principal", "") == by and r.topic == "access-changed")
    assertion = command.authorization
    if not isinstance(assertion, WebAuthnAssertion):
        assertion = line.events(ApprovalGiven, name)[0].assertion
    return ApprovalGiven.model_validate(
        {
            "desk_id": evaluated.desk_id,
            "order_id": evaluated.order_id,
            "decided_at": evaluated.decided_at,
            "approver": by,
            "roles": access.roles,  # type: ignore[union-attr]
            "approval_hash": digest,
            "assertion": assertion,
            "counter": 1,
            "command": command,
        }
        | changes
    )


@dataclass
class Examined:
    """A fresh enclave's answers to a log."""

    answers: dict[str, str] = field(default_factory=dict)
    """By order id: `signed`, or the check that refused."""
    messages: list[str] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)
    """What the key was asked to sign."""

    def of(self, name: str) -> str:
        return next((self.answers[each] for each in orders_named(name) if each in self.answers), "nothing")


def examined(records: list[Received], now: int, inputs: list[Received] | None = None, tries: int = 3) -> Examined:
    """Show a log to a fresh enclave, and offer it `inputs` (every simulation unless given), each as often as it asks."""
    key = KeyInMemory()
    records = renumbered(records)
    enclave = signer(Feed(records), key, RootedGovernance(PINNED))
    partition: Partition[Any, Any] = Partition(enclave, NUMBER)
    found = Examined(digests=key.digests)
    offered = inputs if inputs is not None else [r for r in records if isinstance(r.record, Simulated)]
    for _ in range(tries):
        enclave.observer.refresh()
        for received in offered:
            for chained in partition.offer(received, now):
                event = chained.recorded.event
                assert isinstance(event, Signed | SigningRefused)
                assert event.order_id not in found.answers, "answered twice"
                found.answers[event.order_id] = answer_of(event)
                if isinstance(event, SigningRefused):
                    found.messages.append(event.refusal.message)
        offered = partition.parked()
        now += TICK_MICROS
    return found
