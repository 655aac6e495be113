"""What a broker is told: its listeners, its quorum, its topics of its own, and how soon it takes another for dead (KRaft).

Decides who may connect. Both listeners are on the loopback and ask for a password: clients' with SCRAM-SHA-256
(RFC 7677, KIP-84), the controllers' with PLAIN, whose users stand in the broker's own settings, since SCRAM users live in
the metadata that this very listener serves. Nobody is anonymous, so ANONYMOUS need not be a super user, as it must be
with an open controller listener, over which any local program could then write metadata, access lists included.

Decides what survives a broker. With three, every record is on three and written once it is on two, so that any one may die;
nothing is ever taken from a replica that lacks records. Leaves out TLS and racks.
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
"""A killed broker is let in again once its former session is over: after 7 s on an idle machine; with Kafka's 9,000, 14.
Also how long what it led has no leader, so several brokers are given less: there, others take over."""
BROKER_SESSION_AMONG_OTHERS_MS: Final = 2_500
HEARTBEAT_MS: Final = 500
QUORUM_FETCH_MS: Final = 1_250
"""After which controllers take their leader for dead; sessions of brokers begin anew with the next. Kafka's own: 2,000."""
ELECTION_MS: Final = 500
WORKER_SESSION_MS_MIN: Final = 3_000
"""The shortest session a worker may ask for; Kafka's own 6,000 is made for networks."""
ABORT_LOOK_MS: Final = 500
"""How often a broker looks for transactions whose time is over; readers behind one wait for that, too. Kafka's own: 10,000."""
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
    """On how many of so many brokers every record is."""
    return min(brokers, REPLICAS_MAX)


def in_sync_min(brokers: int) -> int:
    """On how many brokers a record is before it counts as written: all but one of its replicas, so that one may die."""
    return max(replicas(brokers) - 1, 1)


def properties(seat: Seat, seats: Sequence[Seat], folder: Path, passwords: Mapping[str, str]) -> dict[str, object]:
    """All settings of the broker at `seat`, one of `seats`. They hold passwords."""
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
