"""Creates topics and their access lists on a broker from `schemas.topics`.

Every principal may read every topic, so that anyone with the log can repeat a decision. Only a topic's writers may write it. A
principal commits offsets and opens transactions only under names that begin with its own, so that no component can fence
or rewind another.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import Future
from typing import Final, get_args

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    OffsetSpec,
    ResourcePatternType,
    ResourceType,
)
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from infra.kafka.properties import in_sync_min, replicas
from schemas.topics import TOPICS, Principal, Topic

REQUEST_SECONDS_MAX: Final = 30
EVERYBODY: Final = "User:*"
RULES_POLL_SECONDS: Final = 0.05
_ANY_RULE: Final = AclBindingFilter(
    ResourceType.ANY,
    None,  # type: ignore[arg-type]  # any name; the library's own form, left out of its types
    ResourcePatternType.ANY,
    None,  # type: ignore[arg-type]  # any principal
    None,  # type: ignore[arg-type]  # any host
    AclOperation.ANY,
    AclPermissionType.ANY,
)
_KEPT: Final = {"cleanup.policy": "delete", "retention.ms": "-1"}
_COMPACTED: Final = {
    "cleanup.policy": "compact",
    # Only closed segments are compacted, and a start reads the whole topic: by default its last gigabyte is uncompacted.
    "segment.bytes": str(16 * 2**20),
    "min.cleanable.dirty.ratio": "0.2",
}
_LITERAL, _PREFIX = ResourcePatternType.LITERAL, ResourcePatternType.PREFIXED


def create(admin: AdminClient, brokers: int = 1) -> None:
    """Create missing topics and access lists. Safe to repeat.

    Retries, since brokers that have just started do not all know each other: a client that asks one of them drops the
    others and its pending requests to them.

    Raises:
        KafkaException: Kafka refuses or does not answer for REQUEST_SECONDS_MAX.
    """
    again = Retrying(
        retry=retry_if_exception_type(KafkaException),
        stop=stop_after_delay(REQUEST_SECONDS_MAX),
        wait=wait_fixed(RULES_POLL_SECONDS),
        reraise=True,
    )
    again(lambda: _create(admin, brokers))


def _create(admin: AdminClient, brokers: int) -> None:
    wanted = [_new_topic(topic, brokers) for topic in TOPICS.values()]
    _settle(admin.create_topics(wanted, request_timeout=REQUEST_SECONDS_MAX).values(), allowed=KafkaError.TOPIC_ALREADY_EXISTS)
    rules = bindings()
    _settle(admin.create_acls(rules, request_timeout=REQUEST_SECONDS_MAX).values())
    _await_rules(admin, len(rules))


def _await_rules(admin: AdminClient, count: int) -> None:
    """Wait until the broker itself applies the rules: the controller answers up to 2.7 s earlier (seen).

    Raises:
        TimeoutError: the broker does not apply them within REQUEST_SECONDS_MAX.
    """
    deadline = time.monotonic() + REQUEST_SECONDS_MAX
    while len(admin.describe_acls(_ANY_RULE).result(REQUEST_SECONDS_MAX)) < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the broker does not apply its access rules after {REQUEST_SECONDS_MAX} s; see its log")
        time.sleep(RULES_POLL_SECONDS)


def await_served(client: AdminClient) -> None:
    """Wait until every partition's leader lets clients read it: some brokers apply new rules later than others.

    Raises:
        TimeoutError: a partition cannot be read within REQUEST_SECONDS_MAX.
    """
    places = [TopicPartition(topic.name, number) for topic in TOPICS.values() for number in range(topic.partitions)]
    deadline = time.monotonic() + REQUEST_SECONDS_MAX
    while not _are_served(client, places):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not every partition can be read after {REQUEST_SECONDS_MAX} s; see the brokers' logs")
        time.sleep(RULES_POLL_SECONDS)


def await_in_sync(admin: AdminClient, brokers: int, seconds_max: float = REQUEST_SECONDS_MAX) -> None:
    """Wait until `brokers` brokers are up and every replica of every partition is in sync.

    Raises:
        TimeoutError: a replica lags for `seconds_max`.
    """
    deadline = time.monotonic() + seconds_max
    while (behind := out_of_sync(admin, brokers)) != 0:
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"{behind} partitions are not on all their brokers after {seconds_max:g} s; see the brokers' logs"
            )
        time.sleep(RULES_POLL_SECONDS)


def out_of_sync(admin: AdminClient, brokers: int, seconds_max: float = REQUEST_SECONDS_MAX) -> int:
    """Count partitions without a leader or with a replica out of sync; all of them while brokers are missing."""
    try:
        found = admin.list_topics(timeout=seconds_max)
    except KafkaException:
        return len(TOPICS)
    if len(found.brokers) < brokers:
        return len(TOPICS)
    return sum(
        partition.leader < 0 or set(partition.isrs) != set(partition.replicas)
        for topic in found.topics.values()
        for partition in topic.partitions.values()
    )


def _are_served(client: AdminClient, places: list[TopicPartition]) -> bool:
    asked = client.list_offsets({place: OffsetSpec.latest() for place in places}, request_timeout=REQUEST_SECONDS_MAX)  # type: ignore[no-untyped-call]
    try:
        for answer in asked.values():
            answer.result(REQUEST_SECONDS_MAX)
    except KafkaException:
        client.list_topics(timeout=REQUEST_SECONDS_MAX)  # refreshes who leads what
        return False
    return True


def bindings() -> list[AclBinding]:
    """Return all access rules. Writing and reading imply describing (Kafka's AclOperation)."""
    found = []
    for topic in TOPICS.values():
        found.append(_allow(ResourceType.TOPIC, topic.name, _LITERAL, EVERYBODY, AclOperation.READ))
        found += [
            _allow(ResourceType.TOPIC, topic.name, _LITERAL, f"User:{writer}", AclOperation.WRITE) for writer in topic.writers
        ]
    for principal in get_args(Principal):
        user, prefix = f"User:{principal}", f"proofdesk-{principal}"
        found.append(_allow(ResourceType.GROUP, prefix, _PREFIX, user, AclOperation.READ))
        found.append(_allow(ResourceType.TRANSACTIONAL_ID, f"{prefix}-", _PREFIX, user, AclOperation.WRITE))
    return found


def _allow(kind: ResourceType, name: str, pattern: ResourcePatternType, user: str, operation: AclOperation) -> AclBinding:
    return AclBinding(kind, name, pattern, user, "*", operation, AclPermissionType.ALLOW)


def _new_topic(topic: Topic, brokers: int) -> NewTopic:
    kept = _COMPACTED if topic.compacted else _KEPT
    config = {**kept, **_retention(topic), "min.insync.replicas": str(in_sync_min(brokers))}
    return NewTopic(topic.name, num_partitions=topic.partitions, replication_factor=replicas(brokers), config=config)


def _retention(topic: Topic) -> dict[str, str]:
    return {} if topic.retention_hours is None else {"retention.ms": str(topic.retention_hours * 3_600_000)}


def _settle(futures: Iterable[Future[None]], allowed: int | None = None) -> None:
    for future in futures:
        try:
            future.result(REQUEST_SECONDS_MAX)
        except KafkaException as error:
            if error.args[0].code() != allowed:
                raise
