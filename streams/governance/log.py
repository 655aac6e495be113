"""Governance on Kafka: all that its topics hold, and one transaction that writes to them.

The order of calls makes it exact (architecture, rule 3): taking the transactional id first ends whatever an earlier process
left open and shuts that process out; then the ends of all topics are waited for until they are stable; only then is anything
read. Every wait has a bound; an error of Kafka is raised and ends the process, and the supervisor starts it again.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

import structlog
from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec

from infra.cluster.description import ClusterDescription
from infra.kafka import clients
from schemas.events.base import FirmEvent
from schemas.topics import GOVERNANCE_TOPICS
from streams.engine.references import References
from streams.engine.sealing import Sealed

PRINCIPAL: Final = "governance"
TRANSACTIONAL_ID: Final = "proofdesk-governance-0"
"""One for the firm: a second governance process shuts out the first."""
TRANSACTION_TIMEOUT_MS: Final = 30_000
"""Long enough for the largest genesis on a machine that is busy starting."""
REQUEST_SECONDS_MAX: Final = 10
STABLE_SECONDS_MAX: Final = 60
STABLE_POLL_SECONDS: Final = 0.05

_PARTITION: Final = 0

log = structlog.get_logger(__name__)


class GovernanceLog:
    """The governance topics, with this process as their only writer from the moment it is made.

    Raises:
        KafkaException: at any call, when Kafka does not answer in time or another process has taken over.
    """

    def __init__(self, description: ClusterDescription) -> None:
        more = {"transactional.id": TRANSACTIONAL_ID, "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS}
        self._producer = clients.producer(description, PRINCIPAL, more)
        self._description = description
        self._admin = clients.admin(description, PRINCIPAL)
        self._producer.init_transactions(STABLE_SECONDS_MAX)

    def present(self) -> list[FirmEvent]:
        """Return every governance event there is, topic by topic.

        Raises:
            TimeoutError: the ends do not come to rest, or cannot be reached.
            wire.Unreadable: a record is no event of its topic.
        """
        self._wait_until_stable()
        received = References(self._description, PRINCIPAL, GOVERNANCE_TOPICS).catch_up()
        return [each.record for each in received if isinstance(each.record, FirmEvent)]

    def write(self, events: Sequence[Sealed]) -> None:
        """Write all of `events`, or none."""
        self._producer.begin_transaction()
        for sealed in events:
            self._producer.produce(sealed.topic, sealed.value, sealed.key, partition=_PARTITION)
        self._producer.commit_transaction(TRANSACTION_TIMEOUT_MS / 1_000)

    def _wait_until_stable(self) -> None:
        """Return once no transaction is open on any topic: last stable offset and high watermark agree."""
        deadline = time.monotonic() + STABLE_SECONDS_MAX
        while time.monotonic() < deadline:
            try:
                if self._ends(IsolationLevel.READ_COMMITTED) == self._ends(IsolationLevel.READ_UNCOMMITTED):
                    return
            except KafkaException as error:
                log.warning("offsets not to be had yet", error=error.args[0].str())
                self._admin.list_topics(timeout=REQUEST_SECONDS_MAX)  # refreshes a stale leader epoch
            time.sleep(STABLE_POLL_SECONDS)
        raise TimeoutError(f"a transaction on the governance topics is open after {STABLE_SECONDS_MAX} s")

    def _ends(self, isolation: IsolationLevel) -> dict[str, int]:
        asked = self._admin.list_offsets(
            {TopicPartition(topic, _PARTITION): OffsetSpec.latest() for topic in GOVERNANCE_TOPICS},  # type: ignore[no-untyped-call]
            isolation_level=isolation,
            request_timeout=REQUEST_SECONDS_MAX,
        )
        return {place.topic: answer.result().offset for place, answer in asked.items()}
