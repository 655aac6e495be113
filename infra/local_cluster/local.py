"""Starts and stops a cluster on this machine, down to the last process.

Prepares storage and secrets, starts services side by side, creates topics, roles and contracts on them, then starts our own
processes. Every wait has a bound, and a start that fails leaves nothing running.
"""

from __future__ import annotations

import os
import shutil
import signal as signals
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Final, Self

import httpx
import psycopg
from confluent_kafka import KafkaException

from infra.chain.rpc import NodeError
from infra.chain.world.outbox import WorldBroken
from infra.hsm import softhsm
from infra.hsm.errors import TokenError
from infra.identity.private_file import write_private
from infra.local_cluster.errors import ClusterError
from infra.local_cluster.processes import PROCESSES, Process
from infra.local_cluster.runtime import LOOPBACK, Runtime, is_broker, is_free
from infra.local_cluster.services import SERVICES, Service, Services, await_answer
from infra.local_cluster.supervision import Program, Running, Supervisor
from infra.postgres.server import DATABASE
from infra.settings.description import FILE, RUNTIME_VARIABLE, ClusterDescription, TokenPlace

PROBE_TIMEOUT_SECONDS: Final = 2
GATEWAY: Final = "gateway"
OUTSIDE_FAULTS: Final = (KafkaException, psycopg.Error, NodeError, WorldBroken, TokenError, OSError, subprocess.TimeoutExpired)


class Cluster:
    """One cluster, by its folder. `services` and `processes` say what `start` starts."""

    def __init__(  # noqa: PLR0913 - wired once, by name
        self,
        runtime: Path,
        services: Collection[Service] = SERVICES,
        processes: Sequence[Process] = PROCESSES,
        say: Callable[[str], None] = lambda _: None,
        found: Callable[[ClusterDescription], object] = lambda _: None,
        *,
        brokers: int | None = None,
    ) -> None:
        """Touch nothing yet. `say` receives progress, a line at a time.

        `brokers` is the number of a new cluster's brokers; None: one, or as many as the cluster has.

        `found` makes the institution's keys and genesis once services answer and before our processes start. Each start
        calls it; it must change nothing that exists.
        """
        self._runtime = Runtime(runtime.resolve(), brokers)
        self._services = Services(self._runtime, services)
        self._processes = processes
        self._say = say
        self._found = found

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it and keep its data."""
        self.stop()

    @cached_property
    def _supervisor(self) -> Supervisor:
        return Supervisor(self._runtime)

    @property
    def ports(self) -> dict[str, int]:
        """Its ports by name; once chosen they stay the same."""
        return self._runtime.ports()

    @property
    def description(self) -> ClusterDescription:
        """Its description for processes, once it is prepared."""
        ports = self._runtime.ports()
        token = self._runtime.folder / "hsm"
        return ClusterDescription(
            runtime=self._runtime.folder,
            # A name, not an address: WebAuthn binds keys to a domain (WebAuthn Level 3, section 5.1.3).
            http=f"http://localhost:{ports['http']}",
            node=f"http://{LOOPBACK}:{ports['node']}",
            postgres=f"postgresql://{LOOPBACK}:{ports['postgres']}/{DATABASE}",
            kafka_bootstrap=",".join(f"{LOOPBACK}:{ports[name]}" for name in self._runtime.brokers),
            token=TokenPlace(
                module=softhsm.find_module(),
                label=softhsm.TOKEN_LABEL,
                pin_file=token / "pin",
                config_file=token / "softhsm2.conf",
            ),
        )

    def start(self) -> ClusterDescription:
        """Start every program that is not running. Raises ClusterError, after which none of its programs runs."""
        with self._runtime.alone():
            self._runtime.prepare()
            if self._supervisor.pid is None:
                self._supervisor.stop()  # the programs that a killed supervisord left behind
                self._check_ports()
                with self._nothing_left_on_failure():
                    self._start_services()
                    self._complete()
            else:
                self._check_programs()
                with self._faults_explained():  # complete an interrupted start
                    self._complete()
            return self.description

    def stop(self, *, delete: bool = False) -> None:
        """Stop every process of it, and with `delete` remove all of its data. Raises ClusterError."""
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
        self._services.await_answer(service, self.description)

    def _start_services(self) -> None:
        self._say("preparing storage")
        _side_by_side(self._services.preparations())
        content = self.description.model_dump_json(indent=2).encode()
        write_private(self._runtime.folder / FILE, content)
        self._say("starting services")
        self._supervisor.start(self._programs())

    def _complete(self) -> None:
        """Bring running services to a system that answers; change nothing that exists."""
        began, description = time.monotonic(), self.description
        _side_by_side(self._services.completions(description, self._say))
        if self._processes:
            self._found(description)
            self._supervisor.start_processes()
            self._say(f"started {', '.join(each.name for each in self._processes)}")
        if any(each.name == GATEWAY for each in self._processes):
            await_answer(GATEWAY, self._gateway_answers, self._runtime)
        self._say(f"ready after {time.monotonic() - began:.1f} s")

    def _programs(self) -> list[Program]:
        return [*self._services.programs(), *self._process_programs()]

    def _gateway_answers(self) -> bool:
        """Return True if the gateway reports that it would answer a command now."""
        try:
            return httpx.get(f"{self.description.http}/readyz", timeout=PROBE_TIMEOUT_SECONDS).is_success
        except httpx.TransportError:
            return False

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
        return f"{'services' if name in SERVICES or is_broker(name) else 'processes'}:{name}"

    def _check_ports(self) -> None:
        taken = {name: port for name, port in self._runtime.ports().items() if not is_free(port)}
        if taken:
            shown = ", ".join(f"{port} ({name})" for name, port in taken.items())
            raise ClusterError(
                f"other programs listen on {shown}; stop them, or forget this cluster with make down ARGS=--delete"
            )

    def _check_programs(self) -> None:
        lacking = {program.name for program in self._programs()} - {each.name for each in self._supervisor.running()}
        if lacking:
            raise ClusterError(f"the cluster runs without {', '.join(sorted(lacking))}; run make down, then start it again")

    @contextmanager
    def _nothing_left_on_failure(self) -> Iterator[None]:
        try:
            with self._faults_explained():
                yield
        except BaseException:
            self._supervisor.stop()
            raise

    @contextmanager
    def _faults_explained(self) -> Iterator[None]:
        """Turn errors of other programs and the system into ClusterError; let our own bugs through."""
        try:
            yield
        except subprocess.CalledProcessError as failure:
            raise ClusterError(f"{failure.cmd[0]} failed: {failure.stderr or failure.stdout}") from failure
        except OUTSIDE_FAULTS as failure:
            raise ClusterError(f"{type(failure).__name__}: {failure}; see {self._runtime.logs}") from failure


def _side_by_side(steps: Iterable[Callable[[], object]]) -> None:
    with ThreadPoolExecutor() as pool:
        for done in [pool.submit(step) for step in steps]:
            done.result()
