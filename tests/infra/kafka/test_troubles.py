"""A broker that is away is logged now and then, as our own log line, not at each of the client's tries."""

from __future__ import annotations

import time

import pytest
from confluent_kafka import Consumer, KafkaError
from structlog.testing import capture_logs

from infra.kafka.troubles import LOG_CRITICAL, REPEAT_SECONDS, Troubles

AWAY = KafkaError(KafkaError._TRANSPORT, "connection refused")
FORBIDDEN = KafkaError(KafkaError._AUTHENTICATION, "wrong password")


def test_each_kind_of_trouble_is_said_at_once_and_then_once_in_a_while() -> None:
    now = [100.0]
    troubles = Troubles("desk", lambda: now[0])
    with capture_logs() as lines:
        for error in (AWAY, AWAY, FORBIDDEN, AWAY):
            troubles(error)
        now[0] += REPEAT_SECONDS
        troubles(AWAY)
    assert [(line["principal"], line["error"]) for line in lines] == [
        ("desk", "connection refused"),
        ("desk", "wrong password"),
        ("desk", "connection refused"),
    ]


def test_a_consumer_without_a_broker_writes_nothing_by_itself_and_says_it_twice_at_most(
    capfd: pytest.CaptureFixture[str],
) -> None:
    consumer = Consumer(
        {"bootstrap.servers": "127.0.0.1:9", "group.id": "x", "log_level": LOG_CRITICAL, "error_cb": Troubles("desk")}
    )
    consumer.subscribe(["commands"])
    with capture_logs() as lines:
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline:
            consumer.poll(0.05)
    consumer.close()
    assert capfd.readouterr().err == ""
    kinds = {line["error"].split(":")[-1] for line in lines}
    assert 1 <= len(lines) <= 2, kinds
