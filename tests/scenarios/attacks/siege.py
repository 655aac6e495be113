"""Runs the enclave as a process on its own log and token, all other processors in memory; the test chooses the records.

Records are published with their own writers' Kafka credentials; so whoever "is" the desk here has exactly what a desk
that was taken over has.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector

from infra.kafka import clients
from infra.local_cluster.deadline import Deadline
from infra.settings.description import RUNTIME_VARIABLE, ClusterDescription
from infra.telemetry import metrics
from schemas.events.lifecycle import Signed, SigningRefused
from schemas.topics import TOPICS
from streams.engine.references import References
from streams.rules.decider import Received
from tests.world.line.scenery import orders_named

ROOT: Final = Path(__file__).parents[3]
ANSWER_SECONDS_MAX: Final = 30
LOOK_SECONDS: Final = 0.01


def publish(description: ClusterDescription, records: Iterable[Received]) -> None:
    """Write records, each as its topic's own writer. Commands are left out: no desk is here to answer them."""
    by_writer: dict[str, list[Received]] = {}
    for received in records:
        by_writer.setdefault(TOPICS[received.topic].writers[0], []).append(received)
    for writer, theirs in by_writer.items():
        producer = clients.producer(description, writer)
        for received in theirs:
            if received.topic not in {"commands", "firm-commands"}:
                producer.produce(received.topic, received.value, received.key, received.partition)
        assert producer.flush(ANSWER_SECONDS_MAX) == 0


@contextmanager
def enclave(description: ClusterDescription, output: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The process; killed in the end, as by a crash."""
    environment = {**os.environ, RUNTIME_VARIABLE: str(description.runtime), "PYTHONPATH": str(ROOT)}
    with output.open("ab") as lines:
        process = subprocess.Popen([sys.executable, "-m", "streams.signing"], env=environment, stdout=lines, stderr=lines)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


@dataclass
class Answers:
    """The enclave's answers so far, by order."""

    description: ClusterDescription
    received: dict[str, Received] = field(default_factory=dict)
    _references: References = field(init=False)

    def __post_init__(self) -> None:
        self._references = References(self.description, "client", ["signed", "signing-refused"])

    def until(self, names: Collection[str]) -> None:
        """Wait until all of these orders are answered, each once."""
        deadline = Deadline(ANSWER_SECONDS_MAX)
        while missing := [name for name in names if self.of(name) is None]:
            assert not deadline.passed, f"no answer to {missing}"
            for received in self._references.poll():
                assert isinstance(received.record, Signed | SigningRefused)
                assert received.record.order_id not in self.received, "answered twice"
                self.received[received.record.order_id] = received
            time.sleep(LOOK_SECONDS)

    def of(self, name: str) -> Signed | SigningRefused | None:
        """The answer to an order, if there is one."""
        found = [self.received[each].record for each in orders_named(name) if each in self.received]
        assert len(found) <= 1
        answer = found[0] if found else None
        assert answer is None or isinstance(answer, Signed | SigningRefused)
        return answer

    def outcome(self, name: str) -> str:
        """`signed`, the check that refused, or `nothing`."""
        match self.of(name):
            case Signed():
                return "signed"
            case SigningRefused() as refused:
                return refused.refusal.check
            case None:
                return "nothing"


def refused_by_signer(description: ClusterDescription) -> dict[str, int]:
    """The number of orders that the enclave counted as refused, by check."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(description.runtime / metrics.FOLDER))  # type: ignore[no-untyped-call]
    samples = (sample for metric in registry.collect() for sample in metric.samples)
    return {
        sample.labels["check"]: int(sample.value) for sample in samples if sample.name == "proofdesk_refused_by_signer_total"
    }
