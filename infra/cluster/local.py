"""A cluster on this machine: everything it needs is made when missing, started, waited for, and stopped to the last process.

Decides the order: storage and secrets are prepared, services start side by side, topics, roles and contracts are made on
them, then our own processes start. Every wait has a bound, and a start that fails leaves nothing running.
"""

from __future__ import annotations

import os
import shutil
import signal as signals
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Final, Literal, Self, get_args

import httpx
from confluent_kafka import KafkaException

from infra.chain.node import Node
from infra.chain.rpc import NodeError
from infra.chain.world import deploy
from infra.cluster.description import FILE, RUNTIME_VARIABLE, ClusterDescription, TokenPlace
from infra.cluster.errors import ClusterError, NotReady
from infra.cluster.processes import PROCESSES, Process
from infra.cluster.runtime import KAFKA_PRINCIPALS, LOOPBACK, POSTGRES_ROLES, ROOT, Runtime, is_free
from infra.cluster.supervision import Program, Running, Supervisor
from infra.hsm import softhsm
from infra.identity.private_file import read_private, write_private
from infra.kafka import clients, topics
from infra.kafka.server import Broker
from infra.postgres.server import DATABASE, PostgresServer, system_user

Service = Literal["kafka", "postgres", "node", "token", "world"]
SERVICES: Final[tuple[Service, ...]] = get_args(Service)
READY_SECONDS_MAX: Final = 60
PROBE_SECONDS: Final = 0.05
PROBE_TIMEOUT_SECONDS: Final = 2
GATEWAY: Final = "gateway"
JARS: Final = ROOT / ".runtime" / "kafka-lib"
NODE_MODULES: Final = ROOT / "node_modules"
CHAIN_ID: Final = 31_337
STATE_INTERVAL_SECONDS: Final = 1
"""How much of the chain a killed node may forget."""


