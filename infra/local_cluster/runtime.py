"""Lays out the folder of one cluster: its data, its ports and its secrets.

A cluster owns one folder and nothing outside it. Its ports stay once chosen, since FIDO2 keys are bound to the gateway's
origin. Secrets are random, one file each, mode 0600. Ports lie below 32768: above, clients' ephemeral ports could take one
while its server is down.
"""

from __future__ import annotations

import fcntl
import json
import random
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args

from infra.identity.private_file import PRIVATE_FOLDER_MODE, create_private, read_private
from infra.kafka.server import new_cluster_id
from infra.local_cluster.errors import ClusterError
from schemas.catalogue import GENERATION
from schemas.topics import COSIGNERS, Principal

ROOT: Final = Path(__file__).parents[2]
"""The repository's folder."""
LOOPBACK: Final = "127.0.0.1"
PORT_MIN: Final = 20_000
PORT_MAX: Final = 32_767
PORT_NAMES: Final = ("http", "node", "postgres", "supervisor")
"""The ports beside the brokers', which have two each."""
BROKER: Final = "kafka"
PASSWORD_RANDOM_BYTES: Final = 24
MNEMONIC_WORDS: Final = 12

KAFKA_PRINCIPALS: Final = (*get_args(Principal), "admin", "broker", "controller")
"""Components, and the principals of topics: `admin` creates them, `broker` and `controller` serve them."""
POSTGRES_ROLES: Final = ("owner", "projector", "reader")
TRAVERSE_ONLY_MODE: Final = 0o711
"""PostgreSQL refuses to run as root: its own user must pass through these folders without listing them."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """The folder of one cluster. The number of brokers is set when it is new, and stays."""

    folder: Path
    brokers_wanted: int | None = None
    """None: as many as the cluster has; one when it is new."""

    @property
    def logs(self) -> Path:
        """Return the folder of the processes' output, one file each."""
        return self.folder / "logs"

    @property
    def brokers(self) -> tuple[str, ...]:
        """Return the names of its brokers, also of their ports, programs and folders."""
        return tuple(sorted(filter(is_broker, self.ports())))

    @property
    def postgres(self) -> Path:
        """PostgreSQL's data directory."""
        return self.folder / "postgres"

    @property
    def chain(self) -> Path:
        """Return the folder of the chain node's state."""
        return self.folder / "chain"

    def secret(self, name: str) -> Path:
        """Return the file of one secret."""
        return self.folder / "secrets" / name

    def prepare(self) -> None:
        """Make missing folders and secrets.

        Raises:
            ClusterError: this version cannot read the cluster's logs.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._check_generation()
        self._check_principals()
        self.folder.chmod(TRAVERSE_ONLY_MODE)
        brokers = [self.folder / name for name in self.brokers]
        cosigners = [self.folder / name for name in COSIGNERS]
        for folder in (self.folder / "secrets", self.logs, *brokers, self.chain, *cosigners):
            folder.mkdir(mode=PRIVATE_FOLDER_MODE, exist_ok=True)
        for principal in KAFKA_PRINCIPALS:
            self._credentials(f"kafka-{principal}.json", principal)
        for role in POSTGRES_ROLES:
            self._credentials(f"postgres-{role}.json", role)
        self._credentials("supervisor.json", "proofdesk")
        if not self.secret("chain-mnemonic").exists():
            from eth_account.hdaccount import generate_mnemonic  # noqa: PLC0415 - 0.3 s, once in a cluster's life
            from eth_account.types import Language  # noqa: PLC0415 - as above

            create_private(self.secret("chain-mnemonic"), generate_mnemonic(MNEMONIC_WORDS, Language.ENGLISH).encode())

    def _check_generation(self) -> None:
        """Refuse logs of another generation once and first, before each process refuses them."""
        mark = self.folder / "generation"
        if not mark.exists() and not (self.folder / "secrets").exists():
            mark.write_text(f"{GENERATION}\n", "ascii")
        found = mark.read_text("ascii").strip() if mark.exists() else "1"
        if found != str(GENERATION):
            raise ClusterError(
                f"{self.folder} holds logs of generation {found}, and this version reads generation {GENERATION} "
                "(docs/adr/0008): delete them with make down ARGS=--delete, or run the version that wrote them"
            )

    def _check_principals(self) -> None:
        """Refuse a cluster that gave rights to principals that this version does not have."""
        known = {f"kafka-{principal}.json" for principal in KAFKA_PRINCIPALS}
        unknown = sorted(file.name for file in (self.folder / "secrets").glob("kafka-*.json") if file.name not in known)
        if unknown:
            raise ClusterError(
                f"{self.folder} was made by another version: it has {', '.join(unknown)}. "
                "Delete it with make down ARGS=--delete, or run the version that made it"
            )

    def password(self, name: str) -> str:
        """Return the password in the credentials file `name`."""
        return str(json.loads(read_private(self.secret(name)))["password"])

    def _credentials(self, name: str, username: str) -> None:
        path = self.secret(name)
        if not path.exists():
            content = {"username": username, "password": secrets.token_urlsafe(PASSWORD_RANDOM_BYTES)}
            create_private(path, json.dumps(content).encode())

    def ports(self) -> dict[str, int]:
        """Return the cluster's ports by name, chosen at the first call. Raises ClusterError: no free ports, other brokers."""
        path = self.folder / "ports.json"
        known: dict[str, int] = json.loads(path.read_bytes()) if path.exists() else {}
        brokers = [name for name in known if is_broker(name)] or broker_names(self.brokers_wanted or 1)
        if self.brokers_wanted not in (None, len(brokers)):
            raise ClusterError(
                f"this cluster was made with {len(brokers)} broker(s), not {self.brokers_wanted}; "
                "leave out --brokers, or delete it with make down ARGS=--delete"
            )
        wanted = [*PORT_NAMES, *brokers, *map(controller_of, brokers)]
        lacking = [name for name in wanted if name not in known]
        if lacking:
            known |= zip(lacking, _free_ports(len(lacking), self._ports_of_neighbours() | set(known.values())), strict=True)
            draft = path.with_suffix(".draft")
            draft.write_text(json.dumps(known))
            draft.replace(path)  # neighbours may be reading it
        return known

    def _ports_of_neighbours(self) -> set[int]:
        """Return the ports of the other clusters beside this one, which may be down now."""
        files = self.folder.parent.glob("*/ports.json")
        return {port for file in files for port in json.loads(file.read_bytes()).values()}

    def kafka_cluster_id(self) -> str:
        """Return the cluster id in all brokers' storage."""
        path = self.folder / "kafka-cluster-id"
        if not path.exists():
            create_private(path, new_cluster_id().encode())
        return path.read_text("ascii")

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Lock the cluster for one start or stop. Raises ClusterError when another process holds the lock."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise ClusterError(f"another process is starting or stopping {self.folder}; wait until it is done") from None
            yield


def broker_names(count: int) -> tuple[str, ...]:
    """Return the brokers' names; a single broker has no number."""
    return (BROKER,) if count == 1 else tuple(f"{BROKER}-{number}" for number in range(1, count + 1))


def is_broker(name: str) -> bool:
    """Return True if a program or port is a broker's."""
    return name.partition("-")[0] == BROKER


def controller_of(broker: str) -> str:
    """Return the name of the broker's controller port."""
    return broker.replace(BROKER, "controller")


def is_free(port: int) -> bool:
    """Return True if a server could listen on the loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def _free_ports(count: int, taken: set[int]) -> list[int]:
    candidates = [port for port in range(PORT_MIN, PORT_MAX + 1) if port not in taken]
    random.SystemRandom().shuffle(candidates)  # two clusters that choose at the same moment rarely meet
    found: list[int] = []
    for port in candidates:
        if len(found) == count:
            return found
        if is_free(port):
            found.append(port)
    raise ClusterError(f"no {count} free ports between {PORT_MIN} and {PORT_MAX}; stop what holds them")
