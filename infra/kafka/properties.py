"""Builds a broker's settings (KRaft): listeners, quorum, internal topics, session time-outs.

Both listeners are on the loopback and ask for a password. Clients use SCRAM-SHA-256 (RFC 7677, KIP-84). Controllers use
PLAIN, whose users stand in the broker's own settings, since SCRAM users live in the metadata that this listener serves. No
client is anonymous; with an open controller listener ANONYMOUS would have to be a super user, and any local program could
write metadata, access lists included.

With three brokers every record is on three and counts as written once it is on two, so that any one broker may die; a replica
that lacks records never becomes leader. Leaves out TLS and racks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

REPLICAS_MAX: Final = 3
MESSAGE_BYTES_MAX: Final = 16_777_216
"""Snapshots are the only large records."""
SEGMENT_INDEX_BYTES_MAX: Final = 1_048_576
BROKER_SESSION_MS: Final = 4_000
"""A killed broker may rejoin once its former session is over: after 7 s on an idle machine; with Kafka's 9,000, 14 s.
Its partitions have no leader for as long, so a cluster of several brokers, where others take over, uses less."""
BROKER_SESSION_AMONG_OTHERS_MS: Final = 2_500
HEARTBEAT_MS: Final = 500
QUORUM_FETCH_MS: Final = 1_250
"""Controllers replace a silent leader after this; brokers' sessions begin again with the next one. Kafka's default: 2,000."""
ELECTION_MS: Final = 500
WORKER_SESSION_MS_MIN: Final = 3_000
"""The shortest session that a worker may request; Kafka's default of 6,000 is made for networks."""
ABORT_LOOK_MS: Final = 500
"""The interval at which a broker aborts timed-out transactions; readers wait behind them. Kafka's default: 10,000."""
INTERNAL_PARTITIONS: Final = 8
LOOPBACK: Final = "127.0.0.1"
_LOGIN: Final = "org.apache.kafka.common.security"


@dataclass(frozen=True, slots=True)
class Seat:
    """One broker's number among all, and its ports."""

    number: int
    port: int
    controller_port: int


def replicas(brokers: int) -> int:
    """Return the number of replicas of every record."""
    return min(brokers, REPLICAS_MAX)


def in_sync_min(brokers: int) -> int:
    """Return the number of replicas that must hold a record before it counts as written: all but one, so that one may die."""
    return max(replicas(brokers) - 1, 1)


def properties(seat: Seat, seats: Sequence[Seat], folder: Path, passwords: Mapping[str, str]) -> dict[str, object]:
    """Return all settings of the broker at `seat`, one of `seats`. They hold passwords."""
    return {
        **_quorum(seat, seats),
        **_access(passwords),
        **_replication(len(seats)),
        "log.dirs": folder,
        "log.retention.ms": -1,
        "log.index.size.max.bytes": SEGMENT_INDEX_BYTES_MAX,
        "message.max.bytes": MESSAGE_BYTES_MAX,
        "replica.fetch.max.bytes": MESSAGE_BYTES_MAX,
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": WORKER_SESSION_MS_MIN,
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": ABORT_LOOK_MS,
    }


def _quorum(seat: Seat, seats: Sequence[Seat]) -> dict[str, object]:
    voters = ",".join(f"{each.number}@{LOOPBACK}:{each.controller_port}" for each in seats)
    return {
        "process.roles": "broker,controller",
        "node.id": seat.number,
        "controller.quorum.voters": voters,
        "listeners": f"CLIENTS://{LOOPBACK}:{seat.port},CONTROLLERS://{LOOPBACK}:{seat.controller_port}",
        "advertised.listeners": f"CLIENTS://{LOOPBACK}:{seat.port}",
        "controller.listener.names": "CONTROLLERS",
        "controller.quorum.fetch.timeout.ms": QUORUM_FETCH_MS,
        "controller.quorum.election.timeout.ms": ELECTION_MS,
        "controller.quorum.election.backoff.max.ms": ELECTION_MS,
        "inter.broker.listener.name": "CLIENTS",
        "broker.session.timeout.ms": BROKER_SESSION_MS if len(seats) == 1 else BROKER_SESSION_AMONG_OTHERS_MS,
        "broker.heartbeat.interval.ms": HEARTBEAT_MS,
    }


def _access(passwords: Mapping[str, str]) -> dict[str, object]:
    controller = passwords["controller"]
    return {
        "listener.security.protocol.map": "CLIENTS:SASL_PLAINTEXT,CONTROLLERS:SASL_PLAINTEXT",
        "sasl.enabled.mechanisms": "SCRAM-SHA-256",
        "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-256",
        "sasl.mechanism.controller.protocol": "PLAIN",
        "listener.name.controllers.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.clients.scram-sha-256.sasl.jaas.config": f"{_LOGIN}.scram.ScramLoginModule required "
        f'username="broker" password="{passwords["broker"]}";',
        "listener.name.controllers.plain.sasl.jaas.config": f"{_LOGIN}.plain.PlainLoginModule required "
        f'username="controller" password="{controller}" user_controller="{controller}";',
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:admin;User:broker;User:controller",
    }


def _replication(brokers: int) -> dict[str, object]:
    copies, written = replicas(brokers), in_sync_min(brokers)
    return {
        "default.replication.factor": copies,
        "min.insync.replicas": written,
        "unclean.leader.election.enable": "false",
        "offsets.topic.replication.factor": copies,
        "offsets.topic.num.partitions": INTERNAL_PARTITIONS,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": written,
        "transaction.state.log.num.partitions": INTERNAL_PARTITIONS,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": written,
    }
