"""Starts a real gateway with a real desk: Kafka, PostgreSQL, governance, desk and projector, each its own process.

A cluster of its own, since a firm is founded in it: governance topics have one history.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import httpx
import pytest

from commands.client import ProofdeskClient
from infra.local_cluster.local import Cluster
from infra.local_cluster.processes import PROCESSES
from infra.settings.description import ClusterDescription
from tests.world.firm.door import SYSTEM, Firm, establish, firm_of
from tests.world.systems import own_folder, within

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
        assert within(READY_SECONDS_MAX, self._is_ready), "the gateway is not ready"

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.description.http}/readyz", timeout=5).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def shows_the_firm(self) -> bool:
        """True once the read side shows the firm's policy, which governance publishes last."""
        try:
            return bool(self.system().read("/v1/policies")["policies"])
        except Exception:  # noqa: BLE001 - whatever is not there yet
            return False


@pytest.fixture(scope="session")
def door() -> Iterator[Door]:
    folder = own_folder("commands")
    processes = [process for process in PROCESSES if process.name in RUNNING]
    cluster = Cluster(folder, ["kafka", "postgres", "token"], processes, found=establish)
    try:
        description = cluster.start()
        started = Door(cluster, description, firm_of(description))
        started.await_ready()
        assert within(READY_SECONDS_MAX, started.shows_the_firm), "the firm is not shown"
        yield started
    finally:
        cluster.stop(delete=True)
