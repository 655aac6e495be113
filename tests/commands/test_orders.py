"""Commands and their answers, over HTTP and straight over Kafka, decided by the real desk."""

from __future__ import annotations

import time
import uuid
from decimal import Decimal
from typing import cast

import httpx
import pytest
from confluent_kafka import TopicPartition
from tenacity import retry, stop_after_delay, wait_fixed

from commands.client import ApprovalMismatch, CommandRefused, NotDecidedYet, ProofdeskClient, ShownLink, ShownOrder, wanted
from commands.client.kafka import KafkaCommander
from commands.idempotency import command_id_of
from commands.intake.requests import content_of, path_of
from infra.kafka import clients
from infra.local_cluster.deadline import Deadline
from schemas import canonical, wire
from schemas.commands import Command, InitiateOrder, TryOrder
from schemas.partitioning import desk_partition
from schemas.topics import TOPICS
from tests.commands.conftest import Door
from tests.world.firm.door import DESK, SYSTEM, WALLET, transfer

pytestmark = pytest.mark.cluster

APPROVAL_NEEDED = "30000"


def body(amount: str = "10") -> InitiateOrder:
    return InitiateOrder(wallet_id=WALLET, action=transfer(amount))


def test_an_allowed_order_is_answered_with_what_policy_said(door: Door) -> None:
    client = door.system()
    command = client.command(DESK, InitiateOrder(wallet_id=WALLET, action=transfer("12.50"), memo="fees"), "invoice-7")

    answer = client.send(command)

    assert answer.state == "approved"
    assert answer.outcome == "allowed"
    assert answer.amount_usd == Decimal("12.50")
    assert answer.initiator == SYSTEM
    assert answer.memo == "fees"
    assert answer.command_id == command_id_of(SYSTEM, "invoice-7")
    assert answer.order_id == canonical.order_id(DESK, canonical.command_digest(command))


def test_the_same_command_again_is_the_same_order(door: Door) -> None:
    client = door.system()
    command = client.command(DESK, body())

    first, second = client.send(command), client.send(command)

    assert first == second
    assert [link.topic for link in shown_events(client, first.order_id)].count("order-initiated") == 1


def test_a_repetition_is_found_on_the_read_side_when_memory_is_gone(door: Door) -> None:
    client = door.system()
    command = client.command(DESK, body())
    first = client.send(command)
    shown_events(client, first.order_id)

    door.cluster.restart_process("gateway")
    door.await_ready()

    assert client.send(command) == first


def test_one_key_for_two_orders_is_a_conflict(door: Door) -> None:
    client = door.system()
    client.submit(DESK, WALLET, transfer("1"), idempotency_key="twice")

    with pytest.raises(CommandRefused) as refused:
        client.submit(DESK, WALLET, transfer("2"), idempotency_key="twice")

    assert (refused.value.problem.status, refused.value.problem.check) == (409, "idempotency-conflict")


def test_an_order_over_the_threshold_is_approved_by_a_person_with_their_key(door: Door) -> None:
    asked = door.person("paula").submit(DESK, WALLET, transfer(APPROVAL_NEEDED))
    assert asked.state == "awaiting-approval"
    assert asked.requires == ("risk-officer:1",)

    answer = door.person("rosa").approve(wanted(asked))

    assert answer.state == "approved"
    assert answer.order_id == asked.order_id


def test_who_proposed_does_not_approve(door: Door) -> None:
    paula = door.person("paula")
    asked = paula.submit(DESK, WALLET, transfer(APPROVAL_NEEDED))

    with pytest.raises(CommandRefused) as refused:
        paula.approve(wanted(asked))

    assert (refused.value.problem.status, refused.value.problem.check) == (403, "initiator-approves")
    assert refused.value.problem.order_id == asked.order_id


def test_what_is_shown_must_be_what_the_hash_is_of(door: Door) -> None:
    asked = door.person("paula").submit(DESK, WALLET, transfer(APPROVAL_NEEDED))
    subject = asked.approval_subject
    assert subject is not None
    cheaper = subject.effect.model_copy(update={"spends": 1})
    forged = asked.model_copy(update={"approval_subject": subject.model_copy(update={"effect": cheaper})})

    with pytest.raises(ApprovalMismatch, match="sign nothing"):
        wanted(forged)


def test_a_declined_order_is_closed(door: Door) -> None:
    asked = door.person("paula").submit(DESK, WALLET, transfer(APPROVAL_NEEDED))

    answer = door.person("rosa").decline(asked.order_id, "not this week", DESK)

    assert answer.state == "declined"
    assert "not this week" in answer.message


def test_a_cancelled_order_is_closed_and_cannot_be_cancelled_again(door: Door) -> None:
    paula = door.person("paula")
    asked = paula.submit(DESK, WALLET, transfer(APPROVAL_NEEDED))

    assert paula.cancel(asked.order_id, "changed my mind", DESK).state == "cancelled"
    with pytest.raises(CommandRefused) as refused:
        paula.cancel(asked.order_id, "again", DESK)
    assert (refused.value.problem.status, refused.value.problem.check) == (404, "order-unknown")


def test_a_split_order_is_answered_with_every_part_judged(door: Door) -> None:
    paula = door.person("paula")
    asked = paula.submit(DESK, WALLET, transfer(APPROVAL_NEEDED))

    answer = paula.split(asked.order_id, [Decimal(20_000), Decimal(10_000)], DESK)

    assert answer.state == "superseded"
    assert [(part.state, part.amount_usd) for part in answer.children] == [
        ("approved", Decimal(20_000)),
        ("approved", Decimal(10_000)),
    ]
    assert all(part.parent_order_id == asked.order_id for part in answer.children)


