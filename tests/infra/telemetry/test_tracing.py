"""The trace context reaches every topic, recorded or not; recorded spans arrive at a collector as one trace."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from infra.telemetry.tracing import FLUSH_MS_MAX, TRACESTATE_BYTES_MAX, configure, flush, span
from tests.infra.telemetry.collector import Collector, collecting

ROOT = Path(__file__).parents[3]
TRACE = b"0af7651916cd43dd8448eb211c80319c"
PARENT = b"00-" + TRACE + b"-b7ad6b7169203331-01"


def outgoing(*incoming: tuple[str, bytes]) -> dict[str, bytes]:
    with span("desk commands", incoming) as headers:
        assert len({name for name, _ in headers}) == len(headers)
        return dict(headers)


def test_unrecorded_what_came_in_goes_out_as_it_came() -> None:
    assert outgoing(("traceparent", PARENT), ("proofdesk-source", b"x")) == {"traceparent": PARENT}
    assert outgoing(("tracestate", b"a=1"), ("traceparent", PARENT), ("tracestate", b"b=2")) == {
        "traceparent": PARENT,
        "tracestate": b"a=1,b=2",
    }


def test_a_tracestate_that_is_too_long_is_left_out_and_the_trace_goes_on() -> None:
    state = b"a=" + b"x" * TRACESTATE_BYTES_MAX
    assert outgoing(("traceparent", PARENT), ("tracestate", state)) == {"traceparent": PARENT}


@pytest.mark.parametrize(
    "incoming",
    [
        [],
        [b""],
        [PARENT, PARENT],
        [PARENT.upper()],
        [PARENT[:-1]],
        [PARENT + b"-more"],
        [PARENT + b"\n"],
        [b"ff" + PARENT[2:]],
        [b"01" + PARENT[2:] + b"more"],
        [b"00-" + b"0" * 32 + PARENT[35:]],
        [PARENT[:36] + b"0" * 16 + b"-01"],
        [b"\xff" * 55],
    ],
)
def test_without_a_valid_parent_a_new_trace_begins_unsampled(incoming: list[bytes]) -> None:
    made = [outgoing(*(("traceparent", value) for value in incoming))["traceparent"] for _ in range(2)]
    assert made[0] != made[1]
    for parent in made:
        context = trace.get_current_span(
            TraceContextTextMapPropagator().extract({"traceparent": parent.decode()})
        ).get_span_context()
        assert context.is_valid
        assert not context.trace_flags.sampled
        assert TRACE not in parent


@pytest.mark.parametrize("more", [b"", b"-", b"-what a later version says"])
def test_a_later_versions_parent_is_understood_as_ours(more: bytes) -> None:
    assert outgoing(("traceparent", b"01" + PARENT[2:] + more)) == {"traceparent": PARENT}


@given(value=st.binary(max_size=80))
def test_no_header_whatever_it_holds_stops_the_work(value: bytes) -> None:
    assert len(outgoing(("traceparent", value), ("tracestate", value))["traceparent"]) == 55


def test_a_trace_that_a_web_framework_has_begun_goes_on() -> None:
    context = trace.SpanContext(int(TRACE, 16), 0xB7AD6B7169203331, is_remote=False, trace_flags=trace.TraceFlags(1))
    with trace.use_span(trace.NonRecordingSpan(context)):
        assert outgoing() == {"traceparent": PARENT}


def test_an_error_inside_a_span_is_the_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    configure("desk")
    flush()
    with pytest.raises(KeyError), span("desk commands", []):
        raise KeyError


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as made:
        yield made


TWO_STEPS = """
import json, os, sys, time
from infra.telemetry import logging, tracing
import structlog
logging.configure("desk")
tracing.configure("desk")
tracing.configure("desk")
with tracing.span("desk commands", [("traceparent", sys.argv[1].encode()), ("tracestate", b"a=1")]) as first:
    structlog.get_logger().info("decided")
try:
    with tracing.span("execution approved", first) as second:
        raise ValueError("no node")
except ValueError:
    pass
begun = time.monotonic()
tracing.flush()
flushed = time.monotonic() - begun
print(json.dumps([flushed, [[name, value.decode()] for name, value in first + second]]), flush=True)
os._exit(0)
"""


def run_two_steps(endpoint: str) -> tuple[list[list[str]], str, float]:
    """The headers that came out, what was logged, and how long flushing took, in seconds."""
    finished = subprocess.run(
        [sys.executable, "-c", TWO_STEPS, PARENT.decode()],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "PROOFDESK_INSTANCE": "2"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    seconds, headers = json.loads(finished.stdout)
    return headers, finished.stderr, seconds


@pytest.mark.cluster
def test_spans_arrive_at_the_collector_as_one_trace_even_when_the_process_ends_at_once(collector: Collector) -> None:
    headers, logged, _ = run_two_steps(collector.url)
    sent = [resource for request in collector.requests for resource in request.resource_spans]
    names = {each.key: each.value.string_value for each in sent[0].resource.attributes}
    assert (names["service.name"], names["service.namespace"], names["service.instance.id"]) == ("desk", "proofdesk", "2")
    spans = {each.name: each for resource in sent for scope in resource.scope_spans for each in scope.spans}
    first, second = spans["desk commands"], spans["execution approved"]
    assert first.trace_id == second.trace_id == bytes.fromhex(TRACE.decode())
    assert first.parent_span_id == bytes.fromhex("b7ad6b7169203331")
    assert second.parent_span_id == first.span_id
    assert [event.name for event in second.events] == ["exception"]
    assert headers == [
        ["traceparent", f"00-{TRACE.decode()}-{first.span_id.hex()}-01"],
        ["tracestate", "a=1"],
        ["traceparent", f"00-{TRACE.decode()}-{second.span_id.hex()}-01"],
        ["tracestate", "a=1"],
    ]
    line = json.loads(logged.splitlines()[0])
    assert (line["event"], line["trace_id"], line["span_id"]) == ("decided", TRACE.decode(), first.span_id.hex())


def test_a_collector_that_is_not_there_holds_nobody_up() -> None:
    headers, _, seconds = run_two_steps("http://127.0.0.1:9")
    assert seconds < FLUSH_MS_MAX / 1_000 + 1
    assert [name for name, _ in headers] == ["traceparent", "tracestate"] * 2


def test_where_nothing_is_recorded_the_sdk_is_not_even_imported() -> None:
    script = (
        "import sys\nfrom infra.telemetry import tracing\ntracing.configure('desk')\n"
        "assert 'opentelemetry.sdk' not in sys.modules\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    subprocess.run([sys.executable, "-c", script], env={**environment, "PYTHONPATH": str(ROOT)}, check=True)