class Cluster:
    """One cluster, by its folder. `services` and `processes` say what `start` starts."""

    def __init__(
        self,
        runtime: Path,
        services: Collection[Service] = SERVICES,
        processes: Sequence[Process] = PROCESSES,
        say: Callable[[str], None] = lambda _: None,
        found: Callable[[ClusterDescription], object] = lambda _: None,
    ) -> None:
        """Touch nothing yet. `say` is told about progress, a line at a time.

        `found` makes the institution once services answer and before our processes start: its keys and its genesis.
        It is called at every start, and changes nothing that is there.
        """
        self._runtime = Runtime(runtime.resolve())
        self._services = services
        self._processes = processes
        self._say = say
        self._found = found

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it and keep what it knows."""
        self.stop()

    @cached_property
    def _supervisor(self) -> Supervisor:
        return Supervisor(self._runtime)

    @property
    def ports(self) -> dict[str, int]:
        """Its ports by name, once chosen the same for ever."""
        return self._runtime.ports()

    @property
    def description(self) -> ClusterDescription:
        """What its processes know about it, once it is prepared."""
        ports = self._runtime.ports()
        token = self._runtime.folder / "hsm"
        return ClusterDescription(
            runtime=self._runtime.folder,
            # A name, not an address: WebAuthn binds keys to a domain (WebAuthn Level 3, section 5.1.3).
            http=f"http://localhost:{ports['http']}",
            node=f"http://{LOOPBACK}:{ports['node']}",
            postgres=f"postgresql://{LOOPBACK}:{ports['postgres']}/{DATABASE}",
            kafka_bootstrap=f"{LOOPBACK}:{ports['kafka']}",
            token=TokenPlace(
                module=softhsm.find_module(),
                label=softhsm.TOKEN_LABEL,
                pin_file=token / "pin",
                config_file=token / "softhsm2.conf",
            ),
        )

    def start(self) -> ClusterDescription:
        """Start what is not running. Raises ClusterError, after which nothing of it runs."""
        with self._runtime.alone():
            self._runtime.prepare()
            if self._supervisor.pid is None:
                self._supervisor.stop()  # what a killed supervisord left behind
                self._check_ports()
                with self._nothing_left_on_failure():
                    self._start()
            return self.description

    def stop(self, *, delete: bool = False) -> None:
        """Stop every process of it, and with `delete` forget all it knew. Raises ClusterError."""
        if not (self._runtime.folder / "ports.json").exists():
            return
        with self._runtime.alone():
            self._supervisor.stop()
        if delete:
            shutil.rmtree(self._runtime.folder)

    def running(self) -> tuple[Running, ...]:
        """Every program with its state; empty when the cluster is down. Raises ClusterError."""
        if not (self._runtime.folder / "ports.json").exists() or self._supervisor.pid is None:
            return ()
        return self._supervisor.running()

    def restart_process(self, name: str) -> None:
        """Stop one program and start it again; `name` as `running` shows it. Raises ClusterError."""
        self._supervisor.restart(self._full_name(name))

    def stop_process(self, name: str) -> None:
        """Stop one program until `start_process`. Raises ClusterError."""
        self._supervisor.stop_program(self._full_name(name))

    def start_process(self, name: str) -> None:
        """Start one program that was stopped. Raises ClusterError."""
        self._supervisor.start_program(self._full_name(name))

    def kill(self, name: str, signal: signals.Signals = signals.SIGKILL) -> int:
        """Send one program a signal, behind the supervisor's back, and return the process id it had. Raises ClusterError."""
        pid = next((each.pid for each in self.running() if each.name == name), 0)
        if not pid:
            raise ClusterError(f"{name} is not running; see make status")
        os.kill(pid, signal)
        return pid

    def await_service(self, service: Service) -> None:
        """Wait until a service answers again. Raises NotReady."""
        self._await(service, self._probes[service])

    def _start(self) -> None:
        """Prepare and start; each step says what it does."""
        began = time.monotonic()
        self._say("preparing storage")
        with ThreadPoolExecutor() as pool:
            for done in [pool.submit(step) for step in self._preparations()]:
                done.result()
        description = self.description
        write_private(self._runtime.folder / FILE, description.model_dump_json(indent=2).encode())
        self._say("starting services")
        self._supervisor.start([*self._service_programs(), *self._process_programs()])
        with ThreadPoolExecutor() as pool:
            for done in [pool.submit(step) for step in self._completions(description)]:
                done.result()
        if self._processes:
            self._found(description)
            self._supervisor.start_processes()
            self._say(f"started {', '.join(each.name for each in self._processes)}")
        if any(each.name == GATEWAY for each in self._processes):
            self._await(GATEWAY, self._gateway_answers)
        self._say(f"ready in {time.monotonic() - began:.1f} s")

    def _preparations(self) -> Iterator[Callable[[], object]]:
        if "kafka" in self._services:
            yield self._broker.prepare
        if "postgres" in self._services:
            yield self._database.prepare
        if "token" in self._services:
            yield lambda: softhsm.initialise(self._runtime.folder)

    def _completions(self, description: ClusterDescription) -> Iterator[Callable[[], object]]:
        if "kafka" in self._services:
            yield lambda: self._complete("kafka", lambda: topics.create(clients.admin(description, "admin")))
        if "postgres" in self._services:
            yield lambda: self._complete("postgres", self._database.create_roles)
        if "node" in self._services:
            yield lambda: self._complete("node", lambda: self._deploy_world(description))

    def _complete(self, service: Service, work: Callable[[], object]) -> None:
        began = time.monotonic()
        self._await(service, self._probes[service])
        answered = time.monotonic()
        work()
        self._say(f"{service} answers after {answered - began:.1f} s, complete after {time.monotonic() - began:.1f} s")

    def _deploy_world(self, description: ClusterDescription) -> None:
        if "world" in self._services:
            deploy(description.node, read_private(description.mnemonic_file).decode().strip(), description.world_file)

    @property
    def _probes(self) -> dict[str, Callable[[], bool]]:
        return {"kafka": self._kafka_answers, "postgres": self._database.answers, "node": self._node_answers}

    def _await(self, name: str, answers: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY_SECONDS_MAX
        while not answers():
            if time.monotonic() > deadline:
                raise NotReady(name, READY_SECONDS_MAX, self._runtime.logs / f"{name}.log")
            time.sleep(PROBE_SECONDS)

    def _kafka_answers(self) -> bool:
        if is_free(self._runtime.ports()["kafka"]):  # a client that knocks too early backs off for longer than this takes
            return False
        try:
            clients.admin(self.description, "admin").list_topics(timeout=1)
        except KafkaException:
            return False
        return True

    def _node_answers(self) -> bool:
        try:
            with Node(self.description.node) as node:
                return node.chain_id() == CHAIN_ID
        except NodeError:
            return False

    def _gateway_answers(self) -> bool:
        """Whether a command sent now would be answered: the gateway says so itself."""
        try:
            return httpx.get(f"{self.description.http}/readyz", timeout=PROBE_TIMEOUT_SECONDS).is_success
        except httpx.TransportError:
            return False

    @property
    def _broker(self) -> Broker:
        if not JARS.is_dir():
            raise ClusterError(f"no Kafka jars in {JARS}; run make setup")
        ports = self._runtime.ports()
        passwords = {each: self._runtime.password(f"kafka-{each}.json") for each in KAFKA_PRINCIPALS}
        return Broker(self._runtime.kafka, JARS, ports["kafka"], ports["controller"], passwords)

    @property
    def _database(self) -> PostgresServer:
        passwords = {each: self._runtime.password(f"postgres-{each}.json") for each in POSTGRES_ROLES}
        return PostgresServer(self._runtime.postgres, self._runtime.ports()["postgres"], passwords)

    def _service_programs(self) -> Iterator[Program]:
        if "kafka" in self._services:
            yield Program("kafka", tuple(self._broker.command()), service=True)
        if "postgres" in self._services:
            command = tuple(self._database.command())
            yield Program("postgres", command, service=True, user=system_user(), stop_signal="INT")
        if "node" in self._services:
            yield Program("node", tuple(self._node_command()), service=True)

    def _node_command(self) -> list[str]:
        """Anvil without accounts of its own: whoever wants money on this chain is given it by the world's issuer."""
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

    def _process_programs(self) -> Iterator[Program]:
        for process in self._processes:
            for number, name in enumerate(process.instances):
                environment = {
                    RUNTIME_VARIABLE: str(self._runtime.folder),
                    "PROOFDESK_PRINCIPAL": process.principal,
                    "PROOFDESK_INSTANCE": str(number),
                }
                yield Program(name, (sys.executable, "-m", process.module), environment)

    def _full_name(self, name: str) -> str:
        return f"{'services' if name in SERVICES else 'processes'}:{name}"

    def _check_ports(self) -> None:
        taken = {name: port for name, port in self._runtime.ports().items() if not is_free(port)}
        if taken:
            shown = ", ".join(f"{port} ({name})" for name, port in taken.items())
            raise ClusterError(
                f"other programs listen on {shown}; stop them, or forget this cluster with make down ARGS=--delete"
            )

    @contextmanager
    def _nothing_left_on_failure(self) -> Iterator[None]:
        try:
            yield
        except subprocess.CalledProcessError as failure:
            self._supervisor.stop()
            raise ClusterError(f"{failure.cmd[0]} failed: {failure.stderr or failure.stdout}") from failure
        except BaseException:
            self._supervisor.stop()
            raise
