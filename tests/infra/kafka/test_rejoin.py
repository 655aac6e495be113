"""A broker that was killed waits until the others have replaced it; one that stopped, or is new, starts at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from infra.kafka import rejoin
from infra.kafka.rejoin import await_replaced, has_died

AWAY = KafkaException(KafkaError(KafkaError._TRANSPORT))


@dataclass
class Admin:
    """The others' answers in turn; whoever asks once more than that has waited too long."""

    answers: Iterator[Any]
    asked: list[float] = field(default_factory=list)

    def list_topics(self, *, timeout: float) -> Any:
        self.asked.append(timeout)
        answer = next(self.answers)
        if isinstance(answer, KafkaException):
            raise answer
        return answer


def cluster(brokers: list[int], leaders: list[int]) -> Any:
    """Another broker's answer: the brokers present, and the leader of each partition of a topic."""
    partitions = {number: SimpleNamespace(leader=leader) for number, leader in enumerate(leaders)}
    return SimpleNamespace(brokers=dict.fromkeys(brokers), topics={"approved": SimpleNamespace(partitions=partitions)})


STILL_TAKEN_FOR_ALIVE = cluster([1, 2, 3], [1, 2, 3])
STILL_LEADS = cluster([1, 2], [1, 2, 3])
REPLACED = cluster([1, 2], [1, 2, 1])


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejoin, "POLL_SECONDS", 0)


@pytest.mark.parametrize(
    "before",
    [
        [],
        [STILL_TAKEN_FOR_ALIVE],
        [STILL_LEADS],
        [AWAY, STILL_TAKEN_FOR_ALIVE, AWAY, STILL_LEADS],
    ],
    ids=["at once", "it is listed", "it leads", "they are busy"],
)
def test_it_waits_until_it_is_gone_and_leads_nothing(before: list[Any]) -> None:
    admin = Admin(iter([*before, REPLACED]))
    await_replaced(3, cast("AdminClient", admin))
    assert len(admin.asked) == len(before) + 1


@pytest.mark.parametrize(
    ("bound", "answer"), [("NOBODY_ANSWERS_SECONDS_MAX", AWAY), ("REPLACED_SECONDS_MAX", STILL_TAKEN_FOR_ALIVE)]
)
def test_it_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch, bound: str, answer: Any) -> None:
    monkeypatch.setattr(rejoin, bound, 0.05)
    admin = Admin(iter(lambda: answer, None))
    await_replaced(3, cast("AdminClient", admin))
    assert admin.asked


@pytest.mark.parametrize(
    ("made", "died"),
    [
        ([], False),
        (["__cluster_metadata-0"], True),
        (["__cluster_metadata-0", ".kafka_cleanshutdown"], False),
    ],
    ids=["new", "killed", "ended by itself"],
)
def test_who_died_is_told_by_what_it_left(tmp_path: Path, made: list[str], *, died: bool) -> None:
    for name in made:
        (tmp_path / name).mkdir()
    assert has_died(tmp_path) is died
