"""Prepares a Kafka broker's storage and builds its command line (KRaft, KIP-500; each node is broker and controller).

`infra.kafka.properties` builds its settings.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra.identity.private_file import write_private
from infra.kafka.properties import Seat, properties

HEAP_MB_MAX: Final = 640
HEAP_AMONG_OTHERS_MB_MAX: Final = 384
FORMAT_SECONDS_MAX: Final = 60
QUICK_COMPILER: Final = "-XX:TieredStopAtLevel=1"
"""Compile quickly, not best: a start takes 3.8 s of CPU instead of 6.7, and no compiler takes a core from our processes."""


@dataclass(frozen=True, slots=True)
class Broker:
    """The broker at `seat`, one of `seats`. `passwords` holds those of all principals, `broker` and `controller` included."""

    folder: Path
    jars: Path
    seat: Seat
    seats: tuple[Seat, ...]
    cluster_id: str
    """The same for all brokers of a cluster; only new storage takes it."""
    passwords: Mapping[str, str]

    @property
    def settings_file(self) -> Path:
        """Return the path of the broker's properties; they hold passwords."""
        return self.folder / "server.properties"

    def command(self) -> list[str]:
        """Return the command line of the broker."""
        heap_mb = HEAP_MB_MAX if len(self.seats) == 1 else HEAP_AMONG_OTHERS_MB_MAX
        return [
            java(),
            f"-Xmx{heap_mb}m",
            f"-Xms{heap_mb // 2}m",
            QUICK_COMPILER,
            *_archived(self.jars),
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-cp",
            f"{self.jars}/*",
            "kafka.Kafka",
            str(self.settings_file),
        ]

    def supervised_command(self) -> list[str]:
        """Return the supervisor's command line. In a cluster of several, a restarted broker waits until others replaced it."""
        if len(self.seats) == 1:
            return self.command()
        return [sys.executable, "-m", "infra.kafka.rejoin", str(self.seat.number), str(self.folder), *self.command()]

    def prepare(self) -> None:
        """Write the settings, and format the storage once. Raises subprocess.CalledProcessError, FileNotFoundError."""
        settings = properties(self.seat, self.seats, self._data, self.passwords)
        write_private(self.settings_file, "".join(f"{key}={value}\n" for key, value in settings.items()).encode())
        if not (self._data / "meta.properties").exists():
            self._format()

    @property
    def _data(self) -> Path:
        return self.folder / "log"

    def _format(self) -> None:
        """Format the storage. Users go in through an argument file: every user of the machine can read arguments."""
        arguments = ["format", "--cluster-id", self.cluster_id, "--config", str(self.settings_file)]
        for user, password in self.passwords.items():
            arguments += ["--add-scram", f"SCRAM-SHA-256=[name={user},password={password}]"]
        file = self.folder / "format.arguments"
        write_private(file, "\n".join(arguments).encode())
        try:
            subprocess.run(  # noqa: S603 - our own jars
                [java(), QUICK_COMPILER, *_archived(self.jars), "-cp", f"{self.jars}/*", "kafka.tools.StorageTool", f"@{file}"],
                check=True,
                capture_output=True,
                text=True,
                timeout=FORMAT_SECONDS_MAX,
            )
        finally:
            file.unlink()


def archive_of(jars: Path) -> Path:
    """Return the path at which `infra.kafka.class_archive` keeps the classes of these jars."""
    return jars / "classes.jsa"


def _archived(jars: Path) -> list[str]:
    """Return Java's options for the archive of classes, if there is one."""
    archive = archive_of(jars)
    return [f"-XX:SharedArchiveFile={archive}", "-Xlog:cds*=off"] if archive.exists() else []


def java() -> str:
    """Return the Java launcher: JAVA_HOME's, else PATH's. Raises FileNotFoundError."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    if found is None:
        raise FileNotFoundError("java is not on PATH; run make setup, or set JAVA_HOME")
    return found


def new_cluster_id() -> str:
    """Return a random cluster id; never one that begins with a dash, which Kafka's own tool takes for an option."""
    identity = uuid.uuid4().bytes
    return urlsafe_b64encode(bytes([identity[0] & 0x7F]) + identity[1:]).rstrip(b"=").decode()
