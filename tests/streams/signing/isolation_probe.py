"""Confines the enclave as it confines itself, up to its first read of the log, then tries an attacker's actions.

Prints each outcome as JSON: `done`, or the kind of refusal. `python -m tests.streams.signing.isolation_probe <free port>`.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from infra.hsm.token import Token
from infra.settings.description import current
from streams.judging.installation import CAPS_FILE, MEMORY_FOLDER, EnclaveSettings, own_folder
from streams.signing.__main__ import PRINCIPAL, opened_memory, shut_in


def connect(port: int) -> None:
    socket.create_connection(("127.0.0.1", port), timeout=2).close()


def with_socket(act: Callable[[socket.socket], object]) -> None:
    with socket.socket() as door:
        act(door)


def opened(family: int, kind: int, protocol: int = 0) -> None:
    socket.socket(family, kind, protocol).close()


def outcome(act: Callable[[], object]) -> str:
    try:
        act()
    except OSError as failure:
        return type(failure).__name__
    return "done"


def main(other: int) -> dict[str, str]:
    """Prints the actions that succeed and those that fail."""
    description = current()
    own = own_folder(description, PRINCIPAL)
    parent = os.getppid()
    with Token.open(description.token.settings) as token, opened_memory(own / MEMORY_FOLDER, token) as journal:
        shut_in(description, EnclaveSettings())
        from schemas import catalogue  # noqa: PLC0415 - it must still be possible

        acts: dict[str, Callable[[], Any]] = {
            "sign": lambda: token.sign_digest("w1", bytes(32)),
            "write down": lambda: journal.append(b"entry"),
            "write the memory anew": lambda: journal.rewrite([b"entry"]),
            "read schemas": catalogue.entries,
            "read its own password": description.secret("kafka-signer.json").read_bytes,
            "count": lambda: (description.runtime / "metrics" / "signer").write_bytes(b"1"),
            "connect to the broker": lambda: connect(int(description.kafka_bootstrap.rpartition(":")[2])),
            "connect elsewhere": lambda: connect(other),
            "bind": lambda: with_socket(lambda door: door.bind(("127.0.0.1", 0))),
            "listen": lambda: with_socket(lambda door: door.listen()),
            "open a raw socket": lambda: opened(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
            "open a packet socket": lambda: opened(socket.AF_PACKET, socket.SOCK_RAW),
            "open a datagram socket": lambda: opened(socket.AF_INET, socket.SOCK_DGRAM),
            "open a Unix socket": lambda: opened(socket.AF_UNIX, socket.SOCK_STREAM),
            "execute": lambda: os.execv("/bin/true", ["true"]),  # noqa: S606 - it must fail
            "spawn": lambda: os.posix_spawn("/bin/true", ["true"], {}),
            "read another's password": description.secret("kafka-desk.json").read_bytes,
            "read the genesis": description.genesis_file.read_bytes,
            "read its PIN again": description.token.pin_file.read_bytes,
            "read the caps again": (own / CAPS_FILE).read_bytes,
            "raise the caps": lambda: (own / CAPS_FILE).write_text("{}"),
            "change the pinned root key": lambda: description.root_key_file.write_text("00"),
            "change its own code": lambda: Path(__file__).open("ab").close(),
            "read a person's files": lambda: Path("/etc/passwd").read_bytes(),
            "read another process's memory": lambda: Path(f"/proc/{parent}/mem").open("rb").close(),
            "become somebody else's child": lambda: Path("/proc/1/environ").read_bytes(),
        }
        outcomes = {name: outcome(act) for name, act in acts.items()}
    return outcomes | {"send spans": str("OTEL_EXPORTER_OTLP_ENDPOINT" in os.environ)}


if __name__ == "__main__":
    found = main(int(sys.argv[1]))
    sys.stdout.write(json.dumps(found))
