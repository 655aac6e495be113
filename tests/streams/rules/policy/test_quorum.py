"""A quorum counts distinct people, each in one role, at enough sites, and never the proposer."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events.facts import ApprovalFact
from streams.rules.policy.quorum import Person, Quorum, Tally, approvers, is_met, parse, tally
from tests.streams.rules.policy.proposals import approval

ROLES = st.sampled_from(["risk", "compliance", "chief"])
PEOPLE = st.lists(
    st.builds(Person, st.frozensets(ROLES, max_size=3), st.sampled_from(["zurich", "london", "new-york"])), max_size=5
)
PLACES = st.dictionaries(ROLES, st.integers(1, 2), min_size=1, max_size=3).map(lambda places: tuple(places.items()))
QUORUMS = PLACES.flatmap(
    lambda places: st.integers(1, min(3, sum(count for _, count in places))).map(lambda sites: Quorum(places, sites))
)


@given(QUORUMS)
def test_a_quorum_is_read_as_it_is_written(quorum: Quorum) -> None:
    assert parse(str(quorum)) == quorum


@pytest.mark.parametrize(
    ("text", "places", "sites"),
    [
        ("risk-officer:1", (("risk-officer", 1),), 1),
        ("risk-officer:9", (("risk-officer", 9),), 1),
        ("b:2 & a:1", (("b", 2), ("a", 1)), 1),
        ("b:2 & a:1 & sites:3", (("b", 2), ("a", 1)), 3),
        ("sites-keeper:1", (("sites-keeper", 1),), 1),
    ],
)
def test_what_a_quorum_says(text: str, places: tuple[tuple[str, int], ...], sites: int) -> None:
    assert parse(text) == Quorum(places, sites)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "risk-officer",
        "risk-officer:",
        ":1",
        "risk-officer:0",
        "risk-officer:10",
        "a:1\n",
        "A:1",
        "a:1&b:1",
        "a:1 &  b:1",
        "a:1 & ",
        "a:1 & a:1",
        "a:1 & a:2",
        "a:1 | b:1",
        "sites:2",
        "sites:2 & a:2",
        "a:2 & sites:1",
        "a:2 & sites:2 & sites:2",
        "a:1 & b:1 & c:1 & d:1 & e:1 & f:1",
    ],
)
def test_anything_else_is_no_quorum(text: str) -> None:
    with pytest.raises(ValueError, match="is no quorum"):
        parse(text)


def test_people_cannot_be_at_more_sites_than_there_are_people() -> None:
    with pytest.raises(ValueError, match="2 people cannot be at 3 sites"):
        parse("a:1 & b:1 & sites:3")


RITA = approval("rita", "risk")
RHEA = approval("rhea", "risk", site="london")
CARL = approval("carl", "compliance")
BOTH = approval("bea", "risk", "compliance")


@pytest.mark.parametrize(
    ("text", "approvals", "expected"),
    [
        ("risk:1", [], False),
        ("risk:1", [RITA], True),
        ("risk:2", [RITA], False),
        ("risk:2", [RITA, RITA], False),
        ("risk:2", [RITA, RHEA], True),
        ("risk:1", [CARL], False),
        ("risk:1", [approval("paula", "risk")], False),
        ("risk:1 & compliance:1", [RITA, CARL], True),
        ("risk:1 & compliance:1", [BOTH], False),
        ("risk:1 & compliance:1", [BOTH, BOTH], False),
        ("risk:1 & compliance:1", [RITA, RHEA], False),
        ("risk:1 & compliance:1", [BOTH, RITA], True),
        ("risk:1 & compliance:1", [RITA, BOTH], True),
        ("risk:1 & compliance:1", [BOTH, CARL], True),
        ("risk:2 & compliance:1", [BOTH, RITA, RHEA], True),
        ("risk:2 & compliance:1", [BOTH, RITA, CARL], True),
        ("risk:2 & compliance:2", [BOTH, RITA, RHEA, CARL], True),
        ("a:1 & b:1 & c:1", [approval("x", "a", "b"), approval("y", "b", "c"), approval("z", "a")], True),
        ("risk:2 & sites:2", [RITA, BOTH], False),
        ("risk:2 & sites:2", [RITA, BOTH, CARL], False),
        ("risk:2 & sites:2", [RITA, BOTH, RHEA], True),
        ("risk:1 & compliance:1 & sites:2", [RITA, CARL], False),
        ("risk:1 & compliance:1 & sites:2", [RITA, CARL, approval("ann", "trader", site="london")], False),
        ("risk:1 & compliance:1 & sites:2", [RITA, CARL, RHEA], True),
    ],
)
def test_when_a_quorum_is_met(text: str, approvals: list[ApprovalFact], *, expected: bool) -> None:
    assert is_met(parse(text), approvers(approvals, "paula").values()) == expected


def plainly_met(quorum: Quorum, people: list[Person]) -> bool:
    """Some choice of different people fills every place, at enough sites."""
    places = [role for role, count in quorum.places for _ in range(count)]
    return any(
        all(role in person.roles for role, person in zip(places, chosen, strict=True))
        and len({person.site for person in chosen}) >= quorum.sites
        for chosen in permutations(people, len(places))
    )


@given(QUORUMS, PEOPLE)
def test_a_quorum_is_met_exactly_when_some_choice_of_people_fills_it(quorum: Quorum, people: list[Person]) -> None:
    assert is_met(quorum, people) == plainly_met(quorum, people)


@given(QUORUMS, PEOPLE, PEOPLE)
def test_more_people_never_unmake_a_quorum(quorum: Quorum, people: list[Person], more: list[Person]) -> None:
    assert is_met(quorum, [*people, *more]) >= is_met(quorum, people)


@pytest.mark.parametrize(
    ("approvals", "expected"),
    [
        ([], Tally()),
        ([RITA], Tally(1, 1, ("risk:1",))),
        ([RITA, RITA], Tally(1, 1, ("risk:1",))),
        ([RITA, RHEA], Tally(2, 2, ("risk:1", "risk:2"))),
        ([RITA, CARL], Tally(2, 1, ("compliance:1", "risk:1", "risk:1 & compliance:1"))),
        ([BOTH], Tally(1, 1, ("compliance:1", "risk:1"))),
        ([RHEA, CARL], Tally(2, 2, ("compliance:1", "risk:1", "risk:1 & compliance:1", "risk:1 & compliance:1 & sites:2"))),
        ([approval("sven", "b", "a"), approval("sven", "c")], Tally(1, 1, ("a:1", "b:1", "c:1"))),
        ([approval("rita", "a", "a")], Tally(1, 1, ("a:1",))),
        ([approval("rita")], Tally(1, 1, ())),
        ([approval("paula", "risk")], Tally()),
        ([approval(f"p{n}", "a") for n in range(12)], Tally(12, 1, tuple(f"a:{n}" for n in range(1, 10)))),
    ],
)
def test_a_tally_counts_people_and_sites_and_names_what_is_met(approvals: list[ApprovalFact], expected: Tally) -> None:
    asked = ("risk:1 & compliance:1", "risk:1 & compliance:1 & sites:2")
    assert tally(approvals, "paula", asked) == expected
