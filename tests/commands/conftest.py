"""A real door before a real desk: Kafka, PostgreSQL, governance, desk, projector and gateway, each its own process.

A cluster of its own, since a firm is founded in it: governance topics have one history.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import httpx
import pytest
from tenacity import retry, retry_if_exception_type, retry_if_result, stop_after_delay, wait_fixed

from commands.client import ProofdeskClient
from infra.cluster.description import ClusterDescription
from infra.cluster.local import Cluster
from infra.cluster.processes import PROCESSES
from infra.cluster.runtime import ROOT
from infra.cluster.supervision import alive
from tests.commands.firm import SYSTEM, Firm, establish, firm_of

RUNNING: Final = ("governance", "desk", "projector", "gateway")
READY_SECONDS_MAX: Final = 60


@dataclass(frozen=True, slots=True)
class Door:
    """The system as its callers meet it."""

    cluster: Cluster
    description: ClusterDescription
    firm: Firm

    def system(self) -> ProofdeskClient:
        return ProofdeskClient(self.description.http, SYSTEM, self.firm.system())

    def person(self, name: str) -> ProofdeskClient:
        return ProofdeskClient(self.description.http, name, self.firm.person(name))

    def await_ready(self) -> None:
        """Until a command sent now would be answered."""

        @retry(
            retry=retry_if_exception_type(httpx.HTTPError) | retry_if_result(lambda status: status != 200),
            stop=stop_after_delay(READY_SECONDS_MAX),
            wait=wait_fixed(0.1),
        )
        def look() -> int:
            return httpx.get(f"{self.description.http}/readyz", timeout=5).status_code

        look()


@pytest.fixture(scope="session")
def door() -> Iterator[Door]:
    _remove_leftovers()
    folder = ROOT / ".runtime" / f"test-commands-{os.getpid()}"
    processes = [process for process in PROCESSES if process.name in RUNNING]
    cluster = Cluster(folder, ["kafka", "postgres", "token"], processes, found=establish)
    try:
        description = cluster.start()
        started = Door(cluster, description, firm_of(description))
        started.await_ready()
        _await_firm(started)
        yield started
    finally:
        cluster.stop(delete=True)


@retry(stop=stop_after_delay(READY_SECONDS_MAX), wait=wait_fixed(0.2))
def _await_firm(door: Door) -> None:
    """The read side shows the firm's policy, which governance said last."""
    assert door.system().read("/v1/policies")["policies"]


def _remove_leftovers() -> None:
    """Clusters of runs that were killed."""
    for folder in (ROOT / ".runtime").glob("test-commands-*"):
        if not alive(int(folder.name.rpartition("-")[2])):
            Cluster(folder).stop(delete=True)
            shutil.rmtree(folder, ignore_errors=True)
