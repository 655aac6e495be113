"""One order is one trace: from the HTTP request through every topic to the confirmation and the posted limit."""

from __future__ import annotations

import secrets

import pytest

from tests.world.systems import within
from tests.world.whole_system import EVENT_TOPICS, WholeSystem, Written, order_of

pytestmark = pytest.mark.cluster

RECORDING = {"gateway", "desk", "execution", "broadcast", "settlement"}
"""Who sends spans. The enclave reaches nothing but Kafka, so the trace passes through it in the headers alone."""
PROCESSORS = RECORDING - {"gateway"} | {"signer"}
EXPORT_SECONDS_MAX = 15
"""Spans leave in batches, every five seconds."""
LIFE = [
    "order-initiated",
    "limit-reserved",
    "policy-evaluated",
    "approved",
    "simulated",
    "nonce-resolved",
    "signed",
    "broadcast",
    "confirmed",
    "limit-posted",
]


@pytest.fixture(scope="module")
def trace_id() -> str:
    return secrets.token_hex(16)


@pytest.fixture(scope="module")
def events(whole_system: WholeSystem, trace_id: str) -> list[Written]:
    """Of one order that was sent under a caller's own trace."""
    command = whole_system.payment("1500.25")
    answer = whole_system.post(command, traceparent=f"00-{trace_id}-{secrets.token_hex(8)}-01")
    assert answer.status_code == 201, answer.text
    found: list[Written] = []

    def posted() -> bool:
        found[:] = [each for each in whole_system.log() if getattr(each.event, "order_id", "") == order_of(command)]
        return {"limit-posted", "nonce-resolved"} <= {each.topic for each in found}

    assert within(30, posted), [each.topic for each in found]
    return found


def test_every_event_of_an_order_carries_the_trace_of_the_request(events: list[Written], trace_id: str) -> None:
    assert {each.topic for each in events} == set(LIFE)
    assert set(LIFE) <= set(EVENT_TOPICS)
    traces = {each.topic: each.headers["traceparent"].decode().split("-")[1] for each in events}
    assert traces == dict.fromkeys(LIFE, trace_id)


@pytest.mark.usefixtures("events")
def test_the_exported_spans_of_all_who_record_are_one_tree(whole_system: WholeSystem, trace_id: str) -> None:
    def services() -> set[str]:
        return {service for service, _ in whole_system.collector.spans(trace_id)}

    def roots() -> list[str]:
        spans = [span for _, span in whole_system.collector.spans(trace_id)]
        known = {span.span_id for span in spans}
        return [span.name for span in spans if span.parent_span_id not in known]

    assert within(EXPORT_SECONDS_MAX, lambda: services() >= RECORDING and roots() == ["POST /v1/orders"]), (services(), roots())


def test_a_read_side_shows_the_trace_beside_each_event(whole_system: WholeSystem, events: list[Written], trace_id: str) -> None:
    order_id = str(getattr(events[0].event, "order_id", ""))
    whole_system.await_state([order_id], "confirmed")
    assert {link["trace_id"] for link in whole_system.cast.events(order_id)} == {trace_id}


@pytest.mark.usefixtures("events")
def test_the_gateway_shows_what_every_processor_has_counted(whole_system: WholeSystem) -> None:
    numbers = dict(line.rsplit(" ", 1) for line in whole_system.get("/metrics").text.splitlines() if not line.startswith("#"))
    for service in PROCESSORS:
        counted = [float(number) for name, number in numbers.items() if f'service="{service}"' in name and "_total" in name]
        assert len(counted) >= 2, service
        assert all(number >= 1 for number in counted), service
    assert float(numbers['proofdesk_events_total{service="settlement",topic="confirmed"}']) >= 1
