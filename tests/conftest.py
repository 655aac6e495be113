"""What every test may ask for: one real cluster, without our processes, started once for the whole run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from hypothesis import settings

from infra.cluster.local import Cluster
from infra.cluster.runtime import ROOT
from infra.cluster.supervision import alive

settings.register_profile(
    "proofdesk", deadline=None
)  # nothing is timed in tests: whatever else the machine does would fail them
settings.load_profile("proofdesk")


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Kafka with all topics, PostgreSQL, a chain node with an empty chain, and a token. Gone afterwards."""
    _remove_leftovers()
    started = Cluster(ROOT / ".runtime" / f"test-{os.getpid()}", ["kafka", "postgres", "node", "token"], processes=[])
    started.start()
    yield started
    started.stop(delete=True)


def _remove_leftovers() -> None:
    """Clusters of runs that were killed."""
    for folder in (ROOT / ".runtime").glob("test-*"):
        pid = folder.name.removeprefix("test-")
        if pid.isdecimal() and not alive(int(pid)):
            Cluster(folder).stop(delete=True)
            shutil.rmtree(folder, ignore_errors=True)
