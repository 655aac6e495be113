"""A process's exit code for each way to end, and its one log line."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka import KafkaError, KafkaException
from structlog.testing import capture_logs

from infra.local_cluster.processes import EXIT_REFUSED
from streams.engine import shell
from streams.engine.shell import EXIT_RESTART, EXIT_STOPPED, Ends, Stop

ENDS = Ends(refusals=(OSError,), refused="refused", restarting="restarting", paused=(LookupError,), pausing="pausing")


@pytest.fixture(autouse=True)
def _own_output_and_signals(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("infra.telemetry.logging.configure", lambda _: None)
    monkeypatch.setattr(shell, "PAUSE_SECONDS", 0.0)
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


def raising(error: Exception) -> Callable[[Stop], None]:
    def body(_: Stop) -> None:
        raise error

    return body


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (KafkaException(KafkaError(KafkaError._TRANSPORT)), EXIT_RESTART, "restarting"),
        (TimeoutError("an OSError, too"), EXIT_RESTART, "restarting"),
        (PermissionError("unfit"), EXIT_REFUSED, "refused"),
        (KeyError("away"), EXIT_RESTART, "pausing"),
        (AssertionError("a bug"), EXIT_RESTART, "stopping: this must be looked at"),
    ],
    ids=["Kafka", "time-out", "refusal", "pause", "bug"],
)
def test_each_error_has_its_exit_code_and_its_line(error: Exception, status: int, line: str) -> None:
    with capture_logs() as logged:
        assert shell.run("desk", raising(error), ENDS) == status
    assert [each["event"] for each in logged] == [line]


def test_a_signal_ends_a_start_at_once() -> None:
    def body(_: Stop) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError("still starting")

    assert shell.run("desk", body, ENDS) == EXIT_STOPPED


def test_a_signal_lets_a_loop_finish_its_round() -> None:
    rounds: list[int] = []

    def body(stop: Stop) -> None:
        while not stop.is_due():
            os.kill(os.getpid(), signal.SIGTERM)
            rounds.append(len(rounds))

    assert shell.run("desk", body, ENDS) == EXIT_STOPPED
    assert rounds == [0]


def test_a_loop_without_kafka_is_started_afresh() -> None:
    def body(stop: Stop) -> None:
        stop.outage(KafkaError(KafkaError._ALL_BROKERS_DOWN))
        assert stop.is_due()

    assert shell.run("desk", body, ENDS) == EXIT_RESTART


def test_a_loop_that_asks_for_a_fresh_start_gets_one() -> None:
    def body(stop: Stop) -> None:
        stop.restart()
        assert stop.wait(0.0)

    assert shell.run("desk", body, ENDS) == EXIT_RESTART
