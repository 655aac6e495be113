"""Governance and the detectors as processes on real Kafka: a breach stops a desk, a quorum lets it go on, killed or not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from infra.identity.private_file import create_private
from infra.kafka import clients
from infra.local_cluster.deadline import Deadline
from infra.local_cluster.local import Cluster
from infra.local_cluster.processes import Process
from infra.settings.description import ClusterDescription
from schemas import wire
from schemas.canonical import proposal_digest, proposal_id
from schemas.events.answers import LimitBreached
from schemas.events.base import FirmEvent
from schemas.events.governance import BreakerReset, BreakerTripped, FirmCommandRejected, ProposalClosed
from schemas.examples import example
from schemas.firm_commands import ApproveProposal, FirmBody, FirmCommand, ProposeReset
from schemas.topics import FIRM_KEY, GOVERNANCE_TOPICS, TOPIC_OF
from schemas.values import Record
from streams.detectors.process import key_file
from streams.rules.firm.view import GovernanceFold
from streams.rules.governance.root import RootedGovernance
from tests.streams.rules.governance.changes.specification import Specification
from tests.world.firm import governance as firm
from tests.world.firm.desk import MachineKey

pytestmark = pytest.mark.cluster

PROCESSES: Final = (
    Process("governance", "streams.governance", "governance"),
    Process("detectors", "streams.detectors", "detectors"),
)
WAIT_SECONDS_MAX: Final = 60.0


def found(description: ClusterDescription) -> None:
    """The firm's genesis, and the detectors' key beside it."""
    if description.genesis_file.exists():
        return
    key = MachineKey("detectors")._private()
    create_private(key_file(description), key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    description.root_key_file.write_text(firm.PINNED.hex(), "ascii")
    create_private(description.genesis_file, firm.genesis().model_dump_json().encode())


@dataclass
class Running:
    """The cluster, and what its governance has said so far."""

    cluster: Cluster
    events: dict[int, FirmEvent] = field(default_factory=dict)

    def __post_init__(self) -> None:
        description = self.cluster.description
        self.spec = Specification()
        self.consumer: Consumer = clients.consumer(description, "client")
        self.consumer.assign([TopicPartition(topic, 0, 0) for topic in GOVERNANCE_TOPICS])

    def send(self, by: str, body: FirmBody) -> FirmCommand:
        """A command, as the gateway publishes it."""
        self.spec.now = time.time_ns() // 1_000
        command = self.spec.command(by, body, name=f"{by} at {self.spec.now}")
        self.publish("gateway", command, FIRM_KEY)
        return command

    def publish(self, principal: str, record: Record, key: str) -> None:
        producer: Producer = clients.producer(self.cluster.description, principal)
        producer.produce(TOPIC_OF[type(record)].name, wire.encode(record), key.encode())
        assert producer.flush(WAIT_SECONDS_MAX) == 0

    def until(self, what: Callable[[FirmEvent], bool]) -> FirmEvent:
        """The first event of a kind, once it is there."""
        deadline = Deadline(WAIT_SECONDS_MAX)
        while not deadline.passed:
            for event in self.events.values():
                if what(event):
                    return event
            for message in self.consumer.consume(100, 0.1):
                assert message.error() is None
                said = wire.decode(str(message.topic()), message.value() or b"")
                assert isinstance(said, FirmEvent)
                assert self.events.setdefault(said.position, said) == said
        raise AssertionError(f"not said within {WAIT_SECONDS_MAX} s; {sorted(self.events)}")

    def answer(self, command: FirmCommand) -> FirmEvent:
        return self.until(lambda event: event.causation_id == command.command_id)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Cluster(tmp_path_factory.mktemp("governance"), ["kafka"], PROCESSES, found=found) as cluster:
        yield Running(cluster)
        cluster.stop(delete=True)


def breach(position: int) -> LimitBreached:
    said = {"desk_id": "newswap", "breaker_scope": "desk", "breaker_subject": "newswap", "breaker_state": "open"}
    return example(LimitBreached).model_copy(update={**said, "position": position})


def approval_of(proposed: FirmCommand) -> ApproveProposal:
    identity = proposal_id(proposed)
    digest = proposal_digest(identity, proposed.principal, proposed.body).hex()
    return ApproveProposal(proposal_id=identity, proposal_hash=digest)


def is_about_the_desk(event: FirmEvent, kind: type[BreakerTripped | BreakerReset], after: int = 0) -> bool:
    return isinstance(event, kind) and (event.scope, event.subject) == ("desk", "newswap") and event.position > after


def test_a_breach_stops_a_desk_and_a_quorum_lets_it_go_on_whoever_is_killed(running: Running) -> None:
    running.publish("desk", breach(1), "newswap")
    tripped = running.until(partial(is_about_the_desk, kind=BreakerTripped))
    assert isinstance(tripped, BreakerTripped)
    assert tripped.tripped_by == "detectors"
    proposed = running.send("rita", ProposeReset(scope="desk", subject="newswap", reason="the limit was too low"))
    running.cluster.kill("governance")
    running.cluster.kill("detectors")
    running.answer(running.send("cora", approval_of(proposed)))
    running.cluster.kill("governance")
    running.send("carl", approval_of(proposed))
    reset = running.until(partial(is_about_the_desk, kind=BreakerReset))
    running.publish("desk", breach(2), "newswap")
    running.until(partial(is_about_the_desk, kind=BreakerTripped, after=reset.position))
    assert sorted(running.events) == list(range(1, len(running.events) + 1))
    assert sum(isinstance(event, ProposalClosed) for event in running.events.values()) == 1


def test_bytes_that_are_no_command_are_answered_and_those_after_them_too(running: Running) -> None:
    producer: Producer = clients.producer(running.cluster.description, "gateway")
    producer.produce("firm-commands", b"\x00garbage", FIRM_KEY.encode())
    assert producer.flush(WAIT_SECONDS_MAX) == 0
    refused = running.until(lambda event: isinstance(event, FirmCommandRejected) and event.principal == "unknown")
    assert isinstance(refused, FirmCommandRejected)
    assert refused.refusal.check == "command-malformed"
    answer = running.answer(running.send("paula", ProposeReset(scope="desk", subject="newswap", reason="please")))
    assert isinstance(answer, FirmCommandRejected)
    assert answer.refusal.check == "policy-refuses"


def test_whoever_reads_it_all_sees_one_firm_and_the_enclave_believes_it(running: Running) -> None:
    fold, rooted = GovernanceFold(), RootedGovernance(firm.PINNED)
    for event in running.events.values():
        fold.accept(event)
        rooted.accept(event)
    assert rooted.view == fold.view
    assert fold.view.position == len(running.events)
    assert fold.view.desks == {"newswap"}
