"""The whole system, every process of it, started once for all scenarios; its spans go to a collector of the tests' own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra.local_cluster.local import Cluster
from streams.samples.institution import establish
from tests.infra.telemetry.collector import collecting
from tests.world.systems import own_folder
from tests.world.whole_system import WholeSystem


@pytest.fixture(scope="session")
def whole_system() -> Iterator[WholeSystem]:
    """Ready for orders. Each test leaves it so: whatever it stopped runs again, and no order is open."""
    cluster = Cluster(own_folder("scenarios"), found=establish)
    with collecting() as collector, pytest.MonkeyPatch.context() as environment:
        # The supervisor hands it on to every process, whenever it starts one.
        environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        try:
            system = WholeSystem(cluster, cluster.start(), collector)
            system.await_ready()
            yield system
        finally:
            cluster.stop(delete=True)
