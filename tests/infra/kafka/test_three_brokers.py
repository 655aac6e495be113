"""With three brokers, each record is on all of them, is written once two have it, and survives the loss of any one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from confluent_kafka import KafkaError, Producer, TopicPartition
from confluent_kafka.admin import ConfigResource

from infra.kafka import clients, topics
from infra.kafka.properties import in_sync_min, replicas
from infra.local_cluster.errors import ClusterError
from infra.local_cluster.local import Cluster
from infra.local_cluster.runtime import Runtime
from schemas.topics import TOPICS

pytestmark = pytest.mark.cluster

SECONDS = 60
TOPIC = "price-observed"
BROKERS = ("kafka-1", "kafka-2", "kafka-3")


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("three"), ["kafka"], processes=[], brokers=3) as cluster:
        yield cluster


def write(producer: Producer, value: bytes) -> None:
    outcomes: list[KafkaError | None] = []
    producer.produce(TOPIC, value, on_delivery=lambda error, _: outcomes.append(error))
    assert producer.flush(SECONDS) == 0
    assert outcomes == [None]


@pytest.mark.parametrize(("brokers", "copies", "written"), [(1, 1, 1), (2, 2, 1), (3, 3, 2), (5, 3, 2)])
def test_how_many_copies_are_kept_and_awaited(brokers: int, copies: int, written: int) -> None:
    assert (replicas(brokers), in_sync_min(brokers)) == (copies, written)


def test_every_record_is_on_three_brokers_and_written_once_on_two(three: Cluster) -> None:
    admin = clients.admin(three.description, "admin")
    found = admin.list_topics(timeout=SECONDS).topics
    for topic in TOPICS.values():
        for partition in found[topic.name].partitions.values():
            assert sorted(partition.replicas) == [1, 2, 3]
    asked = admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, TOPIC)])
    (settings,) = (answer.result(SECONDS) for answer in asked.values())
    assert settings["min.insync.replicas"].value == "2"
    assert settings["unclean.leader.election.enable"].value == "false"


def test_what_was_written_outlives_each_broker_in_turn(three: Cluster) -> None:
    producer = clients.producer(three.description, "prices")
    write(producer, b"0")
    for number, broker in enumerate(BROKERS, start=1):
        three.kill(broker)
        write(producer, str(number).encode())
        three.await_service("kafka")
        topics.await_in_sync(clients.admin(three.description, "admin"), len(BROKERS))
    reader = clients.consumer(three.description, "client")
    reader.assign([TopicPartition(TOPIC, 0, 0)])
    values = [message.value() for message in reader.consume(len(BROKERS) + 1, SECONDS)]
    reader.close()
    assert values == [b"0", b"1", b"2", b"3"]


def test_a_cluster_keeps_the_brokers_it_was_made_with(three: Cluster) -> None:
    folder = three.description.runtime
    assert Runtime(folder).brokers == BROKERS
    with pytest.raises(ClusterError, match="made with 3"):
        Cluster(folder, ["kafka"], processes=[], brokers=1).start()
