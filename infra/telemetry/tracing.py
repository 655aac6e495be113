"""One trace from a request through every topic to the confirmation: W3C trace context in Kafka headers.

Decides how the context travels (W3C Trace Context, section 3: `traceparent` and `tracestate`), and that it travels also
where nothing is recorded: then what came in goes out as it came, or a new trace begins, unsampled, at the cost of a
look at the headers. Spans are recorded and sent by OTLP over HTTP only where OTEL_EXPORTER_OTLP_ENDPOINT is set; they leave
in batches from a thread of their own, and are dropped rather than waited for when the collector is slow.
Leaves out baggage, and links: an event is caused by one input. Nothing may be decided on what headers say.
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
    """What is needed of the SDK's provider, which is not imported where nothing is recorded."""

    def get_tracer(self, instrumenting_module_name: str) -> trace.Tracer: ...
    def force_flush(self, timeout_millis: int) -> bool: ...


class _Recording:
    """Where spans of this process go; nowhere until `configure` finds an endpoint."""

    def __init__(self) -> None:
        self.provider: _Recorder | None = None
        self.tracer: trace.Tracer | None = None


_recording = _Recording()


def configure(service: str) -> None:
    """Record spans as `service` if an endpoint is set; again, does nothing.

    Starts a thread when it records: a process that confines itself does so before.
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
    """A span called `name` under the trace in `headers`; gives the headers for what is written because of it.

    They are the trace context alone, one `traceparent` and perhaps a `tracestate`. An exception is recorded and passes.
    `begun_ns`: when it began, in nanoseconds since the Unix epoch, if not now.
    """
    if _recording.tracer is None:
        return nullcontext(_passed_on(headers))
    return _recorded(_recording.tracer, name, headers, begun_ns)


def current() -> list[Header]:
    """The headers of the span that is open here, a web framework's for one; none if there is none."""
    if trace.get_current_span() is trace.INVALID_SPAN:
        return []
    outgoing: list[Header] = []
    _PROPAGATOR.inject(outgoing, setter=_WRITING)
    return outgoing


def flush() -> None:
    """Send what was recorded, for at most FLUSH_MS_MAX; for a process that ends without returning."""
    if _recording.provider is None:
        return
    # The SDK does not hold itself to the time it is given while a collector is not there.
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
    """The parent in the version that is spoken here, None if it is malformed (section 3.2.2 and 4)."""
    if not parent or not _FORM.fullmatch(parent[:TRACEPARENT_BYTES]):
        return None
    # Only a later version may say more, and what it says more is left out.
    more = parent[TRACEPARENT_BYTES:]
    if more and (parent.startswith(VERSION) or not more.startswith(b"-")):
        return None
    return VERSION + parent[len(VERSION) : TRACEPARENT_BYTES]


def _begun() -> bytes:
    """A new trace, not sampled since nobody records it here."""
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
