"""Starts a real go-ethereum with its developer's account: most nodes run it; anvil stands beside it."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.chain.node import Node
from infra.chain.rpc import NodeUnavailable
from infra.local_cluster.deadline import Deadline
from tests.world.chain.local_chain import BOOT_SECONDS_MAX, free_port

BINARY = Path(__file__).parents[3] / ".runtime" / "geth" / "bin" / "geth"
"""Built by `make test` where there is Go, in the version that infra/setup/go-ethereum/go.mod pins."""


def why_not() -> str:
    """Why it cannot be run here; empty when it can."""
    if BINARY.exists():
        return ""
    go = "run make test, which builds it once" if shutil.which("go") else "install Go 1.21 or newer, then run make test"
    return f"go-ethereum is not built: {go}"


@contextmanager
def geth(folder: Path) -> Iterator[str]:
    """Its URL. A block for every transaction; everything is in `folder`, and it hears nobody but this machine."""
    port = free_port()
    with (folder / "geth.log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(BINARY, "--dev", "--datadir", folder / "chain", "--ipcdisable", "--nodiscover", "--maxpeers", "0"),
                *("--port", "0", "--authrpc.port", str(free_port(beside=port)), "--verbosity", "2"),
                *("--http", "--http.addr", "127.0.0.1", "--http.port", str(port), "--http.api", "eth,net,web3,debug"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _await(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def _await(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = Deadline(BOOT_SECONDS_MAX)
    with Node(url) as node:
        while True:
            try:
                node.chain_id()
            except NodeUnavailable:
                assert process.poll() is None, "geth exited"
                assert not deadline.passed, "geth did not come up"
                time.sleep(0.05)
            else:
                return
