"""Runs all processors from the desk to settlement on a log that fails, once for each seed.

`make test` runs `SEEDS_MIN` of them, and more while `BUDGET_SECONDS` last; `make soak` runs all thousand (`--seeds 1000`).
"""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor

import pytest

from tests.streams.pipeline.invariants import broken
from tests.streams.pipeline.story import Story
from tests.streams.pipeline.world import World

pytestmark = pytest.mark.slow

SEEDS_OF_A_TEST = 25
SEEDS_MIN = 200
SEEDS_MAX = 1_000
BUDGET_SECONDS = 60
"""From the first of the seeds beyond `SEEDS_MIN`."""


def lived(seed: int) -> Story:
    story = Story(World(seed))
    story.happen()
    return story


def outcome(seed: int) -> tuple[list[str], dict[str, int]]:
    """A life's broken invariants, and its faults."""
    story = lived(seed)
    return broken(story), dict(story.world.log.faults)


@pytest.fixture(scope="module")
def workers() -> Iterator[ProcessPoolExecutor]:
    """One process a core: lives have nothing in common. Started anew, not forked: this one may have threads of a broker's."""
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as started:
        yield started


def check(workers: ProcessPoolExecutor, seeds: range) -> None:
    for seed, (sentences, faults) in zip(seeds, workers.map(outcome, seeds), strict=True):
        assert sentences == [], f"seed {seed}, faults {faults}"


@pytest.mark.parametrize("first", range(0, SEEDS_MIN, SEEDS_OF_A_TEST))
def test_no_invariant_is_broken(workers: ProcessPoolExecutor, first: int) -> None:
    check(workers, range(first, first + SEEDS_OF_A_TEST))


@pytest.mark.timeout(3_600)
def test_no_invariant_is_broken_by_more_seeds(
    workers: ProcessPoolExecutor, request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> None:
    """As many more as the budget allows, and those that `--seeds` asks for whatever it takes."""
    wanted, begun = request.config.getoption("--seeds"), time.monotonic()
    lived = SEEDS_MIN
    while lived < SEEDS_MAX and (lived < wanted or time.monotonic() - begun < BUDGET_SECONDS):
        check(workers, range(lived, lived + SEEDS_OF_A_TEST))
        lived += SEEDS_OF_A_TEST
    record_property("seeds", lived)
    assert lived >= min(wanted, SEEDS_MAX)


def test_the_runs_are_worth_their_time() -> None:
    """Faults of every kind happen, and orders come to every kind of end."""
    seen: Counter[str] = Counter()
    for seed in range(30):
        world = lived(seed).world
        seen += world.log.faults + world.chain.faults + world.key.answers
        seen.update({topic: len(world.log.events(topic)) for topic in EXPECTED if topic in {t for t, _ in world.log.entries}})
    assert [kind for kind in (*FAULTS, *ANSWERS, *EXPECTED) if not seen[kind]] == []


FAULTS = ("crash before commit", "crash after commit", "duplicate", "zombie", "fenced", "node away", "reorganisation")
ANSWERS = ("waits", "signs", "signs over a claim")
EXPECTED = ("confirmed", "reverted", "order-closed", "command-rejected", "quarantined", "approval-given", "order-tried")


def test_a_desk_that_forgets_its_limits_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The invariants can tell right from wrong."""
    monkeypatch.setattr("streams.rules.orders.judging.judgement.refusals", lambda _facts: [])
    assert any("stood at" in each for seed in range(10) for each in broken(lived(seed)))
