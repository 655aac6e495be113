"""What a client says of its connections, as log lines of ours: each kind of trouble once in a while, not at every try.

A client that has lost its broker tries again twenty times a second, and writes a line each time: in an hour of outage these
would push out of the log whatever led to it. Left out: what to do about it. The client goes on trying by itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import structlog
from confluent_kafka import KafkaError

REPEAT_SECONDS: Final = 10.0
"""How soon the same kind of trouble is mentioned again."""
LOG_CRITICAL: Final = 2
"""Syslog's number, for `log_level`: what the library writes by itself is then only what stops it."""

log = structlog.get_logger(__name__)


class Troubles:
    """The `error_cb` of one client."""

    def __init__(self, principal: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._principal = principal
        self._clock = clock
        self._due: dict[int, float] = {}

    def __call__(self, error: KafkaError) -> None:
        """Say it, unless the same was said a moment ago."""
        now, kind = self._clock(), error.code()
        if now >= self._due.get(kind, now):
            self._due[kind] = now + REPEAT_SECONDS
            log.warning("Kafka: trouble with the connection, trying again", principal=self._principal, error=error.str())
