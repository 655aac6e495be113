"""Topics and their access lists, made on a broker exactly as `schemas.topics` says.

Decides that everybody who can log in may read every topic, that only a topic's writers may write it, and that a principal
commits offsets and opens transactions under names that begin with its own. The first is what "anyone with the log can make
the decision again" asks for; the last keeps one component from fencing or rewinding another.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future
from typing import Final, get_args

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from schemas.topics import TOPICS, Principal, Topic

REQUEST_SECONDS_MAX: Final = 30
EVERYBODY: Final = "User:*"
_LITERAL, _PREFIX = ResourcePatternType.LITERAL, ResourcePatternType.PREFIXED


def create(admin: AdminClient, replication: int = 1) -> None:
    """Make what is missing of topics and access lists; again and again without harm. Raises KafkaException."""
    wanted = [_new_topic(topic, replication) for topic in TOPICS.values()]
    _settle(admin.create_topics(wanted, request_timeout=REQUEST_SECONDS_MAX).values(), allowed=KafkaError.TOPIC_ALREADY_EXISTS)
    _settle(admin.create_acls(bindings(), request_timeout=REQUEST_SECONDS_MAX).values())


def bindings() -> list[AclBinding]:
    """All access rules. Writing and reading imply describing (Kafka's AclOperation)."""
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


def _new_topic(topic: Topic, replication: int) -> NewTopic:
    retention = {"cleanup.policy": "compact"} if topic.compacted else {"cleanup.policy": "delete", "retention.ms": "-1"}
    return NewTopic(topic.name, num_partitions=topic.partitions, replication_factor=replication, config=retention)


def _settle(futures: Iterable[Future[None]], allowed: int | None = None) -> None:
    for future in futures:
        try:
            future.result(REQUEST_SECONDS_MAX)
        except KafkaException as error:
            if error.args[0].code() != allowed:
                raise
