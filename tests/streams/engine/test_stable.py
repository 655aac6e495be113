"""End offsets count only when every one is known and no transaction is open; otherwise a fold would miss events."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from streams.engine import stable
from streams.engine.stable import NotStable, stable_ends

PLACES = [("approved", 0), ("order-initiated", 0)]
Answer = tuple[int | KafkaException, int]
NO_LEADER = KafkaException(KafkaError(KafkaError.LEADER_NOT_AVAILABLE))


@dataclass(frozen=True)
class Result:
    offset: int


@dataclass
class Admin:
    """Answers in turn, of both places each: what is stable, then what is there."""

    answers: Iterator[Answer]
    asked: list[IsolationLevel] = field(default_factory=list)

    def list_offsets(self, places: dict[TopicPartition, Any], *, isolation_level: IsolationLevel, **_: Any) -> Any:
        self.asked.append(isolation_level)
        return {place: done(offset) for place, offset in zip(places, next(self.answers), strict=True)}

    def list_topics(self, **_: Any) -> None:
        """A look at the metadata, as the real one takes it."""


def done(offset: int | KafkaException) -> Future[Result]:
    future: Future[Result] = Future()
    if isinstance(offset, KafkaException):
        future.set_exception(offset)
    else:
        future.set_result(Result(offset))
    return future


def ends(*answers: Answer) -> dict[tuple[str, int], int]:
    admin = Admin(iter(answers))
    found = stable_ends(cast("AdminClient", admin), PLACES)
    assert next(admin.answers, None) is None, "not all answers were asked for"
    return found


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stable, "STABLE_POLL_SECONDS", 0)


def test_ends_that_agree_are_believed() -> None:
    assert ends((7, 9), (7, 9)) == {("approved", 0): 7, ("order-initiated", 0): 9}


@pytest.mark.parametrize(
    "first",
    [
        pytest.param([(7, 9), (7, 12)], id="a transaction is open"),
        pytest.param([(-1, 9)], id="the client gives no end of one, and no error"),
        pytest.param([(7, 9), (7, -1)], id="no end of one at the second look"),
        pytest.param([(NO_LEADER, 9)], id="nobody leads one"),
    ],
)
def test_otherwise_they_are_asked_for_again(first: list[Answer]) -> None:
    assert ends(*first, (8, 12), (8, 12)) == {("approved", 0): 8, ("order-initiated", 0): 12}


def test_no_end_that_is_never_given_is_ever_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stable, "STABLE_SECONDS_MAX", 0.05)

    def never() -> Iterator[Answer]:
        while True:
            yield (-1, -1)

    with pytest.raises(NotStable):
        stable_ends(cast("AdminClient", Admin(never())), PLACES)
