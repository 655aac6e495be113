from __future__ import annotations

from streams.engine import backoff as patience
from streams.engine.backoff import Backoff, Intervals

QUICK = Intervals(first_ms=5, longest_ms=35)
MS = 1_000


def due_at(key: str, asking: Backoff, start: int) -> int:
    return next(now for now in range(start, start + 10_000 * MS, MS) if asking.due(key, now))


def test_the_first_question_is_asked_at_once_and_the_next_at_doubling_intervals() -> None:
    asking, now, waits = Backoff(), 0, []
    assert asking.due("order", now)
    for _ in range(5):
        asking.asked("order", now, QUICK)
        following = due_at("order", asking, now)
        waits.append((following - now) // MS)
        now = following
    assert waits == [5, 10, 20, 35, 35]


def test_keys_wait_each_for_itself_and_begin_anew_when_settled() -> None:
    asking = Backoff()
    asking.asked("one", 0, QUICK)
    asking.asked("one", 0, QUICK)
    assert asking.due("other", 0)
    asking.settled("one")
    asking.settled("unknown")
    assert asking.due("one", 0)
    asking.asked("one", 0, QUICK)
    assert due_at("one", asking, 0) == 5 * MS


def test_longer_intervals_take_over_from_shorter_ones() -> None:
    asking = Backoff()
    asking.asked("order", 0, QUICK)
    asking.asked("order", 0, Intervals(first_ms=1_000, longest_ms=60_000))
    assert due_at("order", asking, 0) == 1_000 * MS


def test_the_oldest_keys_are_forgotten_beyond_the_bound() -> None:
    asking = Backoff()
    for number in range(patience.KEYS_REMEMBERED_MAX + 1):
        asking.asked(str(number), 0, QUICK)
    assert asking.due("0", 0)
    assert not asking.due("1", 0)
