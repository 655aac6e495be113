"""Finds the end of partitions once no transaction is open on them: the guard against a fold that misses writes.

A broker may show a transaction's offsets, or answer its successor's `init_transactions`, while the markers of that transaction
are still on their way to the partitions it wrote to. A reader that reads up to the end at that moment sees less than was
committed, and a limit could be passed (architecture, rule 3). So the last stable offset must equal the high watermark
everywhere before anything is read.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

import structlog
from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

STABLE_SECONDS_MAX: Final = 60
STABLE_POLL_SECONDS: Final = 0.05
REQUEST_SECONDS_MAX: Final = 2
"""Short: a request that waits for a leader that died is not sent to its successor."""

Place = tuple[str, int]
"""A topic and a partition."""

log = structlog.get_logger(__name__)


class NotStable(TimeoutError):
    """A transaction stays open, or no broker tells the partitions' end offsets: exit, and be restarted."""


class _NoAnswer(Exception):
    """The client returned without an error what it was asked with instead of an offset, as it does while a leader changes."""


def stable_ends(admin: AdminClient, places: Sequence[Place]) -> dict[Place, int]:
    """Return the end of each of `places`, at a moment when no transaction was open on any of them.

    Raises:
        NotStable: there is no such moment within `STABLE_SECONDS_MAX`.
    """
    asked = [TopicPartition(*place) for place in places]
    deadline = time.monotonic() + STABLE_SECONDS_MAX
    while time.monotonic() < deadline:
        try:
            stable = _latest(admin, asked, IsolationLevel.READ_COMMITTED)
            if stable == _latest(admin, asked, IsolationLevel.READ_UNCOMMITTED):
                return stable
        except (KafkaException, _NoAnswer) as error:
            log.warning("offsets not to be had yet", error=str(error.args[0]))
            admin.list_topics(timeout=REQUEST_SECONDS_MAX)  # refreshes a stale leader epoch
        time.sleep(STABLE_POLL_SECONDS)
    topics = ", ".join(sorted({topic for topic, _ in places}))
    raise NotStable(f"a transaction is open after {STABLE_SECONDS_MAX} s on one of {topics}")


def _latest(admin: AdminClient, places: Sequence[TopicPartition], isolation: IsolationLevel) -> dict[Place, int]:
    answers = admin.list_offsets(
        {place: OffsetSpec.latest() for place in places},  # type: ignore[no-untyped-call]
        isolation_level=isolation,
        request_timeout=REQUEST_SECONDS_MAX,
    )
    ends = {(place.topic, place.partition): answer.result().offset for place, answer in answers.items()}
    unanswered = [place for place, end in ends.items() if end < 0]
    if unanswered:
        raise _NoAnswer(f"no end given of {unanswered}")
    return ends
