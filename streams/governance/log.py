"""Governance on Kafka: all that its topics hold, and one transaction that writes to them.

The order of calls makes it exact (architecture, rule 3): taking the transactional id first ends an earlier process's open
transaction and fences that process; then it waits for the stable ends of all topics (`streams.engine.stable`); only then does
it read. Every wait has a bound; an error of Kafka is raised and ends the process, and the supervisor starts it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from infra.kafka import clients
from infra.settings.description import ClusterDescription
from schemas.events.base import FirmEvent
from schemas.topics import GOVERNANCE_TOPICS
from streams.engine.references import References
from streams.engine.stable import stable_ends
from streams.rules.chaining import ChainedEvent

PRINCIPAL: Final = "governance"
TRANSACTIONAL_ID: Final = "proofdesk-governance-0"
"""One for the firm: a second governance process shuts out the first."""
TRANSACTION_TIMEOUT_MS: Final = 30_000
"""Long enough for the largest genesis on a machine that is busy starting."""
INIT_SECONDS_MAX: Final = 60

_PARTITION: Final = 0


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
        self._producer.init_transactions(INIT_SECONDS_MAX)

    def present(self) -> list[FirmEvent]:
        """Return every governance event there is, topic by topic.

        Raises:
            NotStable: a transaction stays open.
            TimeoutError: the topics cannot be read in time.
            wire.Unreadable: a record is no event of its topic.
        """
        stable_ends(self._admin, [(topic, _PARTITION) for topic in GOVERNANCE_TOPICS])
        received = References(self._description, PRINCIPAL, GOVERNANCE_TOPICS).catch_up()
        return [each.record for each in received if isinstance(each.record, FirmEvent)]

    def write(self, events: Sequence[ChainedEvent]) -> None:
        """Write all of `events`, or none."""
        self._producer.begin_transaction()
        for chained in events:
            self._producer.produce(chained.topic, chained.value, chained.key, partition=_PARTITION)
        self._producer.commit_transaction(TRANSACTION_TIMEOUT_MS / 1_000)
