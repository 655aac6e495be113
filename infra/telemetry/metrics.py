"""Counts metrics in all processes; the gateway shows their sum at /metrics, so no other process needs a port.

Each process writes its numbers into memory-mapped files of its own under `<runtime>/metrics`, and the gateway adds them up
(prometheus-client's multiprocess mode). Files are named by service and instance, not by process id, so that a restarted
process continues its counts and a crash leaves no extra file. Outside a cluster the numbers stay in the process.
Leaves out lag: Kafka reports it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    values,
)
from prometheus_client.multiprocess import MultiProcessCollector

from infra.telemetry.settings import TelemetrySettings

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
FOLDER: Final = "metrics"
FOLDER_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
SECONDS_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

# All have labels: the value of an unlabelled metric is made at import, before its folder is known.
_INPUTS: Final = Counter("proofdesk_inputs", "Inputs that a processor took from a topic.", ["service", "topic"])
_EVENTS: Final = Counter("proofdesk_events", "Events that a processor wrote to a topic.", ["service", "topic"])
_TRANSACTIONS: Final = Histogram(
    "proofdesk_transaction_seconds", "Duration of a Kafka transaction.", ["service"], buckets=SECONDS_BUCKETS
)
_PARKED: Final = Gauge(
    "proofdesk_parked_inputs", "Inputs that wait to be offered again.", ["service", "instance"], multiprocess_mode="mostrecent"
)
_REFUSED: Final = Counter(
    "proofdesk_refused_by_signer", "Orders that the signing enclave refused, by the check that did.", ["check"]
)
_REQUESTS: Final = Histogram(
    "proofdesk_http_request_seconds",
    "Duration of an HTTP request by route and status.",
    ["route", "method", "status"],
    buckets=SECONDS_BUCKETS,
)


def configure(service: str) -> None:
    """Write this process's numbers into the gateway's folder, as `service`. Call once, before the first number."""
    settings = TelemetrySettings()
    if settings.runtime is None:
        return
    folder = settings.runtime / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # The library takes the folder from the environment, and the kind of its values from here.
    os.environ[FOLDER_VARIABLE] = str(folder)
    values.ValueClass = values.MultiProcessValue(  # type: ignore[no-untyped-call] # it has none
        lambda: f"{service}-{settings.instance}"
    )


class ProcessorMetrics:
    """The numbers of one processor. Made after `configure`."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._transactions = _TRANSACTIONS.labels(service)
        self._parked = _PARKED.labels(service, TelemetrySettings().instance)
        self._inputs: dict[str, Counter] = {}
        self._events: dict[str, Counter] = {}

    def took(self, topic: str, count: int = 1) -> None:
        """Count inputs from `topic`."""
        self._counter(_INPUTS, self._inputs, topic).inc(count)

    def wrote(self, topic: str, count: int = 1) -> None:
        """Count events to `topic`."""
        self._counter(_EVENTS, self._events, topic).inc(count)

    def parked(self, count: int) -> None:
        """Set the number of inputs that wait now."""
        self._parked.set(count)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Record the duration of the block, if it succeeds."""
        begun = perf_counter()
        yield
        self._transactions.observe(perf_counter() - begun)

    def _counter(self, metric: Counter, known: dict[str, Counter], topic: str) -> Counter:
        # Finding a child by its labels costs more than counting.
        counter = known.get(topic)
        if counter is None:
            counter = known[topic] = metric.labels(self._service, topic)
        return counter


def count_refused_by_signer(check: str) -> None:
    """Count an order that the enclave refused. `check` is one of a few names, never text."""
    _REFUSED.labels(check).inc()


def observe_request(route: str, method: str, status: int, seconds: float) -> None:
    """Time an HTTP request. `route` is the pattern, never the path: each new value is a new series for ever."""
    _REQUESTS.labels(route, method, str(status)).observe(seconds)


def exposition() -> bytes:
    """Return the numbers of all processes of the cluster, or of this one outside a cluster, in Prometheus' text form."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder is None:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call] # it has none
    return generate_latest(registry)
