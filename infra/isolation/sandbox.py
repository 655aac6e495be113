"""Confines a process after its imports and before it touches a key.

Forbids all files and TCP ports but the listed ones, all other sockets, listening, new programs and core dumps. It needs no
privileges, cannot be undone, and binds everything that the process starts later. Running threads are not bound, so the
process must have none: confine first, then start Kafka and telemetry.
Reports each part that the kernel lacks; `demand_complete` refuses to go on without it.
Leaves out a user, a network, and memory and CPU bounds of its own: the service manager sets them (see the systemd unit).
"""

import ctypes
import resource
import sys
import sysconfig
import threading
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from infra.isolation import landlock, syscall_filter

PR_SET_DUMPABLE: Final = 4
PORT_MAX: Final = 65_535
# Python, OpenSSL and the C library open these late: libraries and modules, time zones, certificates, names of hosts.
SYSTEM_PATHS: Final = (
    Path("/usr/lib"),
    Path("/lib"),
    Path("/lib64"),
    Path("/etc/ld.so.cache"),
    Path("/etc/ssl"),
    Path("/etc/hosts"),
    Path("/etc/nsswitch.conf"),
    Path("/etc/resolv.conf"),
    Path("/etc/localtime"),
    Path("/usr/share/zoneinfo"),
    Path("/dev/urandom"),
    Path("/dev/null"),
)

log = structlog.get_logger(__name__)


class ConfinementRefused(Exception):
    """The process cannot be confined as asked; the message names what to change."""


class ThreadsRunning(ConfinementRefused):
    """Threads already run and would not be confined."""

    def __init__(self, count: int) -> None:
        """Give the number of threads, this one included."""
        super().__init__(f"{count} threads already run and would not be confined; confine before starting any")


class ConfinementIncomplete(ConfinementRefused):
    """The machine cannot enforce every part, and the caller demanded all."""

    def __init__(self, missing: tuple[str, ...]) -> None:
        """Name the parts that are missing."""
        super().__init__(
            f"this machine cannot enforce: {', '.join(missing)}; it takes Linux 6.7 or newer with Landlock on, and libseccomp2"
        )
        self.missing = missing


@dataclass(frozen=True, slots=True)
class Confinement:
    """The parts that are enforced on this process."""

    landlock_abi: int
    files: bool
    ports: bool
    scopes: bool
    syscalls: bool

    @property
    def missing(self) -> tuple[str, ...]:
        """Return the parts that are not enforced. Scopes are not counted: the system-call filter covers their sockets."""
        parts = {"files": self.files, "ports": self.ports, "system calls": self.syscalls}
        return tuple(name for name, enforced in parts.items() if not enforced)

    @property
    def complete(self) -> bool:
        """Return True if every part is enforced."""
        return not self.missing


def runtime_paths() -> tuple[Path, ...]:
    """Return the existing paths that the interpreter and its libraries may read after their imports."""
    own = (Path(sys.prefix), Path(sys.base_prefix), *(Path(path) for path in sysconfig.get_paths().values()))
    return tuple(path for path in dict.fromkeys((*own, *SYSTEM_PATHS)) if path.exists())


def confine(
    *,
    read: Collection[Path],
    write: Collection[Path],
    connect_ports: Collection[int],
    demand_complete: bool,
) -> Confinement:
    """Confine this process for good and return the enforced parts.

    Files are allowed below `read` and `write`, outgoing TCP to `connect_ports`. With `demand_complete`, raises
    ConfinementIncomplete before anything is enforced when this machine lacks a part; otherwise logs a warning.
    Raises ThreadsRunning, and ConfinementRefused for a path that does not exist or a number that is no port.
    """
    _check(read, write, connect_ports)
    offered = landlock.abi()
    missing = Confinement(
        offered,
        files=offered > landlock.ABI_NONE,
        ports=offered >= landlock.ABI_TCP,
        scopes=offered >= landlock.ABI_SCOPES,
        syscalls=syscall_filter.available(),
    ).missing
    if missing and demand_complete:
        raise ConfinementIncomplete(missing)
    _forbid_core_dumps()
    ruleset = landlock.restrict(read, write, connect_ports)
    if syscall_filter.available():
        syscall_filter.load()
    confinement = Confinement(ruleset.abi, ruleset.files, ruleset.ports, ruleset.scopes, syscalls=syscall_filter.available())
    if confinement.complete:
        log.info("confined", landlock_abi=confinement.landlock_abi, scopes=confinement.scopes)
    else:
        log.warning("confinement incomplete", missing=list(confinement.missing), landlock_abi=confinement.landlock_abi)
    return confinement


def _check(read: Collection[Path], write: Collection[Path], connect_ports: Collection[int]) -> None:
    for path in (*read, *write):
        if not path.exists():
            raise ConfinementRefused(f"{path} does not exist; create it first, or leave it out")
    for port in connect_ports:
        if not 0 < port <= PORT_MAX:
            raise ConfinementRefused(f"{port} is not a TCP port; give numbers from 1 to {PORT_MAX}")
    if (count := _running_threads()) > 1:
        raise ThreadsRunning(count)


def _running_threads() -> int:
    """Count this process's threads, those of C libraries too."""
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.exists() else threading.active_count()


def _forbid_core_dumps() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux" and ctypes.CDLL(None, use_errno=True).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise ConfinementRefused("the kernel refused PR_SET_DUMPABLE; check what else filters this process")
