"""An attacker inside the enclave tries to leave its isolation."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from infra.hsm.token import Token
from infra.isolation import landlock, syscall_filter
from infra.settings.description import RUNTIME_VARIABLE, ClusterDescription
from streams.judging.installation import own_folder
from tests.infra.local_cluster.unreached import unreached

ROOT: Final = Path(__file__).parents[3]
POSSIBLE: Final = (
    "sign",
    "write down",
    "write the memory anew",
    "read schemas",
    "read its own password",
    "count",
    "connect to the broker",
)
"""What it is there for."""
REFUSED: Final = (
    "connect elsewhere",
    "bind",
    "listen",
    "open a raw socket",
    "open a packet socket",
    "open a datagram socket",
    "open a Unix socket",
    "execute",
    "spawn",
    "read another's password",
    "read the genesis",
    "read its PIN again",
    "read the caps again",
    "raise the caps",
    "change the pinned root key",
    "change its own code",
    "read a person's files",
    "read another process's memory",
    "become somebody else's child",
)

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.token,
    pytest.mark.skipif(
        landlock.abi() < landlock.ABI_TCP or not syscall_filter.available(),
        reason="this kernel lacks Landlock's TCP rules, or libseccomp2 is not installed",
    ),
]


def installed(folder: Path, port: int) -> ClusterDescription:
    """A cluster as far as confinement looks at it, with a key `w1` in the token."""
    description = unreached(folder, f"127.0.0.1:{port}")
    (folder / "secrets").mkdir()
    private = [description.secret("kafka-signer.json"), description.secret("kafka-desk.json"), description.genesis_file]
    for path in [*private, own_folder(description, "signer") / "velocity.json", description.root_key_file]:
        path.write_text("{}")
        path.chmod(0o600)
    with Token.open(description.token.settings) as opened:
        opened.generate_key("w1")
    return description


@contextmanager
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as door:
        yield door.getsockname()[1]


def probed(folder: Path, other: int) -> dict[str, str]:
    environment = {"PROOFDESK_PRODUCTION": "1", "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{other}"}
    finished = subprocess.run(
        [sys.executable, "-m", "tests.streams.signing.isolation_probe", str(other)],
        env={**os.environ, **environment, RUNTIME_VARIABLE: str(folder), "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.stdout, finished.stderr
    found: dict[str, str] = json.loads(finished.stdout.splitlines()[-1])
    return found


def check(found: dict[str, str]) -> None:
    assert found.pop("send spans") == "False"
    assert {name: found[name] for name in POSSIBLE} == dict.fromkeys(POSSIBLE, "done")
    assert {name: told for name, told in found.items() if name not in POSSIBLE} == dict.fromkeys(REFUSED, "PermissionError")


def test_it_can_do_what_it_is_there_for_and_nothing_else(tmp_path: Path) -> None:
    with listening() as broker, listening() as other:
        installed(tmp_path, broker)
        check(probed(tmp_path, other))
