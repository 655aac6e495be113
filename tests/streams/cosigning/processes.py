"""Runs five cosigners as real processes on a real log: their messages go over Kafka."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Final

from infra.kafka import clients
from infra.local_cluster.deadline import Deadline
from infra.local_cluster.processes import PROCESSES
from infra.settings.description import ClusterDescription
from schemas.sessions import CosignerMessage, SessionOpened
from schemas.topics import COSIGNERS, TOPICS
from schemas.values import Slug
from streams.engine.outage import Outage
from streams.engine.process import wall_clock
from streams.sessions.transport import Inbox, Outbox
from streams.signing.backends.contract import Made, Pending, Task
from streams.signing.backends.cosigners import over_kafka
from streams.signing.backends.mpc import MpcSigner
from tests.world.line.cosigners import SessionRecord, Table

ANSWER_SECONDS_MAX: Final = 60
LOOK_SECONDS: Final = 0.002
READY: Final = '"event": "ready"'
COSIGNING: Final = tuple(process for process in PROCESSES if process.name in COSIGNERS)


@dataclass
class WaitingSigner:
    """Waits for a signature by asking again, as the engine does."""

    table: Processes
    signer: MpcSigner
    seconds: list[float] = field(default_factory=list)

    def sign(self, task: Task) -> Made:
        self.table.publish()
        began, deadline = time.monotonic(), Deadline(ANSWER_SECONDS_MAX)
        while isinstance(made := self.signer.sign(task), Pending):
            assert not deadline.passed, made.waits_for
            time.sleep(LOOK_SECONDS)
        self.seconds.append(time.monotonic() - began)
        return made


@dataclass
class Processes(Table):
    """A table whose cosigners are processes of a cluster."""

    description: ClusterDescription | None = None
    published: int = 0

    def __post_init__(self) -> None:
        assert self.description is not None
        outage = Outage()
        self._inbox = Inbox(self.description, "client", outage)
        self._outbox = Outbox(self.description, "custodian", outage)

    def await_ready(self, *names: Slug) -> None:
        """Wait until cosigners say in their logs that they read."""
        assert self.description is not None
        deadline = Deadline(ANSWER_SECONDS_MAX)
        for name in names or COSIGNERS:
            log = self.description.runtime / "logs" / f"{name}.log"
            while not (log.exists() and READY in log.read_text()):
                assert not deadline.passed, f"{name} is not ready"
                time.sleep(LOOK_SECONDS)

    def seat(self, name: Slug, keys: str = "") -> None:
        raise AssertionError(f"{name}{keys} is a process")

    def publish(self) -> None:
        """Writes the line's new records, each as its topic's writer."""
        assert self.description is not None
        new, self.published = self.line.records[self.published :], len(self.line.records)
        for writer in {TOPICS[received.topic].writers[0] for received in new}:
            producer = clients.producer(self.description, writer)
            for received in new:
                if TOPICS[received.topic].writers[0] == writer:
                    producer.produce(received.topic, received.value, received.key, received.partition)
            assert producer.flush(ANSWER_SECONDS_MAX) == 0

    def say(self, *records: SessionRecord) -> None:
        self._outbox.send(records)

    def settle(self) -> None:
        self.publish()
        self.post += self._inbox.take(LOOK_SECONDS)

    def opened(self, kind: str, attempt: int = 1, key_id: str = "shared-1", **changes: object) -> SessionOpened:
        return super().opened(kind, attempt, key_id, **({"opened_at": wall_clock()} | changes))  # type: ignore[arg-type]

    def hold(self, opened: SessionOpened) -> SessionOpened:
        """Open a session and wait until every participant has said how it ended."""
        self.publish()
        time.sleep(1.1)
        self.say(opened)
        deadline = Deadline(ANSWER_SECONDS_MAX)
        while len(self.ended(opened)) < len(opened.participants):
            assert not deadline.passed, f"only {sorted(self.ended(opened))} have said how it ended"
            self.settle()
        return opened

    def ended(self, opened: SessionOpened) -> set[Slug]:
        """The cosigners that reported a session's end."""
        mine = (each for each in self.post if isinstance(each, CosignerMessage) and each.session_id == opened.session_id)
        return {each.sender for each in mine if each.kind != "round"}

    def waiting_signer(self) -> WaitingSigner:
        """The enclave's end, over Kafka as the enclave."""
        assert self.description is not None
        return WaitingSigner(self, MpcSigner(lambda: self.firm, over_kafka(self.description, "signer"), wall_clock))
