"""Prepares the services of a local cluster, builds their command lines, waits for them and completes them.

A service is ready when Kafka answers its administrator, PostgreSQL takes a log-in, the node knows its chain. It is complete
when topics and access lists, roles and database, or the world's contracts exist. Every step can be repeated.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from functools import cache
from typing import Final, Literal, get_args

from confluent_kafka import KafkaException

from infra.chain.node import Node
from infra.chain.rpc import NodeError
from infra.chain.world.deploy import deploy
from infra.hsm import softhsm
from infra.identity.private_file import read_private
from infra.kafka import clients, topics
from infra.kafka.properties import Seat
from infra.kafka.server import Broker
from infra.local_cluster.deadline import Deadline
from infra.local_cluster.errors import ClusterError, NotReady
from infra.local_cluster.runtime import KAFKA_PRINCIPALS, LOOPBACK, POSTGRES_ROLES, ROOT, Runtime, controller_of, is_free
from infra.local_cluster.supervision import Program
from infra.postgres.server import PostgresServer, system_user
from infra.settings.description import RUNTIME_VARIABLE, ClusterDescription
from schemas.topics import COSIGNERS

Service = Literal["kafka", "postgres", "node", "token", "world"]
SERVICES: Final[tuple[Service, ...]] = get_args(Service)
READY_SECONDS_MAX: Final = 60
PROBE_SECONDS: Final = 0.05
JARS: Final = ROOT / ".runtime" / "kafka-lib"
NODE_MODULES: Final = ROOT / "node_modules"
CHAIN_ID: Final = 31_337
STATE_INTERVAL_SECONDS: Final = 1
"""A killed node may lose this much of the chain."""


class Services:
    """The wanted services of one cluster."""

    def __init__(self, runtime: Runtime, wanted: Collection[Service]) -> None:
        """Touch nothing yet."""
        self._runtime = runtime
        self._wanted = wanted

    def preparations(self) -> Iterator[Callable[[], object]]:
        """Yield the steps before any start, to run side by side."""
        if "kafka" in self._wanted:
            yield from (broker.prepare for broker in self._brokers)
        if "postgres" in self._wanted:
            yield self._database.prepare
        if "token" in self._wanted:
            yield self._initialise_tokens

    def _initialise_tokens(self) -> None:
        """Make the tokens of the enclave and each cosigner, one after the other: a process has the PKCS#11 library once."""
        for folder in (self._runtime.folder, *(self._runtime.folder / name for name in COSIGNERS)):
            softhsm.initialise(folder)

    def completions(self, description: ClusterDescription, say: Callable[[str], None]) -> Iterator[Callable[[], object]]:
        """Yield the steps that wait for each service and complete it, to run side by side."""
        if "kafka" in self._wanted:
            yield lambda: self._complete(description, "kafka", say, lambda: self._make_topics(description))
        if "postgres" in self._wanted:
            yield lambda: self._complete(description, "postgres", say, self._database.create_roles)
        if "node" in self._wanted:
            yield lambda: self._complete(description, "node", say, lambda: self._deploy_world(description))

    def _complete(
        self, description: ClusterDescription, service: Service, say: Callable[[str], None], work: Callable[[], object]
    ) -> None:
        began = time.monotonic()
        self.await_answer(service, description)
        answered = time.monotonic()
        work()
        say(f"{service} answers after {answered - began:.1f} s, complete after {time.monotonic() - began:.1f} s")

    def _make_topics(self, description: ClusterDescription) -> None:
        topics.create(clients.admin(description, "admin"), len(self._runtime.brokers))
        topics.await_served(clients.admin(description, "client"))

    def _deploy_world(self, description: ClusterDescription) -> None:
        if "world" in self._wanted:
            deploy(description.node, read_private(description.mnemonic_file).decode().strip(), description.world_file)

    def await_answer(self, service: Service, description: ClusterDescription) -> None:
        """Wait until `service` answers. Raises NotReady."""
        probes: dict[str, Callable[[], bool]] = {
            "kafka": self._kafka_probe(description),
            "postgres": self._database.answers,
            "node": lambda: _node_answers(description),
        }
        await_answer(service, probes[service], self._runtime)

    def _kafka_probe(self, description: ClusterDescription) -> Callable[[], bool]:
        """Return a probe: every broker is up and knows all others. One client asks each time, since a new one costs more."""
        ports, brokers = self._runtime.ports(), self._runtime.brokers
        client = cache(lambda: clients.admin(description, "admin"))

        def answers() -> bool:
            # A client that connects too early backs off for longer than the start takes.
            if any(is_free(ports[name]) for name in brokers):
                return False
            try:
                return len(client().list_topics(timeout=1).brokers) == len(brokers)
            except KafkaException:
                return False

        return answers

    @property
    def _brokers(self) -> list[Broker]:
        if not JARS.is_dir():
            raise ClusterError(f"no Kafka jars in {JARS}; run make setup")
        ports, names = self._runtime.ports(), self._runtime.brokers
        seats = tuple(Seat(number, ports[name], ports[controller_of(name)]) for number, name in enumerate(names, start=1))
        passwords = {each: self._runtime.password(f"kafka-{each}.json") for each in KAFKA_PRINCIPALS}
        identity = self._runtime.kafka_cluster_id()
        return [
            Broker(self._runtime.folder / name, JARS, seat, seats, identity, passwords)
            for name, seat in zip(names, seats, strict=True)
        ]

    @property
    def _database(self) -> PostgresServer:
        passwords = {each: self._runtime.password(f"postgres-{each}.json") for each in POSTGRES_ROLES}
        return PostgresServer(self._runtime.postgres, self._runtime.ports()["postgres"], passwords)

    def programs(self) -> Iterator[Program]:
        """Yield the programs that the supervisor keeps running."""
        if "kafka" in self._wanted:
            environment = {RUNTIME_VARIABLE: str(self._runtime.folder)}
            for name, broker in zip(self._runtime.brokers, self._brokers, strict=True):
                yield Program(name, tuple(broker.supervised_command()), environment, service=True)
        if "postgres" in self._wanted:
            command = tuple(self._database.command())
            yield Program("postgres", command, service=True, user=system_user(), stop_signal="INT")
        if "node" in self._wanted:
            yield Program("node", tuple(self._node_command()), service=True)

    def _node_command(self) -> list[str]:
        """Return the command of anvil without accounts of its own: the world's issuer funds accounts."""
        binaries = sorted(NODE_MODULES.glob("@foundry-rs/anvil-*/bin/anvil"))
        if not binaries:
            raise ClusterError(f"no anvil for this machine in {NODE_MODULES}; run make setup")
        options = {
            "host": LOOPBACK,
            "port": self._runtime.ports()["node"],
            "chain-id": CHAIN_ID,
            "accounts": 0,
            "state": self._runtime.chain / "state.json",
            "state-interval": STATE_INTERVAL_SECONDS,
            "cache-path": self._runtime.chain / "cache",
        }
        return [str(binaries[0]), "--quiet", *(part for name, value in options.items() for part in (f"--{name}", str(value)))]


def await_answer(name: str, answers: Callable[[], bool], runtime: Runtime) -> None:
    """Wait until `answers` returns True. Raises NotReady with the end of the log of `name`."""
    deadline = Deadline(READY_SECONDS_MAX)
    while not answers():
        if deadline.passed:
            raise NotReady(name, READY_SECONDS_MAX, runtime.logs / f"{name}.log")
        time.sleep(PROBE_SECONDS)


def _node_answers(description: ClusterDescription) -> bool:
    try:
        with Node(description.node) as node:
            return node.chain_id() == CHAIN_ID
    except NodeError:
        return False
