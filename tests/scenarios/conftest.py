"""The whole system, every process of it, started once for all scenarios; its spans go to a collector of the tests' own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra.cluster.local import Cluster
from tests.infra.telemetry.collector import collecting
from tests.scenarios.newswap.institution import establish
from tests.scenarios.whole_system import WholeSystem
from tests.world.systems import own_folder


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
