"""Logs a Kafka client's connection errors, each kind at most once in an interval.

A client that has lost its broker retries twenty times a second and reports each error: an hour of outage would push its cause
out of the log. Takes no action: the client retries by itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import structlog
from confluent_kafka import KafkaError

REPEAT_SECONDS: Final = 10.0
"""The interval after which the same kind of error is logged again."""
LOG_CRITICAL: Final = 2
"""Syslog's number, for `log_level`: the library then writes only fatal errors by itself."""

log = structlog.get_logger(__name__)


class Troubles:
    """The `error_cb` of one client."""

    def __init__(self, principal: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._principal = principal
        self._clock = clock
        self._due: dict[int, float] = {}

    def __call__(self, error: KafkaError) -> None:
        """Log the error, unless the same kind was logged within the interval."""
        now, kind = self._clock(), error.code()
        if now >= self._due.get(kind, now):
            self._due[kind] = now + REPEAT_SECONDS
            log.warning("Kafka: trouble with the connection, trying again", principal=self._principal, error=error.str())
