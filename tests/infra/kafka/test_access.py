from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, get_args

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AclOperation, AdminClient, ConfigResource, ResourceType

from infra.kafka import clients, topics
from infra.local_cluster.local import Cluster
from infra.settings.description import ClusterDescription
from schemas.topics import TOPICS, Principal

pytestmark = pytest.mark.cluster

SECONDS = 15
SILENT = logging.getLogger("librdkafka-of-this-test")
SILENT.disabled = True


@pytest.fixture
def description(cluster: Cluster) -> ClusterDescription:
    return cluster.description


def outcome_of_writing(producer: Producer, topic: str) -> KafkaError | None:
    """The broker's error for one record; None when it is written."""
    outcomes: list[KafkaError | None] = []
    producer.produce(topic, b"anything", on_delivery=lambda error, _: outcomes.append(error))
    assert producer.flush(SECONDS) == 0
    return outcomes[0]


def code_of(call: Callable[[], object]) -> int:
    with pytest.raises(KafkaException) as failure:
        call()
    return int(failure.value.args[0].code())


def test_a_topic_is_written_by_its_owner_and_by_nobody_else(description: ClusterDescription) -> None:
    topic = "price-observed"
    assert outcome_of_writing(clients.producer(description, "prices"), topic) is None
    for other in set(get_args(Principal)) - {"prices"}:
        # Without idempotence, so that the topic itself refuses: who writes nothing is not even given a producer id.
        error = outcome_of_writing(clients.producer(description, other, {"enable.idempotence": False}), topic)
        assert error is not None
        assert error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED, other


@pytest.mark.parametrize(
    "changes",
    [
        {"sasl.password": "guessed"},
        {"sasl.username": "nobody"},
        {"security.protocol": "PLAINTEXT"},
        {"sasl.mechanism": "PLAIN"},
    ],
    ids=["wrong password", "unknown user", "no password", "another mechanism"],
)
def test_who_cannot_log_in_never_connects(description: ClusterDescription, changes: dict[str, Any]) -> None:
    admin = AdminClient({**clients.settings(description, "desk"), **changes}, logger=SILENT)
    with pytest.raises(KafkaException):
        admin.list_topics(timeout=2)


@pytest.mark.parametrize("principal", ["client", "admin"])
def test_the_controllers_listener_knows_no_client(cluster: Cluster, principal: str) -> None:
    port = cluster.ports["controller"]
    for changes in ({"security.protocol": "PLAINTEXT"}, {"sasl.mechanism": "PLAIN"}, {}):
        place = {"bootstrap.servers": f"127.0.0.1:{port}"}
        admin = AdminClient({**clients.settings(cluster.description, principal), **place, **changes}, logger=SILENT)
        with pytest.raises(KafkaException):
            admin.list_topics(timeout=1)


def test_everybody_may_read_what_is_committed(description: ClusterDescription) -> None:
    assert outcome_of_writing(clients.producer(description, "prices"), "price-observed") is None
    for reader in get_args(Principal):
        consumer = clients.consumer(description, reader)
        consumer.assign([TopicPartition("price-observed", 0, 0)])
        message = consumer.poll(SECONDS)
        consumer.close()
        assert message is not None, reader
        assert message.value() == b"anything", reader


def test_nobody_commits_offsets_for_another(description: ClusterDescription) -> None:
    admin = clients.admin(description, "broadcast")

    def rewind(group: str) -> object:
        wanted = ConsumerGroupTopicPartitions(group, [TopicPartition("commands", 0, 0)])
        (rewound,) = admin.alter_consumer_group_offsets([wanted]).values()
        return rewound.result(SECONDS)

    assert code_of(lambda: rewind("proofdesk-desk")) == KafkaError.GROUP_AUTHORIZATION_FAILED
    assert rewind("proofdesk-broadcast-tried")


def test_nobody_fences_another_by_taking_its_transactional_id(description: ClusterDescription) -> None:
    intruder = clients.producer(description, "broadcast", {"transactional.id": "proofdesk-desk-0"})
    assert code_of(lambda: intruder.init_transactions(SECONDS)) == KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    clients.producer(description, "broadcast", {"transactional.id": "proofdesk-broadcast-9"}).init_transactions(SECONDS)


def test_no_principal_may_make_topics_or_change_access(description: ClusterDescription) -> None:
    admin = clients.admin(description, "client")
    (made,) = admin.create_acls([topics.bindings()[0]]).values()
    assert code_of(lambda: made.result(SECONDS)) == KafkaError.CLUSTER_AUTHORIZATION_FAILED


def test_topics_are_as_declared_and_made_again_without_harm(description: ClusterDescription) -> None:
    admin = clients.admin(description, "admin")
    topics.create(admin)
    found = admin.list_topics(timeout=SECONDS).topics
    for topic in TOPICS.values():
        assert len(found[topic.name].partitions) == topic.partitions
    assert not set(found) - set(TOPICS) - {"__consumer_offsets", "__transaction_state"}
    wanted = {name: ConfigResource(ConfigResource.Type.TOPIC, name) for name in ("commands", "snapshots-desk")}
    described = {
        resource.name: future.result(SECONDS) for resource, future in admin.describe_configs([*wanted.values()]).items()
    }
    assert described["commands"]["retention.ms"].value == "-1"
    assert described["commands"]["cleanup.policy"].value == "delete"
    assert described["snapshots-desk"]["cleanup.policy"].value == "compact"
    assert int(described["snapshots-desk"]["segment.bytes"].value) < 2**25


def test_only_declared_writers_may_write() -> None:
    writes = {(each.name, each.principal) for each in topics.bindings() if each.operation == AclOperation.WRITE}
    on_topics = {
        (each.name, each.principal)
        for each in topics.bindings()
        if each.operation == AclOperation.WRITE and each.restype == ResourceType.TOPIC
    }
    assert on_topics == {(topic.name, f"User:{writer}") for topic in TOPICS.values() for writer in topic.writers}
    assert not [user for _, user in writes if user == topics.EVERYBODY]


def test_no_principals_name_begins_anothers() -> None:
    """Groups and transactional ids are granted by prefix: `desk` would reach into `desk-two`."""
    names = get_args(Principal)
    assert not [(one, other) for one in names for other in names if one != other and other.startswith(one)]
