"""An attacker holds the desk on the whole running system: orders that it alone approves are built, and never signed.

It writes with the desk's own Kafka credentials, in its place, while the true desk is away: chains, positions and hashes all
fit. Execution believes it and builds the transactions. The enclave derives everything again, and refuses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest
from confluent_kafka import KafkaError

from commands.answers import OrderAnswer
from commands.client import wanted
from infra.kafka import clients
from schemas.canonical import command_digest
from schemas.canonical import order_id as order_id_of
from schemas.events.base import Event, OrderEvent
from schemas.events.facts import ApprovalFact
from schemas.events.lifecycle import (
    ApprovalGiven,
    Approved,
    OrderClosed,
    OrderInitiated,
    PolicyEvaluated,
    Signed,
    SigningRefused,
    Simulated,
)
from schemas.events.limits import LimitReserved
from schemas.hash_chain import Link, digest_of
from schemas.topics import written_by
from streams.samples.institution import DESK, WALLET
from tests.scenarios.attacks.stolen_credentials import StolenProcess
from tests.world.systems import within
from tests.world.whole_system import PARTITION, RECOVERY_SECONDS_MAX, WholeSystem, Written, transfer

pytestmark = pytest.mark.cluster

AGREED, CLAIMED, REPLAYED, UNAPPROVED, INVENTED = "30001", "30002", "30003", "30004", "30005"
"""Orders by their dollars: one that people agreed to, three that wait for approval when the desk is taken over, and one that
nobody placed. What the others hold of the limits stands in the last one's facts as it should."""
ANSWERS: Final = ["signed", "signing-refused"]
CHECKS: Final = {CLAIMED: "approvals", REPLAYED: "approvals", UNAPPROVED: "policy", INVENTED: "command"}
OF_THE_DESK: Final = frozenset(topic.name for topic in written_by("desk"))


@dataclass(frozen=True, slots=True)
class Taken:
    """The log's events of each order once the true desk is back."""

    refusals: dict[str, SigningRefused]
    signed: frozenset[str]
    closed: dict[str, str]
    simulated: frozenset[str]
    orders: dict[str, str]
    """The attacks by name, and their orders."""


def one(log: list[Written], kind: type[Any], order_id: str) -> Any:
    """The last event of a kind of an order."""
    return [each.event for each in log if isinstance(each.event, kind) and each.event.order_id == order_id][-1]


def stolen_desk(system: WholeSystem, log: list[Written]) -> StolenProcess:
    """The position of the desk's own count, and the end of every chain."""
    position = max(each.event.position for each in log if each.topic in OF_THE_DESK)
    ends: dict[str, Link] = {}
    for each in log:
        if isinstance(each.event, OrderEvent) and each.event.sequence > ends.get(each.event.order_id, Link()).sequence:
            ends[each.event.order_id] = Link(each.event.sequence, digest_of(each.value))
    return StolenProcess(system.description, "desk", PARTITION, position, ends)


def allowed(asked: PolicyEvaluated, granted: PolicyEvaluated, approvals: list[ApprovalFact]) -> tuple[Event, Event]:
    """The end of an order's decision as if these people had approved it, worded as policy words it."""
    facts = asked.facts.model_copy(update={"approvals": approvals})
    changes = {"outcome": "allowed", "requires": [], "unmet": [], "rules": granted.rules, "facts": facts}
    assert asked.approval_subject is not None
    return asked.model_copy(update=changes), Approved(
        desk_id=asked.desk_id,
        order_id=asked.order_id,
        order=asked.approval_subject.order,
        effect=asked.approval_subject.effect,
        policy_hash=facts.policy_hash,
        governance_position=facts.governance_position,
        approvals=approvals,
    )


def given_to(asked: PolicyEvaluated, given: ApprovalGiven) -> ApprovalGiven:
    """An approval of another order, turned towards this one: the assertion is real, and over another hash."""
    body = given.command.body.model_copy(update={"order_id": asked.order_id, "approval_hash": asked.approval_hash})
    command = given.command.model_copy(update={"body": body})
    return given.model_copy(update={"order_id": asked.order_id, "approval_hash": asked.approval_hash, "command": command})


def stolen_order(log: list[Written], like: str) -> OrderInitiated:
    """An order that nobody placed: another's signed command, with another amount in it."""
    initiated: OrderInitiated = one(log, OrderInitiated, like)
    action = transfer(INVENTED)
    command = initiated.command.model_copy(update={"body": initiated.command.body.model_copy(update={"action": action})})
    order_id = order_id_of(initiated.desk_id, command_digest(command))
    order = initiated.order.model_copy(update={"order_id": order_id, "action": action})
    return initiated.model_copy(update={"order_id": order_id, "order": order, "command": command})


