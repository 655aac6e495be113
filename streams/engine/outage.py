"""Detects that Kafka was out of reach: the worker then starts afresh instead of trusting its old clients.

Seen after a broker's restart: a reader got nothing for a minute though records came, in one run of three. A fresh one does.
"""

from __future__ import annotations

import structlog
from confluent_kafka import KafkaError

log = structlog.get_logger(__name__)


class Outage:
    """The `error_cb` of a worker's clients. Remembers that all brokers were gone."""

    def __init__(self) -> None:
        self.seen = False

    def __call__(self, error: KafkaError) -> None:
        """Note it; say it once."""
        if error.code() == KafkaError._ALL_BROKERS_DOWN and not self.seen:  # noqa: SLF001 - the library's public constant
            self.seen = True
            log.warning("Kafka is out of reach: starting afresh", error=error.str())