def test_a_command_straight_onto_the_topic_is_answered_alike(door: Door) -> None:
    with KafkaCommander.of(door.description, SYSTEM, door.firm.system()) as commander:
        answer = commander.send(commander.command(DESK, body("3")))
        with pytest.raises(CommandRefused) as refused:
            commander.send(commander.command(DESK, body("0.0000001")))

    assert answer.state == "approved"
    assert refused.value.problem.check == "amount-too-precise"


def test_a_command_lies_under_its_desk_with_its_trace_and_its_signature(door: Door) -> None:
    client, command = door.system(), door.system().command(DESK, body())
    trace = f"00-{uuid.uuid4().hex}-{uuid.uuid4().hex[:16]}-01"
    response = client._http.post(
        path_of(command),
        json=content_of(command),
        headers={
            "Idempotency-Key": command.command_id,
            "Proofdesk-Principal": command.principal,
            "Proofdesk-Issued-At": str(command.issued_at),
            "traceparent": trace,
        },
    )
    assert response.status_code == 201
    assert response.headers["location"] == f"/v1/orders/{response.json()['order_id']}"

    partition, record, headers = found_command(door, command.command_id)

    assert record == command
    assert partition == desk_partition(DESK.encode())
    assert headers["traceparent"].decode().split("-")[1] == trace.split("-")[1]


def test_a_silent_desk_is_202_with_the_place_where_the_order_will_be(door: Door) -> None:
    impatient = ProofdeskClient(door.description.http, SYSTEM, door.firm.system(), patience_seconds=0)
    command = impatient.command(DESK, body())
    door.cluster.stop_process("desk")
    try:
        begun = time.monotonic()
        with pytest.raises(NotDecidedYet) as pending:
            impatient.send(command)
        assert time.monotonic() - begun < 4
    finally:
        door.cluster.start_process("desk")

    patient = ProofdeskClient(door.description.http, SYSTEM, door.firm.system(), patience_seconds=60)
    answer = patient.send(command)
    assert answer.order_id == pending.value.pending.order_id
    assert answer.state == "approved"


@retry(stop=stop_after_delay(20), wait=wait_fixed(0.1), reraise=True)
def shown_events(client: ProofdeskClient, order_id: str) -> list[ShownLink]:
    """The order's events, once the read side has them."""
    return client.events(order_id)


def found_command(door: Door, command_id: str) -> tuple[int, Command, dict[str, bytes]]:
    """The record on `commands`, read from its beginning."""
    consumer = clients.consumer(door.description, "client")
    consumer.assign([TopicPartition("commands", number, 0) for number in range(TOPICS["commands"].partitions)])
    deadline = Deadline(20)
    try:
        while not deadline.passed:
            message = consumer.poll(1)
            if message is None or message.error() is not None:
                continue
            record = wire.decode("commands", message.value() or b"")
            assert isinstance(record, Command)
            if record.command_id == command_id:
                return message.partition() or 0, record, dict(cast("list[tuple[str, bytes]]", message.headers()))
    finally:
        consumer.close()
    raise AssertionError(f"{command_id} is not on the topic")


def test_an_order_is_tried_and_nothing_comes_of_it(door: Door) -> None:
    paula = door.person("paula")

    allowed = paula.attempt(DESK, WALLET, transfer("3"))
    waiting = paula.attempt(DESK, WALLET, transfer("30000"))
    refused = paula.attempt(DESK, WALLET, transfer("10000001"))

    assert (allowed.outcome, allowed.refusals) == ("allowed", ())
    assert (waiting.outcome, waiting.requires) == ("needs-approval", ("risk-officer:1",))
    assert "rosa" in waiting.unmet[0].could_approve
    assert refused.outcome == "refused"
    assert {each.check for each in refused.refusals} >= {"limit-exceeded"}
    assert refused.facts is not None
    assert [fact.exceeded for fact in refused.facts.limits] == [True]
    limits = door.system().read("/v1/limits")["limits"]
    assert all(Decimal(limit["posted_usd"]) + Decimal(limit["reserved_usd"]) < 10_000_000 for limit in limits)


def test_a_trial_sent_without_saying_so_places_no_order(door: Door) -> None:
    client = door.system()
    command = client.command(DESK, TryOrder(wallet_id=WALLET, action=transfer("4")))

    response = httpx.post(
        f"{door.description.http}/v1/orders",
        json=content_of(command),
        headers={
            "Idempotency-Key": command.command_id,
            "Proofdesk-Principal": command.principal,
            "Proofdesk-Issued-At": str(command.issued_at),
        },
    )

    assert (response.status_code, response.json()["check"]) == (401, "signature-wrong")


def test_an_approval_is_taken_back_and_a_cancellation_asked_for_after_the_order_was_handed_over(door: Door) -> None:
    paula, rosa = door.person("paula"), door.person("rosa")
    asked = paula.submit(DESK, WALLET, transfer(APPROVAL_NEEDED))
    rosa.approve(wanted(asked))

    withdrawn = rosa.withdraw_approval(asked.order_id, "I looked again", DESK)
    cancelled = paula.cancel(asked.order_id, "never mind", DESK)

    assert (withdrawn.state, withdrawn.message) == ("approval-withdrawn", "I looked again")
    assert cancelled.state == "cancellation-requested"
    order = until_shown(paula, asked.order_id)
    assert [(each.approver, each.reason) for each in order.withdrawals] == [("rosa", "I looked again")]
    assert order.cancellation_requested_at is not None


@retry(stop=stop_after_delay(20), wait=wait_fixed(0.1))
def until_shown(client: ProofdeskClient, order_id: str) -> ShownOrder:
    """The order once what was said beside its chain was projected."""
    order = client.show(order_id)
    assert order.cancellation_requested_at is not None
    return order
