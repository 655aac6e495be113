"""The whole system, every process of it, started once for all scenarios; its spans go to a collector of the tests' own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from infra.cluster.local import Cluster
from infra.cluster.runtime import ROOT
from infra.cluster.supervision import alive
from tests.infra.telemetry.collector import collecting
from tests.scenarios.newswap.institution import establish
from tests.scenarios.whole_system import WholeSystem


@pytest.fixture(scope="session")
def whole_system() -> Iterator[WholeSystem]:
    """Ready for orders. Each test leaves it so: whatever it stopped runs again, and no order is open."""
    _remove_leftovers()
    cluster = Cluster(ROOT / ".runtime" / f"test-scenarios-{os.getpid()}", found=establish)
    with collecting() as collector, pytest.MonkeyPatch.context() as environment:
        # The supervisor hands it on to every process, whenever it starts one.
        environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        try:
            system = WholeSystem(cluster, cluster.start(), collector)
            system.await_ready()
            yield system
        finally:
            cluster.stop(delete=True)


def _remove_leftovers() -> None:
    """Clusters of runs that were killed."""
    for folder in (ROOT / ".runtime").glob("test-scenarios-*"):
        if not alive(int(folder.name.rpartition("-")[2])):
            Cluster(folder).stop(delete=True)
            shutil.rmtree(folder, ignore_errors=True)
