"""Carries one trace from a request through every topic to the confirmation, as W3C trace context in Kafka headers.

Passes the context on (W3C Trace Context, section 3: `traceparent` and `tracestate`) also where no span is recorded; without
an incoming context it begins a new, unsampled trace. Spans are recorded and sent by OTLP over HTTP only where
OTEL_EXPORTER_OTLP_ENDPOINT is set; a thread of their own sends them in batches and drops them when the collector is slow.
Leaves out baggage, and links: an event is caused by one input. No decision may read these headers.
"""

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from random import Random
from typing import Final, Protocol

from opentelemetry import trace
from opentelemetry.propagators.textmap import Getter, Setter
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from infra.telemetry.settings import TelemetrySettings

Header = tuple[str, bytes]
Headers = Sequence[Header]

TRACEPARENT: Final = "traceparent"
TRACESTATE: Final = "tracestate"
TRACEPARENT_BYTES: Final = 55
TRACESTATE_BYTES_MAX: Final = 512
FLUSH_MS_MAX: Final = 2_000
VERSION: Final = b"00"
_FORM: Final = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_IDS: Final = Random()  # noqa: S311 - ids need to differ, not to be secret
_PROPAGATOR: Final = TraceContextTextMapPropagator()


class _Recorder(Protocol):
    """The used part of the SDK's provider, which is imported only where spans are recorded."""

    def get_tracer(self, instrumenting_module_name: str) -> trace.Tracer: ...
    def force_flush(self, timeout_millis: int) -> bool: ...


class _Recording:
    """The span recorder of this process; None until `configure` finds an endpoint."""

    def __init__(self) -> None:
        self.provider: _Recorder | None = None
        self.tracer: trace.Tracer | None = None


_recording = _Recording()


def configure(service: str) -> None:
    """Record spans as `service` if an endpoint is set; a second call does nothing.

    Starts a thread when it records: a process that confines itself must do so before.
    """
    settings = TelemetrySettings()
    if settings.otlp_endpoint is None or _recording.provider is not None:
        return
    from infra.telemetry.otlp import provider_of  # noqa: PLC0415 - 150 ms of imports that most processes do not need

    provider = provider_of(service, settings.instance)
    trace.set_tracer_provider(provider)
    _recording.provider = provider
    _recording.tracer = provider.get_tracer("proofdesk")


def span(name: str, headers: Headers, begun_ns: int | None = None) -> AbstractContextManager[list[Header]]:
    """Open a span called `name` under the trace in `headers`; yield the headers for records that it causes.

    They hold the trace context alone: `traceparent` and perhaps `tracestate`. An exception is recorded and passes.
    `begun_ns`: the span's start in nanoseconds since the Unix epoch; None: now.
    """
    if _recording.tracer is None:
        return nullcontext(_passed_on(headers))
    return _recorded(_recording.tracer, name, headers, begun_ns)


def current() -> list[Header]:
    """Return the headers of the open span, such as a web framework's; an empty list without one."""
    if trace.get_current_span() is trace.INVALID_SPAN:
        return []
    outgoing: list[Header] = []
    _PROPAGATOR.inject(outgoing, setter=_WRITING)
    return outgoing


def flush() -> None:
    """Send recorded spans, for at most FLUSH_MS_MAX; for a process that exits without returning."""
    if _recording.provider is None:
        return
    # The SDK exceeds the time-out while the collector is absent.
    sending = threading.Thread(target=_recording.provider.force_flush, args=(FLUSH_MS_MAX,), daemon=True)
    sending.start()
    sending.join(FLUSH_MS_MAX / 1_000)


@contextmanager
def _recorded(tracer: trace.Tracer, name: str, headers: Headers, begun_ns: int | None) -> Iterator[list[Header]]:
    parent = _PROPAGATOR.extract(headers, getter=_READING)
    with tracer.start_as_current_span(name, context=parent, kind=trace.SpanKind.CONSUMER, start_time=begun_ns):
        yield current()


def _passed_on(headers: Headers) -> list[Header]:
    parents = [value for name, value in headers if name == TRACEPARENT]
    parent = _valid(parents[0]) if len(parents) == 1 else None
    if parent is not None:
        states = b",".join(value for name, value in headers if name == TRACESTATE and value)
        state = [(TRACESTATE, states)] if 0 < len(states) <= TRACESTATE_BYTES_MAX else []
        return [(TRACEPARENT, parent), *state]
    # A web framework may have begun a trace of its own.
    return current() or [(TRACEPARENT, _begun())]


def _valid(parent: bytes | None) -> bytes | None:
    """Return the parent in version 00; None if it is malformed (section 3.2.2 and 4)."""
    if not parent or not _FORM.fullmatch(parent[:TRACEPARENT_BYTES]):
        return None
    # Only a later version may have more fields; they are dropped.
    more = parent[TRACEPARENT_BYTES:]
    if more and (parent.startswith(VERSION) or not more.startswith(b"-")):
        return None
    return VERSION + parent[len(VERSION) : TRACEPARENT_BYTES]


def _begun() -> bytes:
    """Return a new trace context, unsampled since this process does not record."""
    return f"00-{_IDS.getrandbits(128):032x}-{_IDS.getrandbits(64):016x}-00".encode()


class _Reading(Getter[Headers]):
    def get(self, carrier: Headers, key: str) -> list[str] | None:
        return [value.decode("ascii", "replace") for name, value in carrier if name == key and value] or None

    def keys(self, carrier: Headers) -> list[str]:
        return [name for name, _ in carrier]


class _Writing(Setter[list[Header]]):
    def set(self, carrier: list[Header], key: str, value: str) -> None:
        carrier.append((key, value.encode("ascii")))


_READING: Final = _Reading()
_WRITING: Final = _Writing()
