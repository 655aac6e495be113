"""A quorum counts distinct people with a role, and never whoever asked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.policy.quorum import PEOPLE_MAX, Quorum, Tally, parse, tally
from tests.streams.policy.proposals import approval


@given(st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True), st.integers(1, PEOPLE_MAX))
def test_a_quorum_is_read_as_it_is_written(role: str, people: int) -> None:
    assert parse(str(Quorum(((role, people),)))) == Quorum(((role, people),))


@pytest.mark.parametrize(
    "text", ["", "risk-officer", "risk-officer:", ":1", "risk-officer:0", "risk-officer:10", "a:1\n", "A:1"]
)
def test_anything_else_is_no_quorum(text: str) -> None:
    with pytest.raises(ValueError, match="is no quorum"):
        parse(text)


@pytest.mark.parametrize(
    ("approvals", "expected"),
    [
        ([], Tally()),
        ([approval("rita", "risk-officer")], Tally(1, 1, ("risk-officer:1",))),
        ([approval("rita", "risk-officer")] * 2, Tally(1, 1, ("risk-officer:1",))),
        (
            [approval("rita", "risk-officer"), approval("rhea", "risk-officer")],
            Tally(2, 1, ("risk-officer:1", "risk-officer:2")),
        ),
        ([approval("sven", "b", "a"), approval("sven", "c")], Tally(1, 1, ("a:1", "b:1", "c:1"))),
        ([approval("rita", "a", "a")], Tally(1, 1, ("a:1",))),
        ([approval("rita")], Tally(1, 1, ())),
        ([approval("paula", "risk-officer")], Tally()),
        ([approval(f"p{n}", "a") for n in range(12)], Tally(12, 1, tuple(f"a:{n}" for n in range(1, 10)))),
    ],
)
def test_a_tally_counts_people(approvals: list[object], expected: Tally) -> None:
    assert tally(approvals, "paula") == expected  # type: ignore[arg-type]
