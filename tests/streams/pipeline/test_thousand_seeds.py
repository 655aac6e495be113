"""A thousand lives of the whole line, each from a seed: every processor from the desk to settlement, on a log that fails."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.streams.pipeline.invariants import broken
from tests.streams.pipeline.story import Story
from tests.streams.pipeline.world import World

SEEDS_OF_A_TEST = 25
SEEDS = range(0, 1_000, SEEDS_OF_A_TEST)


def lived(seed: int) -> Story:
    story = Story(World(seed))
    story.happen()
    return story


@pytest.mark.parametrize("first", SEEDS)
def test_no_invariant_is_broken(first: int) -> None:
    for seed in range(first, first + SEEDS_OF_A_TEST):
        story = lived(seed)
        assert broken(story) == [], f"seed {seed}, faults {dict(story.world.log.faults)}"


def test_the_runs_are_worth_their_time() -> None:
    """Faults of every kind happen, and orders come to every kind of end."""
    seen: Counter[str] = Counter()
    for seed in range(30):
        world = lived(seed).world
        seen += world.log.faults + world.chain.faults
        seen.update({topic: len(world.log.events(topic)) for topic in EXPECTED if topic in {t for t, _ in world.log.entries}})
    assert [kind for kind in (*FAULTS, *EXPECTED) if not seen[kind]] == []


FAULTS = ("crash before commit", "crash after commit", "duplicate", "zombie", "fenced", "node away", "reorganisation")
EXPECTED = ("confirmed", "reverted", "order-closed", "command-rejected", "quarantined", "approval-given", "order-tried")


def test_a_desk_that_forgets_its_limits_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The invariants can tell right from wrong."""
    monkeypatch.setattr("streams.desk.judging.judgement.refusals", lambda _facts: [])
    assert any("stood at" in each for seed in range(10) for each in broken(lived(seed)))