def decided_like(log: list[Written], like: str, initiated: OrderInitiated) -> Iterator[Event]:
    """The desk's decision on another order, copied to this one."""
    named: dict[str, Any] = {"order_id": initiated.order_id}
    yield one(log, LimitReserved, like).model_copy(update=named)
    yield one(log, PolicyEvaluated, like).model_copy(update=named)
    yield one(log, Approved, like).model_copy(update=named | {"order": initiated.order})


@pytest.fixture(scope="module")
def taken(whole_system: WholeSystem) -> Taken:
    """The attack, once; and the true desk in its place again."""
    agreed, *waiting = (place_order(whole_system, amount) for amount in (AGREED, CLAIMED, REPLAYED, UNAPPROVED))
    whole_system.cast.person("rosa").approve(wanted(agreed))
    whole_system.await_state([agreed.order_id], "confirmed")
    orders = dict(zip((CLAIMED, REPLAYED, UNAPPROVED), (each.order_id for each in waiting), strict=True))
    log = whole_system.log()
    given, granted = one(log, ApprovalGiven, agreed.order_id), one(log, PolicyEvaluated, agreed.order_id)
    with whole_system.without("desk", killed=False):
        desk = stolen_desk(whole_system, log)
        for name, order_id in orders.items():
            asked = one(log, PolicyEvaluated, order_id)
            approvals = [] if name == UNAPPROVED else granted.facts.approvals
            desk.write(*([given_to(asked, given)] if name == REPLAYED else []), *allowed(asked, granted, approvals))
        invented = stolen_order(log, agreed.order_id)
        orders[INVENTED] = invented.order_id
        desk.write(invented, *decided_like(log, agreed.order_id, invented))
        assert within(RECOVERY_SECONDS_MAX, lambda: set(orders.values()) <= ids(whole_system, ANSWERS)), "not answered"
    whole_system.await_running()
    whole_system.await_ready()
    assert within(RECOVERY_SECONDS_MAX, lambda: set(orders.values()) <= ids(whole_system, ["order-closed"])), "not closed"
    return taken_from(whole_system.log(), orders)


def place_order(system: WholeSystem, amount: str) -> OrderAnswer:
    """An order of the treasury's that waits for a risk officer."""
    answer = system.cast.system.submit(DESK, WALLET, transfer(amount), "custody fee")
    assert answer.outcome == "needs-approval", answer
    return answer


def ids(system: WholeSystem, topics: list[str]) -> set[str]:
    """The orders that have an event on one of these topics."""
    return {each.event.order_id for each in system.log(topics) if isinstance(each.event, OrderEvent)}


def taken_from(log: list[Written], orders: dict[str, str]) -> Taken:
    events = [each.event for each in log]
    return Taken(
        refusals={each.order_id: each for each in events if isinstance(each, SigningRefused)},
        signed=frozenset(each.order_id for each in events if isinstance(each, Signed)),
        closed={each.order_id: each.reason for each in events if isinstance(each, OrderClosed)},
        simulated=frozenset(each.order_id for each in events if isinstance(each, Simulated) and each.verdict == "passed"),
        orders=orders,
    )


@pytest.mark.parametrize("name", CHECKS)
def test_what_it_approves_by_itself_is_refused_by_the_check_that_sees_it(taken: Taken, name: str) -> None:
    order_id = taken.orders[name]
    assert order_id in taken.simulated, "execution did not believe it"
    assert taken.refusals[order_id].refusal.check == CHECKS[name], taken.refusals[order_id].refusal
    assert order_id not in taken.signed
    assert taken.refusals[order_id].refusal.remedy


def test_the_true_desk_closes_them_and_goes_on(whole_system: WholeSystem, taken: Taken) -> None:
    assert {taken.closed[order_id] for order_id in taken.orders.values()} == {"signing-refused"}
    answer = whole_system.cast.system.submit(DESK, WALLET, transfer("103.25"), "custody fee")
    whole_system.await_state([answer.order_id], "confirmed")


def test_every_refusal_is_counted_by_its_check(whole_system: WholeSystem, taken: Taken) -> None:
    counted = whole_system.get("/metrics").text
    for check in {CHECKS[name] for name in taken.orders}:
        assert f'proofdesk_refused_by_signer_total{{check="{check}"}}' in counted


@pytest.mark.parametrize("topic", ["simulated", "signed", "broadcast", "confirmed", "wallet-assigned", "access-changed"])
def test_with_its_credentials_nothing_is_written_but_what_a_desk_writes(whole_system: WholeSystem, topic: str) -> None:
    outcomes: list[KafkaError | None] = []
    producer = clients.producer(whole_system.description, "desk")
    producer.produce(topic, b"anything", DESK.encode(), on_delivery=lambda error, _: outcomes.append(error))
    producer.flush(RECOVERY_SECONDS_MAX)
    (error,) = outcomes
    assert error is not None
    assert error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
