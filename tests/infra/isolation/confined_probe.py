"""Confines itself, then tries an attacker's actions; prints each outcome as JSON."""

import ctypes
import json
import os
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from infra.isolation.sandbox import confine, runtime_paths

MSG_FASTOPEN: Final = 0x2000_0000
IPPROTO_MPTCP: Final = 262
CLONE_NEWUSER: Final = 0x1000_0000
SYSCALL_IO_URING_SETUP: Final = 425
IPC_PRIVATE: Final = 0


def connect(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=2):
        pass


def pair() -> None:
    for end in socket.socketpair():
        end.close()


def by_a_pair(address: str) -> None:
    """An end of a pair of datagram sockets needs no partner: it sends wherever it is told to."""
    for end in socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM):
        end.sendto(b"secret", address)


def bind() -> None:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))


def listen() -> None:
    with socket.socket() as door:
        door.listen()


def fast_open(port: int) -> None:
    with socket.socket() as line:
        line.sendto(b"secret", MSG_FASTOPEN, ("127.0.0.1", port))


def open_socket(family: int, kind: int, protocol: int = 0) -> None:
    socket.socket(family, kind, protocol).close()


def io_uring() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(SYSCALL_IO_URING_SETUP, 1, ctypes.create_string_buffer(120)) < 0:
        raise OSError(ctypes.get_errno(), "io_uring_setup")


def share_memory() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.shmget(IPC_PRIVATE, 1, 0o600) < 0:
        raise OSError(ctypes.get_errno(), "shmget")


def unshare() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) < 0:
        raise OSError(ctypes.get_errno(), "unshare")


def fork() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def thread() -> None:
    ran: list[bool] = []
    worker = threading.Thread(target=ran.append, args=(True,))
    worker.start()
    worker.join()
    if not ran:
        message = "the thread did not run"
        raise RuntimeError(message)


def in_a_thread(action: Callable[[], None]) -> None:
    failures: list[OSError] = []

    def attempt() -> None:
        try:
            action()
        except OSError as failure:
            failures.append(failure)

    worker = threading.Thread(target=attempt)
    worker.start()
    worker.join()
    if failures:
        raise failures[0]


def attempts(folder: Path, allowed: int, other: int, environment: Path) -> dict[str, Callable[[], object]]:
    return {
        "read what is listed": (folder / "readable" / "file").read_bytes,
        "write where listed": lambda: (folder / "writable" / "file").write_bytes(b"x"),
        "remove where listed": (folder / "writable" / "file").unlink,
        "connect to the listed port": lambda: connect(allowed),
        "make a pair of sockets": pair,
        "start a thread": thread,
        "fork": fork,
        "read another file": (folder / "hidden").read_bytes,
        "list another folder": lambda: list(folder.iterdir()),
        "write where only reading is listed": lambda: (folder / "readable" / "new").write_bytes(b"x"),
        "write to another folder": lambda: (folder / "new").write_bytes(b"x"),
        "let others read another file": lambda: (folder / "hidden").chmod(0o666),
        "give another file away": lambda: os.chown(folder / "hidden", os.getuid(), os.getgid()),
        "mark another file": lambda: os.setxattr(folder / "hidden", "user.mark", b"x"),
        "share memory": share_memory,
        "read another process's environment": environment.read_bytes,
        "connect to another port": lambda: connect(other),
        "connect to another port from a thread": lambda: in_a_thread(lambda: connect(other)),
        "connect by sending (TCP Fast Open)": lambda: fast_open(other),
        "bind": bind,
        "listen": listen,
        "execute": lambda: os.execv("/bin/true", ["true"]),  # noqa: S606 - it must fail
        "spawn": lambda: os.posix_spawn("/bin/true", ["true"], {}),
        "open a raw socket": lambda: open_socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
        "open a datagram socket": lambda: open_socket(socket.AF_INET, socket.SOCK_DGRAM),
        "open a multipath TCP socket": lambda: open_socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP),
        "open an SCTP socket": lambda: open_socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP),
        "open a Unix socket": lambda: open_socket(socket.AF_UNIX, socket.SOCK_STREAM),
        "reach a Unix socket by a pair": lambda: by_a_pair(str(folder / "door")),
        "open a packet socket": lambda: open_socket(socket.AF_PACKET, socket.SOCK_RAW),
        "open a netlink socket": lambda: open_socket(socket.AF_NETLINK, socket.SOCK_RAW),
        "set up io_uring": io_uring,
        "enter a new user namespace": unshare,
    }


def outcome(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as failure:
        return type(failure).__name__
    return "done"


def main() -> None:
    folder, allowed, other = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    environment = Path(f"/proc/{os.getppid()}/environ")
    door = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    door.bind(str(folder / "door"))
    confinement = confine(
        read=[*runtime_paths(), folder / "readable"],
        write=[folder / "writable"],
        connect_ports=[allowed],
        demand_complete=False,
    )
    outcomes = {name: outcome(attempt) for name, attempt in attempts(folder, allowed, other, environment).items()}
    json.dump({"missing": confinement.missing, "outcomes": outcomes}, sys.stdout)


if __name__ == "__main__":
    main()
