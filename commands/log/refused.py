"""Refused requests as events, so that the log shows also who was turned away at the door. Bounded, so that nobody can flood it.

A bucket of `REFUSALS_BURST_MAX` events refills at `REFUSALS_PER_SECOND_MAX`; what is over the bound is counted and logged, not
written. The event holds the body's hash and never the body. It has no position: no decider writes it, and nothing is folded
from it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

import structlog
from prometheus_client import Counter

from commands.log.publishing import Publisher
from schemas import wire
from schemas.events.answers import RequestRefused
from schemas.topics import TOPIC_OF

REFUSALS_PER_SECOND_MAX: Final = 20
REFUSALS_BURST_MAX: Final = 100

_REFUSALS: Final = Counter(
    "proofdesk_requests_refused", "Requests refused at the door, by what became of the event.", ["event"]
)
_TOPIC: Final = TOPIC_OF[RequestRefused].name
_KEY: Final = b"0"
"""The topic has one partition, and is keyed by its number."""

log = structlog.get_logger(__name__)


class Bucket:
    """Tokens that come back with time. Not for several threads."""

    def __init__(self, per_second: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second, self._burst, self._clock = per_second, burst, clock
        self._tokens, self._at = burst, clock()

    def take(self) -> bool:
        """Take a token. Returns False if there was none."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._per_second)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class RefusedRequests:
    """Writes them. For the event loop's thread only."""

    def __init__(self, publisher: Publisher, bucket: Bucket | None = None) -> None:
        self._publisher = publisher
        self._bucket = bucket or Bucket(REFUSALS_PER_SECOND_MAX, REFUSALS_BURST_MAX)

    def record(self, event: RequestRefused) -> None:
        """Write `event` without waiting for it, unless too many were written."""
        if not self._bucket.take():
            _REFUSALS.labels("over-bound").inc()
            log.warning("refused request not written: over the bound", path=event.path, check=event.refusal.check)
            return
        written = self._publisher.write(_TOPIC, wire.encode(event), _KEY)
        written.add_done_callback(lambda future: _settled(future, event))


def _settled(future: Future[None], event: RequestRefused) -> None:
    error = future.exception()
    if error is None:
        _REFUSALS.labels("written").inc()
        return
    _REFUSALS.labels("log-away").inc()
    log.warning("refused request not written: Kafka is away", error=str(error), check=event.refusal.check)
