"""A Kafka broker for one cluster: its settings, its storage, its command line (KRaft, KIP-500; one node is both roles).

Decides who may connect. Both listeners are on the loopback and ask for a password: clients' with SCRAM-SHA-256
(RFC 7677, KIP-84), the controllers' with PLAIN, whose users stand in the broker's own settings, since SCRAM users live in
the metadata that this very listener serves. Nobody is anonymous, so ANONYMOUS need not be a super user, as it must be
with an open controller listener, over which any local program could then write metadata, access lists included.
Leaves out TLS and several nodes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra.identity.private_file import write_private

HEAP_MB_MAX: Final = 640
MESSAGE_BYTES_MAX: Final = 16_777_216
"""Snapshots are the only large records."""
SEGMENT_INDEX_BYTES_MAX: Final = 1_048_576
SESSION_MS: Final = 4_000
"""A killed broker is let in again once its former session is over: after 7 s on an idle machine; with Kafka's 9,000, 14."""
HEARTBEAT_MS: Final = 1_000
FORMAT_SECONDS_MAX: Final = 60
QUICK_COMPILER: Final = "-XX:TieredStopAtLevel=1"
"""Compile quickly, not best: starting takes 3.8 s of CPU instead of 6.7, and no compiler takes a core from our processes."""


@dataclass(frozen=True, slots=True)
class Broker:
    """One broker. `passwords` holds every principal's, `broker`'s and `controller`'s among them."""

    folder: Path
    jars: Path
    port: int
    controller_port: int
    passwords: Mapping[str, str]

    @property
    def settings_file(self) -> Path:
        """The broker's properties; they hold passwords."""
        return self.folder / "server.properties"

    def command(self) -> list[str]:
        """The command line that serves until it is told to stop."""
        return [
            java(),
            f"-Xmx{HEAP_MB_MAX}m",
            f"-Xms{HEAP_MB_MAX // 2}m",
            QUICK_COMPILER,
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-cp",
            f"{self.jars}/*",
            "kafka.Kafka",
            str(self.settings_file),
        ]

    def prepare(self) -> None:
        """Write the settings, and format the storage once. Raises subprocess.CalledProcessError, FileNotFoundError."""
        write_private(self.settings_file, self._properties().encode())
        if not (self._data / "meta.properties").exists():
            self._format()

    @property
    def _data(self) -> Path:
        return self.folder / "log"

    def _format(self) -> None:
        """Users go in through an argument file: arguments themselves are readable by everyone on the machine."""
        arguments = ["format", "--cluster-id", _cluster_id(), "--config", str(self.settings_file)]
        for user, password in self.passwords.items():
            arguments += ["--add-scram", f"SCRAM-SHA-256=[name={user},password={password}]"]
        file = self.folder / "format.arguments"
        write_private(file, "\n".join(arguments).encode())
        try:
            subprocess.run(  # noqa: S603 - our own jars
                [java(), QUICK_COMPILER, "-cp", f"{self.jars}/*", "kafka.tools.StorageTool", f"@{file}"],
                check=True,
                capture_output=True,
                text=True,
                timeout=FORMAT_SECONDS_MAX,
            )
        finally:
            file.unlink()

    def _properties(self) -> str:
        controller = self.passwords["controller"]
        login = "org.apache.kafka.common.security"
        return "".join(
            f"{key}={value}\n"
            for key, value in {
                "process.roles": "broker,controller",
                "node.id": 1,
                "controller.quorum.voters": f"1@127.0.0.1:{self.controller_port}",
                "listeners": f"CLIENTS://127.0.0.1:{self.port},CONTROLLERS://127.0.0.1:{self.controller_port}",
                "advertised.listeners": f"CLIENTS://127.0.0.1:{self.port}",
                "listener.security.protocol.map": "CLIENTS:SASL_PLAINTEXT,CONTROLLERS:SASL_PLAINTEXT",
                "controller.listener.names": "CONTROLLERS",
                "inter.broker.listener.name": "CLIENTS",
                "sasl.enabled.mechanisms": "SCRAM-SHA-256",
                "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-256",
                "sasl.mechanism.controller.protocol": "PLAIN",
                "listener.name.controllers.sasl.enabled.mechanisms": "PLAIN",
                "listener.name.clients.scram-sha-256.sasl.jaas.config": f"{login}.scram.ScramLoginModule required "
                f'username="broker" password="{self.passwords["broker"]}";',
                "listener.name.controllers.plain.sasl.jaas.config": f"{login}.plain.PlainLoginModule required "
                f'username="controller" password="{controller}" user_controller="{controller}";',
                "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "super.users": "User:admin;User:broker;User:controller",
                "log.dirs": self._data,
                "log.retention.ms": -1,
                "log.index.size.max.bytes": SEGMENT_INDEX_BYTES_MAX,
                "broker.session.timeout.ms": SESSION_MS,
                "broker.heartbeat.interval.ms": HEARTBEAT_MS,
                "message.max.bytes": MESSAGE_BYTES_MAX,
                "auto.create.topics.enable": "false",
                "group.initial.rebalance.delay.ms": 0,
                "offsets.topic.replication.factor": 1,
                "offsets.topic.num.partitions": 8,
                "transaction.state.log.replication.factor": 1,
                "transaction.state.log.min.isr": 1,
                "transaction.state.log.num.partitions": 8,
                "share.coordinator.state.topic.replication.factor": 1,
                "share.coordinator.state.topic.min.isr": 1,
            }.items()
        )


def java() -> str:
    """The Java launcher: JAVA_HOME's, else PATH's. Raises FileNotFoundError."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    if found is None:
        raise FileNotFoundError("java is not on PATH; run make setup, or set JAVA_HOME")
    return found


def _cluster_id() -> str:
    """A random id as Kafka writes them; never one that begins with a dash, which its own tool takes for an option."""
    identity = uuid.uuid4().bytes
    return urlsafe_b64encode(bytes([identity[0] & 0x7F]) + identity[1:]).rstrip(b"=").decode()
